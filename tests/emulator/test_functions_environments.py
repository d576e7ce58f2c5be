"""Execution environments: what is in them, how long they live, and that nothing of them stays."""

from __future__ import annotations

import base64
import json
import re
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from test_functions import Function

from helpers import functions
from helpers.waiting import until

MB = 1024 * 1024


@pytest.fixture
def function(client: Callable[..., Any]) -> Function:
    return Function(client, "job")


def deploy(function: Function, source: str, **settings: Any) -> None:
    function.deploy_files({"app.py": textwrap.dedent(source)}, "app.handler", **settings)


def marked(mark: str) -> list[psutil.Process]:
    """The processes that have the environment variable MARK=`mark`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def marking(mark: str, **more: str) -> dict[str, Any]:
    return {"Variables": {"MARK": mark, **more}}


def wait_for_update(function: Function) -> None:
    waiter = function.awslambda.get_waiter("function_updated_v2")
    waiter.wait(FunctionName=function.name, WaiterConfig={"Delay": 0.1})


# --- Initialization ---------------------------------------------------------------------------


def test_an_init_that_fails_is_tried_again_in_the_invocation(function: Function) -> None:
    deploy(function, "print('module runs')\nimport nowhere_to_be_found")
    answer = function.invoke(LogType="Tail")
    assert answer["result"]["errorType"] == "Runtime.ImportModuleError"
    before, _, after = answer["log"].partition("START RequestId")
    assert before.count("module runs\n") == 2
    for phase in ("init", "invoke"):
        fields = rf"\d+\.\d\d ms\tPhase: {phase}\tStatus: error\tError Type: Runtime.ImportModule"
        assert re.search(f"INIT_REPORT Init Duration: {fields}", before)
    assert "Init Duration" not in after
    assert "Status: error\tError Type: Runtime.ImportModuleError\n" in after


def test_an_init_of_over_10_seconds_starts_again_in_the_time_of_the_invocation(
    function: Function,
) -> None:
    source = """
        import os, pathlib, time
        mark = pathlib.Path(os.environ["TMPDIR"], "mark")
        if not mark.exists():
            mark.touch()
            time.sleep(60)

        def handler(event, context):
            return context.get_remaining_time_in_millis()
    """
    deploy(function, source, Timeout=5)
    started = time.monotonic()
    answer = function.invoke(LogType="Tail")
    assert 10 <= time.monotonic() - started < 14
    assert 0 < answer["result"] < 5000
    report = r"INIT_REPORT Init Duration: 1[01]\d{3}\.\d\d ms\tPhase: init\tStatus: timeout\n"
    assert re.search(report, answer["log"])


def test_provisioned_concurrency_initializes_ahead(function: Function) -> None:
    source = """
        import os, time
        born = time.time()

        def handler(event, context):
            return [born, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]]
    """
    deploy(function, source)
    version = function.awslambda.publish_version(FunctionName="job")["Version"]
    at = {"FunctionName": "job", "Qualifier": version}
    function.awslambda.put_provisioned_concurrency_config(**at, ProvisionedConcurrentExecutions=1)
    config = function.awslambda.get_provisioned_concurrency_config
    until(lambda: config(**at)["Status"] == "READY", what="the environment to be ready")
    invoked = time.time()
    born, kind = function.invoke(Qualifier=version)["result"]
    assert kind == "provisioned-concurrency"
    assert born < invoked


# --- Between and during invocations -----------------------------------------------------------


def test_provisioned_concurrency_fails_with_the_init(function: Function) -> None:
    deploy(function, "raise ValueError('not today')")
    version = function.awslambda.publish_version(FunctionName="job")["Version"]
    at = {"FunctionName": "job", "Qualifier": version}
    function.awslambda.put_provisioned_concurrency_config(**at, ProvisionedConcurrentExecutions=1)
    config = function.awslambda.get_provisioned_concurrency_config
    until(lambda: config(**at)["Status"] == "FAILED", what="the provisioning to fail")
    assert config(**at)["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_an_environment_is_frozen_between_invocations(function: Function) -> None:
    source = """
        import threading, time
        ticks = []

        def tick():
            while True:
                ticks.append(time.time())
                time.sleep(0.01)

        threading.Thread(target=tick, daemon=True).start()

        def handler(event, context):
            time.sleep(0.1)
            return ticks
    """
    deploy(function, source)
    first = function.result()
    time.sleep(1)
    second = function.result()
    assert second[: len(first)] == first
    pauses = [later - earlier for earlier, later in zip(second, second[1:], strict=False)]
    assert max(pauses) > 0.9
    assert len(second) > len(first) + 1


def test_an_invocation_that_runs_during_an_update_ends_in_peace(
    function: Function, account: str
) -> None:
    source = """
        import os, time

        def handler(event, context):
            print(os.environ["VERSION"])
            time.sleep(event)
            return os.environ["VERSION"]
    """
    deploy(function, source, Timeout=20, Environment=marking(account, VERSION="old"))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(function.result, 4)
        until(lambda: marked(account), what="the function to run")
        function.awslambda.update_function_configuration(
            FunctionName="job", Environment=marking(account, VERSION="new")
        )
        wait_for_update(function)
        assert function.result(0) == "new"
        assert not running.done()
        assert running.result() == "old"
    runs = functions.runs(function.logs, "job", at_least=2)
    assert sorted(run.lines for run in runs) == [("new",), ("old",)]
    until(lambda: len(marked(account)) == 1, what="the old environment to end")


def test_a_deleted_function_ends_at_once(function: Function, account: str) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(60)"
    deploy(function, source, Timeout=100, Environment=marking(account))
    function.invoke(InvocationType="Event")
    until(lambda: marked(account), what="the function to run")
    function.awslambda.delete_function(FunctionName="job")
    until(lambda: not marked(account), timeout=5, what="its process to end")


# --- What is in an environment ----------------------------------------------------------------


def test_there_is_the_aws_sdk_and_no_other_package(function: Function) -> None:
    source = """
        import importlib

        def handler(event, context):
            return [has(name) for name in event]

        def has(name):
            try:
                return bool(importlib.import_module(name))
            except ModuleNotFoundError:
                return False
    """
    deploy(function, source)
    assert all(function.result(["boto3", "botocore.session", "dateutil", "urllib3", "sqlite3"]))
    assert not any(function.result(["requests", "yaml", "localstack", "localstack_eventbridge"]))


def test_no_function_can_change_the_code(function: Function) -> None:
    source = """
        import os, pathlib, shutil, time
        ROOT = pathlib.Path(os.environ["LAMBDA_TASK_ROOT"])

        def handler(event, context):
            if event == "spoil":
                (ROOT / "app.py").write_text("raise SystemExit")
                shutil.rmtree(ROOT)
                os._exit(1)
            time.sleep(event)
            return (ROOT / "app.py").exists()
    """
    deploy(function, source)
    assert function.invoke("spoil")["result"]["errorType"] == "Runtime.ExitError"
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(function.result, [1, 1])) == [True, True]


def test_tmp_belongs_to_the_environment(function: Function, account: str) -> None:
    source = """
        import os, pathlib, subprocess, time
        KEPT = pathlib.Path("/tmp/ACCOUNT/kept")

        def handler(event, context):
            KEPT.parent.mkdir(exist_ok=True)
            with KEPT.open("a") as file:
                file.write("x")
            time.sleep(event)
            at = os.environ["TMPDIR"] + "/ACCOUNT/kept"
            return [KEPT.read_text(), subprocess.check_output(["cat", at], text=True)]
    """.replace("ACCOUNT", account)
    deploy(function, source)
    assert [function.result(0), function.result(0)] == [["x", "x"], ["xx", "xx"]]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(function.result, [1, 1])) == [["x", "x"], ["xxx", "xxx"]]
    assert not Path("/tmp", account).exists()


def test_a_file_may_be_as_large_as_the_ephemeral_storage(function: Function) -> None:
    source = """
        import os, tempfile

        def handler(event, context):
            with tempfile.TemporaryFile() as file:
                os.truncate(file.fileno(), event)
    """
    deploy(function, source, EphemeralStorage={"Size": 600})
    assert "FunctionError" not in function.invoke(600 * MB)
    assert function.invoke(601 * MB)["result"]["errorType"] == "OSError"


def test_the_client_context_reaches_the_function(function: Function) -> None:
    source = """
        def handler(event, context):
            seen = context.client_context
            return seen and [seen.custom, seen.env, seen.client.app_title]
    """
    deploy(function, source)
    context = {"custom": {"basket": "ü"}, "env": {"locale": "en"}, "client": {"app_title": "shop"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    answer = function.invoke(ClientContext=encoded)
    assert answer["result"] == [{"basket": "ü"}, {"locale": "en"}, "shop"]
    assert function.result() is None
    with pytest.raises(ClientError, match="must be a valid Base64-encoded JSON object") as refused:
        function.invoke(ClientContext="no")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_a_payload_that_is_no_json_is_refused(function: Function, kind: str) -> None:
    deploy(function, "def handler(event, context):\n    return event")
    for payload in (b"{'a': 1}", b"NaN", b"{", b"\xff"):
        with pytest.raises(ClientError, match="Could not parse request body into json") as refused:
            function.awslambda.invoke(FunctionName="job", InvocationType=kind, Payload=payload)
        assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_function_needs_a_handler(function: Function, client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="Runtime and Handler are mandatory") as refused:
        function.awslambda.create_function(
            FunctionName="job",
            Runtime="python3.13",
            Code={"ZipFile": b"PK"},
            Role=functions.execution_role(client("iam"), "role"),
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize(
    "settings",
    [
        {"LoggingConfig": {"LogFormat": "JSON"}},
        {"LoggingConfig": {"LogGroup": "mine"}},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:x", "LocalMountPath": "/mnt/a"}]},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_is_not_emulated_is_refused(function: Function, settings: dict[str, Any]) -> None:
    source = "def handler(event, context):\n    return event"
    with pytest.raises(ClientError, match=f"{next(iter(settings))}.* is not emulated") as refused:
        deploy(function, source, **settings)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    deploy(function, source)
    with pytest.raises(ClientError, match=f"{next(iter(settings))}.* is not emulated"):
        function.awslambda.update_function_configuration(FunctionName="job", **settings)


# --- Nasty functions --------------------------------------------------------------------------


def test_a_flood_of_output_is_cut_and_does_no_harm(function: Function) -> None:
    source = """
        def handler(event, context):
            for number in range(30_000):
                print("x" * 1000)
            return "done"
    """
    deploy(function, source, Timeout=30)
    answer = function.invoke(LogType="Tail")
    assert answer["result"] == "done"
    assert re.search(r"\n\.\.\. \d+ more bytes are left out\nEND RequestId", answer["log"])


def test_fifty_invocations_at_once_have_fifty_environments(function: Function) -> None:
    source = """
        import os, time

        def handler(event, context):
            time.sleep(event)
            return os.getpid()
    """
    deploy(function, source, Timeout=30)
    with ThreadPoolExecutor(50) as pool:
        assert len(set(pool.map(lambda _: function.result(3), range(50)))) == 50


NASTY = """
    import ctypes, os, subprocess, sys, time

    SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]

    def handler(event, context):
        for number in range(20):
            if os.fork() == 0:
                if number % 2:
                    os.setsid()
                time.sleep(300)
        subprocess.Popen(SLEEP, start_new_session=True)
        subprocess.Popen(SLEEP, start_new_session=True, env={"MARK": os.environ["MARK"]})
        if event == "hang":
            # It never gives Python another chance.
            ctypes.PyDLL(None).sleep(300)
        if event == "exit":
            os._exit(1)
"""


@pytest.mark.parametrize("event", ["hang", "exit"])
def test_no_child_outlives_the_invocation_that_failed(
    function: Function, account: str, event: str
) -> None:
    deploy(function, NASTY, Timeout=2, Environment=marking(account))
    assert "FunctionError" in function.invoke(event)
    # Nobody is the parent any more of a child that took off its variables, once that has exited.
    lost = [p for p in marked(account) if "LAMBDA_TASK_ROOT" not in p.environ()]
    for process in lost:
        process.kill()
    assert len(lost) == (1 if event == "exit" else 0)
    until(lambda: not marked(account), timeout=2, what="all to be gone")
