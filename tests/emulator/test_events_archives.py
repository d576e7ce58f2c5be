"""Archives and replays; each test is named after AWS's rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from plugin_http import advance, call, trace
from raw import RawEvents
from routing import Queue, Routing, refused

from helpers.waiting import until

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def queue(routing: Routing) -> Queue:
    """It receives all events of the source "shop"."""
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    return queue


def bus(routing: Routing, name: str = "default") -> str:
    return routing.arn("events", f"event-bus/{name}")


def create(routing: Routing, name: str = "all", *, on: str = "default", **more: Any) -> str:
    """The ARN of a new archive."""
    return routing.events.create_archive(ArchiveName=name, EventSourceArn=bus(routing, on), **more)[
        "ArchiveArn"
    ]


def told(routing: Routing, name: str = "all") -> dict[str, Any]:
    return routing.events.describe_archive(ArchiveName=name)


def start(routing: Routing, name: str = "again", **more: Any) -> dict[str, Any]:
    """Replay the archive "all" from 2020 until now, if nothing else is said."""
    given = {
        "EventSourceArn": routing.arn("events", "archive/all"),
        "EventStartTime": LONG_AGO,
        "EventEndTime": datetime.now(UTC) + timedelta(minutes=1),
        "Destination": {"Arn": bus(routing)},
    }
    return routing.events.start_replay(ReplayName=name, **given | more)


def state(routing: Routing, name: str = "again") -> str:
    return routing.events.describe_replay(ReplayName=name)["State"]


# --- Archives -------------------------------------------------------------------------------------


def test_an_archive_keeps_what_its_pattern_wants(routing: Routing) -> None:
    pattern = json.dumps({"detail": {"total": [{"numeric": [">", 10]}]}})
    arn = create(routing, EventPattern=pattern, RetentionDays=7, Description="big")
    routing.put({"total": 5}, {"total": 50}, {"total": 500})
    found = told(routing)
    assert found["CreationTime"] <= datetime.now(UTC)
    assert {k: found[k] for k in found if k not in {"ResponseMetadata", "CreationTime"}} == {
        "ArchiveArn": arn,
        "ArchiveName": "all",
        "EventSourceArn": bus(routing),
        "State": "ENABLED",
        "Description": "big",
        "EventPattern": pattern,
        "RetentionDays": 7,
        "EventCount": 2,
        "SizeBytes": found["SizeBytes"],
    }


def test_the_size_of_an_event_is_that_of_its_texts(routing: Routing) -> None:
    """As recorded on AWS: ten of these make 1,590 bytes."""
    create(routing)
    detail = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
    kind = "core.update-account-command"
    for _ in range(2):
        routing.put(*[detail] * 5, source=kind, DetailType=kind)
    assert (told(routing)["EventCount"], told(routing)["SizeBytes"]) == (10, 1590)


def test_each_bus_and_archive_has_its_own_events(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    create(routing, "one")
    create(routing, "two", on="shop")
    routing.put({}, {})
    routing.put(bus="shop")
    counts = [told(routing, name)["EventCount"] for name in ("one", "two")]
    assert counts == [2, 1]


@pytest.mark.parametrize("pattern", ["nope", "{}", '{"source": "shop"}', '{"source": [[]]}'])
def test_an_invalid_pattern_is_refused(routing: Routing, queue: Queue, pattern: str) -> None:
    with refused("InvalidEventPatternException", match="Event pattern is not valid"):
        create(routing, EventPattern=pattern)
    assert routing.events.list_archives()["Archives"] == []
    create(routing)
    with refused("InvalidEventPatternException"):
        routing.events.update_archive(ArchiveName="all", EventPattern=pattern)
    routing.put()
    assert (told(routing)["EventCount"], len(routing.receive(queue))) == (1, 1)


def test_update_archive_changes_what_is_kept(routing: Routing) -> None:
    create(routing, EventPattern=json.dumps({"source": ["shop"]}), Description="old")
    routing.put()
    pattern = json.dumps({"source": ["other"]})
    answer = routing.events.update_archive(ArchiveName="all", EventPattern=pattern)
    assert (answer["State"], answer["ArchiveArn"]) == ("ENABLED", told(routing)["ArchiveArn"])
    routing.put({}, {})
    routing.put(source="other")
    found = told(routing)
    assert (found["EventCount"], found["EventPattern"]) == (2, pattern)
    assert found["Description"] == "old"


def test_events_are_kept_for_the_retention_days(routing: Routing, endpoint: str) -> None:
    create(routing, "short", RetentionDays=2)
    create(routing, "long", RetentionDays=0)
    routing.put()
    advance(endpoint, routing.account, "P1D")
    routing.put()
    assert told(routing, "short")["EventCount"] == 2
    advance(endpoint, routing.account, "P1DT1S")
    assert [told(routing, name)["EventCount"] for name in ("short", "long")] == [1, 2]


def test_the_rule_of_an_archive_is_managed_and_protected(routing: Routing) -> None:
    create(routing)
    (rule,) = routing.events.list_rules(NamePrefix="Events-Archive-")["Rules"]
    name = rule["Name"]
    assert (name, rule["ManagedBy"]) == ("Events-Archive-all", "prod.vhs.events.aws.internal")
    events = routing.events
    (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
    message = f"{name} is a managed rule. Set 'force' parameter to true to override"
    for change in (
        lambda: events.put_rule(Name=name, EventPattern='{"source": ["a"]}'),
        lambda: events.delete_rule(Name=name),
        lambda: events.disable_rule(Name=name),
        lambda: events.enable_rule(Name=name),
        lambda: events.put_targets(Rule=name, Targets=[target]),
        lambda: events.remove_targets(Rule=name, Ids=[target["Id"]]),
    ):
        with refused("ManagedRuleException", match=message):
            change()
    routing.put()
    assert told(routing)["EventCount"] == 1


def test_the_rule_of_an_archive_goes_with_it_or_by_force(routing: Routing) -> None:
    create(routing)
    routing.events.delete_archive(ArchiveName="all")
    assert routing.events.list_rules()["Rules"] == []
    create(routing)
    name = "Events-Archive-all"
    routing.events.remove_targets(Rule=name, Ids=[name], Force=True)
    routing.events.delete_rule(Name=name, Force=True)
    routing.put()
    assert told(routing)["EventCount"] == 0
    routing.events.delete_archive(ArchiveName="all")


def test_a_bus_with_an_archive_cannot_be_deleted(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    create(routing, on="shop")
    with refused("ValidationException", match="EventBus can't be deleted since it has rules"):
        routing.events.delete_event_bus(Name="shop")


def test_archives_are_listed_by_prefix_source_state_and_in_pages(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    for name, on in (("a1", "default"), ("b1", "default"), ("b2", "shop")):
        create(routing, name, on=on)

    def names(**wanted: Any) -> list[str]:
        found = routing.events.list_archives(**wanted)["Archives"]
        return [archive["ArchiveName"] for archive in found]

    assert names(NamePrefix="b") == ["b1", "b2"]
    assert names(EventSourceArn=bus(routing)) == ["a1", "b1"]
    assert names(EventSourceArn=bus(routing), NamePrefix="b") == ["b1"]
    assert (names(State="ENABLED"), names(State="DISABLED")) == (["a1", "b1", "b2"], [])
    assert names(Limit=2) == ["a1", "b1"]
    with refused("ResourceNotFoundException", match="Event bus missing does not exist"):
        names(EventSourceArn=bus(routing, "missing"))


def test_an_archive_has_a_name_of_its_own_and_a_bus_that_exists(routing: Routing) -> None:
    create(routing)
    with refused("ResourceAlreadyExistsException", match="Archive all already exists"):
        create(routing)
    with refused("ResourceNotFoundException", match="Event bus missing does not exist"):
        create(routing, "other", on="missing")


def test_an_unknown_archive_is_not_found(endpoint: str, account: str) -> None:
    raw = RawEvents(endpoint, account)
    for operation in ("DescribeArchive", "DeleteArchive", "UpdateArchive"):
        status, answer = raw.call(operation, ArchiveName="missing")
        assert (status, answer["__type"]) == (400, "ResourceNotFoundException")
        assert answer["message"] == "Archive missing does not exist."


# --- Replays --------------------------------------------------------------------------------------


def test_a_replayed_event_is_as_it_was_and_names_the_replay(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    create(routing)
    time = {"Time": datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), "Resources": ["arn:aws:s3:::b"]}
    routing.put({"total": 5}, **time)
    (original,) = routing.receive(queue)
    start(routing)
    advance(endpoint, routing.account, "PT1M")
    (replayed,) = routing.receive(queue)
    assert replayed == original | {"replay-name": "again"}
    assert list(replayed)[6:9] == ["region", "replay-name", "resources"]


def test_archives_never_hold_replayed_events(routing: Routing, endpoint: str, queue: Queue) -> None:
    create(routing)
    create(routing, "second", EventPattern=json.dumps({"source": ["shop"]}))
    routing.put({}, {})
    start(routing)
    advance(endpoint, routing.account, "PT1M")
    routing.receive(queue, 4)
    assert [told(routing, name)["EventCount"] for name in ("all", "second")] == [2, 2]


def test_a_replay_can_be_watched_until_it_is_completed(routing: Routing, queue: Queue) -> None:
    create(routing)
    routing.put()
    (event,) = routing.receive(queue)
    answer = start(routing)
    assert answer["State"] == "STARTING"
    assert answer["ReplayArn"] == routing.arn("events", "replay/again")
    seen = [state(routing)]

    def is_completed() -> bool:
        seen.append(state(routing))
        return seen[-1] == "COMPLETED"

    until(is_completed, what="the end of the replay")
    assert list(dict.fromkeys(seen)) == ["STARTING", "RUNNING", "COMPLETED"]
    found = routing.events.describe_replay(ReplayName="again")
    assert found["ReplayStartTime"] < found["ReplayEndTime"]
    assert found["EventLastReplayedTime"] == datetime.fromisoformat(event["time"])
    assert found["Destination"] == {"Arn": bus(routing)}
    assert len(routing.receive(queue)) == 1


def test_the_window_of_a_replay_is_exact_to_the_second(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    create(routing)
    first = datetime(2020, 5, 5, 12, 0, 58, tzinfo=UTC)
    for second in range(6):
        routing.put({"n": second}, Time=first + timedelta(seconds=second))
    routing.receive(queue, 6)
    window = {
        "EventStartTime": first + timedelta(seconds=1),
        "EventEndTime": first + timedelta(seconds=4),
    }
    start(routing, **window)
    advance(endpoint, routing.account, "PT1M")
    assert routing.waiting(queue) == 3
    found = routing.receive(queue, 3)
    assert sorted(event["detail"]["n"] for event in found) == [1, 2, 3]
    described = routing.events.describe_replay(ReplayName="again")
    assert {name: described[name] for name in window} == window
    assert described["EventLastReplayedTime"] == first + timedelta(seconds=3)


def test_events_are_replayed_minute_by_minute_of_their_time(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    create(routing)
    for minute in (3, 1, 2):
        routing.put({"n": minute}, Time=LONG_AGO + timedelta(minutes=minute))
    start(routing)
    advance(endpoint, routing.account, "PT1M")
    records = [one for one in trace(endpoint, routing.account, "rule") if one["rule"] == "all"]
    ids = [record["event_id"] for record in records]
    assert (ids[3:], len({record["time"] for record in records[3:]})) == (
        [ids[1], ids[2], ids[0]],
        3,
    )


def test_only_the_rules_that_are_named_receive_the_events(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    other = routing.queue("other")
    arn = routing.rule({"Arn": other.arn}, name="other")
    create(routing)
    routing.put()
    for one in (queue, other):
        routing.receive(one)
    start(routing, Destination={"Arn": bus(routing), "FilterArns": [arn]})
    advance(endpoint, routing.account, "PT1M")
    assert (routing.waiting(queue), routing.waiting(other)) == (0, 1)
    assert state(routing) == "COMPLETED"


def test_rules_can_tell_replayed_events(routing: Routing, endpoint: str) -> None:
    guarded = routing.queue("guarded")
    pattern = {"source": ["shop"], "replay-name": [{"exists": False}]}
    routing.events.put_rule(Name="guarded", EventPattern=json.dumps(pattern))
    routing.events.put_targets(Rule="guarded", Targets=[{"Id": "1", "Arn": guarded.arn}])
    create(routing)
    routing.put()
    routing.receive(guarded)
    start(routing)
    advance(endpoint, routing.account, "PT1M")
    assert routing.waiting(guarded) == 0


def test_a_replay_can_be_cancelled(routing: Routing, endpoint: str, queue: Queue) -> None:
    create(routing)
    routing.put()
    routing.receive(queue)
    start(routing)
    answer = routing.events.cancel_replay(ReplayName="again")
    assert answer["State"] == "CANCELLING"
    advance(endpoint, routing.account, "PT1M")
    assert state(routing) == "CANCELLED"
    assert routing.waiting(queue) == 0
    with refused("IllegalStatusException"):
        routing.events.cancel_replay(ReplayName="again")


def test_a_replay_of_an_empty_archive_completes(routing: Routing, endpoint: str) -> None:
    create(routing)
    start(routing)
    advance(endpoint, routing.account, "PT1M")
    found = routing.events.describe_replay(ReplayName="again")
    assert found["State"] == "COMPLETED"
    assert "EventLastReplayedTime" not in found


def test_replays_are_listed_by_prefix_state_source_and_in_pages(
    routing: Routing, endpoint: str
) -> None:
    create(routing)
    for name in ("a1", "b1", "b2"):
        start(routing, name)
    advance(endpoint, routing.account, "PT1M")

    def names(**wanted: Any) -> list[str]:
        found = routing.events.list_replays(**wanted)["Replays"]
        return [replay["ReplayName"] for replay in found]

    assert names(NamePrefix="b") == ["b1", "b2"]
    assert (names(State="COMPLETED"), names(State="RUNNING")) == (["a1", "b1", "b2"], [])
    assert names(EventSourceArn=routing.arn("events", "archive/other")) == []
    assert names(Limit=1) == ["a1"]


def test_ten_replays_run_at_a_time_at_most(routing: Routing, endpoint: str) -> None:
    create(routing)
    for number in range(10):
        start(routing, f"r{number}")
    raw = RawEvents(endpoint, routing.account)
    status, answer = raw.call(
        "StartReplay",
        ReplayName="r10",
        EventSourceArn=routing.arn("events", "archive/all"),
        EventStartTime=1577836800,
        EventEndTime=1577836900,
        Destination={"Arn": bus(routing)},
    )
    assert (status, answer["__type"]) == (400, "LimitExceededException")
    advance(endpoint, routing.account, "PT1M")
    start(routing, "r10")


def test_a_replay_goes_to_the_bus_that_has_received_the_events(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    create(routing)
    message = "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not"
    with refused("ValidationException", match=message):
        start(routing, Destination={"Arn": bus(routing, "shop")})
    with refused("ResourceNotFoundException", match="Event bus missing does not exist"):
        start(routing, Destination={"Arn": bus(routing, "missing")})
    with refused("ResourceNotFoundException", match="rule/missing"):
        filters = [routing.arn("events", "rule/missing")]
        start(routing, Destination={"Arn": bus(routing), "FilterArns": filters})


def test_a_replay_has_a_name_an_archive_and_a_window(routing: Routing) -> None:
    archive = create(routing)
    start(routing)
    with refused("ResourceAlreadyExistsException", match="Replay again already exists"):
        start(routing)
    with refused("ValidationException", match="EventSourceArn is not valid. Reason: Archive m"):
        start(routing, "other", EventSourceArn=f"{archive[:-3]}missing")
    for seconds in (0, 10):
        with refused("ValidationException", match="EventStartTime must be before EventEndTime"):
            start(routing, "other", EventEndTime=LONG_AGO - timedelta(seconds=seconds))
    for operation in (routing.events.describe_replay, routing.events.cancel_replay):
        with refused("ResourceNotFoundException", match="Replay missing does not exist"):
            operation(ReplayName="missing")


def test_a_reset_ends_the_replays_of_the_account(
    routing: Routing, endpoint: str, queue: Queue
) -> None:
    create(routing)
    routing.put()
    start(routing)
    assert call(endpoint, "POST", f"reset?account={routing.account}")[0] == 200
    advance(endpoint, routing.account, "PT1M")
    assert trace(endpoint, routing.account) == []
    assert routing.events.list_replays()["Replays"] == []
