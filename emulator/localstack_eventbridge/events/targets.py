"""Targets of rules.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
"""

from __future__ import annotations

import re
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.events.models import ValidationException

from localstack_eventbridge.delivery import senders
from localstack_eventbridge.delivery.job import place_of, service_of
from localstack_eventbridge.delivery.templates import TemplateError, validate_target_input
from localstack_eventbridge.events import limits
from localstack_eventbridge.events.operations import Request, Response, operation, page
from localstack_eventbridge.events.rules import demand_unmanaged
from localstack_eventbridge.events.store import Rule, find_bus, find_rule

#: Parameters of targets that are not emulated.
NOT_EMULATED = (
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
)

#: Parameters that only one kind of target has.
BELONGS = {
    "HttpParameters": "api-destination",
    "KinesisParameters": "kinesis",
    "SqsParameters": "sqs",
}

_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:([0-9]{12})?:.+", re.ASCII | re.DOTALL)
_ROLE = re.compile(r"arn:[\w-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_QUEUE = re.compile(r"arn:[\w-]+:sqs:[\w-]+:[0-9]{12}:[\w-]+", re.ASCII)


@operation("PutTargets")
def put_targets(context: RequestContext, request: Request) -> Response:
    rule = _rule(context, request)
    for position, target in enumerate(request["Targets"], 1):
        _check(target, position, rule)
    after = rule.targets | {target["Id"]: target for target in request["Targets"]}
    if len(after) > limits.TARGETS:
        limits.demand_room(len(after) - 1, limits.TARGETS)
    rule.targets.update(after)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@operation("RemoveTargets")
def remove_targets(context: RequestContext, request: Request) -> Response:
    rule = _rule(context, request)
    failed = []
    for target_id in request["Ids"]:
        if rule.targets.pop(target_id, None) is None:
            message = f"Rule '{rule.name}' does not have a target with the Id '{target_id}'."
            code = "ResourceNotFoundException"
            failed.append({"TargetId": target_id, "ErrorCode": code, "ErrorMessage": message})
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@operation("ListTargetsByRule")
def list_targets_by_rule(context: RequestContext, request: Request) -> Response:
    bus = find_bus(context, request.get("EventBusName"))
    rule = find_rule(context, request["Rule"], bus)
    return page("Targets", list(rule.targets.values()), request, dict)


def _rule(context: RequestContext, request: Request) -> Rule:
    """The rule, whose targets may be changed."""
    bus = find_bus(context, request.get("EventBusName"))
    rule = find_rule(context, request["Rule"], bus)
    demand_unmanaged(rule, force=bool(request.get("Force")))
    return rule


def _check(target: dict[str, Any], position: int, rule: Rule) -> None:
    """Raise ValidationException unless the target can be called as it says."""
    name, arn = target["Id"], target["Arn"]
    if not _ARN.fullmatch(arn):
        raise _malformed(arn)
    for parameter in NOT_EMULATED:
        if parameter in target:
            raise ValidationException(
                f"Parameter {parameter} is not valid for target {name}. Reason: it is not emulated."
            )
    if not senders.supported(arn):
        raise ValidationException(
            f"Parameter {arn} is not valid. Reason: such targets are not emulated."
        )
    _check_place(arn, rule)
    _check_parameters(target)
    _check_role(target)
    _check_queue(target, rule)
    try:
        validate_target_input(target, position=position)
    except TemplateError as error:
        raise ValidationException(str(error)) from None


def _check_place(arn: str, rule: Rule) -> None:
    """Only buses can be in another region, and no bus can be the target of its own rule."""
    region, account, resource = place_of(arn)
    service = service_of(arn)
    if service != "events" and region != rule.region:
        raise _malformed(arn)
    own = (rule.region, rule.account_id, f"event-bus/{rule.event_bus_name}")
    if service == "events" and (region, account, resource) == own:
        raise ValidationException(
            f"Parameter {arn} is not valid. Reason: a bus cannot be a target of its own rule."
        )


def _check_parameters(target: dict[str, Any]) -> None:
    service, name = service_of(target["Arn"]), target["Id"]
    for parameter, owner in BELONGS.items():
        if parameter in target and service != owner:
            raise ValidationException(
                f"Parameter(s) {parameter} cannot be specified for target: {name}."
            )
    is_fifo = service == "sqs" and target["Arn"].endswith(".fifo")
    if is_fifo and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise ValidationException(
            f"Parameter(s) SqsParameters must be specified for target: {name}."
        )
    if service == "events" and target.keys() & {"Input", "InputPath", "InputTransformer"}:
        raise ValidationException(f"Modifying the input for target {name} is not supported.")


def _check_role(target: dict[str, Any]) -> None:
    role, arn = target.get("RoleArn"), target["Arn"]
    if role is None and senders.needs_role(arn):
        raise ValidationException(f"RoleArn is required for target {arn}.")
    if role is not None and not _ROLE.fullmatch(role):
        raise _malformed(role)


def _check_queue(target: dict[str, Any], rule: Rule) -> None:
    """A dead-letter queue is a standard queue in the region of the rule."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if arn is not None and (not _QUEUE.fullmatch(arn) or place_of(arn)[0] != rule.region):
        raise ValidationException(
            f"Parameter DeadLetterConfig.Arn is not valid for target {target['Id']}. "
            "Reason: it must be the ARN of a standard SQS queue in the same region."
        )


def _malformed(arn: str) -> ValidationException:
    return ValidationException(
        f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."
    )
