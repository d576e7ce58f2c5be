"""Waiting: it ends when the thing has happened, and says what was missing when it has not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers import waiting
from helpers.errors import LabError, TimedOut
from helpers.waiting import nothing_arrives, receive, until


@pytest.fixture
def sqs(client: Callable[..., Any]) -> Any:
    return client("sqs")


@pytest.fixture
def queue(sqs: Any) -> str:
    return sqs.create_queue(QueueName="orders")["QueueUrl"]


def test_until_returns_what_the_probe_found() -> None:
    answers: Iterator[Any] = iter([None, [], 0, "found", "not asked for"])
    assert until(lambda: next(answers), what="an answer") == "found"


def test_until_says_what_was_missing_and_what_was_seen_last() -> None:
    started = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        until(lambda: [], timeout=0.2, what="a run of ship-order")
    assert 0.2 <= time.monotonic() - started < 1
    assert str(caught.value) == "Waited 0.2 s for a run of ship-order, in vain. Last seen: []."
    assert isinstance(caught.value, LabError)
    assert isinstance(caught.value, TimeoutError)


def test_until_looks_once_more_at_the_very_end() -> None:
    started = time.monotonic()
    assert until(lambda: time.monotonic() - started >= 0.3, timeout=0.3, what="the end")


def test_until_raises_what_the_probe_raises() -> None:
    def probe() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        until(probe, what="nothing")


def test_until_tells_that_it_waits_in_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_AFTER", 0.5)
    started = time.monotonic()
    until(lambda: time.monotonic() - started > 2, what="a slow thing")
    lines = capsys.readouterr().out.splitlines()
    # After half a second, one, and two at most: each silence is twice as long as the one before.
    assert 2 <= len(lines) <= 3
    assert all(re.fullmatch(r"still waiting for a slow thing \(\d s\)", line) for line in lines)


def test_receive_returns_bodies_in_the_order_of_sending(sqs: Any, queue: str) -> None:
    for n in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=f'{{"n": {n}}}')
    assert receive(sqs, queue, 12) == [{"n": n} for n in range(12)]
    assert nothing_arrives(sqs, queue, seconds=1)


def test_receive_takes_no_more_than_it_was_asked_for(sqs: Any, queue: str) -> None:
    for text in ("first", "second"):
        sqs.send_message(QueueUrl=queue, MessageBody=text)
    assert receive(sqs, queue) == ["first"]
    assert receive(sqs, queue) == ["second"]


def test_receive_waits_for_a_message_that_is_still_to_come(sqs: Any, queue: str) -> None:
    threading.Timer(
        0.5, sqs.send_message, kwargs={"QueueUrl": queue, "MessageBody": "late"}
    ).start()
    started = time.monotonic()
    assert receive(sqs, queue) == ["late"]
    assert time.monotonic() - started < 1.5


def test_receive_reads_on_in_a_fifo_group(sqs: Any) -> None:
    """A FIFO queue gives no further message of a group until the earlier ones are deleted."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    queue = sqs.create_queue(QueueName="orders.fifo", Attributes=attributes)["QueueUrl"]
    for n in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(n), MessageGroupId="one")
    assert receive(sqs, queue, 12, timeout=5) == list(range(12))


def test_receive_says_how_many_came(sqs: Any, queue: str) -> None:
    with pytest.raises(TimedOut, match=r"1 message in the queue orders; none arrived\.$"):
        receive(sqs, queue, timeout=0.5)
    sqs.send_message(QueueUrl=queue, MessageBody="keyboard")
    with pytest.raises(TimedOut, match="2 messages in the queue orders; 1 arrived: keyboard"):
        receive(sqs, queue, 2, timeout=0.5)


def test_nothing_arrives_waits_its_time(sqs: Any, queue: str) -> None:
    started = time.monotonic()
    assert nothing_arrives(sqs, queue, seconds=1) is True
    assert 0.9 < time.monotonic() - started < 5


def test_nothing_arrives_sees_a_late_message_and_leaves_it_there(sqs: Any, queue: str) -> None:
    threading.Timer(
        0.3, sqs.send_message, kwargs={"QueueUrl": queue, "MessageBody": "late"}
    ).start()
    assert nothing_arrives(sqs, queue, seconds=5) is False
    assert receive(sqs, queue) == ["late"]
