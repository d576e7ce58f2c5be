"""When a schedule fires: not computed, but played on a clock that nobody else uses."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from helpers.lab import Lab


def firings(
    lab: Lab, expression: str, timezone: str = "UTC", *, days: int = 31, skip: int = 0
) -> list[datetime]:
    """The moments at which a schedule would fire in the next `days` days, in its time zone.

    `expression` is at(...), rate(...) or cron(...), `timezone` an IANA name; the play begins
    `skip` days from now. A real schedule fires, in an account of its own
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).

    Raises botocore's ClientError for an expression that EventBridge Scheduler refuses.
    """
    stage = lab.other_account()
    for _ in range(skip // 365):
        stage.advance("P365D")
    stage.advance(f"P{skip % 365}D")
    arn = queue_target(stage, "stage")
    create(stage, "stage", expression, arn, ScheduleExpressionTimezone=timezone)
    stage.advance(f"P{days}D")
    place = ZoneInfo(timezone)
    times = [record["scheduled_time"] for record in stage.trace(kind="schedule")]
    return [datetime.fromisoformat(time).astimezone(place) for time in times]


def queue_target(lab: Lab, name: str) -> dict[str, Any]:
    """Create the queue `name`, and a role by which schedules may send to it; the two as a target.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
    """
    lab.client("sqs").create_queue(QueueName=name)
    arn = lab.arn("sqs", name)
    role = lab.role(
        f"send-to-{name}",
        trusts="scheduler.amazonaws.com",
        actions="sqs:SendMessage",
        resource=arn,
    )
    return {"Arn": arn, "RoleArn": role}


def create(lab: Lab, name: str, expression: str, target: dict[str, Any], **more: Any) -> None:
    """CreateSchedule with a window that is OFF unless `more`, which goes to the call, says so."""
    settings = {"FlexibleTimeWindow": {"Mode": "OFF"}, **more}
    lab.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, Target=target, **settings
    )
