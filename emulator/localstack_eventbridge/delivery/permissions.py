"""Whether EventBridge may call a target: by the target's own policy, or by the role it was given.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html

Policies are read where LocalStack and moto keep them: an API call for each delivery would cost
as much as the delivery.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from localstack.aws.connect import connect_to
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.services.sns.models import sns_stores
from localstack.services.sqs.models import sqs_stores
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.logs.models import logs_backends

from localstack_eventbridge import settings
from localstack_eventbridge.delivery.job import RULES, DeliveryError, Job, place_of
from localstack_eventbridge.delivery.policies import evaluate, evaluate_identity

Policy = Mapping[str, Any] | str | None

#: Found in place of a policy when there is no such resource; the call itself will say so.
NOTHING: Policy = object()  # type: ignore[assignment]


class Guard(NamedTuple):
    """What calling a kind of target takes: a role, or what `policy` finds at the target."""

    actions: tuple[str, ...]
    policy: Callable[[str], Policy] | None = None


def check(job: Job) -> None:
    """Raise DeliveryError, not retryable, unless `job.source_service` may call the target.

    With a RoleArn it is the role that counts, without one the policy of the target; log groups
    know no role, and a bus of another account must allow the call, too.
    """
    if not settings.ENFORCE_PERMISSIONS:
        return
    role = job.target.get("RoleArn")
    if job.actions:
        _check_role(job, role, job.actions, job.resource)
        return
    guard = GUARDS[job.service]
    by_role = bool(role) and job.service != "logs"
    if by_role:
        _check_role(job, role, guard.actions, job.resource)
    elif guard.policy is None:
        raise _refusal(job, guard.actions[0], "the target has no RoleArn")
    if not by_role or (job.service == "events" and place_of(job.arn)[1] != job.account):
        _check_resource(job, guard)


def check_role(job: Job, actions: Iterable[str], resource: str | None = None) -> None:
    """Raise DeliveryError unless the role of the job allows the actions.

    On the target, unless `resource` is something else.
    """
    if settings.ENFORCE_PERMISSIONS:
        _check_role(job, job.target["RoleArn"], actions, resource)


def check_queue(job: Job, queue_arn: str) -> None:
    """Raise DeliveryError unless dead letters of the job may be sent to this queue.

    For a rule the policy of the queue counts, for all else the role.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    if not settings.ENFORCE_PERMISSIONS:
        return
    if job.source_service == RULES:
        _check_policy(job, "sqs", "sqs:SendMessage", _queue_policy(queue_arn), queue_arn)
    else:
        _check_role(job, job.target["RoleArn"], ("sqs:SendMessage",), queue_arn)


def assume(role_arn: str, service: str, context: Mapping[str, str]) -> Role:
    """The role. Raises DeliveryError unless it exists and lets the service assume it."""
    role = _find_role(role_arn)
    if role is None:
        raise _not_assumed(role_arn, "there is no such role")
    trust = evaluate(
        role.assume_role_policy_document,
        action="sts:AssumeRole",
        resource=role_arn,
        service=service,
        context=context,
    )
    if not trust.allowed:
        raise _not_assumed(role_arn, trust.reason)
    return role


def _check_resource(job: Job, guard: Guard) -> None:
    policy = guard.policy(job.arn) if guard.policy else NOTHING
    # A policy for log groups allows to write to their streams.
    resource = f"{job.arn.removesuffix(':*')}:log-stream:x" if job.service == "logs" else job.arn
    for action in guard.actions:
        _check_policy(job, job.service, action, policy, resource)


def _check_policy(job: Job, service: str, action: str, policy: Policy, resource: str) -> None:
    if policy is NOTHING:
        return
    decision = evaluate(
        policy,
        action=action,
        resource=resource,
        service=job.source_service,
        account=job.account if service == "events" else None,
        principal_arn=job.target.get("RoleArn") if service == "events" else None,
        context=_context(job),
    )
    if not decision.allowed:
        refuse = _queue_refusal if service == "sqs" else _refusal
        raise refuse(job, action, decision.reason)


def _check_role(
    job: Job, role_arn: str, actions: Iterable[str], resource: str | None = None
) -> None:
    role = assume(role_arn, job.source_service, _context(job))
    policies = [*role.policies.values(), *(p.document for p in role.managed_policies.values())]
    for action in actions:
        decision = evaluate_identity(
            policies, action=action, resource=resource or job.arn, context=_context(job)
        )
        if not decision.allowed:
            raise _refusal(job, action, f"role {role.name}: {decision.reason}")


def _find_role(arn: str) -> Role | None:
    try:
        _, account, resource = place_of(arn)
        return iam_backends[account]["aws"].get_role(resource.split("/")[-1])
    except (ValueError, NotFoundException):
        return None


def _context(job: Job) -> dict[str, str]:
    """The condition keys of a call that a rule makes."""
    context = {"aws:SourceAccount": job.account, "aws:SourceArn": job.source_arn}
    for key, field in (("events:source", "source"), ("events:detail-type", "detail-type")):
        context[key] = str(job.event.get(field, ""))
    return context


def _function_policy(arn: str) -> Policy:
    region, account, resource = place_of(arn)
    _, name, *qualifier = resource.split(":")
    function = lambda_stores[account][region].functions.get(name)
    if function is None:
        return NOTHING
    found = function.permissions.get(qualifier[0] if qualifier else "$LATEST")
    return dataclasses.asdict(found.policy) if found else None


def _queue_policy(arn: str) -> Policy:
    region, account, name = place_of(arn)
    queue = sqs_stores[account][region].queues.get(name)
    return queue.attributes.get("Policy") if queue else NOTHING


def _topic_policy(arn: str) -> Policy:
    region, account, _ = place_of(arn)
    topic = sns_stores[account][region].topics.get(arn)
    return topic["attributes"].get("Policy") if topic else NOTHING


def _log_group_policy(arn: str) -> Policy:
    """The policies of CloudWatch Logs belong to the account, not to a log group."""
    region, account, _ = place_of(arn)
    statements: list[Any] = []
    for policy in list(logs_backends[account][region].resource_policies.values()):
        # CloudWatch Logs in LocalStack takes any text as a policy.
        with suppress(ValueError, AttributeError):
            found = json.loads(policy.policy_document).get("Statement", [])
            statements += found if isinstance(found, list) else [found]
    return {"Version": "2012-10-17", "Statement": statements}


def _bus_policy(arn: str) -> Policy:
    region, account, resource = place_of(arn)
    events = connect_to(aws_access_key_id=account, region_name=region).events
    try:
        return events.describe_event_bus(Name=resource.split("/", 1)[1]).get("Policy")
    except ClientError as error:
        raise DeliveryError("NO_RESOURCE", f"{arn} does not exist.") from error


def _refusal(job: Job, action: str, reason: str) -> DeliveryError:
    message = (
        f"User: {job.source_service} is not authorized to perform: {action} on resource: {job.arn}"
    )
    return DeliveryError("NO_PERMISSIONS", message, reason=f"{message}: {reason}")


def _queue_refusal(job: Job, action: str, reason: str) -> DeliveryError:
    """SQS does not tell a service that may not send from one that names no queue."""
    return DeliveryError(
        "NO_RESOURCE",
        "The specified queue does not exist or you do not have access to it. (Service: AmazonSQS; "
        "Status Code: 400; Error Code: AWS.SimpleQueueService.NonExistentQueue)",
        reason=f"{job.source_service} may not {action}: {reason}",
    )


def _not_assumed(role_arn: str, reason: str) -> DeliveryError:
    message = f"EventBridge could not assume the role {role_arn}"
    return DeliveryError("FAILED_TO_ASSUME_ROLE", message, reason=f"{message}: {reason}")


GUARDS = {
    "api-destination": Guard(("events:InvokeApiDestination",)),
    "events": Guard(("events:PutEvents",), _bus_policy),
    "firehose": Guard(("firehose:PutRecord",)),
    "kinesis": Guard(("kinesis:PutRecord",)),
    "lambda": Guard(("lambda:InvokeFunction",), _function_policy),
    "logs": Guard(("logs:CreateLogStream", "logs:PutLogEvents"), _log_group_policy),
    "sns": Guard(("sns:Publish",), _topic_policy),
    "sqs": Guard(("sqs:SendMessage",), _queue_policy),
    "states": Guard(("states:StartExecution",)),
}
