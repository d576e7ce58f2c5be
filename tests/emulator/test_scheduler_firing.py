"""Schedules that fire; each test is named after AWS's rule.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
Nobody waits here, except where it says so: the account's clock is moved.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from plugin_http import trace
from routing import Clients
from scheduling import TIME, Scheduling

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_a_rate_without_start_date_is_called_right_away(scheduling: Scheduling) -> None:
    """Without StartDate, a rate-based schedule starts to invoke its target at once."""
    queue = scheduling.standard()
    before = scheduling.now()
    scheduling.schedule(queue.arn, "rate(5 minutes)", Input=TIME)
    (body,) = scheduling.receive(queue)
    first = datetime.fromisoformat(body["time"])
    assert before - SECOND <= first <= scheduling.now()
    found = scheduling.fired(queue, "PT16M")
    assert found == [first + n * 5 * MINUTE for n in (1, 2, 3)]


def test_without_input_the_target_gets_a_notification(scheduling: Scheduling) -> None:
    """If there is no Input, Scheduler delivers a default notification."""
    queue = scheduling.standard()
    arn = scheduling.schedule(queue.arn)
    (event,) = scheduling.receive(queue)
    assert event == {
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": scheduling.account,
        "time": event["time"],
        "region": "us-east-1",
        "resources": [arn],
        "detail": "{}",
    }
    records = trace(scheduling.endpoint, scheduling.account, "schedule", "attempt")
    assert [(r["kind"], r["event_id"], r["schedule"]) for r in records] == [
        ("schedule", event["id"], arn),
        ("attempt", event["id"], arn),
    ]


def test_context_attributes_are_filled_in(scheduling: Scheduling) -> None:
    """<aws.scheduler.*> in Input is replaced; other text in angle brackets is not."""
    queue = scheduling.standard()
    names = ["schedule-arn", "scheduled-time", "execution-id", "attempt-number", "other"]
    arn = scheduling.schedule(
        queue.arn, Input=json.dumps([f"<aws.scheduler.{name}>" for name in names])
    )
    ((found, time, execution, attempt, other),) = scheduling.receive(queue)
    assert (found, attempt, other) == (arn, "1", "<aws.scheduler.other>")
    assert datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ")
    assert len(execution) == 16
