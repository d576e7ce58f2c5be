"""What a pipe logs: the steps of its level, and the data of its events when it is asked to.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import handlers
import pytest
from localstack_eventbridge.pipes import steps
from piping import Piping
from routing import Queue, Routing

from helpers import functions
from helpers.waiting import until

GROUP = "/aws/pipes/pipe"

Records = list[dict[str, Any]]


# --- the levels -----------------------------------------------------------------------------------

#: AWS's table: each step, and the level from which on it is logged.
TABLE = {
    "ExecutionFailed": "ERROR",
    "ExecutionPartiallyFailed": "ERROR",
    "ExecutionStarted": "INFO",
    "ExecutionSucceeded": "INFO",
    "ExecutionThrottled": "ERROR",
    "ExecutionTimeout": "ERROR",
    "EnrichmentInvocationFailed": "ERROR",
    "EnrichmentInvocationSkipped": "INFO",
    "EnrichmentInvocationStarted": "TRACE",
    "EnrichmentInvocationSucceeded": "TRACE",
    "EnrichmentStageEntered": "INFO",
    "EnrichmentStageFailed": "ERROR",
    "EnrichmentStageSucceeded": "INFO",
    "EnrichmentTransformationFailed": "ERROR",
    "EnrichmentTransformationStarted": "TRACE",
    "EnrichmentTransformationSucceeded": "TRACE",
    "TargetInvocationFailed": "ERROR",
    "TargetInvocationPartiallyFailed": "ERROR",
    "TargetInvocationSkipped": "TRACE",
    "TargetInvocationStarted": "TRACE",
    "TargetInvocationSucceeded": "TRACE",
    "TargetStageEntered": "INFO",
    "TargetStageFailed": "ERROR",
    "TargetStagePartiallyFailed": "ERROR",
    "TargetStageSkipped": "TRACE",
    "TargetStageSucceeded": "INFO",
    "TargetTransformationFailed": "ERROR",
    "TargetTransformationStarted": "TRACE",
    "TargetTransformationSucceeded": "TRACE",
}


@pytest.mark.parametrize("step", TABLE)
def test_each_step_has_its_level(step: str) -> None:
    """A level has the steps of those before it, too; OFF has none."""
    first = steps.LEVELS.index(TABLE[step])
    assert steps.level_of(step) == TABLE[step]
    assert [level for level in steps.LEVELS if steps.is_logged(step, level)] == [
        *steps.LEVELS[first:]
    ]


@pytest.mark.parametrize(
    ("sizes", "cut", "kept"),
    [
        ({"payload": 10, "awsRequest": 10}, [], None),
        ({"payload": 300_000, "awsRequest": 10}, ["payload"], "awsRequest"),
        ({"payload": 10, "awsRequest": 300_000}, ["payload", "awsRequest"], None),
        (
            {"payload": 200_000, "awsRequest": 200_000, "awsResponse": 100},
            ["payload"],
            "awsResponse",
        ),
        (
            {"payload": 300_000, "awsRequest": 300_000, "awsResponse": 300_000},
            ["payload", "awsRequest", "awsResponse"],
            None,
        ),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("character", ["x", '"', "ü", "\ud800"], ids=ascii)
def test_a_record_that_is_too_long_loses_data_from_its_end(
    sizes: dict[str, int], cut: list[str], kept: str | None, character: str
) -> None:
    """First the payload, entirely, then the request, then the response; the record tells which."""
    data = {name: character * size for name, size in sizes.items()}
    text = steps.as_text({"messageType": "s", **data, "truncatedFields": []})
    told = json.loads(text)
    assert len(text.encode(errors="replace")) <= 256 * 1024
    # Of wide characters more has to go.
    assert told["truncatedFields"][: len(cut)] == cut
    assert all(data[name].startswith(told[name]) for name in data)
    assert all(told[name] == "" for name in told["truncatedFields"][:-1])
    if kept and character == "x":
        assert told[kept] == data[kept]


# --- a pipe that logs -----------------------------------------------------------------------------

Log = Callable[..., Records]


@pytest.fixture
def source(routing: Routing) -> Queue:
    return routing.queue("source", VisibilityTimeout="30")


@pytest.fixture
def target(routing: Routing) -> Queue:
    return routing.queue("target", MaximumMessageSize="1024")


@pytest.fixture
def log(piping: Piping, routing: Routing, source: Queue, target: Queue) -> Log:
    """log(*bodies, level=, data=, ...) is what one execution with these messages has logged."""
    logs = routing.client("logs")
    logs.create_log_group(logGroupName=GROUP)

    def run(
        *bodies: Any, level: str = "TRACE", data: list[str] | None = None, **more: Any
    ) -> Records:
        destination = {"LogGroupArn": routing.arn("logs", f"log-group:{GROUP}:*")}
        config = {"Level": level, "CloudwatchLogsLogDestination": destination}
        if data is not None:
            config["IncludeExecutionData"] = data
        more.setdefault("TargetParameters", {"InputTemplate": "<$.body>"})
        target_arn = more.pop("Target", target.arn)
        piping.create(
            source.arn, target_arn, LogConfiguration=config, DesiredState="STOPPED", **more
        )
        ids = piping.send(source, *bodies)
        piping.pipes.start_pipe(Name="pipe")
        ends = {"delivered", "failed", "skipped"}
        until(
            lambda: all(ends & {*piping.stages(of=message_id)} for message_id in ids),
            what="the end of the execution",
        )
        # It has logged when it has stopped.
        piping.settle(state="RUNNING")
        piping.pipes.stop_pipe(Name="pipe")
        piping.settle(state="STOPPED")
        found = logs.filter_log_events(logGroupName=GROUP)["events"]
        return [json.loads(event["message"]) for event in found]

    return run


def names(records: Records) -> list[str]:
    return [record["messageType"] for record in records]


#: All steps of one execution that succeeds, with an enrichment and two templates.
SUCCESS = [
    "ExecutionStarted",
    "EnrichmentStageEntered",
    "EnrichmentTransformationStarted",
    "EnrichmentTransformationSucceeded",
    "EnrichmentInvocationStarted",
    "EnrichmentInvocationSucceeded",
    "EnrichmentStageSucceeded",
    "TargetStageEntered",
    "TargetTransformationStarted",
    "TargetTransformationSucceeded",
    "TargetInvocationStarted",
    "TargetInvocationSucceeded",
    "TargetStageSucceeded",
    "ExecutionSucceeded",
]


def enriched(routing: Routing, handler: Any) -> dict[str, Any]:
    """Parameters of a pipe with this enrichment, and a template for it."""
    clients = routing.client("lambda"), routing.client("iam")
    return {
        "Enrichment": functions.deploy(*clients, "f", handler),
        "EnrichmentParameters": {"InputTemplate": '{"seen": <$.body>}'},
        "TargetParameters": {"InputTemplate": '{"got": <$.seen>}'},
    }


@pytest.mark.parametrize("level", ["OFF", "ERROR", "INFO", "TRACE"])
def test_an_execution_that_succeeds(log: Log, routing: Routing, level: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs-execution-steps.html"""
    records = log("secret", level=level, **enriched(routing, handlers.echo))
    assert names(records) == [step for step in SUCCESS if steps.is_logged(step, level)]
    assert [record["logLevel"] for record in records] == [TABLE[name] for name in names(records)]
    assert {record["resourceArn"] for record in records} <= {routing.arn("pipes", "pipe/pipe")}
    assert len({record["executionId"] for record in records}) <= 1
    times = [record["timestamp"] for record in records]
    assert times == sorted(times)
    assert "secret" not in json.dumps(records)
    assert not any(record.keys() & {*steps.DATA, "error"} for record in records)


def test_execution_data(log: Log, routing: Routing) -> None:
    """The events where they may have changed; request and response where a call has ended.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs.html
    """
    records = log("secret", data=["ALL"], **enriched(routing, handlers.echo))
    assert names(records) == SUCCESS
    by_name = {record["messageType"]: record for record in records}
    payloads = {name for name, record in by_name.items() if "payload" in record}
    assert payloads == {
        "ExecutionStarted",
        "EnrichmentTransformationSucceeded",
        "EnrichmentStageSucceeded",
        "TargetTransformationSucceeded",
        "TargetStageSucceeded",
    }
    requests = {name for name, record in by_name.items() if "awsRequest" in record}
    assert requests == {"EnrichmentInvocationSucceeded", "TargetInvocationSucceeded"}
    (event,) = json.loads(by_name["ExecutionStarted"]["payload"])
    assert event["body"] == "secret"
    invoked = by_name["EnrichmentInvocationSucceeded"]
    assert json.loads(invoked["awsRequest"]) == ['{"seen": "secret"}']
    assert json.loads(invoked["awsResponse"]) == [{"seen": "secret"}]
    assert json.loads(by_name["EnrichmentStageSucceeded"]["payload"]) == [{"seen": "secret"}]
    sent = by_name["TargetInvocationSucceeded"]
    assert json.loads(sent["awsRequest"]) == ['{"got": "secret"}']
    assert sent["truncatedFields"] == []


def test_a_target_that_is_skipped(log: Log, routing: Routing) -> None:
    more = enriched(routing, handlers.answers) | {"EnrichmentParameters": {}}
    records = log("[]", **more)
    assert names(records) == [
        "ExecutionStarted",
        "EnrichmentStageEntered",
        "EnrichmentInvocationStarted",
        "EnrichmentInvocationSucceeded",
        "EnrichmentStageSucceeded",
        "TargetStageSkipped",
        "ExecutionSucceeded",
    ]


def test_an_enrichment_that_fails(log: Log, routing: Routing) -> None:
    """The record tells who has failed, and how."""
    records = log("secret", level="ERROR", data=["ALL"], **enriched(routing, handlers.raises))
    assert names(records) == [
        "EnrichmentInvocationFailed",
        "EnrichmentStageFailed",
        "ExecutionFailed",
    ]
    error = records[0]["error"]
    assert error["awsService"] == "lambda"
    assert error["httpStatusCode"] == 200
    assert "division by zero" in error["message"]
    assert error["requestId"]
    assert json.loads(records[0]["awsRequest"]) == ['{"seen": "secret"}']


def test_a_target_that_fails_in_part(log: Log) -> None:
    records = log("small", "x" * 2000, level="ERROR")
    assert names(records) == [
        "TargetInvocationPartiallyFailed",
        "TargetStagePartiallyFailed",
        "ExecutionPartiallyFailed",
    ]
    assert all("message" in record["error"] for record in records)


def test_a_target_that_is_not_there(log: Log, routing: Routing) -> None:
    records = log("x", level="ERROR", Target=routing.arn("sqs", "missing"))
    assert names(records) == ["TargetInvocationFailed", "TargetStageFailed", "ExecutionFailed"]
    assert "does not exist" in records[0]["error"]["message"]


def test_a_template_that_fails_is_visible_in_log_and_trace(
    log: Log, piping: Piping, target: Queue
) -> None:
    template = {"InputTemplate": '{"a": <$.body.a> <$.body.b>}'}
    records = log({"a": 1, "b": 2}, level="ERROR", TargetParameters=template)
    assert names(records) == ["TargetTransformationFailed", "TargetStageFailed", "ExecutionFailed"]
    assert all("does not become JSON" in record["error"]["message"] for record in records)
    (reason,) = piping.reasons()
    assert reason == records[0]["error"]["message"]
    assert piping.stages() == ["received", "failed"]
    assert piping.left(target) == 0


def test_a_parameter_that_fails_is_a_call_that_fails(log: Log, routing: Routing) -> None:
    fifo = routing.queue("t.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    parameters = {"SqsQueueParameters": {"MessageGroupId": "$.body.group"}}
    records = log({"a": 1}, level="ERROR", Target=fifo.arn, TargetParameters=parameters)
    assert names(records) == ["TargetInvocationFailed", "TargetStageFailed", "ExecutionFailed"]
    assert records[0]["error"] == {"message": "the event has no value at $.body.group"}


def test_a_log_group_that_is_missing_stops_no_event(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    destination = {"LogGroupArn": routing.arn("logs", "log-group:missing")}
    config = {"Level": "TRACE", "CloudwatchLogsLogDestination": destination}
    piping.create(source.arn, target.arn, LogConfiguration=config)
    piping.send(source, "x")
    assert routing.receive(target)[0]["body"] == "x"
    piping.empty(source)
