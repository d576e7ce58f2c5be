"""What the lab offers to experiments: a rule with a queue, the trace, the clock, permissions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from helpers import emulator, lab, waiting
from helpers.errors import LabError


@pytest.fixture
def here(localstack: emulator.Endpoint, account: str) -> Iterator[lab.Lab]:
    return lab.Lab(localstack, account)


def test_rule_to_queue_delivers_what_the_pattern_matches(here: lab.Lab) -> None:
    here.client("events").create_event_bus(Name="SwnEventBus")
    queue = here.rule_to_queue("paid", bus="SwnEventBus", pattern={"source": ["shop"]})
    entry = {"Source": "shop", "DetailType": "Paid", "EventBusName": "SwnEventBus"}
    sent = here.client("events").put_events(Entries=[{**entry, "Detail": '{"n": 1}'}])
    [message] = waiting.receive(here.client("sqs"), queue)
    assert message["detail"] == {"n": 1}

    event_id = sent["Entries"][0]["EventId"]
    [tried] = here.trace(event_id, "rule")
    assert (tried["rule"], tried["matched"]) == ("paid", True)
    assert {record["kind"] for record in here.trace(event_id)} == {"entry", "rule", "attempt"}
    assert here.trace("no such event") == []


def test_advance_moves_this_account_alone(here: lab.Lab, localstack: emulator.Endpoint) -> None:
    other = lab.Lab(localstack, "200000000007")
    before = datetime.fromisoformat(here.advance("PT0S"))
    still = datetime.fromisoformat(other.advance("PT0S"))
    moved = datetime.fromisoformat(here.advance("P1DT1H"))
    assert timedelta(hours=25) <= moved - before < timedelta(hours=25, minutes=1)
    assert datetime.fromisoformat(other.advance("PT0S")) - still < timedelta(minutes=1)


def test_advance_refuses_what_is_no_duration(here: lab.Lab) -> None:
    with pytest.raises(LabError, match="not an ISO 8601 duration"):
        here.advance("tomorrow")


def test_allow_writes_into_the_role_of_the_function(here: lab.Lab) -> None:
    here.client("iam").create_role(RoleName="ship-role", AssumeRolePolicyDocument="{}")
    arn = here.table("orders", key="orderId")
    assert arn == here.arn("dynamodb", "table/orders")
    here.allow("ship", ["dynamodb:PutItem"], arn)
    here.allow("ship", "s3:GetObject", "*")
    names = here.client("iam").list_role_policies(RoleName="ship-role")["PolicyNames"]
    policies = [
        here.client("iam").get_role_policy(RoleName="ship-role", PolicyName=name)["PolicyDocument"]
        for name in names
    ]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    assert {json.dumps(statement["Action"]) for statement in statements} == {
        '["dynamodb:PutItem"]',
        '"s3:GetObject"',
    }
    assert {statement["Resource"] for statement in statements} == {arn, "*"}
