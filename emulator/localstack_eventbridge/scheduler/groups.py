"""Schedule groups and their tags.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-group.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.scheduler import (
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    ValidationException,
)

from localstack_eventbridge.clock import clock
from localstack_eventbridge.scheduler import firing
from localstack_eventbridge.scheduler.operations import Request, Response, locks, operation, page
from localstack_eventbridge.scheduler.store import (
    DEFAULT,
    Group,
    SchedulerStore,
    find_group,
    store,
    store_of,
)

#: https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
GROUPS = 500

#: Of one group.
TAGS = 50

#: Seconds that a group is seen in the state DELETING. Minutes on AWS.
DELETING = 1.0


@operation("CreateScheduleGroup")
def create_schedule_group(context: RequestContext, request: Request) -> Response:
    name, found = request["Name"], store_of(context)
    if name in found.groups:
        raise ConflictException(f"Schedule group {name} already exists.")
    if len(found.groups) >= GROUPS:
        raise ServiceQuotaExceededException(
            f"The account has reached the quota of {GROUPS} schedule groups in this Region."
        )
    tags = _checked(request.get("Tags") or [], {})
    now = clock.now(context.account_id)
    group = Group(name, context.account_id, context.region, now, now, tags=tags)
    found.groups[name] = group
    return {"ScheduleGroupArn": group.arn}


@operation("GetScheduleGroup")
def get_schedule_group(context: RequestContext, request: Request) -> Response:
    return _told(find_group(context, request["Name"]))


@operation("ListScheduleGroups")
def list_schedule_groups(context: RequestContext, request: Request) -> Response:
    prefix = request.get("NamePrefix", "")
    groups = store_of(context).groups.values()
    items = (((g.name, ""), g) for g in groups if g.name.startswith(prefix))
    return page("ScheduleGroups", items, request, _told)


@operation("DeleteScheduleGroup")
def delete_schedule_group(context: RequestContext, request: Request) -> Response:
    """With all its schedules, which fire no more."""
    if request["Name"] == DEFAULT:
        raise ValidationException("The default schedule group can't be deleted.")
    group, found = find_group(context, request["Name"]), store_of(context)
    for schedule in [s for s in found.schedules.values() if s.group == group.name]:
        firing.stop(schedule)
        del found.schedules[schedule.key]
    if group.state == "ACTIVE":
        group.state = "DELETING"
        group.modified = clock.now(group.account)
        clock.call_later(group.account, DELETING, partial(_forget, group))
    return {}


def demand_active(group: Group) -> None:
    """Raise ConflictException if the group is being deleted."""
    if group.state != "ACTIVE":
        raise ConflictException(f"Schedule group {group.name} is being deleted.")


@operation("ListTagsForResource")
def list_tags_for_resource(context: RequestContext, request: Request) -> Response:
    tags = _tagged(context, request).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@operation("TagResource")
def tag_resource(context: RequestContext, request: Request) -> Response:
    group = _tagged(context, request)
    group.tags |= _checked(request["Tags"], group.tags)
    return {}


@operation("UntagResource")
def untag_resource(context: RequestContext, request: Request) -> Response:
    group = _tagged(context, request)
    for key in request["TagKeys"]:
        group.tags.pop(key, None)
    return {}


def _tagged(context: RequestContext, request: Request) -> Group:
    """The group with this ARN. Raises ResourceNotFoundException."""
    arn = request["ResourceArn"]
    group = store_of(context).groups.get(arn.rsplit("/", 1)[-1])
    if group is None or group.arn != arn:
        raise ResourceNotFoundException(f"Resource {arn} does not exist.")
    return group


def _checked(tags: Iterable[Mapping[str, str]], already: Mapping[str, str]) -> dict[str, str]:
    """Raises ValidationException if a key is there twice, reserved, or one too many."""
    found: dict[str, str] = {}
    for tag in tags:
        if tag["Key"] in found:
            raise ValidationException(f"The tag key {tag['Key']} is there more than once.")
        if tag["Key"].lower().startswith("aws:"):
            raise ValidationException("Tag keys must not begin with aws:.")
        found[tag["Key"]] = tag["Value"]
    if len(found.keys() | already.keys()) > TAGS:
        raise ValidationException(f"A schedule group has at most {TAGS} tags.")
    return found


def _forget(group: Group) -> None:
    found: SchedulerStore = store(group.account, group.region)
    with locks[group.account]:
        if found.groups.get(group.name) is group:
            del found.groups[group.name]


def _told(group: Group) -> dict[str, Any]:
    return {
        "Arn": group.arn,
        "CreationDate": group.created,
        "LastModificationDate": group.modified,
        "Name": group.name,
        "State": group.state,
    }
