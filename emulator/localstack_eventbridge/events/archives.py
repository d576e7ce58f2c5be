"""Archives: what an event bus has received, kept to be replayed.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import (
    ArchiveState,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)

from localstack_eventbridge.clock import clock
from localstack_eventbridge.events import limits
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.patterns import LONGEST_PATTERN, compile_pattern
from localstack_eventbridge.events.store import (
    Archive,
    BusName,
    Event,
    EventBus,
    Kept,
    Rule,
    bus_at,
    find_bus,
    store_of,
)

#: Who manages the rule of an archive.
MANAGER = "prod.vhs.events.aws.internal"

#: What a replay sends is not archived again.
NOT_REPLAYED = '"replay-name": [{"exists": false}]}'

#: Bytes that an event counts for beside its texts: its time and its account.
ENVELOPE = 14 + 12


@operation("CreateArchive")
def create_archive(context: RequestContext, request: Request) -> Response:
    name, store = request["ArchiveName"], store_of(context)
    if name in store.archives:
        raise ResourceAlreadyExistsException(f"Archive {name} already exists.")
    bus = find_bus(context, request["EventSourceArn"])
    limits.pattern(request.get("EventPattern"))
    archive = Archive(name, context.region, context.account_id, bus.arn)
    archive.creation_time = clock.now(context.account_id)
    _change(archive, bus, request)
    store.archives[name] = archive
    return {
        "ArchiveArn": archive.arn,
        "State": archive.state,
        "CreationTime": archive.creation_time,
    }


@operation("UpdateArchive")
def update_archive(context: RequestContext, request: Request) -> Response:
    archive = find_archive(context, request["ArchiveName"])
    limits.pattern(request.get("EventPattern"))
    _change(archive, find_bus(context, archive.event_source_arn), request)
    return {
        "ArchiveArn": archive.arn,
        "State": archive.state,
        "CreationTime": archive.creation_time,
    }


@operation("DeleteArchive")
def delete_archive(context: RequestContext, request: Request) -> None:
    archive = find_archive(context, request["ArchiveName"])
    # Who deletes the rule by force can delete the bus as well.
    if bus := bus_at(*BusName.parse(archive.event_source_arn, context)):
        bus.rules.pop(_rule_name(archive), None)
    del store_of(context).archives[archive.name]


@operation("DescribeArchive")
def describe_archive(context: RequestContext, request: Request) -> Response:
    archive = find_archive(context, request["ArchiveName"])
    return _told(archive) | present(
        ArchiveArn=archive.arn,
        Description=archive.description,
        EventPattern=archive.event_pattern,
        KmsKeyIdentifier=archive.kms_key_identifier,
    )


@operation("ListArchives")
def list_archives(context: RequestContext, request: Request) -> Response:
    archives, source = store_of(context).archives, request.get("EventSourceArn")
    if source:
        find_bus(context, source)
    found = [
        archive
        for archive in with_prefix(archives, request)
        if source in (None, archive.event_source_arn)
        and request.get("State") in (None, archive.state)
    ]
    return page("Archives", found, request, _told)


def find_archive(context: RequestContext, name: str) -> Archive:
    """Raises ResourceNotFoundException if the caller has no such archive."""
    if archive := store_of(context).archives.get(name):
        return archive
    raise ResourceNotFoundException(f"Archive {name} does not exist.")


def keep(archive: Archive, event: Event) -> None:
    """Put an event into the archive."""
    kept = Kept(clock.now(archive.account_id), event, _size(event))
    with archive.lock:
        archive.kept.append(kept)


def kept(archive: Archive) -> list[Kept]:
    """What is in the archive, less what it has held for longer than its RetentionDays."""
    oldest = _oldest(archive)
    with archive.lock:
        if oldest:
            archive.kept = [kept for kept in archive.kept if kept.since >= oldest]
        return list(archive.kept)


def _oldest(archive: Archive) -> datetime | None:
    """From when on events are retained; None if they are for ever, or for more than time has."""
    days = archive.retention_days
    try:
        return clock.now(archive.account_id) - timedelta(days=days) if days else None
    except OverflowError:
        return None


def _change(archive: Archive, bus: EventBus, request: Request) -> None:
    """Take over what the request says, and leave the rest as it is."""
    archive.description = request.get("Description", archive.description)
    archive.event_pattern = request.get("EventPattern") or archive.event_pattern
    archive.retention_days = request.get("RetentionDays", archive.retention_days or 0)
    archive.kms_key_identifier = request.get("KmsKeyIdentifier", archive.kms_key_identifier)
    archive.state = ArchiveState.ENABLED
    bus.rules[_rule_name(archive)] = _rule(archive, bus)


def _rule(archive: Archive, bus: EventBus) -> Rule:
    """The rule by which events come into the archive; it is shown, and must not be touched."""
    # The pattern has been compiled before, so it is an object that is not empty.
    wanted = archive.event_pattern.rstrip()[:-1] + ", " if archive.event_pattern else "{"
    text = wanted + NOT_REPLAYED
    name = _rule_name(archive)
    return Rule(
        name,
        archive.region,
        archive.account_id,
        event_pattern=text,
        event_bus_name=bus.name,
        targets={name: {"Id": name, "Arn": archive.arn}},
        managed_by=MANAGER,
        pattern=compile_pattern(text, longest=2 * LONGEST_PATTERN),
        archive=archive,
    )


def _rule_name(archive: Archive) -> str:
    return f"Events-Archive-{archive.name}"


def _told(archive: Archive) -> dict[str, Any]:
    found = kept(archive)
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": archive.event_source_arn,
        "State": archive.state,
        "RetentionDays": archive.retention_days,
        "SizeBytes": sum(one.size for one in found),
        "EventCount": len(found),
        "CreationTime": archive.creation_time,
    }


def _size(event: Event) -> int:
    detail = json.dumps(event["detail"], separators=(",", ":"), ensure_ascii=False)
    texts = (event["source"], event["detail-type"], detail, *event["resources"])
    return ENVELOPE + sum(len(text.encode(errors="surrogatepass")) for text in texts)
