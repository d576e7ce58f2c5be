"""Filters, input templates and dynamic parameters of pipes: AWS's tables, examples, and traps."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.events.patterns import InvalidPattern
from localstack_eventbridge.pipes.filters import Filter, decoded
from localstack_eventbridge.pipes.inputs import InputError, check, dynamic, shape

HOSTILE = 'say "hi"\n\\o/ \t\x01 ü \U0001f600 <$.body.id>'


def message(body: Any) -> dict[str, Any]:
    """A message, as a queue gives it: with a body that is text."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDAIENQZJOLO23YVJ4VO"},
    }


def record(data: Any) -> dict[str, Any]:
    """A record of Kinesis: its data is base64."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "1",
        "data": base64.b64encode(raw).decode(),
    }


def accepts(pattern: Any, event: dict[str, Any], service: str = "sqs") -> bool:
    return Filter([{"Pattern": json.dumps(pattern)}], service).accepts(event)


# --- filters --------------------------------------------------------------------------------------

JSON_BODY, PLAIN_BODY = {"city": "Seattle"}, "Seattle"
JSON_PATTERN, PLAIN_PATTERN = {"body": {"city": ["Seattle"]}}, {"body": ["Seattle"]}
NO_PATTERN = {"attributes": {"ApproximateReceiveCount": ["1"]}}


@pytest.mark.parametrize(
    ("body", "pattern", "is_accepted"),
    [
        (PLAIN_BODY, PLAIN_PATTERN, True),
        (PLAIN_BODY, NO_PATTERN, True),
        (PLAIN_BODY, JSON_PATTERN, False),
        (JSON_BODY, PLAIN_PATTERN, False),
        (JSON_BODY, NO_PATTERN, True),
        (JSON_BODY, JSON_PATTERN, True),
    ],
    ids=str,
)
def test_body_and_pattern_must_be_of_one_kind(body: Any, pattern: Any, is_accepted: bool) -> None:
    """AWS's table for queues: a message of the other kind is dropped, whatever its values.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html
    """
    assert accepts(pattern, message(body)) is is_accepted


@pytest.mark.parametrize(
    ("body", "pattern"),
    [
        (PLAIN_BODY, {"body": {"city": [{"exists": False}]}}),
        (PLAIN_BODY, {"body": {"city": [{"anything-but": ["Portland"]}]}}),
        (JSON_BODY, {"body": [{"anything-but": ["Portland"]}]}),
        (JSON_BODY, {"body": [{"exists": False}]}),
        ('["Seattle"]', PLAIN_PATTERN),
        ('{"city": "Seattle"', JSON_PATTERN),
        ("[" * 100_000, {"body": {"city": [{"exists": False}]}}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_of_the_other_kind_never_matches(body: Any, pattern: Any) -> None:
    """Not even a pattern for what is missing."""
    assert not accepts(pattern, message(body))


@pytest.mark.parametrize(
    ("data", "pattern", "is_accepted"),
    [
        (JSON_BODY, {"data": {"city": ["Seattle"]}}, True),
        (JSON_BODY, {"data": {"city": ["Portland"]}}, False),
        (JSON_BODY, {"partitionKey": ["1"]}, True),
        (b"Seattle", {"data": {"city": ["Seattle"]}}, False),
        (b"Seattle", {"partitionKey": ["1"]}, True),
        (b"\xff\xfe", {"data": {"city": [{"exists": False}]}}, False),
        (b"\xff\xfe", {"partitionKey": ["1"]}, True),
    ],
    ids=str,
)
def test_filters_of_streams(data: Any, pattern: Any, is_accepted: bool) -> None:
    """AWS's table for streams: data that is no JSON is dropped by a pattern for data."""
    assert accepts(pattern, record(data), "kinesis") is is_accepted


@pytest.mark.parametrize(("service", "field"), [("kinesis", "data"), ("dynamodb", "dynamodb")])
def test_a_plain_pattern_for_the_data_of_a_stream_is_refused(service: str, field: str) -> None:
    """Whatever the data, the pipe cannot be created or updated."""
    with pytest.raises(InvalidPattern, match=f"pattern of {field}"):
        Filter([{"Pattern": json.dumps({field: ["Seattle"]})}], service)


@pytest.mark.parametrize(
    ("pattern", "body", "is_accepted"),
    [
        ({"body": {"total": [{"numeric": [">", 10]}]}}, {"total": 11}, True),
        ({"body": {"total": [{"numeric": [">", 10]}]}}, {"total": 10}, False),
        ({"body": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"b": 2}, True),
        ({"body": {"a": [{"anything-but": [1]}]}}, {"a": 2}, True),
        ({"body": {"a": [{"anything-but": [1]}]}}, {"a": 1}, False),
        ({"body": {"a": [{"exists": False}]}}, {"b": 2}, True),
        ({"body": {"a": [{"prefix": "x"}]}}, {"a": "xy"}, True),
        ({"body": {"a": [{"suffix": "y"}]}}, {"a": "xy"}, True),
        ({"body": {"a": [{"equals-ignore-case": "XY"}]}}, {"a": "xy"}, True),
        ({"body": {"a": [None]}}, {"a": None}, True),
        ({"body": {"a": ["x"]}}, {"a": ["w", "x"]}, True),
        ({"body": {"a": ["x"]}}, [{"a": "x"}], True),
        ({"body": [{"prefix": "Sea"}]}, "Seattle", True),
        ({"body": ["Seattle"]}, "Portland", False),
        # A text or a number is no JSON that a filter could look into.
        ({"body": ["5"]}, "5", True),
        ({"body": ['"quoted"']}, '"quoted"', True),
    ],
    ids=lambda value: str(value)[:50],
)
def test_operators(pattern: Any, body: Any, is_accepted: bool) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
    assert accepts(pattern, message(body)) is is_accepted


@pytest.mark.parametrize(
    "operator",
    [
        {"wildcard": "S*"},
        {"anything-but": {"prefix": "S"}},
        {"anything-but": {"wildcard": "S*"}},
        {"anything-but": {"equals-ignore-case": "s"}},
    ],
    ids=str,
)
def test_operators_that_pipes_have_not(operator: Any) -> None:
    with pytest.raises(InvalidPattern, match="pipes have no"):
        accepts({"body": {"city": [operator]}}, message(JSON_BODY))


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"a": 1}', '{"a": []}', "{}"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(InvalidPattern):
        Filter([{"Pattern": text}], "sqs")


def test_one_of_several_patterns_is_enough() -> None:
    filters = [{"Pattern": json.dumps({"body": {"n": [n]}})} for n in (1, 2)]
    found = [n for n in range(4) if Filter(filters, "sqs").accepts(message({"n": n}))]
    assert found == [1, 2]
    assert Filter([], "sqs").accepts(message("anything"))


# --- templates ------------------------------------------------------------------------------------

VARIABLES = {
    "aws.pipes.pipe-arn": "arn:aws:pipes:us-east-1:123456789012:pipe/orders",
    "aws.pipes.pipe-name": "orders",
    "aws.pipes.source-arn": "arn:aws:sqs:us-east-1:123456789012:source",
    "aws.pipes.enrichment-arn": "",
    "aws.pipes.target-arn": "arn:aws:sqs:us-east-1:123456789012:target",
    "aws.pipes.event.ingestion-time": "2026-11-23T12:00:00.000Z",
}
BODY = {
    "id": 7,
    "price": 0.25,
    "name": 'Ann "A"',
    "tags": ["x", "y"],
    "items": [{"p": 1.5, "sku": "a/1"}, {"p": 2, "sku": "b/2"}],
    "t": True,
    "nil": None,
    "empty": {},
    "a_b-c/d": "path",
    "hostile": HOSTILE,
}


def fill(template: str, event: Any = None) -> str:
    """The template with this event, or the message with BODY."""
    event = message(BODY) if event is None else event
    check(template)
    return shape(template, event, decoded(event) if isinstance(event, dict) else event, VARIABLES)


JSON_TEMPLATES = [
    ('{"id": <$.body.id>}', {"id": 7}),
    ('{"id": "<$.body.id>"}', {"id": "7"}),
    ('{"price": <$.body.price>}', {"price": 0.25}),
    ('{"name": <$.body.name>}', {"name": 'Ann "A"'}),
    ('{"text": "for <$.body.name>!"}', {"text": 'for Ann "A"!'}),
    ('{"all": <$.body>}', {"all": BODY}),
    ('{"is": <$.body.t>, "no": <$.body.nil>}', {"is": True, "no": None}),
    ('{"tags": <$.body.tags>}', {"tags": ["x", "y"]}),
    ('{"second": <$.body.tags[1]>}', {"second": "y"}),
    ('{"every": <$.body.tags[*]>}', {"every": ["x", "y"]}),
    ('{"prices": <$.body.items[*].p>}', {"prices": [1.5, 2]}),
    ('{"sku": <$.body.items[0].sku>}', {"sku": "a/1"}),
    ('{"path": <$.body.a_b-c/d>}', {"path": "path"}),
    ('{"empty": <$.body.empty>}', {"empty": {}}),
    ('{"hostile": <$.body.hostile>}', {"hostile": HOSTILE}),
    ('{"hostile": "<$.body.hostile>"}', {"hostile": HOSTILE}),
    ('{"sender": <$.attributes.SenderId>}', {"sender": "AIDAIENQZJOLO23YVJ4VO"}),
    ('{"none": <$.body.missing>}', {"none": ""}),
    ('{"none": "<$.body.missing>"}', {"none": ""}),
    ('{"none": "<$.body.tags[9]>"}', {"none": ""}),
    ('{"<$.body.tags[0]>": 1}', {"x": 1}),
    ("[<$.body.id>, 2]", [7, 2]),
    (' \n{"id": <$.body.id>}\n', {"id": 7}),
    ('{"key1": "value1", "static": [1, 2]}', {"key1": "value1", "static": [1, 2]}),
    ('{"by": <aws.pipes.pipe-name>}', {"by": "orders"}),
    ('{"by": "pipe <aws.pipes.pipe-name>"}', {"by": "pipe orders"}),
    ('{"to": <aws.pipes.target-arn>}', {"to": VARIABLES["aws.pipes.target-arn"]}),
    ('{"by": <aws.pipes.enrichment-arn>}', {"by": ""}),
    ('{"at": <aws.pipes.event.ingestion-time>}', {"at": "2026-11-23T12:00:00.000Z"}),
    ('{"e": <aws.pipes.event>}', {"e": message(BODY)}),
    ('{"e": <aws.pipes.event.json>}', {"e": {**message(BODY), "body": BODY}}),
]


@pytest.mark.parametrize(("template", "expected"), JSON_TEMPLATES, ids=lambda v: str(v)[:45])
def test_a_template_of_json_keeps_types_and_escapes(template: str, expected: Any) -> None:
    """The outcome is JSON; paths see into a body that is JSON.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
    """
    assert json.loads(fill(template)) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Hello, sender", "Hello, sender"),
        ("<$.attributes.SenderId>", "AIDAIENQZJOLO23YVJ4VO"),
        ("Hello, <$.attributes.SenderId>", "Hello, AIDAIENQZJOLO23YVJ4VO"),
        ("order <$.body.id> of <$.body.name>", 'order 7 of Ann "A"'),
        ("<$.body.t> <$.body.nil>", "true null"),
        ("<aws.pipes.pipe-name>: <$.body.tags[0]>", "orders: x"),
        ("<b>bold</b> <$.body.id>", "<b>bold</b> 7"),
        ("<$.body.missing>", ""),
        # An object or array loses its quotation marks: wrap it in an object to keep it JSON.
        ("<$.body.items[0]>", "{p:1.5,sku:a/1}"),
        ("<$.body.tags>", "[x,y]"),
    ],
)
def test_a_template_of_text_is_text(template: str, expected: str) -> None:
    """AWS's examples among them."""
    assert fill(template) == expected


@pytest.mark.parametrize(
    ("template", "event", "expected"),
    [
        ('{"b": <$.body>}', message("plain"), {"b": "plain"}),
        ('{"b": <$.body.city>}', message("plain"), {"b": ""}),
        ('{"b": <$.body[1]>}', message([1, 2]), {"b": 2}),
        ('{"d": <$.data.city>}', record(JSON_BODY), {"d": "Seattle"}),
        ('{"d": <$.data>}', record(b"plain"), {"d": "plain"}),
        ('{"d": <$.data>}', record(b"\xff"), {"d": "/w=="}),
        ('{"d": <aws.pipes.event>}', record(JSON_BODY), {"d": record(JSON_BODY)}),
        # What an enrichment has answered with can be anything.
        ('{"n": <$.n>}', {"n": 1}, {"n": 1}),
        ('{"e": <aws.pipes.event>}', "text", {"e": "text"}),
        ('{"e": <$>}', [1, "x"], {"e": [1, "x"]}),
        ('{"e": <$.body.n>}', {"body": {"n": 1}}, {"e": 1}),
        ('{"d": <$.data>}', {"data": "eyJhIjogMX0="}, {"d": "eyJhIjogMX0="}),
    ],
    ids=lambda value: str(value)[:45],
)
def test_what_a_path_sees(template: str, event: Any, expected: Any) -> None:
    """The body of a message and the data of a record are decoded, and no other field."""
    assert json.loads(fill(template, event)) == expected


@pytest.mark.parametrize("name", ["aws.pipes.nothing", "aws.events.rule-name", "aws.", "aws.pipes"])
def test_a_variable_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"no variable <{name}>"):
        check(f'{{"a": <{name}>}}')


@pytest.mark.parametrize(
    "template", ['{"a": <$.body.id> <$.body.id>}', '{"a": }', "[1,", '{"a": <b>}', "{<$.body>: 1}"]
)
def test_a_template_of_json_that_does_not_become_json_fails(template: str) -> None:
    with pytest.raises(InputError, match="does not become JSON"):
        fill(template)


@pytest.mark.parametrize("path", ["$..id", "$.body['id']", "$.body[?(@.id)]", "$.body[-1]"])
def test_a_path_beyond_dot_notation_fails(path: str) -> None:
    """AWS knows dots, indices and [*] only, and looks at paths when an event comes."""
    check(f"<{path}>")
    with pytest.raises(InputError, match="not supported"):
        fill(f"<{path}>")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(ANYTHING)
def test_any_value_comes_through_a_template_as_it_is(value: Any) -> None:
    text = fill('{"v": <$.body.v>, "e": <aws.pipes.event.json>}', message({"v": value}))
    assert json.loads(text) == {"v": value, "e": {**message(""), "body": {"v": value}}}


@given(st.text())
def test_any_text_comes_through_quotation_marks_as_it_is(value: str) -> None:
    assert json.loads(fill('{"v": "a <$.body.v> z"}', message({"v": value}))) == {
        "v": f"a {value} z"
    }


@given(st.text(max_size=60))
def test_any_template_becomes_text_or_is_refused(template: str) -> None:
    with contextlib.suppress(InputError):
        fill(template).encode()


# --- dynamic parameters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$.body.name", 'Ann "A"'),
        ("$.body.id", "7"),
        ("$.body.price", "0.25"),
        ("$.body.t", "true"),
        ("$.body.tags[0]", "x"),
        ("$.body.items[1].sku", "b/2"),
        ("$.messageId", "059f36b4-87a3-44ab-83d2-661975830a7d"),
        ("fixed", "fixed"),
        ("$", "$"),
        ("$5.00", "$5.00"),
        ("to $.body.id", "to $.body.id"),
    ],
)
def test_a_parameter_with_a_path_takes_its_value_from_the_event(value: str, expected: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html"""
    assert dynamic(value, decoded(message(BODY))) == expected


@pytest.mark.parametrize("path", ["$.body.missing", "$.body.nil", "$.body.empty", "$.body.tags"])
def test_a_parameter_without_a_value_fails(path: str) -> None:
    with pytest.raises(InputError, match="no value at"):
        dynamic(path, decoded(message(BODY)))
