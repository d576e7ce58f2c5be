"""Rules that fire at times of their own.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from __future__ import annotations

import threading
import uuid
from datetime import datetime
from functools import partial

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.events import routing
from localstack_eventbridge.events.store import Rule

# A rule that is being stopped must not set itself another time.
_lock = threading.Lock()


def start(rule: Rule, *, since: datetime | None = None) -> None:
    """Let an enabled rule fire by its schedule, if it has one. A rate counts from `since`, or now.

    A rate fires for the first time when its interval has passed.
    """
    if rule.schedule and rule.is_enabled:
        with _lock:
            rule.since = since or clock.now(rule.account_id)
            _set_timer(rule)


def stop(rule: Rule) -> None:
    """Fire no more."""
    with _lock:
        if rule.timer:
            rule.timer.cancel()
        rule.timer = None


def _set_timer(rule: Rule) -> None:
    now = clock.now(rule.account_id)
    when = rule.schedule and rule.schedule.next_after(now, start=rule.since or now)
    rule.timer = clock.call_at(rule.account_id, when, partial(_fire, rule, when)) if when else None


def _fire(rule: Rule, when: datetime) -> None:
    with _lock:
        if rule.timer is None or rule.timer.when != when:
            return
        _set_timer(rule)
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account_id,
        "time": routing.time_text(when),
        "region": rule.region,
        "resources": [rule.arn],
        "detail": {},
    }
    trace.record(
        rule.account_id,
        "rule",
        event["id"],
        bus=rule.event_bus_name,
        rule=rule.name,
        matched=True,
        reason=f"the schedule {rule.schedule_expression} is due",
    )
    routing.trigger(rule, event)
