"""Schedules that fire by the account's clock, one timer for each.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
"""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import deliver
from localstack_eventbridge.scheduler.invocation import invocation
from localstack_eventbridge.scheduler.operations import locks
from localstack_eventbridge.scheduler.store import Schedule, scheduler_stores, store

#: What was due longer ago, while the computer slept, is left out.
LATE = timedelta(minutes=1)

# A schedule that is being stopped must not set itself another time.
_lock = threading.Lock()


def start(schedule: Schedule) -> None:
    """Let the schedule fire, if it is enabled."""
    if schedule.is_enabled:
        with _lock:
            _set_timer(schedule, schedule.plan.first(schedule.modified))


def stop(schedule: Schedule) -> None:
    """Fire no more."""
    with _lock:
        if schedule.timer:
            schedule.timer.cancel()
        schedule.timer = None


def forget(account: str) -> None:
    """Let none of the account's schedules fire any more."""
    if account in scheduler_stores:
        for found in list(scheduler_stores[account].values()):
            for schedule in list(found.schedules.values()):
                stop(schedule)


def _set_timer(schedule: Schedule, due: datetime | None) -> None:
    """The next invocation: when it is due, or at any moment of the window that begins then.

    Where windows overlap, the invocations still come in the order of their times.
    """
    schedule.timer = None
    if due:
        # No window goes beyond the end of the calendar.
        window = min(_window(schedule), datetime.max.replace(tzinfo=UTC) - due)
        when = due + random.uniform(0, 1) * window
        schedule.timer = clock.call_at(schedule.account, when, partial(_fire, schedule, due))


def _window(schedule: Schedule) -> timedelta:
    return timedelta(minutes=schedule.window.get("MaximumWindowInMinutes", 0))


def _fire(schedule: Schedule, due: datetime) -> None:
    now = clock.now(schedule.account)
    with _lock:
        if schedule.timer is None:
            return
        following = schedule.plan.next_after(max(due, now - _window(schedule) - LATE))
        _set_timer(schedule, following)
    job = invocation(schedule, due)
    if following is None and schedule.action_after_completion == "DELETE":
        _remove(schedule)
    trace.record(
        schedule.account,
        "schedule",
        job.event_id,
        schedule=schedule.arn,
        scheduled_time=due.isoformat(),
        next=following and following.isoformat(),
    )
    deliver.submit(job)


def _remove(schedule: Schedule) -> None:
    found = store(schedule.account, schedule.region)
    with locks[schedule.account]:
        if found.schedules.get(schedule.key) is schedule:
            del found.schedules[schedule.key]
