"""What is kept: LocalStack's own models and stores, with what they lack, and how to find it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from localstack.aws.api import RequestContext
from localstack.aws.api.events import AccessDeniedException, ResourceNotFoundException, RuleState
from localstack.services.events import models
from localstack.services.events.models import EventsStore, events_stores

from localstack_eventbridge.clock import Timer, clock
from localstack_eventbridge.events.expressions import Cron, Rate
from localstack_eventbridge.events.patterns import Pattern

Event = dict[str, Any]


@dataclass
class EventBus(models.EventBus):
    kms_key_identifier: str | None = None
    dead_letter_config: dict[str, Any] | None = None
    log_config: dict[str, Any] | None = None


class Kept(NamedTuple):
    """An event in an archive; when it came there, and how many bytes it counts for."""

    since: datetime
    event: Event
    size: int


@dataclass
class Archive(models.Archive):
    kms_key_identifier: str | None = None
    kept: list[Kept] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Rule(models.Rule):
    pattern: Pattern | None = None
    schedule: Rate | Cron | None = None
    #: From when the rate of a schedule counts.
    since: datetime | None = None
    timer: Timer | None = None
    #: The archive that made the rule for itself.
    archive: Archive | None = None

    @property
    def is_enabled(self) -> bool:
        return self.state != RuleState.DISABLED


@dataclass
class Connection(models.Connection):
    #: AuthParameters, with all that `auth_parameters` does not show.
    private: Mapping[str, Any] = field(default_factory=dict)
    state_reason: str | None = None
    kms_key_identifier: str | None = None


def store(account: str, region: str) -> EventsStore:
    """The store of an account in a region, with the default bus in it."""
    found = events_stores[account][region]
    if "default" not in found.event_buses:
        found.event_buses["default"] = new_bus("default", region, account)
    return found


def store_of(context: RequestContext) -> EventsStore:
    """The caller's store."""
    return store(context.account_id, context.region)


def new_bus(name: str, region: str, account: str, **members: Any) -> EventBus:
    """An event bus that has been made just now."""
    bus = EventBus(name, region, account, **members)
    bus.creation_time = bus.last_modified_time = clock.now(account)
    return bus


def bus_at(account: str, region: str, name: str) -> EventBus | None:
    """The bus of any account, if there is one."""
    try:
        return store(account, region).event_buses.get(name)
    except ValueError:
        # There is no such region.
        return None


def find_bus(context: RequestContext, name_or_arn: str | None) -> EventBus:
    """A bus of the caller, "default" by default.

    Raises ResourceNotFoundException if it does not exist, and AccessDeniedException if it belongs
    to another account: what a bus policy allows beside PutEvents is not emulated.
    """
    place = BusName.parse(name_or_arn or "default", context)
    if place.account != context.account_id:
        raise AccessDeniedException(
            f"User: arn:aws:iam::{context.account_id}:root is not authorized to perform: "
            f"events:{context.operation.name} on resource: {name_or_arn}"
        )
    bus = store_of(context).event_buses.get(place.name)
    if bus is None or place.region != context.region:
        raise ResourceNotFoundException(f"Event bus {place.name} does not exist.")
    return bus


def find_rule(context: RequestContext, name: str, bus: EventBus) -> Rule:
    """Raises ResourceNotFoundException if the bus has no such rule."""
    if rule := bus.rules.get(name):
        return rule
    raise ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus.name}.")


class BusName(NamedTuple):
    """Where a bus is."""

    account: str
    region: str
    name: str

    @classmethod
    def parse(cls, name_or_arn: str, context: RequestContext) -> BusName:
        """Of a name in the caller's account and region, or of an ARN (well-formed)."""
        if not name_or_arn.startswith("arn:"):
            return cls(context.account_id, context.region, name_or_arn)
        _, _, _, region, account, resource = name_or_arn.split(":", 5)
        return cls(account, region, resource.removeprefix("event-bus/"))

    @property
    def arn(self) -> str:
        return f"arn:aws:events:{self.region}:{self.account}:event-bus/{self.name}"
