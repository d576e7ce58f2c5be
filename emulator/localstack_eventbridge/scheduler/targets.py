"""Targets of schedules: which there are, and what they take.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.aws.api.scheduler import ValidationException

from localstack_eventbridge import settings
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import deliver, permissions, senders
from localstack_eventbridge.delivery.job import DeliveryError, place_of, service_of
from localstack_eventbridge.scheduler import universal
from localstack_eventbridge.scheduler.invocation import SERVICE, invocation
from localstack_eventbridge.scheduler.store import Schedule

#: The templated targets that are called, by service, and the form of their resources.
TEMPLATED = {
    "events": "event-bus/.+",
    "firehose": "deliverystream/.+",
    "kinesis": "stream/.+",
    "lambda": "function:.+",
    "sns": ".+",
    "sqs": ".+",
    "states": "stateMachine:.+",
}

#: Templated targets of AWS that are not emulated.
NOT_EMULATED = {"codebuild", "codepipeline", "ecs", "inspector", "sagemaker"}

#: Parameters that only one kind of target has.
BELONGS = {
    "EcsParameters": "ecs",
    "EventBridgeParameters": "events",
    "KinesisParameters": "kinesis",
    "SageMakerPipelineParameters": "sagemaker",
    "SqsParameters": "sqs",
}

#: Kinds of targets that cannot do without their parameters.
NEEDED = {"events": "EventBridgeParameters", "kinesis": "KinesisParameters"}

#: Kinds of targets whose Input must be JSON.
JSON = {"events", "lambda", "states"}

#: Bytes that Input may have.
LONGEST_INPUT = 262_144

_ARN = re.compile(r"arn:aws:([a-z0-9-]+):[a-z0-9-]*:([0-9]{12})?:.+", re.ASCII | re.DOTALL)


def checked(schedule: Schedule) -> dict[str, Any]:
    """The target of the schedule, with the default retry policy where it has none.

    Raises ValidationException unless it can be called as it says, and AccessDeniedException for a
    role of another account.
    """
    target, arn = schedule.target, schedule.target["Arn"]
    kind = universal.SERVICE if universal.is_universal(arn) else _kind(arn, schedule.region)
    _check_parameters(target, kind)
    _check_queue(target, schedule.region)
    policy = target.get("RetryPolicy") or {}
    policy = {
        "MaximumEventAgeInSeconds": deliver.MAXIMUM_EVENT_AGE_IN_SECONDS,
        "MaximumRetryAttempts": deliver.MAXIMUM_RETRY_ATTEMPTS,
        **policy,
    }
    _check_input(schedule, kind)
    _check_role(schedule)
    return {**target, "RetryPolicy": policy}


def prepare(schedule: Schedule) -> None:
    """Make the client that calls the target: the first call would be late by the time it takes."""
    arn = schedule.target["Arn"]
    if universal.is_universal(arn):
        universal.client(arn, schedule.account, schedule.region)
    else:
        senders.prepare(arn)


def _kind(arn: str, region: str) -> str:
    """The service of a templated target."""
    service = service_of(arn) if _ARN.fullmatch(arn) else ""
    if service in NOT_EMULATED:
        raise ValidationException(
            f"Parameter Target.Arn is not valid. Reason: targets of {service} are not emulated."
        )
    if service not in TEMPLATED or not re.fullmatch(
        TEMPLATED[service], place_of(arn)[2], re.DOTALL
    ):
        raise ValidationException("Provided Arn is not in correct format.")
    if place_of(arn)[0] != region:
        raise ValidationException(
            "Parameter Target.Arn is not valid. Reason: the target is in another Region."
        )
    return service


def _check_parameters(target: dict[str, Any], kind: str) -> None:
    for parameter, owner in BELONGS.items():
        if parameter in target and kind != owner:
            raise ValidationException(
                f"Parameter {parameter} is not valid for the target {target['Arn']}."
            )
    if (needed := NEEDED.get(kind)) and needed not in target:
        raise ValidationException(f"{needed} must be specified for the target {target['Arn']}.")
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    if kind == "sqs" and target["Arn"].endswith(".fifo") and not group:
        raise ValidationException("SqsParameters.MessageGroupId must be specified for FIFO queues.")


def _check_queue(target: dict[str, Any], region: str) -> None:
    """The model allows standard queues only."""
    arn = target.get("DeadLetterConfig", {}).get("Arn")
    if arn and place_of(arn)[0] != region:
        raise ValidationException(
            "Parameter DeadLetterConfig.Arn is not valid. Reason: the queue is in another Region."
        )


def _check_input(schedule: Schedule, kind: str) -> None:
    text = schedule.target.get("Input")
    if text is not None and len(text.encode("utf-8", "surrogatepass")) > LONGEST_INPUT:
        raise ValidationException(
            f"Parameter Target.Input is not valid. Reason: it is longer than {LONGEST_INPUT} bytes."
        )
    if kind == universal.SERVICE:
        _check_request(schedule)
    elif kind in JSON and text is not None and not _is_json(text):
        raise ValidationException(
            "Parameter Target.Input is not valid. Reason: it must be well-formed JSON for a "
            f"target of {kind}."
        )


def _check_request(schedule: Schedule) -> None:
    """Raise ValidationException unless the operation takes the Input, once it is filled in."""
    try:
        call = universal.find(schedule.target["Arn"])
        example = invocation(schedule, clock.now(schedule.account)).attempt(1)
        universal.arguments(call, example.payload)
    except universal.NotSupported as error:
        raise ValidationException(str(error)) from None
    except universal.InvalidInput as error:
        raise ValidationException(f"Invalid RequestJson provided. Reason {error}") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check_role(schedule: Schedule) -> None:
    """The role must be the account's own, exist, and let Scheduler assume it.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
    """
    role = schedule.target["RoleArn"]
    if place_of(role)[1] != schedule.account:
        raise CommonServiceException(
            "AccessDeniedException", "Cross-account pass role is not allowed.", 403, True
        )
    if not settings.ENFORCE_PERMISSIONS:
        return
    context = {"aws:SourceAccount": schedule.account, "aws:SourceArn": schedule.group_arn}
    try:
        permissions.assume(role, SERVICE, context)
    except DeliveryError:
        raise ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the "
            "role."
        ) from None
