"""Reads a stream, each shard by itself and in order; what fails, again, until it is given up.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html

LocalStack's own pollers are not used: they begin anew when a pipe is started again, cannot bisect,
know no age of DynamoDB's records and no parallelization, and write Kinesis data anew.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import permissions, senders
from localstack_eventbridge.delivery.job import DeliveryError, service_of
from localstack_eventbridge.delivery.templates import to_json
from localstack_eventbridge.pipes.execution import Execution, sequence_number, tell
from localstack_eventbridge.pipes.logs import Log
from localstack_eventbridge.pipes.plan import Event, Plan
from localstack_eventbridge.pipes.store import Position

LOG = logging.getLogger(__name__)

#: Seconds until an empty shard is asked again; streams have no long poll. AWS asks once a second.
INTERVAL = 0.25

#: Seconds until new shards are looked for.
SHARDS_INTERVAL = 5.0

#: Seconds before a failed batch is tried again, and at most.
FIRST_WAIT, LONGEST_WAIT = 0.25, 10.0

#: Records that one call returns.
MOST = {"kinesis": 10_000, "dynamodb": 1000}

ENDLESS = -1


class StreamSource:
    """`run` returns when `stopped` is set and no batch is under way.

    `positions` tells how far each shard has been read, and is kept when the pipe is stopped.
    """

    def __init__(
        self, plan: Plan, log: Log, stopped: threading.Event, positions: dict[str, Position]
    ) -> None:
        self.plan, self.log, self.stopped, self.positions = plan, log, stopped, positions
        self.stream: KinesisStream | DynamoDBStream
        self.stream = STREAMS[service_of(plan.source)](plan)
        self._threads: dict[str, threading.Thread] = {}
        #: The shards that there are, and which of them each has come of.
        self._parents: dict[str, list[str]] = {}

    def prepare(self) -> None:
        """Find where to begin: from now on, nothing is missed. Raises ClientError."""
        is_first = not self.positions
        self._parents = dict(self.stream.shards())
        # A shard that comes later is read from its beginning: another one has ended there. All
        # together, or one error would make the others of a new pipe shards that come later.
        self.positions |= {
            shard: self.stream.start(shard, is_first=is_first)
            for shard in self._parents
            if shard not in self.positions
        }

    def run(self) -> None:
        while not self.stopped.is_set():
            look = time.monotonic() + SHARDS_INTERVAL
            while self._begin_what_can() and time.monotonic() < look:
                self.stopped.wait(INTERVAL)
            if self.stopped.wait(max(0, look - time.monotonic())):
                break
            try:
                self.prepare()
            except (ClientError, BotoCoreError) as error:
                LOG.info("pipe %s cannot read %s: %s", self.plan.name, self.plan.source, error)
        for thread in self._threads.values():
            thread.join()

    def _begin_what_can(self) -> bool:
        """Read all shards but those that must wait for another one; whether there are such."""
        others = [shard for shard in self.positions if shard not in self._threads]
        for shard in others:
            if self._is_next(shard) and not self.stopped.is_set():
                self._begin(shard, self.positions[shard])
        return not self.stopped.is_set() and any(shard not in self._threads for shard in others)

    def _is_next(self, shard: str) -> bool:
        """Whether all that was written before is read: what a shard has come of comes first."""
        before = [parent for parent in self._parents.get(shard, []) if parent in self._parents]
        return all(parent in self.positions and self.positions[parent].is_over for parent in before)

    def _begin(self, shard: str, position: Position) -> None:
        reader = ShardReader(self, shard, position)
        name = f"pipe-{self.plan.name}-{shard}"
        self._threads[shard] = threading.Thread(target=reader.run, name=name, daemon=True)
        self._threads[shard].start()


class ShardReader:
    """Reads one shard."""

    def __init__(self, source: StreamSource, shard: str, position: Position) -> None:
        self._plan, self._log, self._stopped = source.plan, source.log, source.stopped
        self._stream, self._shard, self._position = source.stream, shard, position
        parameters = source.plan.source_parameters
        self._bisects = parameters.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT"
        self._most_retries: int = parameters.get("MaximumRetryAttempts", ENDLESS)
        self._most_seconds: int = parameters.get("MaximumRecordAgeInSeconds", ENDLESS)
        self._lanes: int = parameters.get("ParallelizationFactor") or 1

    def run(self) -> None:
        while not (self._stopped.is_set() or self._position.is_over):
            try:
                self._step()
                continue
            except (ClientError, BotoCoreError) as error:
                LOG.info("pipe %s cannot read %s: %s", self._plan.name, self._shard, error)
            except Exception:
                LOG.exception("pipe %s reads %s again", self._plan.name, self._shard)
            # Iterators expire, sequence numbers do not.
            if self._position.sequence_number:
                self._position.iterator = None
            self._stopped.wait(LONGEST_WAIT / 4)

    def _step(self) -> None:
        """Read some events and deal with them."""
        iterator = self._position.iterator
        if iterator is None:
            iterator = self._stream.after(self._shard, self._position.sequence_number)
        events, following = self._gather(iterator)
        if events:
            if not self._work(events):
                return
            self._position.sequence_number = sequence_number(events[-1])
        self._position.iterator = following
        self._position.is_over = following is None

    def _gather(self, iterator: str) -> tuple[list[Event], str | None]:
        """Events, until there are enough or the window has ended, and where to go on."""
        size = self._plan.batch_size * self._lanes
        events: list[Event] = []
        following: str | None = iterator
        end = 0.0
        while following and len(events) < size:
            read, following = self._stream.read(self._shard, following, size - len(events))
            if read and not events:
                end = time.monotonic() + self._plan.window
            events += read
            if self._stopped.is_set() or (events and time.monotonic() >= end):
                break
            if not read:
                self._stopped.wait(INTERVAL)
        return events, following

    def _work(self, events: list[Event]) -> bool:
        """Whether all have been dealt with; if not, the pipe was stopped meanwhile."""
        tell(self._plan, events, "received")
        wanted = [event for event in events if self._plan.filter.accepts(self._stream.bare(event))]
        kept = {id(event) for event in wanted}
        tell(self._plan, [event for event in events if id(event) not in kept], "filtered")
        lanes = self._split(wanted)
        if len(lanes) == 1:
            return self._send(lanes[0])
        done: list[bool] = []
        threads = [
            threading.Thread(
                target=lambda lane=lane: done.append(self._send(lane)),
                name=f"pipe-{self._plan.name}-{self._shard}-{number}",
                daemon=True,
            )
            for number, lane in enumerate(lanes, 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(done) < len(threads):
            raise RuntimeError("a batch has ended with a defect")
        return all(done)

    def _split(self, events: list[Event]) -> list[list[Event]]:
        """Into as many parts as there may be batches at once; those of one key stay together."""
        lanes: list[list[Event]] = [[] for _ in range(self._lanes)]
        for event in events:
            lanes[zlib.crc32(self._stream.key(event).encode()) % self._lanes].append(event)
        return [lane for lane in lanes if lane]

    def _send(self, events: list[Event]) -> bool:
        size = self._plan.batch_size
        for start in range(0, len(events), size):
            if self._stopped.is_set() or not self._try(events[start : start + size]):
                return False
        return True

    def _try(self, events: list[Event]) -> bool:
        """Try until they have arrived or are given up; False if the pipe was stopped before."""
        retries = 0
        while events := self._young(events):
            failed = Execution(self._plan, self._log, events).run()
            first = min(failed, default=len(events))
            # What came before the first that failed has arrived.
            if first:
                self._advance(events[first - 1])
            if not failed:
                return True
            is_progress, events = first > 0, events[first:]
            if self._bisects and len(events) > 1:
                half = (len(events) + 1) // 2
                return self._try(events[:half]) and self._try(events[half:])
            retries = 0 if is_progress else retries
            if retries == self._most_retries:
                self._give_up(events, "RetryAttemptsExhausted")
                self._advance(events[-1])
                return True
            retries += 1
            if self._stopped.wait(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(retries, 10))):
                return False
        return True

    def _advance(self, event: Event) -> None:
        """When the pipe is started again, it goes on after this event."""
        if self._lanes == 1:
            self._position.sequence_number = sequence_number(event)
            self._position.iterator = None

    def _young(self, events: list[Event]) -> list[Event]:
        """The events that are not too old; the others are given up."""
        if self._most_seconds == ENDLESS:
            return events
        now = clock.now(self._plan.account)
        young: list[Event] = []
        old: list[Event] = []
        for event in events:
            age = now - self._stream.arrived(event)
            (old if age.total_seconds() > self._most_seconds else young).append(event)
        if old:
            self._give_up(old, "RecordAgeExceeded")
        return young

    def _give_up(self, events: list[Event], condition: str) -> None:
        """Tell the dead-letter queue, if there is one, which records were left out."""
        queue = (self._plan.source_parameters.get("DeadLetterConfig") or {}).get("Arn")
        lost = "the pipe has no dead-letter queue"
        if queue:
            lost = self._bury(queue, self._letter(events, condition))
        fields = {"reason": lost} if lost else {"queue": queue}
        stage = "dropped" if lost else "dead-letter"
        tell(self._plan, events, stage, condition=condition, **fields)

    def _bury(self, queue: str, letter: str) -> str:
        """Send the letter; the reason if that was in vain, or nothing."""
        is_queue = service_of(queue) == "sqs"
        try:
            action = "sqs:SendMessage" if is_queue else "sns:Publish"
            permissions.check_role(self._plan.job(queue), [action])
            if is_queue:
                senders.send_message(queue, letter)
            else:
                senders.client_for(queue, "sns").publish(TopicArn=queue, Message=letter)
        except (DeliveryError, ClientError, BotoCoreError) as error:
            LOG.warning("pipe %s has no use of %s: %s", self._plan.name, queue, error)
            return f"the dead-letter queue {queue} did not take it: {error}"
        return ""

    def _letter(self, events: list[Event], condition: str) -> str:
        """It says where the records are, and not what they hold."""
        first, last = events[0], events[-1]
        return to_json(
            {
                "context": {"partnerResourceArn": self._plan.arn, "condition": condition},
                "version": "1.0",
                "timestamp": _iso(clock.now(self._plan.account)),
                self._stream.batch_info: {
                    "shardId": self._shard,
                    "startSequenceNumber": sequence_number(first),
                    "endSequenceNumber": sequence_number(last),
                    "approximateArrivalOfFirstRecord": _iso(self._stream.arrived(first)),
                    "approximateArrivalOfLastRecord": _iso(self._stream.arrived(last)),
                    "batchSize": len(events),
                    "streamArn": self._plan.source,
                },
            }
        )


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Stream:
    """What streams of both kinds have in common."""

    batch_info: str
    #: Fields that the pipe adds, and that filters do not see.
    metadata: frozenset[str]

    def __init__(self, plan: Plan, service: str) -> None:
        self._plan = plan
        self._client = senders.client_for(plan.source, service)
        self._most = MOST[service_of(plan.source)]

    def arrived(self, event: Event) -> datetime:
        """When the stream got it, in the account's time."""
        raise NotImplementedError

    def bare(self, event: Event) -> Event:
        """The event as filters see it."""
        return {name: value for name, value in event.items() if name not in self.metadata}

    def _added(self, source: str) -> dict[str, str]:
        region = self._plan.source.split(":")[3]
        return {
            "awsRegion": region,
            "eventSource": source,
            "eventSourceARN": self._plan.source,
        }


class KinesisStream(_Stream):
    batch_info = "KinesisBatchInfo"
    metadata = frozenset(
        {
            *("eventSource", "eventSourceARN", "eventVersion", "eventID", "eventName"),
            *("awsRegion", "invokeIdentityArn"),
        }
    )

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, "kinesis")

    def shards(self) -> Iterator[tuple[str, list[str]]]:
        pages = self._client.get_paginator("describe_stream").paginate(StreamARN=self._plan.source)
        for page in pages:
            for shard in page["StreamDescription"]["Shards"]:
                parents = [shard.get(name) for name in ("ParentShardId", "AdjacentParentShardId")]
                yield shard["ShardId"], [parent for parent in parents if parent]

    def start(self, shard: str, *, is_first: bool) -> Position:
        chosen: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if is_first:
            chosen["ShardIteratorType"] = self._plan.source_parameters["StartingPosition"]
            if chosen["ShardIteratorType"] == "AT_TIMESTAMP":
                chosen["Timestamp"] = self._plan.source_parameters["StartingPositionTimestamp"]
        return Position(iterator=self._iterator(shard, chosen))

    def after(self, shard: str, sequence_number: str | None) -> str:
        chosen = {"ShardIteratorType": "TRIM_HORIZON"}
        if sequence_number:
            chosen = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
            chosen["StartingSequenceNumber"] = sequence_number
        return self._iterator(shard, chosen)

    def _iterator(self, shard: str, chosen: dict[str, Any]) -> str:
        answer = self._client.get_shard_iterator(
            StreamARN=self._plan.source, ShardId=shard, **chosen
        )
        return answer["ShardIterator"]

    def read(self, shard: str, iterator: str, count: int) -> tuple[list[Event], str | None]:
        answer = self._client.get_records(
            StreamARN=self._plan.source, ShardIterator=iterator, Limit=min(count, self._most)
        )
        events = [self._event(shard, record) for record in answer["Records"]]
        return events, answer.get("NextShardIterator")

    def _event(self, shard: str, record: dict[str, Any]) -> Event:
        return {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._plan.role,
            **self._added("aws:kinesis"),
        }

    def key(self, event: Event) -> str:
        return event["partitionKey"]

    def arrived(self, event: Event) -> datetime:
        real = datetime.fromtimestamp(event["approximateArrivalTimestamp"], UTC)
        return clock.at(self._plan.account, real)


class DynamoDBStream(_Stream):
    batch_info = "DDBStreamBatchInfo"
    # AWS's page lists eventID and eventName, too; AWS's own examples filter by them.
    metadata = frozenset({"eventSource", "eventSourceARN", "eventVersion", "awsRegion"})

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, "dynamodbstreams")

    def shards(self) -> Iterator[tuple[str, list[str]]]:
        told = self._client.describe_stream(StreamArn=self._plan.source)["StreamDescription"]
        for shard in told["Shards"]:
            parent = shard.get("ParentShardId")
            yield shard["ShardId"], [parent] if parent else []

    def start(self, shard: str, *, is_first: bool) -> Position:
        kind = self._plan.source_parameters["StartingPosition"] if is_first else "TRIM_HORIZON"
        return Position(iterator=self._iterator(shard, {"ShardIteratorType": kind}))

    def after(self, shard: str, sequence_number: str | None) -> str:
        chosen = {"ShardIteratorType": "TRIM_HORIZON"}
        if sequence_number:
            chosen = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
            chosen["SequenceNumber"] = sequence_number
        return self._iterator(shard, chosen)

    def _iterator(self, shard: str, chosen: dict[str, Any]) -> str:
        told = self._client.get_shard_iterator(StreamArn=self._plan.source, ShardId=shard, **chosen)
        return told["ShardIterator"]

    def read(self, shard: str, iterator: str, count: int) -> tuple[list[Event], str | None]:
        answer = self._client.get_records(ShardIterator=iterator, Limit=min(count, self._most))
        events = [self._event(record) for record in answer["Records"]]
        return events, answer.get("NextShardIterator")

    def _event(self, record: dict[str, Any]) -> Event:
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = int(
            change["ApproximateCreationDateTime"].timestamp()
        )
        return {
            "eventID": record["eventID"],
            "eventName": record["eventName"],
            "eventVersion": record.get("eventVersion", "1.1"),
            **self._added("aws:dynamodb"),
            "dynamodb": json.loads(json.dumps(change, default=_encoded)),
        }

    def key(self, event: Event) -> str:
        return to_json(event["dynamodb"]["Keys"])

    def arrived(self, event: Event) -> datetime:
        return datetime.fromtimestamp(event["dynamodb"]["ApproximateCreationDateTime"], UTC)


def _encoded(value: Any) -> str:
    """Binary attributes, as Streams' JSON has them."""
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


STREAMS: dict[str, Callable[[Plan], KinesisStream | DynamoDBStream]] = {
    "dynamodb": DynamoDBStream,
    "kinesis": KinesisStream,
}
