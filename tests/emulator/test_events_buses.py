"""Event buses, their settings and policies; each test is named after AWS's rule."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from plugin_http import trace
from raw import RawEvents
from routing import Clients, Queue, Routing, refused

from helpers import emulator, lab
from helpers.waiting import nothing_arrives

SETTINGS = {
    "Description": "for the shop",
    "KmsKeyIdentifier": "alias/shop",
    "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:111122223333:dead"},
    "LogConfig": {"IncludeDetail": "FULL", "Level": "INFO"},
}


@pytest.fixture
def other(client: Clients, localstack: emulator.Endpoint) -> Any:
    """Another account."""
    account = str(random.randrange(2 * 10**11, 10**12))
    yield Routing(client, account)
    lab.reset(localstack, account)


def without_metadata(answer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k not in {"ResponseMetadata", *names}}


# --- Buses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "a/b c", "x" * 257, "", "ä"])
def test_names_of_buses_are_validated(endpoint: str, account: str, name: str) -> None:
    status, told = RawEvents(endpoint, account).call("CreateEventBus", Name=name)
    assert (status, told["__type"]) == (400, "ValidationException")
    assert "at 'name' failed to satisfy constraint" in told["message"]


def test_only_partner_buses_have_a_slash_in_their_name(routing: Routing) -> None:
    with refused("ValidationException", match="must not contain '/'"):
        routing.events.create_event_bus(Name="a/b")
    source = "aws.partner/example.com/shop"
    with refused("ResourceNotFoundException", match=f"Event source {source} does not exist"):
        routing.events.create_event_bus(Name=source, EventSourceName=source)


def test_a_name_is_used_once(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    for name in ("shop", "default"):
        with refused("ResourceAlreadyExistsException", match=f"Event bus {name} already exists"):
            routing.events.create_event_bus(Name=name)


def test_settings_of_a_bus_are_kept_and_told(routing: Routing) -> None:
    created = routing.events.create_event_bus(Name="shop", **SETTINGS)
    arn = routing.arn("events", "event-bus/shop")
    assert without_metadata(created) == {"EventBusArn": arn, **SETTINGS}
    told = routing.events.describe_event_bus(Name=arn)
    assert told["CreationTime"] == told["LastModifiedTime"]
    times = ("CreationTime", "LastModifiedTime")
    assert without_metadata(told, *times) == {"Name": "shop", "Arn": arn, **SETTINGS}


def test_update_event_bus_changes_what_it_names(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop", **SETTINGS)
    logs = {"IncludeDetail": "NONE", "Level": "OFF"}
    told = routing.events.update_event_bus(Name="shop", Description="new", LogConfig=logs)
    expected = SETTINGS | {"Description": "new", "LogConfig": logs}
    arn = routing.arn("events", "event-bus/shop")
    assert without_metadata(told) == {"Arn": arn, "Name": "shop", **expected}
    described = routing.events.describe_event_bus(Name="shop")
    assert described.items() >= expected.items()
    assert described["LastModifiedTime"] > described["CreationTime"]


def test_the_default_bus_can_be_updated_and_not_deleted(routing: Routing) -> None:
    assert routing.events.update_event_bus(Description="mine")["Name"] == "default"
    assert routing.events.describe_event_bus()["Description"] == "mine"
    with refused("ValidationException", match="Cannot delete event bus default"):
        routing.events.delete_event_bus(Name="default")


def test_a_bus_with_rules_cannot_be_deleted(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    routing.events.put_rule(Name="all", EventBusName="shop", EventPattern='{"source": ["shop"]}')
    with refused("ValidationException", match="EventBus can't be deleted since it has rules"):
        routing.events.delete_event_bus(Name="shop")
    routing.events.delete_rule(Name="all", EventBusName="shop")
    routing.events.delete_event_bus(Name="shop")
    routing.events.delete_event_bus(Name="shop")
    with refused("ResourceNotFoundException", match="Event bus shop does not exist"):
        routing.events.describe_event_bus(Name="shop")


def test_buses_are_listed_by_prefix_and_in_pages(routing: Routing) -> None:
    for name in ("a1", "b1", "b2"):
        routing.events.create_event_bus(Name=name)
    first = routing.events.list_event_buses(NamePrefix="b", Limit=1)
    rest = routing.events.list_event_buses(NamePrefix="b", NextToken=first["NextToken"])
    assert [bus["Name"] for bus in first["EventBuses"] + rest["EventBuses"]] == ["b1", "b2"]
    everything = routing.events.list_event_buses()["EventBuses"]
    assert {bus["Name"] for bus in everything} == {"default", "a1", "b1", "b2"}


def test_an_account_has_100_buses_of_its_own_at_most(endpoint: str, account: str) -> None:
    raw = RawEvents(endpoint, account)
    for number in range(100):
        assert raw.call("CreateEventBus", Name=f"b{number}")[0] == 200
    status, told = raw.call("CreateEventBus", Name="b100")
    assert (status, told["__type"]) == (400, "LimitExceededException")


# --- Policies -------------------------------------------------------------------------------------


def policy(routing: Routing, bus: str = "default") -> Any:
    text = routing.events.describe_event_bus(Name=bus).get("Policy")
    return json.loads(text) if text else None


def permit(routing: Routing, principal: str, sid: str = "one", **more: Any) -> None:
    routing.events.put_permission(
        Action="events:PutEvents", Principal=principal, StatementId=sid, **more
    )


def statement(routing: Routing, **more: Any) -> dict[str, Any]:
    return {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "events:PutEvents",
        "Resource": routing.arn("events", "event-bus/default"),
    } | more


def put_policy(routing: Routing, *statements: dict[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": statements}
    routing.events.put_permission(Policy=json.dumps(document))


def test_put_permission_adds_a_statement_to_the_policy(routing: Routing) -> None:
    assert policy(routing) is None
    permit(routing, "111122223333")
    permit(routing, "*", "two")
    organization = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    permit(routing, "*", "three", Condition=organization)
    principal = {"AWS": "arn:aws:iam::111122223333:root"}
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert policy(routing) == {
        "Version": "2012-10-17",
        "Statement": [
            statement(routing, Principal=principal),
            statement(routing, Sid="two"),
            statement(routing, Sid="three", Condition=condition),
        ],
    }


def test_put_permission_with_a_policy_replaces_all(routing: Routing) -> None:
    permit(routing, "111122223333")
    new = statement(routing, Sid="new", Action="events:*")
    put_policy(routing, new)
    assert policy(routing) == {"Version": "2012-10-17", "Statement": [new]}


def test_remove_permission_removes_a_statement_or_all(routing: Routing) -> None:
    for sid in ("one", "two", "three"):
        permit(routing, "111122223333", sid)
    routing.events.remove_permission(StatementId="one")
    assert [one["Sid"] for one in policy(routing)["Statement"]] == ["two", "three"]
    with refused("ResourceNotFoundException", match="Statement with the provided id does not"):
        routing.events.remove_permission(StatementId="one")
    routing.events.remove_permission(RemoveAllPermissions=True)
    assert policy(routing) is None


def test_without_its_last_statement_a_bus_has_no_policy(routing: Routing) -> None:
    permit(routing, "111122223333")
    routing.events.remove_permission(StatementId="one")
    assert policy(routing) is None
    with refused("ValidationException", match="StatementId is required"):
        routing.events.remove_permission()


@pytest.mark.parametrize(
    "text",
    ["nope", "[]", "{}", '{"Statement": [{}]}', '{"Statement": "all"}', '{"Statement":' + "[" * 99],
)
def test_a_malformed_policy_is_refused(routing: Routing, text: str) -> None:
    with refused("ValidationException", match="Policy"):
        routing.events.put_permission(Policy=text)
    assert policy(routing) is None


def test_a_policy_has_10240_characters_at_most(routing: Routing) -> None:
    with refused("PolicyLengthExceededException"):
        put_policy(routing, statement(routing, Sid="x" * 10_240))
    with refused("PolicyLengthExceededException"):
        for number in range(100):
            permit(routing, "111122223333", f"statement-{number}")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"Action": "events:PutEvents", "Principal": "*"},
        {"Action": "events:PutEvents", "StatementId": "a"},
        {"Principal": "*", "StatementId": "a"},
        {"Action": "events:PutRule", "Principal": "*", "StatementId": "a"},
        {"Action": "sqs:SendMessage", "Principal": "*", "StatementId": "a"},
        {"Action": "events:PutEvents", "Principal": "12345", "StatementId": "a"},
        {"Action": "events:PutEvents", "Principal": "*", "StatementId": "a b"},
    ],
)
def test_a_permission_is_told_completely(routing: Routing, parameters: dict[str, str]) -> None:
    with refused("ValidationException"):
        routing.events.put_permission(**parameters)


# --- Events from other accounts -------------------------------------------------------------------


def put_there(here: Routing, there: Routing, **entry: str) -> dict[str, Any]:
    """The result when an account puts an event on the default bus of another one."""
    arn = there.arn("events", "event-bus/default")
    given = {"Source": "shop", "DetailType": "order", "Detail": "{}", "EventBusName": arn} | entry
    return here.events.put_events(Entries=[given])["Entries"][0]


@pytest.fixture
def queue(routing: Routing) -> Queue:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    return queue


def test_another_account_needs_the_permission_of_the_bus(
    routing: Routing, other: Routing, queue: Queue, endpoint: str
) -> None:
    told = put_there(other, routing)
    arn = routing.arn("events", "event-bus/default")
    assert told["ErrorCode"] == "AccessDeniedException"
    assert (
        f"is not authorized to perform: events:PutEvents on resource: {arn}"
        in (told["ErrorMessage"])
    )
    assert other.account in told["ErrorMessage"]
    permit(routing, other.account)
    event_id = put_there(other, routing)["EventId"]
    (event,) = routing.receive(queue)
    assert (event["id"], event["account"]) == (event_id, other.account)
    for account in (routing.account, other.account):
        ids = [record["event_id"] for record in trace(endpoint, account, "entry")]
        assert event_id in ids


def test_a_permission_for_one_account_is_none_for_another(routing: Routing, other: Routing) -> None:
    permit(routing, "111122223333")
    assert put_there(other, routing)["ErrorCode"] == "AccessDeniedException"


def test_nobody_fulfils_a_condition_on_organizations(routing: Routing, other: Routing) -> None:
    organization = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"}
    permit(routing, "*", Condition=organization)
    assert put_there(other, routing)["ErrorCode"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("key", "entry"),
    [("events:source", {"Source": "other"}), ("events:detail-type", {"DetailType": "other"})],
)
def test_a_policy_can_say_which_events_are_allowed(
    routing: Routing, other: Routing, queue: Queue, key: str, entry: dict[str, str]
) -> None:
    wanted = {"events:source": "shop", "events:detail-type": "order"}[key]
    put_policy(routing, statement(routing, Condition={"StringEquals": {key: wanted}}))
    assert put_there(other, routing, **entry)["ErrorCode"] == "AccessDeniedException"
    assert put_there(other, routing)["EventId"] == routing.receive(queue)[0]["id"]


def test_a_bus_of_another_account_that_does_not_exist_refuses(
    routing: Routing, other: Routing
) -> None:
    arn = routing.arn("events", "event-bus/missing")
    told = put_there(other, routing, EventBusName=arn)
    assert told["ErrorCode"] == "AccessDeniedException"


def test_the_own_account_needs_no_permission_but_can_be_denied(
    routing: Routing, queue: Queue
) -> None:
    permit(routing, "111122223333")
    routing.put()
    assert routing.receive(queue)
    deny = {"Effect": "Deny", "Condition": {"StringEquals": {"events:source": "shop"}}}
    put_policy(routing, statement(routing, **deny))
    told = put_there(routing, routing)
    assert told["ErrorCode"] == "AccessDeniedException"
    assert "denies" in told["ErrorMessage"]
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)
    assert "EventId" in put_there(routing, routing, Source="other")


def test_a_rule_sends_to_a_bus_of_another_account_that_allows_it(
    routing: Routing, other: Routing, queue: Queue
) -> None:
    permit(routing, other.account)
    target = {
        "Arn": routing.arn("events", "event-bus/default"),
        "RoleArn": other.role("forward", "events:PutEvents"),
    }
    other.rule(target)
    (event_id,) = other.put()
    (event,) = routing.receive(queue)
    assert (event["id"], event["account"]) == (event_id, other.account)
