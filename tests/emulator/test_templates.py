"""Input, InputPath and InputTransformer: AWS's documented examples, answers of AWS, and traps.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.delivery.templates import TemplateError, shape, validate_target_input

VARIABLES = {
    "aws.events.rule-arn": "arn:aws:events:us-east-2:123456789012:rule/example",
    "aws.events.rule-name": "example",
    "aws.events.event.ingestion-time": "2026-11-23T12:00:00Z",
}
HOSTILE = 'say "hi"\n\\o/ \t\x01 ü \U0001f600'
# The event of AWS's examples, and more in its detail.
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {
        "instance-id": "i-0123456789",
        "state": "RUNNING",
        "count": 5,
        "price": 0.25,
        "zero": 0,
        "no": False,
        "nil": None,
        "empty": {},
        "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}],
        "nested": {"quote": 'a "b" \\', "list": [1, "x\ny"]},
        "a_b/c": "path",
        "hostile": HOSTILE,
    },
}
PATHS = {
    "timestamp": "$.time",
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "resource": "$.resources[0]",
}


def transformed(template: str, **paths: str) -> str:
    transformer = {"InputTemplate": template, "InputPathsMap": paths or PATHS}
    target = {"Id": "1", "Arn": "x", "InputTransformer": transformer}
    validate_target_input(target)
    return shape(target, EVENT, VARIABLES)


# --- The event, Input, InputPath ------------------------------------------------------------------


def test_without_any_input_the_whole_event_is_delivered() -> None:
    text = shape({"Id": "1"}, EVENT, VARIABLES)
    assert json.loads(text) == EVENT
    assert text.startswith('{"version":"0","id":')


@pytest.mark.parametrize("text", ['{"a": 1}', "{}", "[]", '"x"', "0", "false", "null", " {}\n"])
def test_input_is_delivered_as_it_is(text: str) -> None:
    target = {"Id": "1", "Input": text}
    validate_target_input(target)
    assert shape(target, EVENT, VARIABLES) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", EVENT),
        ("$.detail", EVENT["detail"]),
        ("$.detail.state", "RUNNING"),
        ("$.detail.instance-id", "i-0123456789"),
        ("$.detail.a_b/c", "path"),
        ("$.detail.zero", 0),
        ("$.detail.no", False),
        ("$.detail.nil", None),
        ("$.detail.empty", {}),
        ("$.resources[0]", EVENT["resources"][0]),
        ("$.detail.items[1].sku", "b"),
        ("$.detail.items[*]", EVENT["detail"]["items"]),
        ("$.detail.items[*].n", [1, 2]),
        ("$.detail.items[0].*", ["a", 1]),
        ("$.detail.nested.list[*]", [1, "x\ny"]),
        ("$.detail.state[*]", []),
    ],
)
def test_input_path_delivers_what_it_leads_to(path: str, value: Any) -> None:
    target = {"Id": "1", "InputPath": path}
    validate_target_input(target)
    assert json.loads(shape(target, EVENT, VARIABLES)) == value


@pytest.mark.parametrize(
    "path",
    [
        "$.detail.nothing",
        "$.detail.nothing.more",
        "$.detail.state.more",
        "$.detail.items.sku",
        "$.detail.items[2]",
        "$.detail[0]",
        # Not looked at by PutTargets, and no path to anything in AWS's subset of JSON path.
        "",
        "detail",
        "$detail",
        "$.",
        "$..state",
        "$['detail']",
        "$.detail.items[-1]",
        "$.detail.items[?(@.n>1)]",
        "$.detail.items[0:1]",
    ],
)
def test_a_path_to_nothing_gives_the_empty_text(path: str) -> None:
    target = {"Id": "1", "InputPath": path}
    validate_target_input(target)
    assert shape(target, EVENT, VARIABLES) == '""'
    assert transformed('{"a": <v>, "b": "is <v>."}', v=path) == '{"a": "", "b": "is ."}'
    assert transformed('"is <v>."', v=path) == '"is ."'


# --- InputTransformer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "output"),
    [
        # AWS's table of examples.
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        (
            r'"instance \"<instance>\" is in <state>"',
            r'"instance \"i-0123456789\" is in RUNNING"',
        ),
        (
            '{\n  "instance" : <instance>,\n  "state": <state>\n}',
            '{\n  "instance" : "i-0123456789",\n  "state": "RUNNING"\n}',
        ),
        (
            '{"instance" : <instance>, "state": "<state>", '
            r'"instanceStatus": "instance \"<instance>\" is in <state>"}',
            '{"instance" : "i-0123456789", "state": "RUNNING", '
            r'"instanceStatus": "instance \"i-0123456789\" is in RUNNING"}',
        ),
        (
            '{"instance" : <instance>, "state": [9, <state>, true], "Transformed" : "Yes"}',
            '{"instance" : "i-0123456789", "state": [9, "RUNNING", true], "Transformed" : "Yes"}',
        ),
        (
            '{"ruleArn" : <aws.events.rule-arn>, "ruleName" : <aws.events.rule-name>}',
            f'{{"ruleArn" : "{VARIABLES["aws.events.rule-arn"]}", "ruleName" : "example"}}',
        ),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        (
            r'{"timestamp" : <timestamp>, "message": "instance \"<instance>\" is in <state>"}',
            '{"timestamp" : "2015-11-11T21:29:54Z", '
            r'"message": "instance \"i-0123456789\" is in RUNNING"}',
        ),
        # As the template of the tutorial on input transformers.
        ('"The instance <instance> changed."', '"The instance i-0123456789 changed."'),
        # Recorded from AWS.
        ('"{[/Check: <state>"', '"{[/Check: RUNNING"'),
        # Several lines of text; the line end that separates the records of a stream.
        ('"first <state>"\n"second <state>"', '"first RUNNING"\n"second RUNNING"'),
        ('{"state": <state>}\n', '{"state": "RUNNING"}\n'),
        ('{"static": true}', '{"static": true}'),
        ('"at <aws.events.event.ingestion-time>"', '"at 2026-11-23T12:00:00Z"'),
        ("[<state>, <instance>]", '["RUNNING", "i-0123456789"]'),
        ('{"nothing special": "5 > 4 and 3 < 4"}', '{"nothing special": "5 > 4 and 3 < 4"}'),
    ],
)  # fmt: skip
def test_a_template_is_filled_as_documented(template: str, output: str) -> None:
    assert transformed(template) == output


@pytest.mark.parametrize("name", EVENT["detail"])
def test_an_unquoted_placeholder_keeps_the_type_of_its_value(name: str) -> None:
    text = transformed('{"value": <v>, "more": [<v>]}', v=f"$.detail.{name}")
    value = EVENT["detail"][name]
    assert json.loads(text) == {"value": value, "more": [value]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("state", "RUNNING"),
        ("count", "5"),
        ("price", "0.25"),
        ("zero", "0"),
        ("no", "false"),
        ("nil", "null"),
        ("hostile", HOSTILE),
        # Objects and arrays lose their quotation marks within text.
        ("empty", "{}"),
        ("items", "[{sku:a,n:1},{sku:b,n:2}]"),
        ("nested", "{quote:a b \\,list:[1,x\ny]}"),
    ],
)
def test_a_quoted_placeholder_becomes_text(name: str, text: str) -> None:
    path = f"$.detail.{name}"
    assert json.loads(transformed('{"a": "<v>", "b": "is <v>."}', v=path)) == {
        "a": text,
        "b": f"is {text}.",
    }
    assert json.loads(transformed('"is <v>."', v=path)) == f"is {text}."


def test_the_event_is_a_value_with_and_without_its_detail() -> None:
    """Recorded from AWS: detail-type is spelt detailType in the one without detail."""
    filled = json.loads(transformed('{"all": <aws.events.event.json>, "rest": <aws.events.event>}'))
    assert filled["all"] == EVENT
    rest = {key: value for key, value in EVENT.items() if key not in {"detail", "detail-type"}}
    assert filled["rest"] == rest | {"detailType": EVENT["detail-type"]}


def test_a_bare_variable_is_text_even_if_it_holds_an_object() -> None:
    assert transformed("<state>") == '"RUNNING"'
    assert transformed("<v>", v="$.detail.count") == "5"
    assert transformed("<v>", v="$.detail.items") == '"[{sku:a,n:1},{sku:b,n:2}]"'


def test_half_a_surrogate_pair_can_be_sent() -> None:
    event = {"detail": {"v": "\ud800!"}}
    assert shape({}, event, VARIABLES) == '{"detail":{"v":"?!"}}'


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text(alphabet='"\\\n<v>{}:,', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES)
def test_a_json_template_gives_json_whatever_the_event_holds(value: Any) -> None:
    transformer = {
        "InputTemplate": '{"bare": <v>, "quoted": "is <v>.", "list": ["<v>", <v>], '
        r'"both": "\"<v>\\", "event": <aws.events.event.json>, "meta": "<aws.events.event>"}',
        "InputPathsMap": {"v": "$.detail.v"},
    }
    event = {"source": "s", "detail": {"v": value}}
    filled = json.loads(shape({"InputTransformer": transformer}, event, VARIABLES))
    sent = json.loads(shape({"Input": json.dumps(value, ensure_ascii=False)}, event, VARIABLES))
    assert filled["bare"] == filled["list"][1] == filled["event"]["detail"]["v"] == sent
    if isinstance(value, str):
        assert filled["quoted"] == f"is {sent}."
        assert filled["both"] == f'"{sent}\\'


@given(value=VALUES, between=st.sampled_from(["", " ", "\n", r"\"", r"\\", "x"]))
def test_a_text_template_gives_a_json_string_whatever_the_event_holds(
    value: Any, between: str
) -> None:
    template = f'"{between}<v>{between}<v>"'
    transformer = {"InputTemplate": template, "InputPathsMap": {"v": "$.detail.v"}}
    text = shape({"InputTransformer": transformer}, {"detail": {"v": value}}, VARIABLES)
    assert isinstance(json.loads(text, strict=between != "\n"), str)


# --- What PutTargets refuses ----------------------------------------------------------------------


def refusal(**target: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        validate_target_input({"Id": "t1", **target})
    return str(caught.value)


def transformer(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTemplate": template, "InputPathsMap": paths}


@pytest.mark.parametrize(
    "inputs",
    [
        {"Input": "{}", "InputPath": "$"},
        {"Input": "{}", "InputTransformer": transformer('"x"')},
        {"InputPath": "$.detail", "InputTransformer": transformer('"x"')},
        {"Input": "{}", "InputPath": "$", "InputTransformer": transformer('"x"')},
    ],
)
def test_input_input_path_and_input_transformer_exclude_each_other(inputs: dict[str, Any]) -> None:
    assert refusal(**inputs) == (
        "Only one of Input, InputPath, or InputTransformer must be provided for target t1."
    )


@pytest.mark.parametrize("text", ["", "env:dev", "{'a': 1}", '{"a": 1} x', "NaN", "[" * 8000])
def test_input_must_be_json(text: str) -> None:
    message = refusal(Input=text)
    assert message.startswith(
        f'JSON syntax error in input for target t1: [Source: (String)"{text}"; line: 1, column: '
    )


def test_a_placeholder_must_be_defined() -> None:
    template = '"Event of <detail-type> type, with not defined key <notdefinedkey>"'
    given = transformer(template, **{"detail-type": "$.detail-type"})
    assert refusal(InputTransformer=given) == (
        "InputTemplate for target t1 contains invalid placeholder notdefinedkey."
    )


@pytest.mark.parametrize("name", ["", "b", "aws.events.rule", "$.detail.state", " v "])
def test_the_characters_of_placeholders_cannot_be_escaped(name: str) -> None:
    assert refusal(InputTransformer=transformer(f'{{"a": "<{name}>"}}', v="$.id")) == (
        f"InputTemplate for target t1 contains invalid placeholder {name}."
    )


@pytest.mark.parametrize(
    "template",
    [
        "instance <v> is in",
        "{<v>: 1}",
        '{"<v>": 1}',
        '{"a": {"x <v>" : 1}}',
        '{"a": <v>',
        '{"a": <v> <v>}',
        '{"a": <v>,}',
        '{"a": "<v>}',
        '{"a": NaN}',
        r'"a\<v>"',
        '"over\ntwo lines"',
        '"<v>""<v>"',
        "<v><v>",
        "[" * 8000,
        " ",
    ],
)
def test_a_template_must_be_json_without_a_placeholder_as_key(template: str) -> None:
    message = refusal(InputTransformer=transformer(template, v="$.id"))
    assert message.startswith("Invalid InputTemplate for target t1 : [Source: (String)")


MEMBER = "targets.1.member"


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ({"Input": f'"{"x" * 8191}"'}, "input"),
        ({"InputPath": "$." + "x" * 255}, "inputPath"),
        ({"InputTransformer": transformer(f'"{"x" * 8191}"')}, "inputTransformer.inputTemplate"),
        (
            {"InputTransformer": transformer('"x"', **{f"v{n}": "$" for n in range(101)})},
            "inputTransformer.inputPathsMap",
        ),
        (
            {"InputTransformer": transformer('"x"', v="$." + "x" * 255)},
            "inputTransformer.inputPathsMap.v.member",
        ),
    ],
)
def test_lengths_are_limited(target: dict[str, Any], place: str) -> None:
    assert (
        f"' at '{MEMBER}.{place}' failed to satisfy constraint: Member must have length less"
        in (refusal(**target))
    )


def test_what_is_just_within_the_limits_is_taken() -> None:
    validate_target_input({"Id": "1", "Input": f'"{"x" * 8190}"'})
    validate_target_input({"Id": "1", "InputPath": "$." + "x" * 254})
    paths = {f"v{n}": "$." + "x" * 254 for n in range(100)}
    validate_target_input({"Id": "1", "InputTransformer": transformer(f'"{"x" * 8190}"', **paths)})


@pytest.mark.parametrize("name", ["aws.events.rule-name", "AWS.x", "a b", "", "ü", "x" * 257])
def test_names_of_variables_have_no_dots_so_predefined_ones_stay(name: str) -> None:
    assert refusal(InputTransformer=transformer('"x"', **{name: "$"})).endswith(
        r"Member must satisfy regular expression pattern: [A-Za-z0-9\_\-]+]"
    )


@pytest.mark.parametrize("given", [{}, {"InputTemplate": ""}])
def test_a_transformer_needs_a_template(given: dict[str, str]) -> None:
    assert f"at '{MEMBER}.inputTransformer.inputTemplate'" in refusal(InputTransformer=given)


def test_the_message_says_which_target_of_the_call_is_meant() -> None:
    with pytest.raises(TemplateError, match="at 'targets.3.member.inputPath'"):
        validate_target_input({"Id": "1", "InputPath": "x" * 257}, position=3)


def test_hostile_templates_and_paths_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    for text in ("<" * 8192, "\\" * 8192, '"' * 8192, "<v" * 4096):
        refusal(InputTransformer=transformer(text, v="$.id"))
    shape({"InputPath": "$" + ".a" * 100 + "[" * 50}, EVENT, VARIABLES)
    assert time.perf_counter() - started < 1
