"""Every notebook stands alone: again after its first run, beside a copy, nothing left behind.

The first run is that of its cells as tests (tests/conftest.py puts it before). Of the two that
follow side by side, one answers the exercises: solutions pass, stubs and wrong answers do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from helpers import lab
from tests.notebooks.answers import answered, exercises, verdicts, wrong_answers

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def run(notebook: Any, path: Path) -> list[Any]:
    """Run the notebook in a kernel of its own; its cells. An error in a cell is raised here."""
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": path.parent}})
    client.execute()
    return notebook.cells


def account_of(cells: list[Any]) -> str:
    """The account that the first code cell of a run, which sets up, has told."""
    told = next(cell for cell in cells if cell.cell_type == "code").outputs[0].text
    return re.search(r"account (\d{12})", told)[1]


def left_behind(client: Callable[..., Any]) -> list[str]:
    """What an account holds that a notebook can have made, asked of the services themselves."""
    events, awslambda = client("events"), client("lambda")
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    rules = [rule["Name"] for bus in buses for rule in events.list_rules(EventBusName=bus)["Rules"]]
    return [
        *(bus for bus in buses if bus != "default"),
        *rules,
        *client("sqs").list_queues().get("QueueUrls", []),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *(function["FunctionName"] for function in awslambda.list_functions()["Functions"]),
        *(m["UUID"] for m in awslambda.list_event_source_mappings()["EventSourceMappings"]),
        *(pipe["Name"] for pipe in client("pipes").list_pipes()["Pipes"]),
        *(schedule["Name"] for schedule in client("scheduler").list_schedules()["Schedules"]),
        *(archive["ArchiveName"] for archive in events.list_archives()["Archives"]),
        *(connection["Name"] for connection in events.list_connections()["Connections"]),
        *client("dynamodb").list_tables()["TableNames"],
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_exercise_has_wrong_answers(path: Path) -> None:
    found = exercises(path).values()
    assert {exercise.check for exercise in found} == set(wrong_answers(path))
    assert all(len(exercise.wrong) >= 2 for exercise in found)


def test_the_template_runs(client: Callable[..., Any]) -> None:
    path = NOTEBOOKS[0].parents[1] / "docs" / "12-template.ipynb"
    cells = run(nbformat.read(path, as_version=4), path)
    assert left_behind(partial(client, account=account_of(cells))) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_again_and_beside_a_copy(path: Path, client: Callable[..., Any]) -> None:
    both = [answered(path), nbformat.read(path, as_version=4)]
    with ThreadPoolExecutor(2) as pool:
        cells, copy = pool.map(run, both, [path, path])
    check_verdicts(path, verdicts(cells))
    first = f"1000000000{path.name[:2]}"
    accounts = {account_of(cells), account_of(copy)}
    assert first in accounts, "another process runs this notebook on the same LocalStack"
    assert len(accounts) == 2
    for account in accounts:
        assert left_behind(partial(client, account=account)) == []
        assert left_behind(partial(client, account=lab.other(account))) == []


def check_verdicts(path: Path, told: list[str]) -> None:
    for exercise in exercises(path).values():
        stub, *wrong, solution = (told.pop(0) for _ in range(len(exercise.wrong) + 2))
        assert stub.startswith("False · Not answered yet"), stub
        for (answer, reason), words in zip(exercise.wrong, wrong, strict=True):
            assert words.startswith("False ✘"), f"{answer}: {words}"
            assert reason in words, f"{answer}: {words}"
        assert solution.startswith("True ✔"), solution
    assert not told
