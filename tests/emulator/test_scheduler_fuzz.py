"""Whatever is sent to Scheduler, the answer is AWS's, it comes soon, and nothing is broken.

The requests come from AWS's own model of the API, as those for EventBridge do.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel, Shape
from plugin_http import advance
from raw import RawRest
from routing import Clients
from scheduling import Scheduling
from test_events_fuzz import ACCOUNT, HOSTILE_SCHEDULES, LONGEST, STRINGS, Fuzzer

MODEL = botocore.session.get_session().get_service_model("scheduler")

#: Bad values that each operation is called with. There are 12 operations.
TRIES = 50

#: What an error can be.
CODES = {
    "ConflictException",
    "ResourceNotFoundException",
    "SerializationException",
    "UnknownOperationException",
    "ValidationException",
    "AccessDeniedException",
}


class RestFuzzer(Fuzzer):
    """Sends requests of one account to an API of REST and JSON, and looks at each answer."""

    def __init__(self, endpoint: str, account: str, service: str, codes: set[str]) -> None:
        super().__init__(endpoint, account)
        self._rest, self._codes = RawRest(endpoint, account, service), codes

    def ask(self, operation: OperationModel, parameters: Any) -> tuple[int, str]:
        text = json.dumps(parameters).replace(ACCOUNT, self._account)
        return self._look(lambda: self._rest.call(operation, json.loads(text)), parameters)

    def ask_raw(self, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        return self._look(lambda: self._rest.send(method, path, body), (path, body[:300]))

    def _look(self, send: Any, sent: Any) -> tuple[int, str]:
        self.sent += 1
        started = time.monotonic()
        status, code, answer = send()
        took = time.monotonic() - started
        told = f"{str(sent)[:600]}: {status} {code} {str(answer)[:800]}, {took:.1f} s"
        assert status == 200 or (code in self._codes and 400 <= status < 410), told
        assert status == 200 or answer.get("Message") or answer.get("message"), told
        assert took < LONGEST, told
        return status, code


@pytest.fixture
def fuzzer(endpoint: str, account: str) -> RestFuzzer:
    return RestFuzzer(endpoint, account, "scheduler", CODES)


@pytest.fixture
def healthy(client: Clients, account: str, endpoint: str) -> Iterator[Scheduling]:
    """Afterwards, schedules still reach their target, and quickly."""
    scheduling = Scheduling(client, account, endpoint)
    queue = scheduling.standard("healthy")
    scheduling.standard("other")
    scheduling.role("r", "*")
    yield scheduling
    started = time.monotonic()
    arn = scheduling.schedule(queue.arn, "rate(365 days)", name="healthy")
    assert scheduling.receive(queue)[0]["resources"] == [arn]
    assert time.monotonic() - started < LONGEST


def good(fuzzer: RestFuzzer, **more: Any) -> dict[str, Any]:
    """A request for CreateSchedule that is right but for what is given."""
    return {
        "Name": f"n{fuzzer.sent}",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target(),
        **more,
    }


def target(**more: Any) -> dict[str, Any]:
    return {
        "Arn": "arn:aws:sqs:us-east-1:{account}:other",
        "RoleArn": "arn:aws:iam::{account}:role/r",
        **more,
    }


def test_bad_values_in_every_operation(fuzzer: RestFuzzer, healthy: Scheduling) -> None:
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        for _ in range(TRIES):
            fuzzer.ask(operation, fuzzer.spoiled(operation.input_shape))
    assert fuzzer.sent >= 600


def spoiled_members(fuzzer: RestFuzzer, shape: Shape) -> Iterator[tuple[str, Any]]:
    for name, member in shape.members.items():
        for _ in range(12):
            yield name, fuzzer.bad_value(member)


def test_one_bad_value_in_a_good_schedule(
    fuzzer: RestFuzzer, healthy: Scheduling, endpoint: str, account: str
) -> None:
    operation = MODEL.operation_model("CreateSchedule")
    shape = operation.input_shape
    for name, value in spoiled_members(fuzzer, shape):
        fuzzer.ask(operation, good(fuzzer, **{name: value}))
    for name, value in spoiled_members(fuzzer, shape.members["Target"]):
        fuzzer.ask(operation, good(fuzzer, Target=target(**{name: value})))
    advance(endpoint, account, "PT1H")


HOSTILE = [
    *HOSTILE_SCHEDULES,
    *STRINGS,
    "at(0001-01-01T00:00:00)",
    "at(9999-12-31T23:59:59)",
    "at(2099-02-30T00:00:00)",
    "rate(999999999 minutes)",
    "rate(999999999 days)",
    "cron(0 0 1 1 ? 1970)",
    "cron(0 0 31 2 ? *)",
    "cron(59 23 31 12 ? 2199)",
]


def test_hostile_expressions_and_zones(
    fuzzer: RestFuzzer, healthy: Scheduling, endpoint: str, account: str
) -> None:
    operation = MODEL.operation_model("CreateSchedule")
    zones = itertools.cycle(("UTC", "Pacific/Kiritimati", "America/Los_Angeles"))
    for expression, zone in zip(HOSTILE, zones, strict=False):
        given = good(fuzzer, ScheduleExpression=expression, ScheduleExpressionTimezone=zone)
        fuzzer.ask(operation, given)
        for dates in ({"StartDate": 253402300799}, {"EndDate": 253402300799}):
            fuzzer.ask(operation, good(fuzzer) | dates | {"ScheduleExpression": expression})
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440}
        given = good(fuzzer, ScheduleExpression=expression, FlexibleTimeWindow=window)
        fuzzer.ask(operation, given)
    for zone in STRINGS:
        fuzzer.ask(operation, good(fuzzer, ScheduleExpressionTimezone=zone))
    for date in (-1, 0, 1e300, -1e300, 2**63, "2099-01-01", "x", "2099-01-01T00:00:00+99:99"):
        fuzzer.ask(operation, good(fuzzer, StartDate=date))
        fuzzer.ask(operation, good(fuzzer, EndDate=date))
    advance(endpoint, account, "PT1H")


HOSTILE_INPUTS = [
    *STRINGS,
    "<aws.scheduler.schedule-arn>" * 5000,
    "<aws.scheduler." * 10_000,
    '{"QueueUrl": "<aws.scheduler.schedule-arn>", "MessageBody": "m"}',
    '{"QueueUrl": "///", "MessageBody": "m"}',
    '{"QueueUrl": "", "MessageBody": ""}',
    '{"QueueUrl": 5, "MessageBody": {}}',
    '{"QueueUrl": "q", "MessageBody": "\\ud800"}',
    '{"QueueUrl": "q", "MessageBody": "m", "MessageAttributes": {"a": {"DataType": "x"}}}',
    "[" * 100_000,
    '{"QueueUrl":' * 20_000,
    '{"QueueUrl": NaN, "MessageBody": 1e999}',
]


def test_hostile_inputs(
    fuzzer: RestFuzzer, healthy: Scheduling, endpoint: str, account: str
) -> None:
    operation = MODEL.operation_model("CreateSchedule")
    arns = ["sqs:sendMessage", "sqs:purgeQueue", "sns:publish", "s3:putObject", "lambda:invoke"]
    arns = [f"arn:aws:scheduler:::aws-sdk:{name}" for name in arns]
    arns += ["arn:aws:lambda:us-east-1:{account}:function:nothing"]
    for text in HOSTILE_INPUTS:
        for arn in arns:
            policy = {"MaximumRetryAttempts": 0}
            given = target(Arn=arn, Input=text, RetryPolicy=policy)
            fuzzer.ask(operation, good(fuzzer, Target=given))
    for text in STRINGS:
        fuzzer.ask(operation, good(fuzzer, Target=target(Arn=text)))
        universal = f"arn:aws:scheduler:::aws-sdk:{text}"
        fuzzer.ask(operation, good(fuzzer, Target=target(Arn=universal, Input="{}")))
    advance(endpoint, account, "PT1H")


BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b'{"ScheduleExpression": "\xff"}',
    b"[" * 100_000,
    b'{"Target":' * 5000,
    b'{"Target": ' + b"9" * 5000 + b"}",
]


def test_bodies_and_paths_that_are_no_requests(fuzzer: RestFuzzer, healthy: Scheduling) -> None:
    for body in BODIES:
        for method in ("POST", "PUT"):
            assert fuzzer.ask_raw(method, "/schedules/n", body)[0] == 400
        fuzzer.ask_raw("POST", "/schedule-groups/g", body)
    assert fuzzer.ask_raw("GET", "/nothing") == (404, "UnknownOperationException")
    assert fuzzer.ask_raw("PATCH", "/schedules/n") == (404, "UnknownOperationException")
    for path in ("/schedules?MaxResults=x", "/schedules?MaxResults=" + "9" * 5000):
        assert fuzzer.ask_raw("GET", path)[0] == 400
