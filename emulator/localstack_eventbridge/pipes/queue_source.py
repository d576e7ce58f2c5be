"""Reads a queue: batches of messages, some at a time, deleted when they have arrived.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html

LocalStack's own poller gives its messages their form. It is not used itself: it writes JSON bodies
anew, waits for no window, and lets a failed message be overtaken by others of its group.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import (
    split_by_message_group_id,
    transform_into_events,
)

from localstack_eventbridge.delivery.senders import client_for, queue_url
from localstack_eventbridge.pipes.calls import LARGEST
from localstack_eventbridge.pipes.execution import Execution, tell
from localstack_eventbridge.pipes.logs import Log
from localstack_eventbridge.pipes.plan import Event, Plan
from localstack_eventbridge.workers import Workers

LOG = logging.getLogger(__name__)

#: Batches of one pipe that are under way at once; AWS begins with five.
AT_ONCE = 5

#: What one call of SQS returns or deletes.
MOST = 10

#: Seconds that one call waits for messages: so long a stopped pipe may take to notice.
LONG_POLL = 1

#: Seconds until a queue that gave an error is asked again.
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0

Message = dict[str, Any]

_workers = Workers("pipe-batch")


class QueueSource:
    """`run` returns when `stopped` is set and all that was received has been dealt with."""

    def __init__(self, plan: Plan, log: Log, stopped: threading.Event) -> None:
        self._plan, self._log, self._stopped = plan, log, stopped
        self._sqs = client_for(plan.source, "sqs")
        self._url = queue_url(plan.source)
        self._is_fifo = plan.source.endswith(".fifo")
        self._slots = threading.Semaphore(AT_ONCE)

    def prepare(self) -> None:
        """Raises ClientError if there is no such queue."""
        self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["FifoQueue"])

    def run(self) -> None:
        wait = FIRST_WAIT
        while not self._stopped.is_set():
            with self._slots:
                # What is received is to be dealt with at once: its visibility runs out.
                pass
            try:
                for batch in self._batches(self._gather()):
                    self._slots.acquire()
                    _workers.submit(partial(self._work, batch))
                wait = FIRST_WAIT
                continue
            except (ClientError, BotoCoreError) as error:
                LOG.info("pipe %s cannot read %s: %s", self._plan.name, self._plan.source, error)
            except Exception:
                LOG.exception("pipe %s reads %s again", self._plan.name, self._plan.source)
            self._stopped.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        for _ in range(AT_ONCE):
            self._slots.acquire()

    def _gather(self) -> list[Message]:
        """Messages, until there are enough, or the window has ended, or the pipe is stopped."""
        size, gathered, end = self._plan.batch_size, [], 0.0
        while len(gathered) < size:
            left = end - time.monotonic()
            if gathered and left < LONG_POLL:
                self._stopped.wait(max(left, 0))
                return gathered + self._receive(size - len(gathered), 0)
            received = self._receive(size - len(gathered), LONG_POLL)
            if received and not gathered:
                end = time.monotonic() + self._plan.window
            gathered += received
            if self._stopped.is_set() or not gathered:
                return gathered
            if not self._plan.window and len(received) < MOST:
                return gathered
        return gathered

    def _receive(self, count: int, wait: int) -> list[Message]:
        if count <= 0:
            return []
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, MOST),
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _batches(self, messages: list[Message]) -> Iterator[list[Message]]:
        """One for each group of a FIFO queue, and none larger than what a function takes."""
        groups = split_by_message_group_id(messages).values() if self._is_fifo else [messages]
        for group in groups:
            batch: list[Message] = []
            size = 0
            for message in group:
                length = len(message["Body"]) + 2000
                if batch and size + length > LARGEST and not self._is_fifo:
                    yield batch
                    batch, size = [], 0
                batch.append(message)
                size += length
            if batch:
                yield batch

    def _work(self, messages: list[Message]) -> None:
        try:
            self._process(messages)
        except (ClientError, BotoCoreError) as error:
            # What could not be deleted comes again, when its visibility has run out.
            LOG.info("pipe %s cannot delete messages: %s", self._plan.name, error)
        finally:
            self._slots.release()

    def _process(self, messages: list[Message]) -> None:
        events = transform_into_events(messages)
        tell(self._plan, events, "received")
        wanted = [number for number, event in enumerate(events) if self._wants(event)]
        batch = [self._with_metadata(events[number]) for number in wanted]
        unwanted = [number for number in range(len(events)) if number not in set(wanted)]
        if unwanted:
            tell(self._plan, [events[number] for number in unwanted], "filtered")
        failed = Execution(self._plan, self._log, batch).run() if batch else {}
        # A failed message keeps its group waiting until it is visible again.
        left = {wanted[number] for number in failed}
        self._delete([m for number, m in enumerate(messages) if number not in left])

    def _wants(self, event: Event) -> bool:
        return self._plan.filter.accepts(event)

    def _with_metadata(self, event: Event) -> Event:
        region = self._plan.source.split(":")[3]
        source = {"eventSource": "aws:sqs", "eventSourceARN": self._plan.source}
        return {**event, **source, "awsRegion": region}

    def _delete(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + MOST])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
