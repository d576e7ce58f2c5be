"""Event buses and their policies.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus.html
"""

from __future__ import annotations

import json
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import (
    PolicyLengthExceededException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from localstack.services.events.models import ValidationException

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery.policies import evaluate
from localstack_eventbridge.events import limits, tags
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.patterns import nesting
from localstack_eventbridge.events.store import EventBus, find_bus, new_bus, store_of

#: The characters that a policy may have.
LONGEST_POLICY = 10_240

#: No statement of a policy is nested deeper.
DEEPEST_POLICY = 20


@operation("CreateEventBus")
def create_event_bus(context: RequestContext, request: Request) -> Response:
    name, store = request["Name"], store_of(context)
    if source := request.get("EventSourceName"):
        raise ResourceNotFoundException(f"Event source {source} does not exist.")
    if "/" in name:
        raise ValidationException("Event bus name must not contain '/'.")
    if name in store.event_buses:
        raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
    limits.demand_room(len(store.event_buses) - 1, limits.BUSES)
    tags.check(request.get("Tags") or [])
    bus = new_bus(name, context.region, context.account_id)
    _change(bus, request)
    store.event_buses[name] = bus
    tags.put(store, bus.arn, request.get("Tags") or [])
    return {"EventBusArn": bus.arn} | _settings(bus)


@operation("UpdateEventBus")
def update_event_bus(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("Name"))
    _change(bus, request)
    bus.last_modified_time = clock.now(context.account_id)
    return {"Arn": bus.arn, "Name": bus.name} | _settings(bus)


@operation("DeleteEventBus")
def delete_event_bus(context: RequestContext, request: Request) -> None:
    name, store = request["Name"], store_of(context)
    if name == "default":
        raise ValidationException("Cannot delete event bus default.")
    if (bus := store.event_buses.get(name)) is None:
        return
    if bus.rules:
        raise ValidationException("EventBus can't be deleted since it has rules.")
    del store.event_buses[name]
    tags.forget(store, bus.arn)


@operation("DescribeEventBus")
def describe_event_bus(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("Name"))
    return _told(bus) | _settings(bus)


@operation("ListEventBuses")
def list_event_buses(context: RequestContext, request: Request) -> Response:
    buses = with_prefix(store_of(context).event_buses, request)
    return page("EventBuses", buses, request, _told)


@operation("PutPermission")
def put_permission(context: RequestContext, request: Request) -> None:
    bus = find_bus(context, request.get("EventBusName"))
    if "Policy" in request:
        policy = _parse(request["Policy"], bus)
    else:
        statements = bus.policy["Statement"] if bus.policy else []
        added = _statement(request, bus)
        others = [statement for statement in statements if statement.get("Sid") != added["Sid"]]
        policy = {"Version": "2012-10-17", "Statement": [*others, added]}
    if len(json.dumps(policy)) > LONGEST_POLICY:
        raise _too_long()
    _set_policy(bus, policy)


@operation("RemovePermission")
def remove_permission(context: RequestContext, request: Request) -> None:
    bus = find_bus(context, request.get("EventBusName"))
    if request.get("RemoveAllPermissions"):
        _set_policy(bus, None)
        return
    if "StatementId" not in request:
        raise ValidationException("Parameter StatementId is required.")
    statements = bus.policy["Statement"] if bus.policy else []
    left = [one for one in statements if one.get("Sid") != request["StatementId"]]
    if len(left) == len(statements):
        raise ResourceNotFoundException("Statement with the provided id does not exist.")
    _set_policy(bus, {**bus.policy, "Statement": left} if bus.policy and left else None)


def _change(bus: EventBus, request: Request) -> None:
    """Take over what the request says, and leave the rest as it is."""
    bus.description = request.get("Description", bus.description)
    bus.kms_key_identifier = request.get("KmsKeyIdentifier", bus.kms_key_identifier)
    bus.dead_letter_config = request.get("DeadLetterConfig", bus.dead_letter_config)
    bus.log_config = request.get("LogConfig", bus.log_config)


def _settings(bus: EventBus) -> dict[str, Any]:
    return present(
        Description=bus.description or None,
        KmsKeyIdentifier=bus.kms_key_identifier or None,
        DeadLetterConfig=bus.dead_letter_config,
        LogConfig=bus.log_config,
    )


def _told(bus: EventBus) -> dict[str, Any]:
    return present(
        Name=bus.name,
        Arn=bus.arn,
        Description=bus.description or None,
        Policy=json.dumps(bus.policy) if bus.policy else None,
        CreationTime=bus.creation_time,
        LastModifiedTime=bus.last_modified_time,
    )


def _set_policy(bus: EventBus, policy: dict[str, Any] | None) -> None:
    bus.policy = policy  # type: ignore[assignment]
    bus.last_modified_time = clock.now(bus.account_id)


def _parse(text: str, bus: EventBus) -> dict[str, Any]:
    """The policy, with a list of statements. Raises ValidationException if it is malformed."""
    if len(text) > LONGEST_POLICY:
        raise _too_long()
    try:
        policy = json.loads(text) if nesting(text) <= DEEPEST_POLICY else None
    except ValueError:
        raise _malformed("it is not JSON") from None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise _malformed("it has no Statement")
    decision = evaluate(policy, action="events:PutEvents", resource=bus.arn)
    if decision.reason.startswith("the policy is malformed"):
        raise _malformed(decision.reason)
    statements = policy["Statement"]
    return policy | {"Statement": statements if isinstance(statements, list) else [statements]}


def _too_long() -> PolicyLengthExceededException:
    return PolicyLengthExceededException("Policy length exceeds the maximum allowed.")


def _malformed(reason: str) -> ValidationException:
    return ValidationException(f"Parameter Policy is not valid. Reason: {reason}.")


def _statement(request: Request, bus: EventBus) -> dict[str, Any]:
    """A statement as the other parameters of PutPermission describe it."""
    for name in ("Action", "Principal", "StatementId"):
        if name not in request:
            raise ValidationException(f"Parameter {name} is required.")
    if request["Action"] != "events:PutEvents":
        raise ValidationException("Provided value in parameter 'action' is not supported.")
    principal = request["Principal"]
    condition = request.get("Condition")
    return present(
        Sid=request["StatementId"],
        Effect="Allow",
        Principal=principal if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        Action="events:PutEvents",
        Resource=bus.arn,
        Condition=condition and {condition["Type"]: {condition["Key"]: condition["Value"]}},
    )
