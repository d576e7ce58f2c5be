"""Schedules that fire; each test is named after AWS's rule.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
Nobody waits here, except where it says so: the account's clock is moved.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
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


# --- When -----------------------------------------------------------------------------------------


def local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M:%S}"


def test_an_at_fires_once_and_stays(scheduling: Scheduling) -> None:
    """A one-time schedule stays after it has run, unless it is to be deleted."""
    queue, when = scheduling.standard(), scheduling.now().replace(microsecond=0) + 90 * MINUTE
    expression = f"at({local(when, 'Asia/Tokyo')})"
    scheduling.schedule(queue.arn, expression, ScheduleExpressionTimezone="Asia/Tokyo", Input=TIME)
    assert scheduling.fired(queue, "PT1H") == []
    assert scheduling.fired(queue, "PT1H") == [when]
    assert scheduling.fired(queue, "P300D") == []
    assert scheduling.scheduler.get_schedule(Name="s")["State"] == "ENABLED"


def test_a_schedule_fires_by_itself_and_in_time(scheduling: Scheduling) -> None:
    """In real time, not before it is due, and soon after, however busy the computer is."""
    queue, when = scheduling.standard(), scheduling.now().replace(microsecond=0) + 4 * SECOND
    scheduling.schedule(queue.arn, f"at({local(when, 'UTC')})", Input=TIME)
    (message,) = scheduling.sqs.receive_message(
        QueueUrl=queue.url, WaitTimeSeconds=10, MessageSystemAttributeNames=["SentTimestamp"]
    )["Messages"]
    late = int(message["Attributes"]["SentTimestamp"]) / 1000 - when.timestamp()
    assert 0 <= late < 5


@pytest.mark.parametrize("deleted", [True, False])
def test_action_after_completion(scheduling: Scheduling, deleted: bool) -> None:
    """With DELETE a schedule goes after its last invocation: at once, or at its EndDate."""
    queue, action = scheduling.standard(), "DELETE" if deleted else "NONE"
    soon = scheduling.now().replace(microsecond=0) + MINUTE
    once, often = f"at({local(soon, 'UTC')})", "rate(1 hour)"
    more = {"ActionAfterCompletion": action, "Input": TIME}
    scheduling.schedule(queue.arn, once, name="once", **more)
    scheduling.schedule(
        queue.arn,
        often,
        name="often",
        StartDate=soon + MINUTE,
        EndDate=soon + 90 * MINUTE,
        **more,
    )

    def names() -> list[str]:
        return [s["Name"] for s in scheduling.scheduler.list_schedules()["Schedules"]]

    assert names() == ["often", "once"]
    assert scheduling.fired(queue, "PT5M") == [soon, soon + MINUTE]
    assert names() == (["often"] if deleted else ["often", "once"])
    assert scheduling.fired(queue, "PT5H") == [soon + 61 * MINUTE]
    assert names() == ([] if deleted else ["often", "once"])


def test_start_and_end_date_bound_a_recurring_schedule(scheduling: Scheduling) -> None:
    queue = scheduling.standard()
    start = scheduling.now().replace(microsecond=0) + 30 * MINUTE
    dates = {"StartDate": start, "EndDate": start + 25 * MINUTE}
    scheduling.schedule(queue.arn, "rate(10 minutes)", Input=TIME, **dates)
    assert scheduling.fired(queue, "P1D") == [start + n * 10 * MINUTE for n in range(3)]


def test_a_year_of_a_daily_schedule_plays_with_both_changes_of_the_clock(
    scheduling: Scheduling,
) -> None:
    """The time that the clocks skip is left out; the one that comes twice counts once."""
    queue, zone = scheduling.standard(), ZoneInfo("Europe/Berlin")
    scheduling.schedule(
        queue.arn, "cron(30 2 * * ? *)", ScheduleExpressionTimezone=zone.key, Input=TIME
    )
    start = scheduling.now()
    found = scheduling.fired(queue, "P365D")
    days = [(start + timedelta(days=n)).astimezone(zone).date() for n in range(-1, 368)]
    walls = [datetime.combine(day, time(2, 30), zone) for day in days]
    # What the clocks skip is another time when it has been UTC.
    moments = [wall.astimezone(UTC) for wall in walls]
    there = [moment for moment in moments if moment.astimezone(zone).hour == 2]
    assert len(walls) - len(there) in (1, 2)
    assert found == [at for at in there if start < at <= start + timedelta(days=365)]


def test_what_is_due_happens_in_order(scheduling: Scheduling) -> None:
    """When the clock is moved, schedules fire in the order of their times."""
    queue = scheduling.standard()
    for number, minutes in enumerate((7, 10, 3)):
        scheduling.schedule(
            queue.arn,
            f"rate({minutes} minutes)",
            name=f"s{number}",
            StartDate=scheduling.now() + MINUTE,
        )
    scheduling.advance("PT2H")
    records = trace(scheduling.endpoint, scheduling.account, "schedule")
    assert len({record["schedule"] for record in records}) == 3
    times = [record["scheduled_time"] for record in records]
    assert times == sorted(times)
    assert len(times) == 18 + 12 + 40


# --- Flexible time windows ------------------------------------------------------------------------


def test_a_flexible_schedule_fires_at_any_moment_of_its_window(scheduling: Scheduling) -> None:
    """Within the window, uniformly; the scheduled time is the start of the window."""
    queue = scheduling.standard()
    scheduling.schedule(
        queue.arn,
        "cron(0 * * * ? *)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 40},
        Input=TIME,
    )
    scheduling.advance("P10D")
    records = trace(scheduling.endpoint, scheduling.account, "schedule")
    late = [
        (
            datetime.fromisoformat(record["time"])
            - datetime.fromisoformat(record["scheduled_time"])
        ).total_seconds()
        / 60
        for record in records
    ]
    assert 238 <= len(late) <= 241
    # A tenth of what the clock needed in real time may be added.
    assert 0 <= min(late) < 3 and 37 < max(late) <= 40.1
    assert 16 < sum(late) / len(late) < 24
    assert {datetime.fromisoformat(r["scheduled_time"]).minute for r in records} == {0}


def test_a_flexible_one_time_schedule_is_deleted_after_it_has_fired(
    scheduling: Scheduling,
) -> None:
    queue, when = scheduling.standard(), scheduling.now().replace(microsecond=0) + MINUTE
    scheduling.schedule(
        queue.arn,
        f"at({local(when, 'UTC')})",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60},
        ActionAfterCompletion="DELETE",
        Input=TIME,
    )
    assert scheduling.fired(queue, "PT61M") == [when]
    assert scheduling.scheduler.list_schedules()["Schedules"] == []


# --- Changes take effect at once ------------------------------------------------------------------


def update(scheduling: Scheduling, arn: str, expression: str, **more: object) -> None:
    scheduling.scheduler.update_schedule(**scheduling.request(arn, expression, **more))


def test_a_disabled_schedule_does_not_fire(scheduling: Scheduling) -> None:
    queue = scheduling.standard()
    scheduling.schedule(queue.arn, "cron(0/10 * * * ? *)", Input=TIME, State="DISABLED")
    assert scheduling.fired(queue, "PT1H") == []
    update(scheduling, queue.arn, "cron(0/10 * * * ? *)", Input=TIME)
    assert len(scheduling.fired(queue, "PT1H")) == 6
    update(scheduling, queue.arn, "cron(0/10 * * * ? *)", Input=TIME, State="DISABLED")
    assert scheduling.fired(queue, "PT1H") == []


def test_an_update_takes_effect_at_once(scheduling: Scheduling) -> None:
    queue, other = scheduling.standard(), scheduling.standard("other")
    scheduling.schedule(queue.arn, "cron(0/10 * * * ? *)", Input=TIME)
    update(scheduling, other.arn, "cron(0/20 * * * ? *)", Input=TIME)
    assert len(scheduling.fired(other, "PT1H")) == 3
    assert scheduling.messages(queue) == []


def test_an_update_that_keeps_the_rate_keeps_its_pace(scheduling: Scheduling) -> None:
    """A rate that is changed fires at once, as a new one does."""
    queue = scheduling.standard()
    scheduling.schedule(queue.arn, "rate(10 minutes)", Input=TIME)
    (first,) = scheduling.fired(queue, "PT5M")
    update(scheduling, queue.arn, "rate(10 minutes)", Input=TIME, Description="new")
    assert scheduling.fired(queue, "PT6M") == [first + 10 * MINUTE]
    update(scheduling, queue.arn, "rate(1 hour)", Input=TIME)
    (again,) = scheduling.fired(queue, "PT5M")
    assert again >= first + 11 * MINUTE - SECOND


def test_a_deleted_schedule_does_not_fire(scheduling: Scheduling) -> None:
    queue = scheduling.standard()
    scheduling.schedule(queue.arn, "cron(0/10 * * * ? *)", Input=TIME)
    scheduling.scheduler.delete_schedule(Name="s")
    assert scheduling.fired(queue, "PT1H") == []


def test_another_region_has_schedules_of_its_own(
    client: Clients, account: str, endpoint: str
) -> None:
    there = Scheduling(client, account, endpoint, "eu-west-1")
    queue = there.standard()
    arn = there.schedule(queue.arn)
    assert there.receive(queue)[0]["resources"] == [arn]
