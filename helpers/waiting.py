"""Wait until something has happened, say so while it takes long, and say what was missing."""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Callable
from typing import Any, TypeVar

from helpers.errors import LabError, TimedOut

T = TypeVar("T")

#: Seconds of silence before the first line that says what is waited for. The tests raise it, so
#: that a slow computer does not change what a cell prints.
PROGRESS_AFTER = float(os.environ.get("LAB_PROGRESS_AFTER") or 2)


def until(probe: Callable[[], T], *, timeout: float = 20.0, what: str) -> T:
    """Call `probe` again and again until it returns something true, and return that.

    `timeout` is in seconds; `what` completes the sentence "still waiting for ...". What `probe`
    raises is raised here.

    Raises TimedOut, which is a TimeoutError too, and tells what `probe` returned last.
    """
    started, pause, next_line = time.monotonic(), 0.02, PROGRESS_AFTER
    while not (seen := probe()):
        waited = time.monotonic() - started
        if waited >= timeout:
            last = textwrap.shorten(repr(seen), 400)
            raise TimedOut(f"Waited {timeout:g} s for {what}, in vain. Last seen: {last}.")
        if waited >= next_line:
            print(f"still waiting for {what} ({waited:.0f} s)", flush=True)
            next_line *= 2
        time.sleep(min(pause, timeout - waited))
        pause = min(pause * 1.5, 0.5)
    return seen


def receive(sqs: Any, queue_url: str, n: int = 1, *, timeout: float = 20.0) -> list[Any]:
    """Wait until `n` messages have arrived in a queue; take them out and return their bodies.

    A body that is JSON is returned as what it means, any other as the text that it is. They come in
    the order in which they were sent to the queue. Messages after the first `n` stay there.
    `timeout` is in seconds.

    It polls long (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).

    Raises TimedOut, which tells what has arrived until then; that is taken out as well.
    """
    arrived: list[dict[str, Any]] = []

    def all_arrived() -> bool:
        messages = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(10, n - len(arrived)),
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        arrived.extend(messages)
        # A FIFO queue gives no further message of a group before these are deleted.
        for message in messages:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return len(arrived) >= n

    what = f"{n} message{'s' if n > 1 else ''} in the queue {queue_url.rpartition('/')[2]}"
    try:
        until(all_arrived, timeout=timeout, what=what)
    except TimedOut:
        seen = textwrap.shorten(", ".join(m["Body"] for m in arrived), 400)
        raise TimedOut(
            f"Waited {timeout:g} s for {what}; {len(arrived) or 'none'} arrived"
            f"{': ' + seen if arrived else '.'}"
        ) from None
    return [
        _content(m) for m in sorted(arrived, key=lambda m: int(m["Attributes"]["SentTimestamp"]))
    ]


def pipe(pipes: Any, name: str, state: str) -> str:
    """Wait until the pipe `name` is in the state ("RUNNING", "STOPPED"), and return that.

    Raises LabError, which tells AWS's reason, if it comes to another end
    (https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_DescribePipe.html).
    """
    changing = ("CREATING", "STARTING", "UPDATING", "STOPPING")

    def settled() -> Any:
        told = pipes.describe_pipe(Name=name)
        return told if told["CurrentState"] not in changing else None

    told = until(settled, what=f"the pipe {name} to be {state}")
    if told["CurrentState"] != state:
        reason = told.get("StateReason", "AWS gives no reason")
        raise LabError(f"The pipe {name} is {told['CurrentState']}: {reason}.")
    return state


def nothing_arrives(sqs: Any, queue_url: str, *, seconds: float = 2.0) -> bool:
    """Watch a queue for some seconds: did it stay empty?

    Returns False as soon as there is a message; the message stays in the queue.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0.05:
        answer = sqs.receive_message(
            QueueUrl=queue_url, WaitTimeSeconds=min(5, max(1, round(left))), VisibilityTimeout=0
        )
        if answer.get("Messages"):
            return False
    return True


def _content(message: dict[str, Any]) -> Any:
    try:
        return json.loads(message["Body"])
    except ValueError:
        return message["Body"]
