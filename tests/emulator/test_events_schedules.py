"""Rules that fire by the clock; each test is named after AWS's rule.

Nobody waits here: the account's clock is moved.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from plugin_http import advance, call, trace
from routing import Clients, Queue, Routing


@pytest.fixture
def queue(routing: Routing) -> Queue:
    return routing.queue("ticks")


def schedule(
    routing: Routing, queue: Queue, expression: str = "rate(1 minute)", **rule: Any
) -> None:
    """A rule with a schedule, and the queue as its target."""
    routing.events.put_rule(Name="tick", ScheduleExpression=expression, **rule)
    routing.events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": queue.arn}])


def now(endpoint: str, account: str) -> datetime:
    return datetime.fromisoformat(call(endpoint, "GET", f"clock?account={account}")[1]["now"])


def fired(routing: Routing, endpoint: str, queue: Queue, duration: str) -> list[Any]:
    """What the queue has received when the clock has been moved, in order of event time."""
    advance(endpoint, routing.account, duration)
    found = routing.waiting(queue)
    return sorted(routing.receive(queue, found), key=lambda e: e["time"]) if found else []


def times(events: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(event["time"]) for event in events]


def test_a_scheduled_event_says_which_rule_is_due(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    (event,) = fired(routing, endpoint, queue, "PT90S")
    assert event == {
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": routing.account,
        "time": event["time"],
        "region": "us-east-1",
        "resources": [routing.arn("events", "rule/tick")],
        "detail": {},
    }
    (record,) = trace(endpoint, routing.account, "rule")
    assert (record["event_id"], record["rule"], record["matched"]) == (event["id"], "tick", True)


@pytest.mark.parametrize(
    ("expression", "interval", "duration", "number"),
    [
        ("rate(1 minute)", timedelta(minutes=1), "PT5M30S", 5),
        ("rate(2 minutes)", timedelta(minutes=2), "PT5M30S", 2),
        ("rate(1 hour)", timedelta(hours=1), "PT3H30M", 3),
        ("rate(5 days)", timedelta(days=5), "P11D", 2),
    ],
)
def test_a_rate_counts_from_the_creation_of_the_rule(
    routing: Routing,
    endpoint: str,
    queue: Queue,
    expression: str,
    interval: timedelta,
    duration: str,
    number: int,
) -> None:
    before = now(endpoint, routing.account)
    schedule(routing, queue, expression)
    after = now(endpoint, routing.account)
    found = times(fired(routing, endpoint, queue, duration))
    assert len(found) == number
    for count, time in enumerate(found, 1):
        # Times of events have no fractions of a second.
        assert before - timedelta(seconds=1) < time - count * interval <= after


def test_a_cron_schedule_fires_on_the_minute(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue, "cron(* * * * ? *)")
    found = times(fired(routing, endpoint, queue, "PT3M"))
    assert len(found) == 3
    assert {time.second for time in found} == {0}
    assert found[1] - found[0] == found[2] - found[1] == timedelta(minutes=1)


def test_a_cron_schedule_is_in_utc(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue, "cron(30 7 * * ? *)")
    first, second = times(fired(routing, endpoint, queue, "P2D"))
    assert (first.hour, first.minute, first.tzinfo) == (7, 30, UTC)
    assert second - first == timedelta(days=1)


def test_cron_and_rate_fire_in_the_order_of_time(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue, "cron(0/10 * * * ? *)")
    fast = routing.queue("fast")
    routing.events.put_rule(Name="fast", ScheduleExpression="rate(7 minutes)")
    routing.events.put_targets(Rule="fast", Targets=[{"Id": "1", "Arn": fast.arn}])
    advance(endpoint, routing.account, "PT1H")
    records = trace(endpoint, routing.account, "rule")
    assert {record["rule"] for record in records} == {"tick", "fast"}
    assert [r["time"] for r in records] == sorted(r["time"] for r in records)


def test_a_disabled_rule_does_not_fire_and_an_enabled_one_does_again(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    assert len(fired(routing, endpoint, queue, "PT150S")) == 2
    routing.events.disable_rule(Name="tick")
    assert fired(routing, endpoint, queue, "PT10M") == []
    routing.events.enable_rule(Name="tick")
    # Enabling twice does not start it twice.
    routing.events.enable_rule(Name="tick")
    enabled = now(endpoint, routing.account)
    found = times(fired(routing, endpoint, queue, "PT150S"))
    assert len(found) == 2
    assert timedelta(seconds=58) < found[0] - enabled < timedelta(seconds=61)


def test_a_rule_that_is_created_disabled_fires_when_it_is_enabled(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue, State="DISABLED")
    assert fired(routing, endpoint, queue, "PT5M") == []
    routing.events.enable_rule(Name="tick")
    assert len(fired(routing, endpoint, queue, "PT90S")) == 1


def test_a_rule_fires_once_however_often_its_targets_are_put(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    schedule(routing, queue)
    routing.events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": queue.arn}])
    assert len(fired(routing, endpoint, queue, "PT90S")) == 1


def test_each_target_receives_each_firing(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue)
    constant = {"Id": "2", "Arn": queue.arn, "Input": '{"constant": true}'}
    template = {"InputPathsMap": {"at": "$.time"}, "InputTemplate": '{"at": <at>}'}
    transformed = {"Id": "3", "Arn": queue.arn, "InputTransformer": template}
    routing.events.put_targets(Rule="tick", Targets=[constant, transformed])
    advance(endpoint, routing.account, "PT90S")
    bodies = routing.receive(queue, 3)
    (event,) = (body for body in bodies if "source" in body)
    assert {"constant": True} in bodies
    assert {"at": event["time"]} in bodies


def test_a_deleted_rule_fires_no_more(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue)
    routing.events.remove_targets(Rule="tick", Ids=["1"])
    routing.events.delete_rule(Name="tick")
    advance(endpoint, routing.account, "PT5M")
    assert trace(endpoint, routing.account) == []


def test_a_rule_can_have_a_pattern_and_a_schedule(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue, EventPattern=json.dumps({"source": ["shop"]}))
    routing.put()
    routing.put(source="other")
    events = fired(routing, endpoint, queue, "PT90S")
    assert sorted(event["source"] for event in events) == ["aws.events", "shop"]


def test_a_rule_with_a_schedule_only_receives_no_other_events(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue, "rate(1 day)")
    routing.put()
    assert fired(routing, endpoint, queue, "PT1M") == []


def test_put_rule_replaces_the_schedule(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue)
    schedule(routing, queue, "rate(1 hour)")
    assert fired(routing, endpoint, queue, "PT59M") == []
    routing.events.put_rule(Name="tick", EventPattern=json.dumps({"source": ["shop"]}))
    assert fired(routing, endpoint, queue, "PT3H") == []


def test_a_schedule_that_stays_keeps_its_pace(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    advance(endpoint, routing.account, "PT50S")
    schedule(routing, queue, Description="the same schedule")
    assert len(fired(routing, endpoint, queue, "PT20S")) == 1


def test_other_accounts_keep_their_time(
    routing: Routing, client: Clients, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    advance(endpoint, "111122223333", "PT1H")
    assert routing.waiting(queue) == 0


def test_a_reset_ends_the_schedules_of_the_account(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    schedule(routing, queue)
    assert call(endpoint, "POST", f"reset?account={routing.account}")[0] == 200
    advance(endpoint, routing.account, "PT10M")
    assert trace(endpoint, routing.account) == []


def test_only_the_default_bus_has_schedules(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    with pytest.raises(ClientError, match="supported only on the default event bus"):
        routing.events.put_rule(
            Name="tick", EventBusName="shop", ScheduleExpression="rate(1 minute)"
        )


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1.5 minutes)",
        "rate(1 second)",
        "cron(60 * * * ? *)",
        "cron(* * * * * *)",
        "cron(0 12 * * ?)",
        "cron(0 12 31 13 ? *)",
        "at(2030-01-01T00:00:00)",
        "every minute",
    ],
)
def test_an_invalid_expression_is_refused(routing: Routing, expression: str) -> None:
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid") as caught:
        routing.events.put_rule(Name="tick", ScheduleExpression=expression)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert routing.events.list_rules()["Rules"] == []


def test_a_time_that_never_comes_is_no_harm(routing: Routing, endpoint: str, queue: Queue) -> None:
    schedule(routing, queue, "cron(0 0 30 2 ? *)")
    schedule(routing, queue, "cron(0 0 1 1 ? 1970)")
    assert fired(routing, endpoint, queue, "PT1H") == []
