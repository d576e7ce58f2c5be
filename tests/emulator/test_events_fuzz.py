"""Whatever is sent to EventBridge, the answer is AWS's, it comes soon, and nothing is broken.

The requests come from AWS's own model of the API: each operation is called with values of wrong
types, beyond limits, and of hostile forms. They are the same in every run.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from plugin_http import advance
from raw import RawEvents
from routing import Clients, Routing

MODEL = botocore.session.get_session().get_service_model("events")

#: Bad values that each operation is called with. There are 57 operations.
TRIES = 36

#: Seconds that one answer may take at most, on a slow computer.
LONGEST = 5.0

ACCOUNT = "{account}"
ARNS = [
    "arn",
    "arn:aws:events",
    "arn:aws:events:::",
    "arn:aws:events:us-east-1:{account}:",
    "arn:aws:events:us-east-1:{account}:event-bus/default",
    "arn:aws:events:us-east-1:{account}:event-bus/",
    "arn:aws:events:us-east-1:{account}:rule/x/y/z",
    "arn:aws:events:us-east-1:{account}:archive/x",
    "arn:aws:events:us-east-1:{account}:connection/x/1",
    "arn:aws:events:us-east-1:{account}:api-destination/x",
    "arn:aws:events:xx-nowhere-1:{account}:event-bus/x",
    "arn:aws:events:us-east-1:000000000000:event-bus/default",
    "arn:aws:lambda:us-east-1:{account}:function",
    "arn:aws:lambda:us-east-1:{account}:layer:x:1",
    "arn:aws:sqs:us-east-1:{account}:" + "q" * 1500,
    "arn:aws:" + ":" * 1500,
]
STRINGS = [
    "",
    " ",
    "a b/c",
    "../../etc",
    "\u0000",
    "\ud800",
    "ä" * 100,
    "💥",
    "x" * 5000,
    "x" * 200_000,
    "null",
    "{}",
    "[" * 2000,
    '{"a":' * 500 + "1" + "}" * 500,
    "'; DROP TABLE rules; --",
    "%s%n${jndi:x}",
    "a" * 64 + "!",
    "rate(1 minutes)",
    "cron(* * * * * *)",
    *ARNS,
]
NUMBERS = [0, -1, 1, 101, 2**31, 2**63, 10**300, -(10**300), 1.5, 1e308]
OTHERS: list[Any] = [None, True, False, [], {}, [None], [[]], [{}], {"a": 1}, {"": None}]

HOSTILE_PATTERNS = [
    *('{"a":' * depth + "[1]" + "}" * depth for depth in (50, 99, 100, 101, 400, 2000)),
    '{"a": ' + "[" * 2000,
    *(json.dumps({"source": [{"wildcard": "*".join(text)}]}) for text in ("ab" * 50, "a" * 200)),
    json.dumps({"source": [{"wildcard": "*a*a*a*a*b"}]}),
    json.dumps({"source": [{"wildcard": "a" * 1900 + "*"}]}),
    json.dumps({"source": [{"wildcard": "\\" * 101}]}),
    json.dumps({"source": [{"wildcard": "*" + "ab" * 500 + "*" + "ab" * 400}]}),
    json.dumps({"source": [{"regex": "(a+)+$"}]}),
    json.dumps({"source": [{"prefix": "(a+)+$"}]}),
    json.dumps({"source": [{"suffix": "(a|a)*b"}]}),
    json.dumps({"$or": [{"$or": [{"a": [n]}, {"b": [n]}]} for n in range(60)]}),
    json.dumps({"a": {"$or": [{"b": [1]}] * 150}}),
    json.dumps({f"f{n}": {"$or": [{"a": [1]}, {"b": [2]}]} for n in range(12)}),
    json.dumps({"a": [{"numeric": [">", 10**400]}]}),
    json.dumps({"a": [{"numeric": [">", 1, "<", 2, "<", 3]}]}),
    json.dumps({"a": [{"cidr": "::/129"}, {"cidr": "1.1.1.1/" + "9" * 400}]}),
    json.dumps({"a": [{"anything-but": {"wildcard": ["*a*b*c*" * 20]}}]}),
    json.dumps({"a": [{"anything-but": [[1]]}]}),
    json.dumps({"a": list(range(1000))}),
    '{"a": [NaN]}',
    '{"a": [1e999]}',
    '{"a": [' + "9" * 1500 + "]}",
    '{"a": ["\\ud800"]}',
    '{"a": [1], "a": [2], "a": {"b": [3]}}',
    "\ufeff{}",
    "{}{}",
]
HOSTILE_TEMPLATES = [
    "<" * 8000,
    "<a>" * 2700,
    '"' * 8191,
    "\\" * 8191,
    "[" * 8000,
    '{"a":' * 1600,
    '"<aws.events.event.json>"',
    "<aws.events.event>" * 400,
    "9" * 8000,
    "\n" * 8000,
    '{"<a>": 1}',
]
HOSTILE_PATHS = ["$", "$." * 100, "$..a", "$[*]" * 60, "$.detail[999999999]", "$.a['b']", "((((("]
HOSTILE_SCHEDULES = [
    f"rate({'9' * 200} days)",
    "rate(999999999 days)",
    "cron(" + "* " * 120 + ")",
    "cron(0/1,0/1,0/1 * * * ? *)",
    "cron(0 0 31 2 ? *)",
    "cron(0 0 ? * 6#5 2199)",
    f"cron({','.join(str(n % 60) for n in range(80))} * * * ? *)",
    "cron(* * L-30 2 ? *)",
    "rate( 1 minute)",
    "(((((",
]
HOSTILE_POLICIES = [
    '{"Statement":' * 700,
    '{"Statement": [' + "[" * 4000,
    '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": [{}]}, "Action": {}}]}',
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "' + "*a" * 4000 + '"}]}',
    '{"Statement": {"Effect": "Deny", "Principal": 5, "Action": 5, "Condition": {"Bool": 5}}}',
    '{"Version": NaN, "Statement": []}',
]


class Fuzzer:
    """Sends requests of one account, and looks at each answer."""

    def __init__(self, endpoint: str, account: str) -> None:
        self.random = random.Random(2015)
        self.sent = 0
        self._account = account
        self._raw = RawEvents(endpoint, account)

    def call(self, operation: str, parameters: Any) -> tuple[int, Any]:
        text = json.dumps(parameters).replace(ACCOUNT, self._account)
        return self.send(operation, text.encode())

    def send(self, operation: str, body: bytes) -> tuple[int, Any]:
        self.sent += 1
        started = time.monotonic()
        status, answer = self._raw.send(operation, body)
        took = time.monotonic() - started
        told = f"{operation} {body[:300]!r}: {status} {str(answer)[:800]}, {took:.1f} s"
        assert status in (200, 400), told
        assert status == 200 or (answer["__type"] and answer["message"]), told
        assert took < LONGEST, told
        return status, answer

    def bad_value(self, shape: Shape) -> Any:
        """Of a wrong type, beyond the limits, or hostile."""
        limits = shape.metadata
        beyond: list[Any] = [*NUMBERS, *OTHERS]
        if shape.type_name == "string":
            beyond += [*STRINGS, "x" * (limits.get("max", 100) + 1)] * 2
        elif shape.type_name in ("integer", "timestamp"):
            beyond += [limits.get("max", 0) + 1, limits.get("min", 0) - 1, *NUMBERS, "5"]
        elif isinstance(shape, ListShape):
            beyond += [[self.good_value(shape.member)] * (limits.get("max", 100) + 1)]
        return self.random.choice(beyond)

    def good_value(self, shape: Shape) -> Any:
        """Of the right type, and mostly within the limits."""
        if isinstance(shape, StructureShape):
            return self.structure(shape)
        if isinstance(shape, ListShape):
            return [
                self.good_value(shape.member) for _ in range(max(1, shape.metadata.get("min", 1)))
            ]
        if isinstance(shape, MapShape):
            return {"a": self.good_value(shape.value)}
        if shape.metadata.get("enum"):
            return self.random.choice(shape.metadata["enum"])
        if "arn" in str(shape.metadata.get("pattern")) or shape.name.endswith("Arn"):
            return self.random.choice(ARNS)
        values = {"boolean": True, "integer": 1, "timestamp": 1577836800}
        return values.get(shape.type_name, "x")

    def structure(self, shape: StructureShape) -> dict[str, Any]:
        names = [
            name
            for name in shape.members
            if name in shape.required_members or self.random.random() < 0.5
        ]
        return {name: self.good_value(shape.members[name]) for name in names}

    def spoiled(self, shape: StructureShape) -> dict[str, Any]:
        """Parameters of which one, somewhere, is bad."""
        given = self.structure(shape)
        if not shape.members:
            return given
        name = self.random.choice(list(shape.members))
        inner = shape.members[name]
        while isinstance(inner, ListShape) and self.random.random() < 0.7:
            if isinstance(inner.member, StructureShape):
                return given | {name: [self.spoiled(inner.member)]}
            inner = inner.member
        if isinstance(inner, StructureShape) and self.random.random() < 0.7:
            return given | {name: self.spoiled(inner)}
        return given | {name: self.bad_value(inner)}


@pytest.fixture
def fuzzer(endpoint: str, account: str) -> Fuzzer:
    return Fuzzer(endpoint, account)


@pytest.fixture
def healthy(client: Clients, account: str) -> Iterator[None]:
    """Afterwards, events still reach their target, and quickly."""
    routing = Routing(client, account)
    routing.events.create_event_bus(Name="healthy")
    queue = routing.queue("healthy")
    routing.rule({"Arn": queue.arn}, bus="healthy")
    yield
    started = time.monotonic()
    (event_id,) = routing.put(bus="healthy")
    assert routing.receive(queue)[0]["id"] == event_id
    assert time.monotonic() - started < LONGEST


def test_bad_values_in_every_operation(fuzzer: Fuzzer, healthy: None) -> None:
    for name in MODEL.operation_names:
        shape = MODEL.operation_model(name).input_shape
        for _ in range(TRIES):
            fuzzer.call(name, fuzzer.spoiled(shape) if shape else {})
    assert fuzzer.sent >= 2000


BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"\xff\xfe",
    b'{"Name": "\xff"}',
    b"[" * 100_000,
    b'{"Name":' * 5000,
    b'{"Name": "a", "Name": "b"}',
    b'{"Name": ' + b"9" * 5000 + b"}",
    b"{" + b'"x": 1,' * 10_000 + b'"Name": "a"}',
]


def test_bodies_that_are_no_requests(fuzzer: Fuzzer, healthy: None) -> None:
    for name in ("PutRule", "PutEvents", "CreateEventBus", "StartReplay", "DescribeRule"):
        for body in BODIES:
            fuzzer.send(name, body)


@pytest.mark.parametrize(
    "operation", ["Nothing", "", "AWSEvents.PutRule.", "PutRule\tx", "putrule"]
)
def test_unknown_operations(fuzzer: Fuzzer, operation: str) -> None:
    status, answer = fuzzer.send(operation, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_hostile_patterns(fuzzer: Fuzzer, endpoint: str, account: str, healthy: None) -> None:
    event = {"id": "1", "account": "1", "source": "a" * 5000 + "!", "time": "t", "region": "r"}
    text = json.dumps(event | {"detail-type": "d", "a": {"a": [[1, {"b": "ab" * 5000}]]}})
    bus = "arn:aws:events:us-east-1:{account}:event-bus/default"
    for number, pattern in enumerate(HOSTILE_PATTERNS):
        fuzzer.call("TestEventPattern", {"EventPattern": pattern, "Event": text})
        fuzzer.call("PutRule", {"Name": f"r{number}", "EventPattern": pattern})
        archive = {"ArchiveName": f"a{number}", "EventPattern": pattern}
        fuzzer.call("CreateArchive", archive | {"EventSourceArn": bus})
        fuzzer.call("UpdateArchive", archive)
    put_hostile_events(fuzzer)
    advance(endpoint, account, "PT0S")


def put_hostile_events(fuzzer: Fuzzer) -> None:
    details = [
        {"a": "ab" * 200_000},
        {"a": {"a": {"a": [1] * 50_000}}},
        {"a": [[[{"b": number} for number in range(10_000)]]]},
        {f"f{number}": {"a": 1, "b": 2} for number in range(5000)},
        {".".join("abc" * 500): 1},
    ]
    for detail in details:
        entry = {"Source": "a" * 5000, "DetailType": "d", "Detail": json.dumps(detail)}
        assert fuzzer.call("PutEvents", {"Entries": [entry]})[0] == 200


def test_hostile_targets(fuzzer: Fuzzer, endpoint: str, account: str, healthy: None) -> None:
    queue = "arn:aws:sqs:us-east-1:{account}:nowhere"
    inputs: list[dict[str, Any]] = [{"Input": text} for text in (*STRINGS, *HOSTILE_TEMPLATES)]
    inputs += [{"InputPath": path} for path in (*STRINGS, *HOSTILE_PATHS)]
    for template in HOSTILE_TEMPLATES:
        transformer: dict[str, Any] = {"InputTemplate": template}
        inputs += [{"InputTransformer": transformer}]
        for path in HOSTILE_PATHS:
            inputs += [{"InputTransformer": transformer | {"InputPathsMap": {"a": path}}}]
    inputs += [{"Arn": arn} for arn in (*ARNS, *STRINGS)]
    for number, given in enumerate(inputs):
        rule = f"r{number % 50}"
        fuzzer.call("PutRule", {"Name": rule, "EventPattern": '{"source": [{"prefix": "a"}]}'})
        target = {"Id": "1", "Arn": queue, **given}
        fuzzer.call("PutTargets", {"Rule": rule, "Targets": [target]})
    put_hostile_events(fuzzer)
    advance(endpoint, account, "PT0S")


def test_hostile_schedules_and_policies(
    fuzzer: Fuzzer, endpoint: str, account: str, healthy: None
) -> None:
    for number, expression in enumerate((*HOSTILE_SCHEDULES, *STRINGS)):
        fuzzer.call("PutRule", {"Name": f"r{number}", "ScheduleExpression": expression})
    for text in (*HOSTILE_POLICIES, *STRINGS):
        fuzzer.call("PutPermission", {"Policy": text})
        fuzzer.call("DescribeEventBus", {})
    fuzzer.call("RemovePermission", {"RemoveAllPermissions": True})
    advance(endpoint, account, "P7D")
