"""Which rules an event on a bus matches, and what it is handed to."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import deliver, metrics
from localstack_eventbridge.delivery.job import DeliveryError, Job, place_of
from localstack_eventbridge.delivery.templates import shape
from localstack_eventbridge.events import archives
from localstack_eventbridge.events.patterns import Mismatch
from localstack_eventbridge.events.store import Event, EventBus, Rule, bus_at

LOG = logging.getLogger(__name__)

#: The trace does not repeat more characters of a value than these.
LONGEST_VALUE = 500


def route(
    bus: EventBus, event: Event, *, only: Collection[str] = (), forwarded: bool = False
) -> None:
    """Hand the event to the targets of all rules that match: at once, nothing is waited for.

    `only` are the ARNs of rules that are tried, all by default; `forwarded` says that another bus
    has sent the event.
    """
    for rule in list(bus.rules.values()):
        if rule.pattern is None or (only and rule.arn not in only):
            continue
        try:
            if _matches(rule, event):
                trigger(rule, event, forwarded=forwarded)
        except Exception:
            # No rule may disturb another.
            LOG.exception("rule %s and event %s", rule.arn, event["id"])


def receive(bus_arn: str, event: Event) -> None:
    """Take an event that a rule sends from another bus.

    Raises DeliveryError if the bus does not exist.
    """
    region, account, resource = place_of(bus_arn)
    bus = bus_at(account, region, resource.removeprefix("event-bus/"))
    if bus is None:
        raise DeliveryError("NO_RESOURCE", f"{bus_arn} does not exist.")
    told = {"source": event["source"], "detail_type": event["detail-type"]}
    result = {"result": "accepted", "reason": "a rule of another bus has sent it"}
    trace.record(account, "entry", event["id"], bus=bus.name, **told, **result)
    route(bus, event, forwarded=True)


def trigger(rule: Rule, event: Event, *, forwarded: bool = False) -> None:
    """Hand the event to the targets of the rule, which has matched or is due."""
    metrics.count(rule.account_id, rule.region, "TriggeredRules", rule.name, rule.event_bus_name)
    if rule.archive:
        archives.keep(rule.archive, event)
        return
    variables = {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": time_text(clock.now(rule.account_id)),
    }
    for target in list(rule.targets.values()):
        deliver.submit(
            Job(
                account=rule.account_id,
                region=rule.region,
                target=target,
                payload=shape(target, event, variables),
                event=event,
                rule_arn=rule.arn,
                rule_name=rule.name,
                bus_name=rule.event_bus_name,
                forwarded=forwarded,
            )
        )


def time_text(time: datetime) -> str:
    """A time (aware) as events have it: to the second, in UTC."""
    return f"{time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def _matches(rule: Rule, event: Event) -> bool:
    if rule.is_enabled:
        mismatch = rule.pattern.explain(event) if rule.pattern else None
        reason, told = _told(mismatch)
    else:
        reason, told = f"the rule is {rule.state}", {}
    trace.record(
        rule.account_id,
        "rule",
        event["id"],
        bus=rule.event_bus_name,
        rule=rule.name,
        matched=reason is None,
        reason=reason,
        **told,
    )
    if reason is None:
        place = rule.account_id, rule.region
        metrics.count(*place, "MatchedEvents", rule.name, rule.event_bus_name)
    return reason is None


def _told(mismatch: Mismatch | None) -> tuple[str | None, dict[str, Any]]:
    """The first reason why a pattern does not match, in words and in parts."""
    if mismatch is None:
        return None, {}
    field, wanted, found, present = mismatch
    text = json.dumps(found, ensure_ascii=False)
    if len(text) > LONGEST_VALUE:
        text = found = f"{text[:LONGEST_VALUE]}…"
    reason = f"{field}: wanted {json.dumps(wanted, ensure_ascii=False)}, found "
    told = {"field": field, "wanted": wanted, "found": found, "present": present}
    return reason + (text if present else "nothing"), told
