"""Rules, their patterns and their targets; each test is named after AWS's rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plugin_http import trace
from raw import RawEvents
from routing import Queue, Routing, refused

from helpers.waiting import nothing_arrives

PATTERN = json.dumps({"source": ["shop"]})

#: The answer when there is no room. (The SDK would try again for seconds.)
FULL = (
    400,
    {
        "__type": "LimitExceededException",
        "message": "The requested resource exceeds the maximum number allowed.",
    },
)


def put_rule(routing: Routing, name: str = "all", **parameters: Any) -> str:
    given = {"EventPattern": PATTERN} | parameters
    rule = {key: value for key, value in given.items() if value is not None}
    return routing.events.put_rule(Name=name, **rule)["RuleArn"]


def targets(routing: Routing, rule: str = "all") -> list[str]:
    return [one["Id"] for one in routing.events.list_targets_by_rule(Rule=rule)["Targets"]]


# --- State ----------------------------------------------------------------------------------------


def test_a_disabled_rule_matches_nothing_from_the_next_event_on(
    routing: Routing, endpoint: str
) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    routing.events.disable_rule(Name="all")
    (lost,) = routing.put()
    routing.events.enable_rule(Name="all")
    (event_id,) = routing.put()
    assert routing.receive(queue)[0]["id"] == event_id
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)
    record = trace(endpoint, routing.account, "rule")[0]
    assert (record["event_id"], record["matched"]) == (lost, False)
    assert record["reason"] == "the rule is DISABLED"


def test_a_rule_can_be_put_disabled(routing: Routing) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    put_rule(routing, State="DISABLED")
    routing.put()
    assert routing.events.describe_rule(Name="all")["State"] == "DISABLED"
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)
    put_rule(routing, State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
    routing.put()
    assert routing.receive(queue)


def test_put_rule_replaces_all_but_targets_and_tags(routing: Routing) -> None:
    queue = routing.queue("orders")
    tags = [{"Key": "team", "Value": "shop"}]
    role = routing.role("any", "sqs:*")
    arn = put_rule(routing, Description="old", RoleArn=role, State="DISABLED", Tags=tags)
    routing.events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": queue.arn}])
    pattern = json.dumps({"source": ["other"]})
    put_rule(routing, EventPattern=pattern, Tags=[{"Key": "new", "Value": "ignored"}])
    told = routing.events.describe_rule(Name="all")
    told.pop("ResponseMetadata")
    assert told == {
        "Name": "all",
        "Arn": arn,
        "EventPattern": pattern,
        "State": "ENABLED",
        "EventBusName": "default",
        "CreatedBy": routing.account,
    }
    assert targets(routing) == ["1"]
    assert routing.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
    routing.put(source="other")
    assert routing.receive(queue)


def test_a_refused_update_leaves_the_rule_as_it_was(routing: Routing) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    with refused("InvalidEventPatternException"):
        put_rule(routing, EventPattern="nope")
    (event_id,) = routing.put()
    assert routing.receive(queue)[0]["id"] == event_id


# --- Patterns: TestEventPattern and rules are one -------------------------------------------------

#: A pattern for the detail, a detail, and whether it matches; where LocalStack's own is wrong.
CASES: list[tuple[Any, Any, bool]] = [
    ({"t": [{"wildcard": "a*b"}]}, {"t": "ab"}, True),
    ({"t": [{"wildcard": "abc*"}]}, {"t": "abc"}, True),
    ({"t": [{"wildcard": "a\\*b"}]}, {"t": "a*b"}, True),
    ({"t": [{"wildcard": "a\\*b"}]}, {"t": "axb"}, False),
    ({"t": [{"wildcard": "a*b"}]}, {"t": "a\nb"}, True),
    ({"t": [{"wildcard": "a*"}]}, {"t": "b\n"}, False),
    ({"l": {"x": [1], "y": [2]}}, {"l": [{"x": 1, "y": 9}, {"x": 8, "y": 2}]}, False),
    ({"l": {"x": [1], "y": [2]}}, {"l": [{"x": 1, "y": 2}, {"x": 8, "y": 9}]}, True),
    ({"l": {"x": [{"exists": False}]}}, {"l": [{"y": 1}, {"x": 1}]}, False),
    ({"t": [True]}, {"t": 1}, False),
    ({"t": [{"numeric": ["=", 1]}]}, {"t": True}, False),
    ({"t": [{"anything-but": 1}]}, {"t": True}, True),
    ({"t": [{"cidr": "10.0.0.5/24"}]}, {"t": "10.0.0.77"}, True),
    ({"t": [{"cidr": "10.0.0.0/24"}]}, {"t": 167772160}, False),
    ({"t": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"t": 5}, False),
    ({"t": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"t": "abc"}, True),
    ({"t": [300]}, {"t": 300.0}, True),
    ({"t": [{"exists": True}]}, {"t": {"u": 1}}, False),
    ({"t": [{"anything-but": ["a", "b"]}]}, {"t": "c"}, True),
    ({"t": [None]}, {"t": None}, True),
    ({"t": [""]}, {}, False),
    ({"$or": [{"t": ["a"]}, {"u": [{"numeric": [">", 5]}]}]}, {"u": 6}, True),
    ({"a.b": ["c"]}, {"a": {"b": "c"}}, True),
]


def test_rules_and_test_event_pattern_agree(routing: Routing, endpoint: str) -> None:
    for number, (pattern, detail, expected) in enumerate(CASES):
        name, text = f"r{number}", json.dumps({"detail": pattern})
        put_rule(routing, name, EventPattern=text)
        (event_id,) = routing.put(detail)
        event = {
            "id": event_id,
            "account": routing.account,
            "source": "shop",
            "time": "2020-01-02T03:04:05Z",
            "region": "us-east-1",
            "detail-type": "order",
            "detail": detail,
        }
        told = routing.events.test_event_pattern(EventPattern=text, Event=json.dumps(event))
        assert told["Result"] is expected, (pattern, detail)
        (record,) = (
            one
            for one in trace(endpoint, routing.account, "rule")
            if (one["event_id"], one["rule"]) == (event_id, name)
        )
        assert record["matched"] is expected, (pattern, detail)


INVALID = [
    "nope",
    "[]",
    "null",
    "{}",
    '{"detail": {}}',
    '{"source": "shop"}',
    '{"source": []}',
    '{"source": [[]]}',
    '{"$or": [{"source": ["a"]}]}',
    '{"source": [{"anything-but": ["a", 1]}]}',
    '{"source": [{"prefix": 5}]}',
    '{"source": [{"numeric": [">", "5"]}]}',
    '{"source": [{"numeric": [">", 5, "<", 5]}]}',
    '{"source": [{"cidr": "10.0.0.0"}]}',
    '{"source": [{"wildcard": "a**b"}]}',
    '{"source": [{"exists": "true"}]}',
    '{"source": [{"regex": "a"}]}',
    json.dumps({"source": ["x" * 2048]}),
]


@pytest.mark.parametrize("pattern", INVALID, ids=lambda pattern: pattern[:40])
def test_an_invalid_pattern_is_refused_by_put_rule_and_test_event_pattern(
    routing: Routing, pattern: str
) -> None:
    message = "Event pattern is not valid"
    with refused("InvalidEventPatternException", match=message):
        put_rule(routing, EventPattern=pattern)
    assert routing.events.list_rules()["Rules"] == []
    event = {"id": "1", "account": "1", "source": "a", "time": "t", "region": "r"}
    with refused("InvalidEventPatternException", match=message):
        routing.events.test_event_pattern(
            EventPattern=pattern, Event=json.dumps(event | {"detail-type": "d"})
        )


@pytest.mark.parametrize("event", ["nope", "[]", "{}", '{"id": "1"}', '{"a":' * 5000])
def test_test_event_pattern_wants_a_whole_event(routing: Routing, event: str) -> None:
    with refused("ValidationException", match="Parameter Event is not valid"):
        routing.events.test_event_pattern(EventPattern=PATTERN, Event=event)


# --- PutRule --------------------------------------------------------------------------------------


def test_a_rule_needs_a_pattern_or_a_schedule(routing: Routing) -> None:
    with refused("ValidationException", match="EventPattern or ScheduleExpression must be"):
        put_rule(routing, EventPattern=None)


@pytest.mark.parametrize("name", ["a b", "a/c", "ä", "x" * 65, "a\n"])
def test_names_of_rules_are_validated(endpoint: str, account: str, name: str) -> None:
    status, told = RawEvents(endpoint, account).call("PutRule", Name=name, EventPattern=PATTERN)
    assert (status, told["__type"]) == (400, "ValidationException")
    assert told["message"].startswith("1 validation error detected: Value '")
    assert "' at 'name' failed to satisfy constraint: Member must" in told["message"]


def test_a_bus_can_be_given_as_arn(routing: Routing) -> None:
    bus = routing.events.create_event_bus(Name="shop")["EventBusArn"]
    arn = put_rule(routing, EventBusName=bus)
    assert arn == routing.arn("events", "rule/shop/all")
    (rule,) = routing.events.list_rules(EventBusName=bus)["Rules"]
    assert rule["Arn"] == arn


@pytest.mark.parametrize("bus", ["missing", "arn:aws:events:us-east-1:{}:event-bus/missing"])
def test_a_bus_must_exist(routing: Routing, bus: str) -> None:
    with refused("ResourceNotFoundException", match="Event bus missing does not exist"):
        put_rule(routing, EventBusName=bus.format(routing.account))


def test_rules_of_another_account_cannot_be_touched(routing: Routing) -> None:
    bus = f"arn:aws:events:us-east-1:{10**12 - 1}:event-bus/default"
    with refused("AccessDeniedException", match=f"events:PutRule on resource: {bus}"):
        put_rule(routing, EventBusName=bus)


def test_a_bus_has_300_rules_at_most(endpoint: str, routing: Routing) -> None:
    raw = RawEvents(endpoint, routing.account)
    for number in range(300):
        assert raw.call("PutRule", Name=f"r{number}", EventPattern=PATTERN)[0] == 200
    assert raw.call("PutRule", Name="r300", EventPattern=PATTERN) == FULL
    put_rule(routing, "r299", Description="an update needs no room")


def test_a_bus_has_30_rules_with_wildcards_at_most(endpoint: str, routing: Routing) -> None:
    pattern = json.dumps({"source": [{"wildcard": "shop.*"}]})
    for number in range(30):
        put_rule(routing, f"r{number}", EventPattern=pattern)
    raw = RawEvents(endpoint, routing.account)
    assert raw.call("PutRule", Name="r30", EventPattern=pattern) == FULL
    put_rule(routing, "r30")
    put_rule(routing, "r29", EventPattern=pattern, Description="an update needs no room")


def test_a_rule_with_targets_cannot_be_deleted(routing: Routing) -> None:
    routing.rule({"Arn": routing.queue("orders").arn})
    for force in (False, True):
        with refused("ValidationException", match="Rule can't be deleted since it has targets"):
            routing.events.delete_rule(Name="all", Force=force)
    routing.events.remove_targets(Rule="all", Ids=["1"])
    routing.events.delete_rule(Name="all")
    with refused("ResourceNotFoundException", match="Rule all does not exist on EventBus default"):
        routing.events.describe_rule(Name="all")


def test_deleting_a_rule_twice_succeeds(routing: Routing) -> None:
    put_rule(routing)
    routing.events.delete_rule(Name="all")
    routing.events.delete_rule(Name="all")
    with refused("ResourceNotFoundException"):
        routing.events.delete_rule(Name="all", EventBusName="missing")


def test_rules_are_listed_by_prefix_and_in_pages(routing: Routing) -> None:
    for name in ("a1", "b1", "b2", "b3"):
        put_rule(routing, name)
    first = routing.events.list_rules(NamePrefix="b", Limit=2)
    rest = routing.events.list_rules(NamePrefix="b", NextToken=first["NextToken"])
    names = [rule["Name"] for page in (first, rest) for rule in page["Rules"]]
    assert names == ["b1", "b2", "b3"]
    assert "NextToken" not in rest
    with refused("ValidationException", match="NextToken"):
        routing.events.list_rules(NextToken="nothing")


def test_rules_are_found_by_target(routing: Routing) -> None:
    queue = routing.queue("orders")
    for name in ("a", "b"):
        routing.rule({"Arn": queue.arn}, name=name)
    put_rule(routing, "c")
    first = routing.events.list_rule_names_by_target(TargetArn=queue.arn, Limit=1)
    assert first["RuleNames"] == ["a"]
    rest = {"TargetArn": queue.arn, "NextToken": first["NextToken"]}
    assert routing.events.list_rule_names_by_target(**rest)["RuleNames"] == ["b"]


# --- Targets --------------------------------------------------------------------------------------


@pytest.fixture
def queue(routing: Routing) -> Queue:
    """A queue, and the rule "all" without targets."""
    put_rule(routing)
    return routing.queue("orders")


def put_targets(routing: Routing, *entries: dict[str, Any]) -> None:
    told = routing.events.put_targets(Rule="all", Targets=list(entries))
    assert (told["FailedEntryCount"], told["FailedEntries"]) == (0, [])


def test_a_rule_has_five_targets_at_most_and_the_sixth_stores_nothing(
    routing: Routing, queue: Queue, endpoint: str
) -> None:
    six = [{"Id": str(number), "Arn": queue.arn} for number in range(6)]
    raw = RawEvents(endpoint, routing.account)
    assert raw.call("PutTargets", Rule="all", Targets=six) == FULL
    assert targets(routing) == []
    put_targets(routing, *six[:4])
    assert raw.call("PutTargets", Rule="all", Targets=six[4:]) == FULL
    assert targets(routing) == ["0", "1", "2", "3"]
    put_targets(routing, *six[3:5])
    assert targets(routing) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("target_id", ["!@#", "x" * 65, ""])
def test_ids_of_targets_are_validated_before_anything_is_stored(
    routing: Routing, queue: Queue, endpoint: str, target_id: str
) -> None:
    entries = [{"Id": "good", "Arn": queue.arn}, {"Id": target_id, "Arn": queue.arn}]
    raw = RawEvents(endpoint, routing.account)
    status, told = raw.call("PutTargets", Rule="all", Targets=entries)
    assert (status, told["__type"]) == (400, "ValidationException")
    assert f"Value '{target_id}' at 'targets.2.member.id' failed to satisfy" in told["message"]
    assert targets(routing) == []


@pytest.mark.parametrize(
    "arn",
    [
        "nothing",
        "arn:aws:sqs",
        "arn:aws:sqs:us-east-1:123:queue",
        # Of targets, only buses can be in another region.
        "arn:aws:sqs:eu-west-1:{account}:orders",
        "arn:aws:lambda:eu-west-1:{account}:function:ship",
    ],
)
def test_a_malformed_arn_is_refused(routing: Routing, queue: Queue, arn: str) -> None:
    arn = arn.format(account=routing.account)
    message = f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
    with refused("ValidationException", match=message):
        put_targets(routing, {"Id": "1", "Arn": arn})


@pytest.mark.parametrize("service", ["ecs", "codebuild", "nothing", "events"])
def test_what_cannot_be_called_is_refused(routing: Routing, queue: Queue, service: str) -> None:
    with refused("ValidationException", match="not emulated"):
        put_targets(routing, {"Id": "1", "Arn": routing.arn(service, "thing/x")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EcsParameters", {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:1:task-definition/x"}),
        ("BatchParameters", {"JobDefinition": "a", "JobName": "b"}),
        ("AppSyncParameters", {}),
    ],
)
def test_parameters_that_are_not_emulated_are_refused_by_name(
    routing: Routing, queue: Queue, name: str, value: Any
) -> None:
    with refused("ValidationException", match=f"Parameter {name} is not valid"):
        put_targets(routing, {"Id": "1", "Arn": queue.arn, name: value})


def test_parameters_belong_to_a_kind_of_target(routing: Routing, queue: Queue) -> None:
    kinesis = {"KinesisParameters": {"PartitionKeyPath": "$.id"}}
    with refused("ValidationException", match="KinesisParameters"):
        put_targets(routing, {"Id": "1", "Arn": queue.arn, **kinesis})


def test_a_fifo_queue_needs_a_message_group(routing: Routing, queue: Queue) -> None:
    fifo = {"Id": "1", "Arn": f"{queue.arn}.fifo"}
    message = r"Parameter\(s\) SqsParameters must be specified for target: 1"
    with refused("ValidationException", match=message):
        put_targets(routing, fifo)
    put_targets(routing, fifo | {"SqsParameters": {"MessageGroupId": "one"}})


@pytest.mark.parametrize(
    "resource",
    ["states:stateMachine:ship", "kinesis:stream/s", "firehose:deliverystream/d"],
)
def test_targets_that_are_called_by_role_need_one(
    routing: Routing, queue: Queue, resource: str
) -> None:
    arn = routing.arn(*resource.split(":", 1))
    with refused("ValidationException", match=f"RoleArn is required for target {arn}"):
        put_targets(routing, {"Id": "1", "Arn": arn})
    with refused("ValidationException", match="Provided Arn is not in correct format"):
        put_targets(routing, {"Id": "1", "Arn": arn, "RoleArn": "role"})


@pytest.mark.parametrize(
    "inputs",
    [
        {"Input": "{}", "InputPath": "$.detail"},
        {"InputPath": "$.detail", "InputTransformer": {"InputTemplate": '"a"'}},
    ],
)
def test_one_kind_of_input_only(routing: Routing, queue: Queue, inputs: Any) -> None:
    message = "Only one of Input, InputPath, or InputTransformer must be provided for target 1"
    with refused("ValidationException", match=message):
        put_targets(routing, {"Id": "1", "Arn": queue.arn, **inputs})


def test_an_unknown_placeholder_is_refused(routing: Routing, queue: Queue) -> None:
    transformer = {"InputTemplate": '"<total>"', "InputPathsMap": {"sum": "$.detail.sum"}}
    with refused("ValidationException", match="invalid placeholder total"):
        put_targets(routing, {"Id": "1", "Arn": queue.arn, "InputTransformer": transformer})


def test_a_bus_takes_events_as_they_are_and_never_its_own(routing: Routing, queue: Queue) -> None:
    bus = {"Id": "1", "Arn": routing.arn("events", "event-bus/other")}
    with refused("ValidationException", match="Modifying the input for target 1 is not supported"):
        put_targets(routing, bus | {"InputPath": "$.detail"})
    put_targets(routing, bus)
    with refused("ValidationException", match="its own rule"):
        put_targets(routing, bus | {"Arn": routing.arn("events", "event-bus/default")})


@pytest.mark.parametrize("arn", ["arn:aws:sqs:us-east-1:{}:d.fifo", "arn:aws:sns:us-east-1:{}:d"])
def test_a_dead_letter_queue_is_a_standard_queue(routing: Routing, queue: Queue, arn: str) -> None:
    letters = {"DeadLetterConfig": {"Arn": arn.format(routing.account)}}
    with refused("ValidationException", match="DeadLetterConfig"):
        put_targets(routing, {"Id": "1", "Arn": queue.arn, **letters})


@pytest.mark.parametrize(
    "policy",
    [
        {"MaximumRetryAttempts": 186},
        {"MaximumRetryAttempts": -1},
        {"MaximumEventAgeInSeconds": 59},
        {"MaximumEventAgeInSeconds": 86_401},
    ],
)
def test_retry_policies_have_limits(
    routing: Routing, queue: Queue, endpoint: str, policy: Any
) -> None:
    target = {"Id": "1", "Arn": queue.arn, "RetryPolicy": policy}
    raw = RawEvents(endpoint, routing.account)
    status, told = raw.call("PutTargets", Rule="all", Targets=[target])
    assert (status, told["__type"]) == (400, "ValidationException")
    ((name, value),) = policy.items()
    path = f"targets.1.member.retryPolicy.{name[0].lower()}{name[1:]}"
    assert f"Value '{value}' at '{path}'" in told["message"]


def test_targets_are_returned_as_they_were_put(routing: Routing, queue: Queue) -> None:
    target = {
        "Id": "1",
        "Arn": queue.arn,
        "InputTransformer": {"InputPathsMap": {"t": "$.time"}, "InputTemplate": '"at <t>"'},
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": f"{queue.arn}-dead"},
    }
    put_targets(routing, target)
    assert routing.events.list_targets_by_rule(Rule="all")["Targets"] == [target]


def test_removing_an_unknown_target_fails_alone(routing: Routing, queue: Queue) -> None:
    put_targets(routing, {"Id": "1", "Arn": queue.arn})
    told = routing.events.remove_targets(Rule="all", Ids=["2", "1"])
    assert told["FailedEntryCount"] == 1
    assert told["FailedEntries"] == [
        {
            "TargetId": "2",
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": "Rule 'all' does not have a target with the Id '2'.",
        }
    ]
    assert targets(routing) == []
    routing.put()
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)


def test_targets_need_a_rule(routing: Routing) -> None:
    target = {"Id": "1", "Arn": routing.arn("sqs", "orders")}
    with refused("ResourceNotFoundException", match="Rule all does not exist on EventBus default"):
        routing.events.put_targets(Rule="all", Targets=[target])


# --- Tags -----------------------------------------------------------------------------------------


def test_rules_and_buses_have_tags(routing: Routing) -> None:
    events = routing.events
    bus = events.create_event_bus(Name="shop", Tags=[{"Key": "a", "Value": "1"}])["EventBusArn"]
    for arn in (bus, put_rule(routing, EventBusName="shop", Tags=[{"Key": "a", "Value": "1"}])):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
        events.untag_resource(ResourceARN=arn, TagKeys=["a"])
        told = events.list_tags_for_resource(ResourceARN=arn)["Tags"]
        assert told == [{"Key": "b", "Value": "2"}]


def test_tags_go_with_their_rule(routing: Routing) -> None:
    arn = put_rule(routing, Tags=[{"Key": "a", "Value": "1"}])
    routing.events.delete_rule(Name="all")
    with refused("ResourceNotFoundException"):
        routing.events.list_tags_for_resource(ResourceARN=arn)
    put_rule(routing)
    assert routing.events.list_tags_for_resource(ResourceARN=arn)["Tags"] == []


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": f"k{number}", "Value": ""} for number in range(51)],
        [{"Key": "aws:cloudformation:stack-name", "Value": ""}],
    ],
    ids=["twice", "too many", "reserved"],
)
def test_bad_tags_are_refused(routing: Routing, tags: Any) -> None:
    arn = put_rule(routing)
    with refused("ValidationException"):
        routing.events.tag_resource(ResourceARN=arn, Tags=tags)
    with refused("ValidationException"):
        put_rule(routing, "other", Tags=tags)
    assert len(routing.events.list_rules()["Rules"]) == 1
