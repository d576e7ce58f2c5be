"""Lambda functions as processes, seen from outside; each test is named after AWS's rule."""

from __future__ import annotations

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import handlers
import psutil
import pytest
from botocore.exceptions import ClientError

from helpers import emulator, functions
from helpers.waiting import nothing_arrives, receive, until

MB = 1024 * 1024


class Function:
    """One deployed function and what a test does with it."""

    def __init__(self, client: Callable[..., Any], name: str) -> None:
        self.name = name
        self.awslambda, self._iam, self.logs = client("lambda"), client("iam"), client("logs")

    def deploy(self, handler: Callable[..., Any], **settings: Any) -> str:
        return functions.deploy(self.awslambda, self._iam, self.name, handler, **settings)

    def deploy_files(self, files: dict[str, str], handler: str, **settings: Any) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        self.awslambda.create_function(
            FunctionName=self.name,
            Code={"ZipFile": buffer.getvalue()},
            Handler=handler,
            Runtime="python3.13",
            Role=functions.execution_role(self._iam, "files-role"),
            **settings,
        )
        self.awslambda.get_waiter("function_active_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 0.1}
        )

    def invoke(self, event: Any = None, **options: Any) -> dict[str, Any]:
        """The answer, with its payload and its log read."""
        payload = json.dumps({} if event is None else event)
        answer = self.awslambda.invoke(FunctionName=self.name, Payload=payload, **options)
        text = answer["Payload"].read()
        answer["result"] = json.loads(text) if text else None
        answer["log"] = base64.b64decode(answer.get("LogResult", "")).decode()
        return answer

    def result(self, event: Any = None) -> Any:
        answer = self.invoke(event)
        assert "FunctionError" not in answer, answer["result"]
        return answer["result"]


@pytest.fixture
def function(client: Callable[..., Any]) -> Function:
    return Function(client, "job")


def test_a_synchronous_invocation_returns_200_and_the_result(function: Function) -> None:
    function.deploy(handlers.echo)
    answer = function.invoke({"a": [1, "ü", None]})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["result"] == {"a": [1, "ü", None]}


def test_an_environment_starts_cold_once_and_is_used_again(function: Function) -> None:
    function.deploy(handlers.count)
    first, second = function.invoke(LogType="Tail"), function.invoke(LogType="Tail")
    assert first["result"]["pid"] == second["result"]["pid"]
    assert [first["result"]["runs"], second["result"]["runs"]] == [1, 2]
    assert "Init Duration" in first["log"]
    assert "Init Duration" not in second["log"]


def test_invocations_at_once_run_in_environments_of_their_own(function: Function) -> None:
    function.deploy(handlers.sleep)
    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda _: function.result({"seconds": 1}), range(5)))
    assert len({run["pid"] for run in runs}) == 5
    assert max(run["started"] for run in runs) < min(run["ended"] for run in runs)


def test_the_context_has_its_fields_and_the_remaining_time(
    function: Function, account: str
) -> None:
    arn = function.deploy(handlers.describe_context, Timeout=5, MemorySize=256)
    answer = function.invoke({"seconds": 0.5})
    told = answer["result"]
    assert told["aws_request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert told["invoked_function_arn"] == arn
    assert (told["function_name"], told["function_version"]) == ("job", "$LATEST")
    assert told["memory_limit_in_mb"] == "256"
    assert told["log_group_name"] == "/aws/lambda/job"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told["log_stream_name"])
    assert 3900 <= told["remaining"] <= 4550


def test_environment_variables_are_aws_and_the_functions_own(function: Function) -> None:
    function.deploy(handlers.environment, Environment={"Variables": {"TABLE": "orders"}})
    variables = function.result()
    assert variables["TABLE"] == "orders"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "job"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert variables["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert variables["_HANDLER"] == "app.environment"
    assert variables["TZ"] == ":UTC"
    assert variables["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert variables["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(variables)
    foreign = [name for name in variables if name.startswith(("LOCALSTACK", "_EVENTBRIDGE"))]
    assert not foreign
    assert not {"VIRTUAL_ENV", "AWS_PROFILE", "PWD", "GATEWAY_LISTEN"} & set(variables)


def test_reserved_environment_variables_are_refused(function: Function) -> None:
    for name in ("AWS_REGION", "_HANDLER", "AWS_LAMBDA_RUNTIME_API"):
        with pytest.raises(ClientError, match=f"reserved keys .*: {name}") as refused:
            function.deploy(handlers.echo, Environment={"Variables": {name: "x", "OK": "1"}})
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_function_has_the_credentials_of_its_role(
    function: Function, client: Callable[..., Any], account: str
) -> None:
    queue = client("sqs").create_queue(QueueName="out")["QueueUrl"]
    function.deploy(handlers.uses_aws, Timeout=20)
    identity = function.result({"queue": "out"})
    assert identity["Account"] == account
    assert identity["Arn"] == f"arn:aws:sts::{account}:assumed-role/job-role/job"
    assert receive(client("sqs"), queue) == ["from the function"]


def test_tmp_and_home_belong_to_the_environment(function: Function) -> None:
    function.deploy(handlers.places)
    first, second = function.result(), function.result()
    assert (first["before"], second["before"]) == (None, "from the run before")
    assert first["cwd"] == first["path"] == first["task"]
    assert first["home"].startswith(first["tmp"])


def test_an_unhandled_exception_returns_200_with_function_error(function: Function) -> None:
    function.deploy(handlers.raises)
    answer = function.invoke(LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    failure = answer["result"]
    assert failure["stackTrace"][0].startswith('  File "/var/task/app.py", line ')
    assert failure["errorType"] == "ZeroDivisionError"
    assert failure["errorMessage"] == "division by zero"
    assert failure["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert [re.search(r"in (\w+)\n", frame)[1] for frame in failure["stackTrace"]] == [
        "raises",
        "divide",
    ]
    assert "[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent" in answer["log"]


def test_a_time_out_kills_the_function_and_the_next_start_is_cold(function: Function) -> None:
    function.deploy(handlers.sleep, Timeout=1)
    before = function.result({"seconds": 0})["pid"]
    started = time.time()
    answer = function.invoke({"seconds": 30}, LogType="Tail")
    assert 1 <= time.time() - started < 3
    identity = answer["ResponseMetadata"]["RequestId"]
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["result"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {identity} Error: Task timed out after 1.00 seconds",
    }
    assert f"{identity} Task timed out after 1.00 seconds\n" in answer["log"]
    assert "Status: timeout" in answer["log"]
    assert not psutil.pid_exists(before)
    after = function.invoke({"seconds": 0}, LogType="Tail")
    assert after["result"]["pid"] != before
    assert "Init Duration" in after["log"]


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        (handlers.exits, {"code": 3}, "Runtime exited with error: exit status 3"),
        (handlers.exits, {"code": 0}, "Runtime exited without providing a reason"),
        (handlers.exits_at_once, {"code": 7}, "Runtime exited with error: exit status 7"),
        (handlers.kills_itself, {"signal": "SIGKILL"}, "Runtime exited with error: signal: killed"),
        (
            handlers.kills_itself,
            {"signal": "SIGSEGV"},
            "Runtime exited with error: signal: segmentation fault",
        ),
    ],
)
def test_a_process_that_ends_is_a_runtime_exit_error(
    function: Function, handler: Callable[..., Any], event: dict[str, Any], reason: str
) -> None:
    function.deploy(handler)
    for _ in range(2):
        answer = function.invoke(event, LogType="Tail")
        identity = answer["ResponseMetadata"]["RequestId"]
        message = f"RequestId: {identity} Error: {reason}"
        assert answer["result"] == {"errorType": "Runtime.ExitError", "errorMessage": message}
        assert message in answer["log"]


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        (
            {"app.py": "import nowhere"},
            "app.run",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nowhere'",
        ),
        (
            {"app.py": ""},
            "app.run",
            "Runtime.HandlerNotFound",
            "Handler 'run' missing on module 'app'",
        ),
        (
            {"app.py": "def run(:"},
            "app.run",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        ({"app.py": "raise KeyError('no table')"}, "app.run", "KeyError", "'no table'"),
    ],
)
def test_an_init_error_is_the_answer_to_the_invocation(
    function: Function, files: dict[str, str], handler: str, kind: str, message: str
) -> None:
    function.deploy_files(files, handler)
    for _ in range(2):
        answer = function.invoke(LogType="Tail")
        assert answer["FunctionError"] == "Unhandled"
        assert answer["result"]["errorType"] == kind
        assert answer["result"]["errorMessage"] == message
        assert f"[ERROR] {kind}: {message}" in answer["log"]


def test_an_exit_during_init_is_a_runtime_exit_error(function: Function) -> None:
    function.deploy_files({"app.py": "import os; os._exit(5)"}, "app.run")
    assert function.invoke()["result"]["errorType"] == "Runtime.ExitError"


def test_a_handler_may_lie_in_a_package(function: Function) -> None:
    files = {"shop/orders/app.py": "from shop.names import NAME\ndef run(e, c): return NAME"}
    function.deploy_files({**files, "shop/names.py": "NAME = 'orders'"}, "shop/orders/app.run")
    assert function.result() == "orders"


@pytest.mark.parametrize(
    ("what", "result"), [("decimal", 1.5), ("umlaut", "ü €"), ("nothing", None)]
)
def test_a_result_is_json(function: Function, what: str, result: Any) -> None:
    function.deploy(handlers.returns)
    assert function.result({"what": what}) == result


@pytest.mark.parametrize("what", ["set", "generator"])
def test_a_result_that_is_no_json_is_a_marshal_error(function: Function, what: str) -> None:
    function.deploy(handlers.returns)
    failure = function.invoke({"what": what})["result"]
    assert failure["errorType"] == "Runtime.MarshalError"
    assert failure["errorMessage"] == (
        f"Unable to marshal response: Object of type {what} is not JSON serializable"
    )


def test_a_response_may_have_6_mb(function: Function) -> None:
    function.deploy(handlers.large, Timeout=20)
    assert len(function.result({"size": 6 * MB - 2})) == 6 * MB - 2
    failure = function.invoke({"size": 6 * MB + 200})
    assert failure["FunctionError"] == "Unhandled"
    assert failure["result"]["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(6291556 bytes)" in failure["result"]["errorMessage"]
    assert function.result({"size": 1}) == "x"


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6 * MB), ("Event", MB)])
def test_a_payload_has_its_limit(function: Function, kind: str, limit: int) -> None:
    function.deploy(handlers.echo)
    payload = json.dumps("x" * limit)
    with pytest.raises(ClientError) as refused:
        function.awslambda.invoke(FunctionName="job", InvocationType=kind, Payload=payload)
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_log_has_start_end_and_report(function: Function) -> None:
    function.deploy(handlers.speaks)
    answer = function.invoke(LogType="Tail")
    identity = answer["ResponseMetadata"]["RequestId"]
    lines = answer["log"].splitlines()
    assert lines[0] == f"START RequestId: {identity} Version: $LATEST"
    assert lines[1] == "printed"
    assert re.fullmatch(rf"\[INFO\]\t\S+Z\t{identity}\tlogged so", lines[2])
    assert lines[3:5] == ["to stderr", f"END RequestId: {identity}"]
    fields = lines[5].split("\t")
    assert fields[0] == f"REPORT RequestId: {identity}"
    assert [field.partition(":")[0] for field in fields[1:6]] == [
        "Duration",
        "Billed Duration",
        "Memory Size",
        "Max Memory Used",
        "Init Duration",
    ]
    [run] = functions.runs(function.logs, "job")
    assert run.request_id == identity
    assert run.lines[0] == "printed"


def test_the_tail_is_the_last_4_kb_and_the_log_has_everything(function: Function) -> None:
    function.deploy(handlers.floods, Timeout=30)
    answer = function.invoke({"lines": 20_000}, LogType="Tail")
    assert len(answer["log"]) <= 4096
    assert "line 19999\nEND" in answer["log"]
    [run] = functions.runs(function.logs, "job", timeout=60)
    assert [run.lines[0], run.lines[-1], len(run.lines)] == ["line 0", "line 19999", 20_000]


def test_a_dry_run_answers_204_and_runs_nothing(function: Function) -> None:
    function.deploy(handlers.count)
    dry = function.awslambda.invoke(FunctionName="job", InvocationType="DryRun")
    assert dry["StatusCode"] == 204
    assert function.result()["runs"] == 1


def test_reserved_concurrency_throttles_synchronous_callers(function: Function) -> None:
    function.deploy(handlers.sleep, Timeout=10)
    function.awslambda.put_function_concurrency(FunctionName="job", ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(2) as pool:
        # It may itself come while a call that asks for the refusal is running.
        long = partial(until, lambda: not refused(function, 3), what="a run of 3 seconds")
        busy = pool.submit(long)
        throttled = until(lambda: refused(function), what="a refusal")
        assert throttled["Error"]["Code"] == "TooManyRequestsException"
        assert throttled["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert throttled["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert busy.result()
    assert function.result({"seconds": 0})


def refused(function: Function, seconds: float = 0) -> dict[str, Any] | None:
    try:
        function.result({"seconds": seconds})
    except ClientError as error:
        return error.response
    return None


def test_other_runtimes_and_images_are_refused_at_creation(function: Function) -> None:
    for settings in ({"Runtime": "nodejs22.x"}, {"Runtime": "provided.al2023"}):
        with pytest.raises(ClientError, match="Use PackageType Zip with a Python") as no:
            function.deploy(handlers.echo, **settings)
        assert no.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError, match="PackageType Image cannot run here"):
        function.awslambda.create_function(
            FunctionName="job",
            PackageType="Image",
            Code={"ImageUri": "111122223333.dkr.ecr.us-east-1.amazonaws.com/x:1"},
            Role="arn:aws:iam::111122223333:role/x",
        )
    assert function.awslambda.list_functions()["Functions"] == []
    function.deploy(handlers.echo)
    with pytest.raises(ClientError, match="Runtime java21 cannot run here"):
        function.awslambda.update_function_configuration(FunctionName="job", Runtime="java21")


def test_an_event_is_accepted_before_it_has_run(
    function: Function, client: Callable[..., Any]
) -> None:
    function.deploy(handlers.sleep)
    started = time.time()
    answer = function.invoke({"seconds": 2}, InvocationType="Event")
    assert time.time() - started < 1
    assert (answer["StatusCode"], answer["result"]) == (202, None)
    [run] = functions.runs(function.logs, "job")
    assert run.duration >= 2


def test_events_run_side_by_side(function: Function) -> None:
    function.deploy(handlers.sleep)
    for _ in range(12):
        function.invoke({"seconds": 2}, InvocationType="Event")
    runs = functions.runs(function.logs, "job", at_least=12)
    assert max(run.started for run in runs) < min(run.ended for run in runs)


def test_an_event_right_after_an_update_runs_in_the_new_version(function: Function) -> None:
    function.deploy(handlers.raises)
    function.awslambda.update_function_configuration(FunctionName="job", Handler="app.speaks")
    function.awslambda.get_waiter("function_updated_v2").wait(
        FunctionName="job", WaiterConfig={"Delay": 0.1}
    )
    function.invoke({}, InvocationType="Event")
    [run] = functions.runs(function.logs, "job", timeout=10)
    assert run.lines[0] == "printed"


def test_a_failed_event_is_tried_twice_more_after_waits_of_1_and_2(
    function: Function, client: Callable[..., Any]
) -> None:
    queue = client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    target = {"TargetArn": arn["Attributes"]["QueueArn"]}
    function.deploy(handlers.fails_first, DeadLetterConfig=target)
    function.invoke({"order": 1}, InvocationType="Event")
    runs = functions.runs(function.logs, "job", at_least=3, timeout=30)
    first, second = (runs[n + 1].started - runs[n].ended for n in range(2))
    assert 0.9 <= first <= 3
    assert 1.8 <= second <= 5
    assert second > first
    assert receive(client("sqs"), queue) == [{"order": 1}]
    assert len(functions.runs(function.logs, "job", at_least=3)) == 3


def test_a_destination_gets_the_result(function: Function, client: Callable[..., Any]) -> None:
    queue = client("sqs").create_queue(QueueName="done")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    function.deploy(handlers.echo)
    function.awslambda.put_function_event_invoke_config(
        FunctionName="job",
        DestinationConfig={"OnSuccess": {"Destination": arn["Attributes"]["QueueArn"]}},
    )
    function.invoke({"order": 1}, InvocationType="Event")
    [record] = receive(client("sqs"), queue)
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == record["requestPayload"] == {"order": 1}


def test_a_queue_is_polled_and_the_function_gets_a_batch(
    function: Function, client: Callable[..., Any]
) -> None:
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="in")["QueueUrl"]
    for n in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=str(n))
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    function.deploy(handlers.batch)
    function.awslambda.create_event_source_mapping(
        FunctionName="job", EventSourceArn=arn["QueueArn"]
    )
    [run] = functions.runs(function.logs, "job")
    assert sorted(re.findall(r"\d", run.lines[0])) == ["0", "1", "2"]
    assert nothing_arrives(sqs, queue, seconds=1)


def map_queue(function: Function, sqs: Any, size: int, window: int) -> None:
    """Make a mapping from a queue that holds a message, and shows another in a second."""
    function.deploy(handlers.batch)
    queue = sqs.create_queue(QueueName="in")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    for delay in (0, 1):
        sqs.send_message(QueueUrl=queue, MessageBody=str(delay), DelaySeconds=delay)
    function.awslambda.create_event_source_mapping(
        FunctionName="job",
        EventSourceArn=arn["QueueArn"],
        BatchSize=size,
        MaximumBatchingWindowInSeconds=window,
    )


@pytest.mark.parametrize("size", [10, 100])
def test_messages_that_come_within_the_window_are_one_batch(
    function: Function, client: Callable[..., Any], size: int
) -> None:
    """Lambda gathers records for up to the window before it invokes the function.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    """
    map_queue(function, client("sqs"), size, window=3)
    [run] = functions.runs(function.logs, "job")
    assert sorted(re.findall(r"\d", run.lines[0])) == ["0", "1"]


@pytest.mark.parametrize("window", [20, 300])
def test_a_full_batch_does_not_wait_for_the_end_of_the_window(
    function: Function, client: Callable[..., Any], window: int
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html"""
    map_queue(function, client("sqs"), size=2, window=window)
    [run] = functions.runs(function.logs, "job", timeout=15)
    assert sorted(re.findall(r"\d", run.lines[0])) == ["0", "1"]


@pytest.mark.parametrize("how", ["update code", "update configuration", "delete", "time out"])
def test_no_process_is_left_behind(
    function: Function, localstack: emulator.Endpoint, how: str
) -> None:
    if localstack.lease is None:
        pytest.skip("the processes of a LocalStack in a container cannot be seen from here")
    function.deploy(handlers.starts_children, Timeout=2)
    pids = function.result()
    assert all(psutil.pid_exists(pid) for pid in pids)
    if how == "update code":
        code = functions.package(handlers.echo)
        function.awslambda.update_function_code(FunctionName="job", ZipFile=code)
    elif how == "update configuration":
        function.awslambda.update_function_configuration(FunctionName="job", Timeout=5)
    elif how == "delete":
        function.awslambda.delete_function(FunctionName="job")
    else:
        function.invoke({"stay": True})
    until(lambda: not any(map(alive, pids)), what="the processes to end")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_many_invocations_at_once_all_get_their_own_answer(function: Function) -> None:
    function.deploy(handlers.echo, Timeout=30)
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda n: function.result({"n": n}), range(50)))
    assert results == [{"n": n} for n in range(50)]


def test_a_layer_can_be_imported(function: Function) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("python/discount.py", "RATE = 0.1")
    layer = function.awslambda.publish_layer_version(
        LayerName="discount", Content={"ZipFile": buffer.getvalue()}
    )
    source = "import discount\ndef run(event, context): return discount.RATE"
    function.deploy_files({"app.py": source}, "app.run", Layers=[layer["LayerVersionArn"]])
    assert function.result() == 0.1
