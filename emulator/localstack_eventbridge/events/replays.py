"""Replays: events of an archive come once more to the bus that has received them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import (
    IllegalStatusException,
    ReplayState,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from localstack.services.events.models import Replay, ValidationException

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery.job import place_of
from localstack_eventbridge.events import archives, limits, routing
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.store import (
    Archive,
    Event,
    EventBus,
    find_bus,
    store_of,
)

#: Seconds that a replay takes to start, for each minute of events, and to end. It is minutes on
#: AWS; here it is just long enough to be watched.
STEP = 0.5

ACTIVE = (ReplayState.STARTING, ReplayState.RUNNING)

Slice = list[Event]


@operation("StartReplay")
def start_replay(context: RequestContext, request: Request) -> Response:
    name, store = request["ReplayName"], store_of(context)
    if name in store.replays:
        raise ResourceAlreadyExistsException(f"Replay {name} already exists.")
    start, end = _aware(request["EventStartTime"]), _aware(request["EventEndTime"])
    if end <= start:
        raise ValidationException(
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before "
            "EventEndTime."
        )
    archive = _archive(context, request["EventSourceArn"])
    bus = _destination(context, request["Destination"], archive)
    active = [replay for replay in store.replays.values() if replay.state in ACTIVE]
    limits.demand_room(len(active), limits.REPLAYS)
    replay = Replay(
        name,
        context.region,
        context.account_id,
        archive.arn,
        request["Destination"],
        start,
        end,
        request.get("Description"),
        state=ReplayState.STARTING,
        replay_start_time=clock.now(context.account_id),
    )
    store.replays[name] = replay
    _later(replay, partial(_run, replay, archive, bus))
    return {
        "ReplayArn": replay.arn,
        "State": replay.state,
        "ReplayStartTime": replay.replay_start_time,
    }


@operation("CancelReplay")
def cancel_replay(context: RequestContext, request: Request) -> Response:
    replay = _find(context, request["ReplayName"])
    if replay.state not in ACTIVE:
        raise IllegalStatusException(
            f"Replay {replay.name} is not in a valid state for this operation."
        )
    replay.state = ReplayState.CANCELLING
    _later(replay, partial(_end, replay, ReplayState.CANCELLED))
    return {"ReplayArn": replay.arn, "State": replay.state}


@operation("DescribeReplay")
def describe_replay(context: RequestContext, request: Request) -> Response:
    replay = _find(context, request["ReplayName"])
    return _told(replay) | present(
        ReplayArn=replay.arn, Description=replay.description, Destination=replay.destination
    )


@operation("ListReplays")
def list_replays(context: RequestContext, request: Request) -> Response:
    found = [
        replay
        for replay in with_prefix(store_of(context).replays, request)
        if request.get("State") in (None, replay.state)
        and request.get("EventSourceArn") in (None, replay.event_source_arn)
    ]
    return page("Replays", found, request, _told)


def _find(context: RequestContext, name: str) -> Replay:
    if replay := store_of(context).replays.get(name):
        return replay
    raise ResourceNotFoundException(f"Replay {name} does not exist.")


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _archive(context: RequestContext, arn: str) -> Archive:
    name = place_of(arn)[2].removeprefix("archive/")
    archive = store_of(context).archives.get(name)
    if archive is None or archive.arn != arn:
        raise ValidationException(
            f"Parameter EventSourceArn is not valid. Reason: Archive {name} does not exist."
        )
    return archive


def _destination(
    context: RequestContext, destination: dict[str, Any], archive: Archive
) -> EventBus:
    """The bus of the archive, to which alone events can be replayed, to all or some rules."""
    bus = find_bus(context, destination["Arn"])
    if bus.arn != archive.event_source_arn:
        raise ValidationException(
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not "
            "permitted."
        )
    rules = {rule.arn for rule in bus.rules.values()}
    for arn in destination.get("FilterArns") or []:
        if arn not in rules:
            raise ResourceNotFoundException(f"Rule {arn} does not exist on EventBus {bus.name}.")
    return bus


def _later(replay: Replay, action: Any) -> None:
    clock.call_later(replay.account_id, STEP, action)


def _run(replay: Replay, archive: Archive, bus: EventBus) -> None:
    if replay.state == ReplayState.STARTING:
        replay.state = ReplayState.RUNNING
        _replay(replay, bus, deque(_slices(replay, archive)))


def _slices(replay: Replay, archive: Archive) -> Iterable[Slice]:
    """The events of the time that is asked for, minute by minute of their own time."""
    events = [kept.event for kept in archives.kept(archive)]
    start, end = replay.event_start_time, replay.event_end_time
    found = [event for event in events if start <= _time(event) < end]
    found.sort(key=_time)
    for _, events_of_minute in groupby(found, key=lambda event: event["time"][:-3]):
        yield list(events_of_minute)


def _replay(replay: Replay, bus: EventBus, slices: deque[Slice]) -> None:
    """Send one minute of events, and go on with the next a little later."""
    if replay.state != ReplayState.RUNNING:
        return
    if not slices:
        _later(replay, partial(_end, replay, ReplayState.COMPLETED))
        return
    for event in slices.popleft():
        only = replay.destination.get("FilterArns") or []
        routing.route(bus, _renamed(event, replay.name), only=only)
        replay.event_last_replayed_time = _time(event)
    _later(replay, partial(_replay, replay, bus, slices))


def _end(replay: Replay, state: ReplayState) -> None:
    # A replay that is about to complete can still be cancelled.
    is_cancelled = replay.state == ReplayState.CANCELLING and state == ReplayState.COMPLETED
    if not is_cancelled:
        replay.state = state
        replay.replay_end_time = clock.now(replay.account_id)


def _renamed(event: Event, name: str) -> Event:
    """The event as it was, with the name of the replay where AWS puts it."""
    told = {key: event[key] for key in ("version", "id", "detail-type", "source", "account")}
    told |= {"time": event["time"], "region": event["region"], "replay-name": name}
    return told | {"resources": event["resources"], "detail": event["detail"]}


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event["time"])


def _told(replay: Replay) -> dict[str, Any]:
    return present(
        ReplayName=replay.name,
        EventSourceArn=replay.event_source_arn,
        State=replay.state,
        StateReason=replay.state_reason,
        EventStartTime=replay.event_start_time,
        EventEndTime=replay.event_end_time,
        EventLastReplayedTime=replay.event_last_replayed_time,
        ReplayStartTime=replay.replay_start_time,
        ReplayEndTime=replay.replay_end_time,
    )
