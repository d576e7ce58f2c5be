"""What the lab offers to experiments: a rule with a queue, the trace, the clock, permissions."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from helpers import emulator, lab, schedules, waiting
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


def test_cleanup_empties_the_other_account_too(
    here: lab.Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here.other_account()
    assert other.account != here.account
    assert len(other.account) == 12
    here.client("sqs").create_queue(QueueName="mine")
    other.client("sqs").create_queue(QueueName="theirs")
    here.cleanup()
    assert capsys.readouterr().out == "Deleted: 2 queues.\n"
    assert "QueueUrls" not in other.client("sqs").list_queues()


def test_role_trusts_a_service_and_allows_an_action(here: lab.Lab) -> None:
    arn = here.role("go", trusts="events.amazonaws.com", actions="sqs:SendMessage", resource="*")
    role = here.client("iam").get_role(RoleName="go")["Role"]
    assert role["Arn"] == arn
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    policy = here.client("iam").get_role_policy(RoleName="go", PolicyName="go")
    assert policy["PolicyDocument"]["Statement"][0]["Action"] == "sqs:SendMessage"


def test_the_webhook_is_called_and_answers(here: lab.Lab) -> None:
    webhook = here.webhook()
    webhook.statuses(500, 201)
    host = webhook.url.removeprefix("http://")
    answers = []
    for _ in range(3):
        connection = http.client.HTTPConnection(host, timeout=5)
        connection.request("POST", "/parcels", body=b'{"n": 1}')
        answers.append(connection.getresponse().status)
        connection.close()
    assert answers == [500, 201, 201]
    assert [(call.method, call.path, call.json()) for call in webhook.calls[:1]] == [
        ("POST", "/parcels", {"n": 1})
    ]
    here.cleanup()
    with pytest.raises(OSError):
        http.client.HTTPConnection(host, timeout=5).request("GET", "/")


def test_firings_are_those_of_a_real_schedule_in_its_zone(here: lab.Lab) -> None:
    """Working days at nine, as the wall clock shows; nothing is left in the reader's account."""
    found = schedules.firings(here, "cron(0 9 ? * MON-FRI *)", "Asia/Kathmandu", days=14)
    assert len(found) == 10
    assert {(moment.hour, moment.minute) for moment in found} == {(9, 0)}
    assert max(moment.weekday() for moment in found) == 4
    assert here.client("scheduler").list_schedules()["Schedules"] == []
    later = schedules.firings(here, "rate(1 days)", days=2, skip=400)
    assert (later[0] - found[0]).days > 380
    here.cleanup()


def test_firings_refuses_what_scheduler_refuses(here: lab.Lab) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        schedules.firings(here, "cron(0 9 * * * *)")


def test_a_localstack_that_somebody_else_runs_on_this_computer_can_call_the_webhook(
    here: lab.Lab,
) -> None:
    """`make emulator` gives no lease, and is not in a container."""
    endpoint = emulator.Endpoint(here.endpoint.url, {**here.endpoint.info, "lease_port": None})
    started = lab.Lab(endpoint, here.account)
    assert started.webhook().url.startswith("http://127.0.0.1:")
    started._webhooks.pop().close()


def test_a_localstack_in_a_container_cannot(here: lab.Lab) -> None:
    info = {**here.endpoint.info, "in_container": True}
    boxed = lab.Lab(emulator.Endpoint(here.endpoint.url, info), here.account)
    with pytest.raises(LabError, match="in a container cannot call this notebook"):
        boxed.webhook()
