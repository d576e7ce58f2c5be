"""Whatever is sent to Pipes, or through a pipe: no defect shows, nothing hangs, nothing is broken.

The requests come from AWS's own model of the API, as those for EventBridge do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from piping import Piping
from routing import Queue, Routing
from test_events_fuzz import HOSTILE_PATTERNS, HOSTILE_TEMPLATES, STRINGS
from test_scheduler_fuzz import BODIES, RestFuzzer, spoiled_members

from helpers.waiting import until

MODEL = botocore.session.get_session().get_service_model("pipes")

#: Bad values that each operation is called with. There are 10 operations.
TRIES = 120

#: What an error can be.
CODES = {
    "ConflictException",
    "NotFoundException",
    "SerializationException",
    "ServiceQuotaExceededException",
    "UnknownOperationException",
    "ValidationException",
    "AccessDeniedException",
}


@pytest.fixture
def fuzzer(endpoint: str, account: str) -> RestFuzzer:
    return RestFuzzer(endpoint, account, "pipes", CODES)


@pytest.fixture
def healthy(piping: Piping, routing: Routing) -> Iterator[Piping]:
    """Afterwards, messages still reach their target."""
    source, target = routing.queue("healthy-source"), routing.queue("healthy-target")
    routing.queue("source")
    routing.queue("other")
    piping.role("r")
    yield piping
    piping.create(source.arn, target.arn, name="healthy")
    piping.send(source, "x")
    assert routing.receive(target)[0]["body"] == "x"


def good(fuzzer: RestFuzzer, **more: Any) -> dict[str, Any]:
    """A request for CreatePipe that is right but for what is given."""
    return {
        "Name": f"n{fuzzer.sent}",
        "DesiredState": "STOPPED",
        "Source": "arn:aws:sqs:us-east-1:{account}:source",
        "Target": "arn:aws:sqs:us-east-1:{account}:other",
        "RoleArn": "arn:aws:iam::{account}:role/r",
        **more,
    }


def test_bad_values_in_every_operation(fuzzer: RestFuzzer, healthy: Piping) -> None:
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        for _ in range(TRIES):
            fuzzer.ask(operation, fuzzer.spoiled(operation.input_shape))
    assert fuzzer.sent >= 1200


def test_one_bad_value_in_a_good_pipe(fuzzer: RestFuzzer, healthy: Piping) -> None:
    create, update = MODEL.operation_model("CreatePipe"), MODEL.operation_model("UpdatePipe")
    assert fuzzer.ask(create, good(fuzzer, Name="there"))[0] == 200
    healthy.settle("there")
    shape = create.input_shape
    for name, value in spoiled_members(fuzzer, shape):
        fuzzer.ask(create, good(fuzzer, **{name: value}))
        fuzzer.ask(update, good(fuzzer, Name="there", **{name: value} if name != "Name" else {}))
    for outer in ("SourceParameters", "TargetParameters", "LogConfiguration"):
        for name, value in spoiled_members(fuzzer, shape.members[outer]):
            fuzzer.ask(create, good(fuzzer, **{outer: {name: value}}))


ARNS = [
    "arn:aws:sqs:us-east-1:{account}:",
    "arn:aws:sqs:us-east-1::x",
    "arn:aws:sqs:us-east-1:{account}:a:b:c",
    "arn:aws:sqs:us-east-1:{account}:.fifo",
    "arn:aws:dynamodb:us-east-1:{account}:table",
    "arn:aws:dynamodb:us-east-1:{account}:table/t/stream/",
    "arn:aws:dynamodb:us-east-1:{account}:table/missing/stream/2026-01-01T00:00:00.000",
    "arn:aws:kinesis:us-east-1:{account}:stream/",
    "arn:aws:lambda:us-east-1:{account}:function:",
    "arn:aws:lambda:us-east-1:{account}:function:f:1:2:3",
    "arn:aws:logs:us-east-1:{account}:log-group:",
    "arn:aws:events:us-east-1:{account}:event-bus/",
    "arn:aws:events:us-east-1:{account}:api-destination/",
    "arn:aws:states:us-east-1:{account}:express:x:y",
    "arn:aws:execute-api:us-east-1:{account}:x/y/GET/z",
    "arn:aws:sns:us-east-1:{account}:",
    "arn:aws:firehose:us-east-1:{account}:deliverystream",
]


def test_hostile_arns_patterns_and_templates(fuzzer: RestFuzzer, healthy: Piping) -> None:
    create = MODEL.operation_model("CreatePipe")
    stream = {"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}}
    for text in [*ARNS, *STRINGS]:
        for name in ("Source", "Enrichment", "Target", "RoleArn"):
            fuzzer.ask(create, good(fuzzer, **{name: text}))
        fuzzer.ask(create, good(fuzzer, Source=text, SourceParameters=stream))
    for text in [*HOSTILE_PATTERNS, *STRINGS]:
        criteria = {"FilterCriteria": {"Filters": [{"Pattern": text}] * 5}}
        fuzzer.ask(create, good(fuzzer, SourceParameters=criteria))
    for text in [*HOSTILE_TEMPLATES, *STRINGS]:
        fuzzer.ask(create, good(fuzzer, TargetParameters={"InputTemplate": text}))


def test_bodies_and_paths_that_are_no_requests(fuzzer: RestFuzzer, healthy: Piping) -> None:
    for body in BODIES:
        for method in ("POST", "PUT"):
            assert fuzzer.ask_raw(method, "/v1/pipes/n", body)[0] in (400, 404)
        fuzzer.ask_raw("POST", "/tags/arn", body)
    assert fuzzer.ask_raw("GET", "/v1/nothing") == (404, "UnknownOperationException")
    assert fuzzer.ask_raw("PATCH", "/v1/pipes/n") == (404, "UnknownOperationException")
    for path in ("/v1/pipes?Limit=x", "/v1/pipes?Limit=" + "9" * 5000):
        assert fuzzer.ask_raw("GET", path)[0] == 400


# --- through a pipe -------------------------------------------------------------------------------

MESSAGES = [
    "[" * 50_000,
    '{"a":' * 10_000,
    '{"a": ' + "9" * 5000 + "}",
    '{"a": NaN, "b": 1e999}',
    '{"a": "\\ud800", "\\ud800": 1}',
    '{"a": 1, "a": [2]}',
    '{"": {"": {"": 0}}}',
    '{"a": "<aws.pipes.event><$.body>"}',
    json.dumps({"a": ["x"] * 2000}),
    "null",
    "💥",
]
#: For each a pipe: parameters of the target, and a filter.
WAYS: list[tuple[dict[str, Any], Any]] = [
    ({}, None),
    ({}, {"body": {"a": [{"exists": False}]}}),
    ({}, {"body": {"$or": [{"a": [1]}, {"": {"": {"": [0]}}}]}}),
    ({"InputTemplate": '{"a": <$.body.a>, "b": <$.body>}'}, None),
    ({"InputTemplate": "<$.body.a[*][*].x> <aws.pipes.event.json>"}, None),
    ({"InputTemplate": '{"e": "<aws.pipes.event>"}'}, None),
    ({"InputTemplate": "<aws.pipes.event.json>" * 30}, None),
    ({"InputTemplate": '{"<$.body>": 1}'}, None),
    ({"InputTemplate": "<$..a><$['a']><$" + ".a" * 2000 + ">"}, None),
    ({"SqsQueueParameters": {"MessageGroupId": "$.body.a"}}, None),
    ({"SqsQueueParameters": {"MessageDeduplicationId": "$.body.a[*]"}}, None),
]


def test_hostile_messages_through_hostile_pipes(healthy: Piping, routing: Routing) -> None:
    """Each message is delivered, filtered out, or fails with a reason; no pipe stops."""
    role = healthy.role("all")
    target = routing.queue("target")
    logs = {"LogGroupArn": routing.arn("logs", "log-group:hostile")}
    routing.client("logs").create_log_group(logGroupName="hostile")
    sources: list[Queue] = []
    for number, (parameters, pattern) in enumerate(WAYS):
        # What fails does not come again while the test looks.
        source = routing.queue(f"hostile-{number}", VisibilityTimeout="60")
        more: dict[str, Any] = {}
        if pattern:
            filters = {"Filters": [{"Pattern": json.dumps(pattern)}]}
            more["SourceParameters"] = {"FilterCriteria": filters}
        healthy.pipes.create_pipe(
            Name=f"hostile-{number}",
            Source=source.arn,
            Target=target.arn,
            RoleArn=role,
            TargetParameters=parameters,
            LogConfiguration={
                "Level": "TRACE",
                "IncludeExecutionData": ["ALL"],
                "CloudwatchLogsLogDestination": logs,
            },
            **more,
        )
        sources.append(source)
    for source in sources:
        healthy.send(source, *MESSAGES)
    ends = {"delivered", "filtered", "failed"}
    for number in range(len(WAYS)):
        name = f"hostile-{number}"

        def ended(name: str = name) -> bool:
            return sum(stage in ends for stage in healthy.stages(name)) >= len(MESSAGES)

        until(ended, what=f"all messages of {name}")
        assert healthy.settle(name)["CurrentState"] == "RUNNING"
        assert not [why for why in healthy.reasons(name) if "Error:" in why]
