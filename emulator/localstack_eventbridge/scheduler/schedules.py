"""Schedules: what fires, when, and what is called then.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.scheduler import (
    ConflictException,
    ServiceQuotaExceededException,
    ValidationException,
)

from localstack_eventbridge.clock import clock
from localstack_eventbridge.events.expressions import InvalidExpression
from localstack_eventbridge.scheduler import expressions, firing, groups, targets
from localstack_eventbridge.scheduler.expressions import Plan
from localstack_eventbridge.scheduler.operations import Request, Response, operation, page
from localstack_eventbridge.scheduler.store import (
    DEFAULT,
    Schedule,
    find_group,
    find_schedule,
    store_of,
)

#: https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
SCHEDULES = 10_000_000

#: How long a StartDate may have passed.
GRACE = timedelta(minutes=5)


@operation("CreateSchedule")
def create_schedule(context: RequestContext, request: Request) -> Response:
    group, found = find_group(context, request.get("GroupName") or DEFAULT), store_of(context)
    groups.demand_active(group)
    schedule = _schedule(context, request)
    if schedule.key in found.schedules:
        raise ConflictException(f"Schedule {schedule.name} already exists.")
    if len(found.schedules) >= SCHEDULES:
        raise ServiceQuotaExceededException(
            f"The account has reached the quota of {SCHEDULES} schedules in this Region."
        )
    found.schedules[schedule.key] = schedule
    firing.start(schedule)
    return {"ScheduleArn": schedule.arn}


@operation("UpdateSchedule")
def update_schedule(context: RequestContext, request: Request) -> Response:
    """Every parameter that is left out goes back to its default.

    A rate that stays the same keeps its pace.
    """
    old = find_schedule(context, request["Name"], request.get("GroupName"))
    schedule = _schedule(context, request)
    schedule.created = old.created
    if replace(schedule.plan, since=old.plan.since) == old.plan:
        schedule.plan = old.plan
    firing.stop(old)
    store_of(context).schedules[schedule.key] = schedule
    firing.start(schedule)
    return {"ScheduleArn": schedule.arn}


@operation("DeleteSchedule")
def delete_schedule(context: RequestContext, request: Request) -> Response:
    schedule = find_schedule(context, request["Name"], request.get("GroupName"))
    firing.stop(schedule)
    del store_of(context).schedules[schedule.key]
    return {}


@operation("GetSchedule")
def get_schedule(context: RequestContext, request: Request) -> Response:
    schedule = find_schedule(context, request["Name"], request.get("GroupName"))
    plan = schedule.plan
    told = _summary(schedule) | {
        "ActionAfterCompletion": schedule.action_after_completion,
        "Description": schedule.description,
        "EndDate": plan.end_date,
        "FlexibleTimeWindow": schedule.window,
        "ScheduleExpression": plan.text,
        "ScheduleExpressionTimezone": plan.zone,
        "StartDate": plan.start_date,
        "Target": schedule.target,
    }
    return {name: value for name, value in told.items() if value is not None}


@operation("ListSchedules")
def list_schedules(context: RequestContext, request: Request) -> Response:
    group, prefix = request.get("GroupName"), request.get("NamePrefix", "")
    if group:
        find_group(context, group)
    state = request.get("State")
    items = (
        (schedule.key, schedule)
        for schedule in store_of(context).schedules.values()
        if group in (None, schedule.group)
        and schedule.name.startswith(prefix)
        and state in (None, _state(schedule))
    )
    return page("Schedules", items, request, _summary)


def _schedule(context: RequestContext, request: Request) -> Schedule:
    """The schedule that the request describes. Raises ValidationException if there is none such."""
    if "KmsKeyArn" in request:
        raise ValidationException(
            "Parameter KmsKeyArn is not valid. Reason: customer managed keys are not emulated."
        )
    now = clock.now(context.account_id)
    plan = _plan(request, now)
    window = _window(request["FlexibleTimeWindow"])
    schedule = Schedule(
        group=request.get("GroupName") or DEFAULT,
        name=request["Name"],
        account=context.account_id,
        region=context.region,
        plan=plan,
        target=request["Target"],
        window=window,
        is_enabled=request.get("State", "ENABLED") == "ENABLED",
        action_after_completion=request.get("ActionAfterCompletion", "NONE"),
        description=request.get("Description") or None,
        created=now,
        modified=now,
    )
    schedule.target = targets.checked(schedule)
    targets.prepare(schedule)
    return schedule


def _plan(request: Request, now: datetime) -> Plan:
    text, zone = request["ScheduleExpression"], request.get("ScheduleExpressionTimezone", "UTC")
    if not expressions.is_zone(zone):
        raise ValidationException(
            f"Invalid Schedule Expression Timezone {zone}. It must be an IANA time zone."
        )
    try:
        expressions.parse(text, zone)
    except InvalidExpression:
        raise ValidationException(f"Invalid Schedule Expression {text}.") from None
    start, end = (_utc(request.get(name)) for name in ("StartDate", "EndDate"))
    plan = Plan(text, zone, start, end, since=now)
    if not plan.is_one_time:
        _check_dates(start, end, now)
    return plan


def _check_dates(start: datetime | None, end: datetime | None, now: datetime) -> None:
    if start and start < now - GRACE:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end and end < now:
        raise ValidationException("The EndDate you specify cannot be in the past.")
    if start and end and start >= end:
        raise ValidationException("The StartDate you specify must come before the EndDate.")


def _utc(moment: datetime | None) -> datetime | None:
    return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _window(window: dict[str, Any]) -> dict[str, Any]:
    """The window, if it has a length just when it needs one."""
    if window["Mode"] == "FLEXIBLE" and "MaximumWindowInMinutes" not in window:
        raise ValidationException(
            "MaximumWindowInMinutes must be specified when the FlexibleTimeWindow Mode is FLEXIBLE."
        )
    if window["Mode"] == "OFF" and "MaximumWindowInMinutes" in window:
        raise ValidationException(
            "MaximumWindowInMinutes cannot be specified when the FlexibleTimeWindow Mode is OFF."
        )
    return window


def _state(schedule: Schedule) -> str:
    return "ENABLED" if schedule.is_enabled else "DISABLED"


def _summary(schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule.arn,
        "CreationDate": schedule.created,
        "GroupName": schedule.group,
        "LastModificationDate": schedule.modified,
        "Name": schedule.name,
        "State": _state(schedule),
        "Target": {"Arn": schedule.target["Arn"]},
    }
