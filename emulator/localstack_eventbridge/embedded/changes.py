"""What the stream of a table tells: one record for each item that an operation has changed.

moto tells more: of transactions that it takes back, of writes that change nothing, and twice of
an UpdateItem that makes its item.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import base64
import threading
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.core import ServiceRequest, ServiceRequestHandler, ServiceResponse
from moto.dynamodb.models import table
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, StreamShard

from localstack_eventbridge.clock import clock

# moto does not guard its tables: what an operation has checked must still hold when it writes.
_lock = threading.Lock()

#: What the operation that runs has changed so far, by stream and key of the item.
_changes: dict[tuple[int, str], tuple[Shard, StreamRecord]] = {}


class Shard(StreamShard):
    """The stream of a table."""

    def add(self, old: Item | None, new: Item | None) -> None:
        """Note a change. No operation of AWS changes an item twice: what comes last counts."""
        if old is not None and new is not None and old == new:
            return
        kind = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        view = self.table.stream_specification["StreamViewType"]
        change = StreamRecord(self.table, view, kind, old, new, 0)
        change.record["awsRegion"] = self.table.region_name
        told = change.record["dynamodb"]
        # How old a record is depends on the account's time. With its zone: moto takes any other for
        # that of the computer.
        told["ApproximateCreationDateTime"] = clock.now(self.account_id).isoformat()
        for name in ("Keys", "OldImage", "NewImage"):
            if name in told:
                told[name] = _with_bytes(told[name])
        for image, item in (("OldImage", old), ("NewImage", new)):
            if item is None:
                told.pop(image, None)
        _changes[id(self), str(told["Keys"])] = self, change

    def append(self, change: StreamRecord) -> None:
        number = self.starting_sequence_number + len(self.items)
        change.record["dynamodb"]["SequenceNumber"] = str(number)
        self.items.append(change)

    def __deepcopy__(self, memo: dict[int, Any]) -> Shard:
        """The same: moto restores a table from a copy, and the readers must not lose theirs."""
        return self


def _with_bytes(value: Any) -> Any:
    """Attributes with binary values as bytes: moto has base64, which it would encode again."""
    if isinstance(value, list):
        return [_with_bytes(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(value.get("B"), str):
        return {"B": base64.b64decode(value["B"])}
    if len(value) == 1 and isinstance(value.get("BS"), list):
        return {"BS": [base64.b64decode(text) for text in value["BS"]]}
    return {name: _with_bytes(inner) for name, inner in value.items()}


def recorded(operation: ServiceRequestHandler) -> ServiceRequestHandler:
    """`operation`, with no other beside it; once it has succeeded, streams tell its changes."""

    def run(context: RequestContext, request: ServiceRequest) -> ServiceResponse | None:
        with _lock:
            _changes.clear()
            response = operation(context, request)
            for shard, change in _changes.values():
                shard.append(change)
            return response

    return run


def install() -> None:
    # A patch, because moto names its class nowhere but in the module that uses it.
    table.StreamShard = Shard  # type: ignore[misc]
