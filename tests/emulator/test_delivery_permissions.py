"""What a rule must be allowed before it can call a target; named after AWS's rules."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import handlers
import pytest
from plugin_http import call, trace
from routing import Clients, Queue, Routing, allow

from helpers import clients, emulator, functions
from helpers.waiting import until


@pytest.fixture
def dead(routing: Routing) -> Queue:
    return routing.queue("dead")


def refused(routing: Routing, dead: Queue, target: dict[str, Any]) -> dict[str, str]:
    """The attributes of the dead letter when an event is put for this target."""
    routing.rule({**target, "DeadLetterConfig": {"Arn": dead.arn}})
    (event_id,) = routing.put()
    body, attributes = routing.dead_letter(dead)
    assert body["id"] == event_id
    assert attributes["RETRY_ATTEMPTS"] == "0", "a missing permission is not retried"
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    return attributes


def delivered(routing: Routing, endpoint: str, target: dict[str, Any]) -> None:
    routing.rule(target)
    routing.put()
    (entry,) = until(
        lambda: trace(endpoint, routing.account, "attempt"), what="the delivery to be tried"
    )
    assert entry["result"] == "delivered", entry


def function(routing: Routing, **permission: str) -> str:
    """A function, and the permission for EventBridge, if any."""
    awslambda = routing.client("lambda")
    arn = functions.deploy(awslambda, routing.client("iam"), "ship", handlers.echo)
    if permission:
        awslambda.add_permission(
            FunctionName="ship",
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            **{name: value for name, value in permission.items() if value},
        )
    return arn


def test_a_function_needs_add_permission(routing: Routing, dead: Queue) -> None:
    arn = function(routing)
    attributes = refused(routing, dead, {"Arn": arn})
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "lambda:InvokeFunction" in attributes["ERROR_MESSAGE"]
    assert arn in attributes["ERROR_MESSAGE"]


@pytest.mark.parametrize("source", ["rule/all", "rule/*"])
def test_a_permission_for_the_rule_is_enough(routing: Routing, endpoint: str, source: str) -> None:
    arn = function(routing, SourceArn=routing.arn("events", source))
    delivered(routing, endpoint, {"Arn": arn})


def test_a_permission_for_another_rule_is_none(routing: Routing, dead: Queue) -> None:
    arn = function(routing, SourceArn=routing.arn("events", "rule/other"))
    assert refused(routing, dead, {"Arn": arn})["ERROR_CODE"] == "NO_PERMISSIONS"


def test_a_permission_for_an_account_counts_in_that_account(
    routing: Routing, endpoint: str
) -> None:
    arn = function(routing, SourceAccount=routing.account)
    delivered(routing, endpoint, {"Arn": arn})


def test_each_alias_has_permissions_of_its_own(routing: Routing, dead: Queue) -> None:
    arn = function(routing, SourceArn=routing.arn("events", "rule/all"))
    routing.client("lambda").create_alias(
        FunctionName="ship", Name="live", FunctionVersion="$LATEST"
    )
    assert refused(routing, dead, {"Arn": f"{arn}:live"})["ERROR_CODE"] == "NO_PERMISSIONS"


def test_a_role_can_stand_for_the_permission_of_a_function(routing: Routing, endpoint: str) -> None:
    arn = function(routing)
    delivered(
        routing, endpoint, {"Arn": arn, "RoleArn": routing.role("call", "lambda:InvokeFunction")}
    )


def test_a_queue_without_policy_looks_as_if_it_did_not_exist(
    routing: Routing, dead: Queue, endpoint: str
) -> None:
    queue = routing.queue("orders", policy=None)
    attributes = refused(routing, dead, {"Arn": queue.arn})
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes["ERROR_MESSAGE"].startswith(
        "The specified queue does not exist or you do not have access to it."
    )
    (entry,) = trace(endpoint, routing.account, "attempt")
    assert "sqs:SendMessage" in entry["reason"]


def test_an_explicit_deny_wins(routing: Routing, dead: Queue) -> None:
    arn = routing.arn("sqs", "orders")
    policy = json.loads(allow("sqs:*", arn))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy["Statement"].append(deny)
    routing.queue("orders", policy=json.dumps(policy))
    assert refused(routing, dead, {"Arn": arn})["ERROR_CODE"] == "NO_RESOURCE"


def test_a_topic_does_not_allow_eventbridge_by_default(routing: Routing, dead: Queue) -> None:
    topic = routing.client("sns").create_topic(Name="news")["TopicArn"]
    attributes = refused(routing, dead, {"Arn": topic})
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "sns:Publish" in attributes["ERROR_MESSAGE"]


@pytest.mark.parametrize("resource", ["none", "log-group:/aws/events/orders"])
def test_a_log_group_needs_a_policy_for_its_streams(
    routing: Routing, dead: Queue, resource: str
) -> None:
    logs, name = routing.client("logs"), "/aws/events/orders"
    logs.create_log_group(logGroupName=name)
    if resource != "none":
        # Without `:*` at its end it names no stream.
        actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
        policy = allow(actions, routing.arn("logs", resource))
        logs.put_resource_policy(policyName="events", policyDocument=policy)
    target = {"Arn": routing.arn("logs", f"log-group:{name}")}
    assert refused(routing, dead, target)["ERROR_CODE"] == "NO_PERMISSIONS"


def machine(routing: Routing) -> str:
    return routing.client("stepfunctions").create_state_machine(
        name="ship",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
        roleArn=routing.role("machine", "*", trusts="states.amazonaws.com"),
    )["stateMachineArn"]


def test_a_role_must_exist(routing: Routing, dead: Queue) -> None:
    role = f"arn:aws:iam::{routing.account}:role/missing"
    attributes = refused(routing, dead, {"Arn": machine(routing), "RoleArn": role})
    assert attributes["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


def test_a_role_must_trust_events_amazonaws_com(
    routing: Routing, dead: Queue, endpoint: str
) -> None:
    role = routing.role("start", "states:StartExecution", trusts="scheduler.amazonaws.com")
    attributes = refused(routing, dead, {"Arn": machine(routing), "RoleArn": role})
    assert attributes["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"
    assert role in trace(endpoint, routing.account, "attempt")[0]["reason"]


@pytest.mark.parametrize(
    ("action", "resource"),
    [("states:DescribeExecution", "*"), ("states:StartExecution", "arn:aws:states:*:*:other")],
)
def test_a_role_must_allow_the_action_on_the_target(
    routing: Routing, dead: Queue, action: str, resource: str
) -> None:
    role = routing.role("start", action, resource=resource)
    attributes = refused(routing, dead, {"Arn": machine(routing), "RoleArn": role})
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "states:StartExecution" in attributes["ERROR_MESSAGE"]


def test_a_managed_policy_of_the_role_counts(routing: Routing, endpoint: str) -> None:
    iam, role = routing.client("iam"), routing.role("start", "states:DescribeExecution")
    statement = {"Effect": "Allow", "Action": "states:Start*", "Resource": "*"}
    policy = iam.create_policy(
        PolicyName="start",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="start", PolicyArn=policy)
    delivered(routing, endpoint, {"Arn": machine(routing), "RoleArn": role})


def test_a_queue_of_another_account_needs_a_policy_that_names_the_rule(
    routing: Routing, client: Clients, endpoint: str
) -> None:
    other = Routing(client, str(int(routing.account) - 1))
    arn = other.arn("sqs", "orders")
    condition = {"ArnEquals": {"aws:SourceArn": routing.arn("events", "rule/all")}}
    queue = other.queue("orders", policy=allow("sqs:SendMessage", arn, **condition))
    delivered(routing, endpoint, {"Arn": queue.arn})
    assert len(other.receive(queue)) == 1


def across(routing: Routing, other: Routing) -> dict[str, Any]:
    """A target that forwards to the bus of another account."""
    other.events.create_event_bus(Name="central")
    role = routing.role("forward", "events:PutEvents")
    return {"Arn": other.arn("events", "event-bus/central"), "RoleArn": role}


def test_a_bus_of_another_account_must_allow_the_call(
    routing: Routing, dead: Queue, client: Clients
) -> None:
    other = Routing(client, str(int(routing.account) - 1))
    attributes = refused(routing, dead, across(routing, other))
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "events:PutEvents" in attributes["ERROR_MESSAGE"]


def test_a_bus_whose_policy_names_the_account_takes_the_event_with_its_id(
    routing: Routing, client: Clients
) -> None:
    other = Routing(client, str(int(routing.account) - 1))
    target, queue = across(routing, other), other.queue("orders")
    other.rule({"Arn": queue.arn}, bus="central")
    other.events.put_permission(
        EventBusName="central",
        Action="events:PutEvents",
        Principal=routing.account,
        StatementId="shop",
    )
    routing.rule(target)
    (event_id,) = routing.put()
    (event,) = other.receive(queue)
    assert (event["id"], event["account"]) == (event_id, routing.account)


def test_one_setting_lets_rules_and_schedules_call_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTBRIDGE_ENFORCE_PERMISSIONS", "0")
    localstack = emulator.start(free_port(), tmp_path)
    try:
        settings = call(localstack.url, "GET", "info")[1]["settings"]
        assert settings["enforce_permissions"] is False
        session = clients.Session(localstack.url, "200000000001")
        routing = Routing(lambda service, **_: session.client(service), "200000000001")
        queue = routing.queue("orders", policy=None)
        routing.rule({"Arn": queue.arn})
        routing.put()
        assert len(routing.receive(queue)) == 1
        session.client("scheduler").create_schedule(
            Name="s",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": queue.arn, "RoleArn": "arn:aws:iam::200000000001:role/missing"},
        )
        assert routing.receive(queue)[0]["source"] == "aws.scheduler"
    finally:
        emulator.stop(localstack.url)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
