"""What is kept: groups and schedules of an account in a region, and how to find them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.scheduler import ResourceNotFoundException
from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

from localstack_eventbridge.clock import Timer, clock
from localstack_eventbridge.scheduler.expressions import Plan

DEFAULT = "default"

#: So many ClientTokens are remembered of an account in a region, the newest.
TOKENS = 1000

#: Group and name of a schedule.
Key = tuple[str, str]


@dataclass(eq=False, slots=True)
class Group:
    name: str
    account: str
    region: str
    created: datetime
    modified: datetime
    state: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return group_arn(self.account, self.region, self.name)


@dataclass(eq=False, slots=True)
class Schedule:
    """A schedule; `target` and `window` are as the request has them."""

    group: str
    name: str
    account: str
    region: str
    plan: Plan
    target: dict[str, Any]
    window: dict[str, Any]
    is_enabled: bool
    action_after_completion: str
    description: str | None
    created: datetime
    modified: datetime
    timer: Timer | None = None

    @property
    def key(self) -> Key:
        return self.group, self.name

    @property
    def arn(self) -> str:
        place = f"arn:aws:scheduler:{self.region}:{self.account}"
        return f"{place}:schedule/{self.group}/{self.name}"

    @property
    def group_arn(self) -> str:
        return group_arn(self.account, self.region, self.group)


def group_arn(account: str, region: str, name: str) -> str:
    """The ARN of a schedule group."""
    return f"arn:aws:scheduler:{region}:{account}:schedule-group/{name}"


class SchedulerStore(BaseStore):
    groups: dict[str, Group] = LocalAttribute(default=dict)
    schedules: dict[Key, Schedule] = LocalAttribute(default=dict)
    #: What was asked for with a ClientToken, and what was answered.
    tokens: OrderedDict[tuple[str, str], tuple[str, Any]] = LocalAttribute(default=OrderedDict)


scheduler_stores = AccountRegionBundle("scheduler", SchedulerStore)


def store(account: str, region: str) -> SchedulerStore:
    """The store of an account in a region, with the default group in it."""
    found = scheduler_stores[account][region]
    if DEFAULT not in found.groups:
        now = clock.now(account)
        found.groups[DEFAULT] = Group(DEFAULT, account, region, now, now)
    return found


def store_of(context: RequestContext) -> SchedulerStore:
    """The caller's store."""
    return store(context.account_id, context.region)


def find_group(context: RequestContext, name: str) -> Group:
    """Raises ResourceNotFoundException if the caller has no such group."""
    if group := store_of(context).groups.get(name):
        return group
    raise ResourceNotFoundException(f"Schedule group {name} does not exist.")


def find_schedule(context: RequestContext, name: str, group: str | None) -> Schedule:
    """A schedule of the caller, in the group "default" if none is given.

    Raises ResourceNotFoundException if there is no such group, or no such schedule in it.
    """
    key = find_group(context, group or DEFAULT).name, name
    if schedule := store_of(context).schedules.get(key):
        return schedule
    raise ResourceNotFoundException(f"Schedule {name} does not exist.")
