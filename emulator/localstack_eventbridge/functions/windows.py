"""The batching window of an event source mapping for a queue.

LocalStack's poller passes on what the first answer of the queue holds, however long the window.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

import time
from typing import Any

from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

#: Seconds that a call waits for messages: as long as the window may last beyond its end.
WAIT = 1


class Gatherer:
    """A client for SQS whose ReceiveMessage goes on until a batch is full or the window is over.

    The window begins with the first messages. All other operations are those of `client`.
    """

    def __init__(self, client: Any, batch_size: int, window: int) -> None:
        self._client = client
        self._batch_size = batch_size
        self._window = window

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def receive_message(self, **request: Any) -> dict[str, Any]:
        messages = self._receive(request, self._batch_size)
        end = time.monotonic() + self._window
        while messages and len(messages) < self._batch_size and time.monotonic() < end:
            messages += self._receive(request, self._batch_size - len(messages))
        return {"Messages": messages}

    def _receive(self, request: dict[str, Any], most: int) -> list[dict[str, Any]]:
        """At most so many messages: those that are there, or else the first that comes."""
        changed = {
            "MaxNumberOfMessages": min(10, most),
            "WaitTimeSeconds": WAIT,
            "sqs_override_max_message_count": most,
            # It would have the queue wait on although there are messages.
            "sqs_override_wait_time_seconds": 0,
        }
        return self._client.receive_message(**request | changed).get("Messages", [])


def install() -> None:
    # A patch, because LocalStack's factory names its class nowhere else.
    register_hooks = SqsPoller._register_client_hooks

    def gather(poller: SqsPoller) -> None:
        register_hooks(poller)
        if window := poller.maximum_batching_window:
            poller.source_client = Gatherer(poller.source_client, poller.batch_size, window)

    SqsPoller._register_client_hooks = gather  # type: ignore[method-assign]
