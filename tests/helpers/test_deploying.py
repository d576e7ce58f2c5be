"""Deploying a cell, and reading what its runs logged."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import cells
import pytest

from helpers import functions
from helpers.waiting import until


def unpacked(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_the_whole_cell_goes_along_with_the_handler() -> None:
    files = unpacked(functions.package(cells.greet))
    assert list(files) == ["app.py"]
    assert 'GREETING = "hello"' in files["app.py"]


def test_the_same_source_gives_the_same_package() -> None:
    first = functions.package(cells.greet)
    assert functions.package(cells.greet) == first


def test_a_handler_without_source_is_refused_in_words() -> None:
    scope: dict[str, Any] = {}
    exec("def ghost(event, context): pass", scope)  # noqa: S102
    with pytest.raises(ValueError, match="run that cell"):
        functions.package(scope["ghost"])
    with pytest.raises(ValueError, match="not a Python function"):
        functions.package(3)  # type: ignore[arg-type]


def test_deploys_replaces_and_reads_runs(client: Callable[..., Any]) -> None:
    awslambda, iam, logs = client("lambda"), client("iam"), client("logs")
    functions.deploy(awslambda, iam, "job", cells.fail)
    functions.deploy(awslambda, iam, "job", cells.greet, Timeout=5, MemorySize=256)
    configuration = awslambda.get_function_configuration(FunctionName="job")
    assert (configuration["Timeout"], configuration["MemorySize"]) == (5, 256)

    before = time.time()
    for _ in range(2):
        answer = awslambda.invoke(FunctionName="job", Payload=json.dumps({"name": "swn"}))
        assert json.load(answer["Payload"]) == "hello swn"
    first, second = functions.runs(logs, "job", at_least=2)
    assert first.lines == ("greeting swn",)
    assert first.init is not None
    assert first.init > 0
    assert second.init is None
    assert first.environment == second.environment
    assert before - 0.1 <= first.started <= first.ended <= time.time() + 0.1
    assert first.since(first.started) == pytest.approx((0.0, first.duration), abs=1e-4)


def test_runs_of_before_are_left_out(client: Callable[..., Any]) -> None:
    awslambda, iam, logs = client("lambda"), client("iam"), client("logs")
    functions.deploy(awslambda, iam, "job", cells.greet)
    awslambda.invoke(FunctionName="job", Payload=b'{"name": "first"}')
    [before] = functions.runs(logs, "job")
    between = until(lambda: time.time() > before.ended + 0.01 and time.time(), what="the clock")
    awslambda.invoke(FunctionName="job", Payload=b'{"name": "second"}')
    [run] = functions.runs(logs, "job", since=between)
    assert run.lines == ("greeting second",)


def test_waiting_for_a_run_that_never_comes_says_so(client: Callable[..., Any]) -> None:
    with pytest.raises(TimeoutError, match="1 finished run of nobody"):
        functions.runs(client("logs"), "nobody", timeout=0.5)
