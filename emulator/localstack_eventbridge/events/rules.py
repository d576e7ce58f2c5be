"""Rules: when an event, or the time, is handed to targets.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html
"""

from __future__ import annotations

import json
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import ManagedRuleException, RuleState
from localstack.services.events.models import ValidationException

from localstack_eventbridge.events import limits, schedules, tags
from localstack_eventbridge.events.expressions import Cron, InvalidExpression, Rate, parse
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.store import (
    EventBus,
    Rule,
    find_bus,
    find_rule,
    store_of,
)

#: What an event must have to be tested; resources may be missing.
TESTED = {"id", "account", "source", "time", "region", "detail-type"}


@operation("PutRule")
def put_rule(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("EventBusName"))
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise ValidationException(
            "Parameter(s) EventPattern or ScheduleExpression must be specified."
        )
    old = bus.rules.get(request["Name"])
    demand_unmanaged(old, force=False)
    tags.check(request.get("Tags") or [])
    rule = Rule(
        request["Name"],
        context.region,
        context.account_id,
        schedule_expression=schedule or None,
        event_pattern=pattern or None,
        state=request.get("State"),
        description=request.get("Description"),
        role_arn=request.get("RoleArn"),
        event_bus_name=bus.name,
        targets=old.targets if old else {},
        pattern=limits.pattern(pattern),
        schedule=_schedule(schedule, bus),
    )
    _demand_room(rule, bus)
    bus.rules[rule.name] = rule
    if old is None:
        tags.put(store_of(context), rule.arn, request.get("Tags") or [])
    _restart(rule, old)
    return {"RuleArn": rule.arn}


@operation("EnableRule")
def enable_rule(context: RequestContext, request: Request) -> None:
    rule = _changeable(context, request)
    if not rule.is_enabled:
        rule.state = RuleState.ENABLED
        schedules.start(rule)


@operation("DisableRule")
def disable_rule(context: RequestContext, request: Request) -> None:
    rule = _changeable(context, request)
    rule.state = RuleState.DISABLED
    schedules.stop(rule)


@operation("DeleteRule")
def delete_rule(context: RequestContext, request: Request) -> None:
    bus = find_bus(context, request.get("EventBusName"))
    rule = bus.rules.get(request["Name"])
    if rule is None:
        return
    demand_unmanaged(rule, force=bool(request.get("Force")))
    if rule.targets:
        raise ValidationException("Rule can't be deleted since it has targets.")
    schedules.stop(rule)
    del bus.rules[rule.name]
    tags.forget(store_of(context), rule.arn)


@operation("DescribeRule")
def describe_rule(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("EventBusName"))
    rule = find_rule(context, request["Name"], bus)
    return _told(rule) | {"CreatedBy": rule.created_by}


@operation("ListRules")
def list_rules(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("EventBusName"))
    return page("Rules", with_prefix(bus.rules, request), request, _told)


@operation("ListRuleNamesByTarget")
def list_rule_names_by_target(context: RequestContext, request: Request) -> Response:
    bus, arn = find_bus(context, request.get("EventBusName")), request["TargetArn"]
    names = [
        rule.name
        for rule in list(bus.rules.values())
        if any(target["Arn"] == arn for target in list(rule.targets.values()))
    ]
    return page("RuleNames", names, request, str)


@operation("TestEventPattern")
def test_event_pattern(context: RequestContext, request: Request) -> Response:
    """It asks what rules ask, and so cannot disagree with them."""
    try:
        event = json.loads(request["Event"])
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not event.keys() >= TESTED:
        raise ValidationException("Parameter Event is not valid.")
    pattern = limits.pattern(request["EventPattern"] or "null")
    return {"Result": bool(pattern and pattern.matches(event))}


def demand_unmanaged(rule: Rule | None, *, force: bool) -> None:
    """Raise ManagedRuleException if a service manages the rule, unless it is forced."""
    if rule and rule.managed_by and not force:
        raise ManagedRuleException(
            f"{rule.name} is a managed rule. Set 'force' parameter to true to override."
        )


def _changeable(context: RequestContext, request: Request) -> Rule:
    bus = find_bus(context, request.get("EventBusName"))
    rule = find_rule(context, request["Name"], bus)
    demand_unmanaged(rule, force=False)
    return rule


def _schedule(expression: str | None, bus: EventBus) -> Rate | Cron | None:
    if not expression:
        return None
    if bus.name != "default":
        raise ValidationException("ScheduleExpression is supported only on the default event bus.")
    try:
        return parse(expression)
    except InvalidExpression as error:
        raise ValidationException(str(error)) from None


def _demand_room(rule: Rule, bus: EventBus) -> None:
    others = [other for name, other in bus.rules.items() if name != rule.name]
    limits.demand_room(len(others), limits.RULES)
    if rule.pattern and rule.pattern.has_wildcards:
        with_wildcards = sum(bool(o.pattern and o.pattern.has_wildcards) for o in others)
        limits.demand_room(with_wildcards, limits.WILDCARD_RULES)


def _restart(rule: Rule, old: Rule | None) -> None:
    """Replace the schedule; a rate that stays the same keeps its pace."""
    since = None
    if old:
        schedules.stop(old)
        if old.is_enabled and old.schedule_expression == rule.schedule_expression:
            since = old.since
    schedules.start(rule, since=since)


def _told(rule: Rule) -> dict[str, Any]:
    return present(
        Name=rule.name,
        Arn=rule.arn,
        EventPattern=rule.event_pattern,
        ScheduleExpression=rule.schedule_expression,
        State=rule.state,
        Description=rule.description,
        RoleArn=rule.role_arn,
        ManagedBy=rule.managed_by,
        EventBusName=rule.event_bus_name,
    )
