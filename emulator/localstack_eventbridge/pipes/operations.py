"""The operations of the API.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Operations.html
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.core import ServiceRequestHandler
from localstack.aws.api.pipes import (
    ConflictException,
    PipeState,
    RequestedPipeState,
    ServiceQuotaExceededException,
    ValidationException,
)

from localstack_eventbridge import rest
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery.job import service_of
from localstack_eventbridge.events.operations import page, present
from localstack_eventbridge.pipes import checks, lifecycle
from localstack_eventbridge.pipes.plan import SOURCES, Plan
from localstack_eventbridge.pipes.store import Pipe, find, find_by_arn, store_of

Request = Mapping[str, Any]
Response = dict[str, Any]
Operation = Callable[[RequestContext, Request], Response | None]

#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
MOST = 1000
MOST_TAGS = 50

#: The parameters of CreatePipe that say what a pipe does.
SETTINGS = (
    "Description",
    "Source",
    "SourceParameters",
    "Enrichment",
    "EnrichmentParameters",
    "Target",
    "TargetParameters",
    "RoleArn",
    "LogConfiguration",
    "KmsKeyIdentifier",
)

# One account's calls come one after the other: none sees what another has half done.
_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


def table() -> dict[str, ServiceRequestHandler]:
    """All operations of the service by name."""
    return {name: partial(_call, operation) for name, operation in OPERATIONS.items()}


def _call(operation: Operation, context: RequestContext, request: Request) -> Response | None:
    rest.validate(context)
    with _locks[context.account_id]:
        return operation(context, request)


def create_pipe(context: RequestContext, request: Request) -> Response:
    name, pipes = request["Name"], store_of(context).pipes
    settings = {key: request[key] for key in SETTINGS if request.get(key) is not None}
    _check_tags(request.get("Tags") or {})
    checks.check(settings, context.region)
    if name in pipes:
        raise ConflictException(
            f"Pipe {name} already exists.", resourceId=name, resourceType="Pipe"
        )
    if len(pipes) >= MOST:
        raise ServiceQuotaExceededException(
            "The requested resource exceeds the maximum number allowed.",
            resourceId=name,
            resourceType="Pipe",
            serviceCode="pipes",
            quotaCode="L-0E6BD9A7",
        )
    now = clock.now(context.account_id)
    pipe = Pipe(
        name,
        context.account_id,
        context.region,
        settings,
        request.get("DesiredState") or RequestedPipeState.RUNNING,
        created=now,
        modified=now,
        tags=dict(request.get("Tags") or {}),
    )
    checks.check_role(Plan(pipe))
    pipes[name] = pipe
    return _changed(pipe, PipeState.CREATING)


def update_pipe(context: RequestContext, request: Request) -> Response:
    pipe = _changeable(context, request)
    settings = _merged(pipe.settings, request)
    checks.check(settings, context.region)
    renewed = Pipe(**{**vars(pipe), "settings": settings})
    checks.check_role(Plan(renewed))
    pipe.settings = settings
    pipe.desired_state = request.get("DesiredState") or pipe.desired_state
    pipe.modified = clock.now(pipe.account)
    return _changed(pipe, PipeState.UPDATING)


def start_pipe(context: RequestContext, request: Request) -> Response:
    pipe = find(context, request["Name"])
    if pipe.current_state in (PipeState.RUNNING, PipeState.STARTING):
        return _told(pipe)
    _demand_settled(pipe)
    pipe.desired_state = RequestedPipeState.RUNNING
    return _changed(pipe, PipeState.STARTING)


def stop_pipe(context: RequestContext, request: Request) -> Response:
    pipe = find(context, request["Name"])
    if pipe.current_state in (PipeState.STOPPED, PipeState.STOPPING):
        return _told(pipe)
    _demand_settled(pipe)
    pipe.desired_state = RequestedPipeState.STOPPED
    return _changed(pipe, PipeState.STOPPING)


def delete_pipe(context: RequestContext, request: Request) -> Response:
    pipe = _changeable(context, request)
    pipe.desired_state = "DELETED"
    return _changed(pipe, PipeState.DELETING)


def describe_pipe(context: RequestContext, request: Request) -> Response:
    pipe = find(context, request["Name"])
    told = present(StateReason=pipe.state_reason, Tags=pipe.tags or None)
    return _told(pipe) | pipe.settings | told


def list_pipes(context: RequestContext, request: Request) -> Response:
    pipes = sorted(store_of(context).pipes.values(), key=lambda pipe: pipe.name)
    found = [pipe for pipe in pipes if _is_listed(pipe, request)]
    return page("Pipes", found, request, _summary)


def list_tags_for_resource(context: RequestContext, request: Request) -> Response:
    return {"tags": find_by_arn(context, request["resourceArn"]).tags}


def tag_resource(context: RequestContext, request: Request) -> Response:
    pipe = find_by_arn(context, request["resourceArn"])
    _check_tags(pipe.tags | request["tags"])
    pipe.tags.update(request["tags"])
    return {}


def untag_resource(context: RequestContext, request: Request) -> Response:
    pipe = find_by_arn(context, request["resourceArn"])
    for key in request["tagKeys"]:
        pipe.tags.pop(key, None)
    return {}


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise ValidationException(f"A pipe has {MOST_TAGS} tags at most.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise ValidationException("Keys of tags must not begin with aws:.")


def _changeable(context: RequestContext, request: Request) -> Pipe:
    pipe = find(context, request["Name"])
    _demand_settled(pipe)
    return pipe


def _demand_settled(pipe: Pipe) -> None:
    if pipe.current_state in lifecycle.CHANGING:
        raise ConflictException(
            f"Pipe {pipe.name} is in state {pipe.current_state}.",
            resourceId=pipe.name,
            resourceType="Pipe",
        )


def _changed(pipe: Pipe, state: PipeState) -> Response:
    """Begin the change; what the operation answers meanwhile."""
    lifecycle.change(pipe, state)
    return _told(pipe) | {"CurrentState": state}


def _merged(old: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """What is given replaces what was: each group of parameters of a service as a whole.

    https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_UpdatePipe.html
    """
    settings = {**old}
    for key in SETTINGS:
        given = request.get(key)
        if given is None:
            continue
        settings[key] = {**old.get(key, {}), **given} if key == "SourceParameters" else given
        if key in ("EnrichmentParameters", "TargetParameters"):
            settings[key] = {**old.get(key, {}), **given}
    kind = SOURCES[service_of(old["Source"])].parameters
    before = (old.get("SourceParameters") or {}).get(kind) or {}
    if kind in (request.get("SourceParameters") or {}):
        # Where to begin cannot be changed.
        kept = {k: before[k] for k in before if k.startswith("StartingPosition")}
        settings["SourceParameters"][kind] = {**settings["SourceParameters"][kind], **kept}
    if service_of(settings["Target"]) != service_of(old["Target"]):
        settings["TargetParameters"] = dict(request.get("TargetParameters") or {})
    if not settings.get("Enrichment"):
        settings.pop("Enrichment", None)
        if not request.get("EnrichmentParameters"):
            settings.pop("EnrichmentParameters", None)
    return settings


def _is_listed(pipe: Pipe, request: Request) -> bool:
    return (
        pipe.name.startswith(request.get("NamePrefix", ""))
        and pipe.settings["Source"].startswith(request.get("SourcePrefix", ""))
        and pipe.settings["Target"].startswith(request.get("TargetPrefix", ""))
        and request.get("DesiredState") in (None, pipe.desired_state)
        and request.get("CurrentState") in (None, pipe.current_state)
    )


def _told(pipe: Pipe) -> Response:
    return {
        "Arn": pipe.arn,
        "Name": pipe.name,
        "DesiredState": pipe.desired_state,
        "CurrentState": pipe.current_state,
        "CreationTime": pipe.created,
        "LastModifiedTime": pipe.modified,
    }


def _summary(pipe: Pipe) -> Response:
    more = {key: pipe.settings.get(key) for key in ("Source", "Target", "Enrichment")}
    return _told(pipe) | present(StateReason=pipe.state_reason, **more)


OPERATIONS: dict[str, Operation] = {
    "CreatePipe": create_pipe,
    "DeletePipe": delete_pipe,
    "DescribePipe": describe_pipe,
    "ListPipes": list_pipes,
    "ListTagsForResource": list_tags_for_resource,
    "StartPipe": start_pipe,
    "StopPipe": stop_pipe,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdatePipe": update_pipe,
}
