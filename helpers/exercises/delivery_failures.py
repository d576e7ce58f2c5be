"""The exercises of 08-delivery-failures."""

from __future__ import annotations

import contextlib
import functools
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from helpers.exercises import Verdict, exercise, listed, right, wrong

if TYPE_CHECKING:
    from helpers.lab import Lab

#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
MOST_RETRIES = 185

ORDERS = 6
TIMES = 5


@exercise("put a RetryPolicy in the cell above.")
def quarter_of_an_hour(answer: Any, lab: Lab, attach: Callable[..., None]) -> Verdict:
    """Attaches a target with the answer to a service that is down, and lets a day pass."""
    if not isinstance(answer, dict):
        return wrong("Answer with a RetryPolicy: a dictionary.")
    if unknown := set(answer) - {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"}:
        return wrong(f"{listed(map(str, unknown))}: a RetryPolicy has no such limit.")
    name = f"meal-{uuid.uuid4().hex[:6]}"
    attach(name, RetryPolicy=answer)
    entry = {
        "Source": "com.swn.kitchen",
        "DetailType": name,
        "Detail": "{}",
        "EventBusName": "SwnEventBus",
    }
    event_id = lab.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
    lab.advance("P1D")
    tried = lab.trace(event_id, "attempt")
    [ended] = lab.trace(event_id, "dropped")
    first, end = (datetime.fromisoformat(record["time"]) for record in (tried[0], ended))
    minutes = round((end - first).total_seconds() / 60)
    if ended["condition"] == "MaximumRetryAttempts":
        return wrong(f"After {len(tried)} tries and {minutes} minutes, the number ended it.")
    if minutes > 15:
        return wrong(f"It was given up {minutes} minutes after the first try: the meal is cold.")
    if minutes < 15:
        return wrong(f"It was given up {minutes} minutes after the first try: that is too early.")
    if answer.get("MaximumRetryAttempts", MOST_RETRIES) < MOST_RETRIES:
        return wrong("The time ended it, by luck: the waits vary, and your number may come first.")
    return right(f"{len(tried)} tries within a quarter of an hour, then it was given up.")


class Together:
    """A DynamoDB client for the deliveries of one order, whose reads are all made before it writes.

    Runs that look first and write then do meet like that, only not at every try.
    """

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb
        self._all = threading.Barrier(TIMES)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._dynamodb, name)
        return (
            functools.partial(self._read, found) if name in ("get_item", "query", "scan") else found
        )

    def _read(self, call: Callable[..., Any], **parameters: Any) -> Any:
        told = call(**parameters)
        with contextlib.suppress(threading.BrokenBarrierError):
            self._all.wait(timeout=5)
        return told


@exercise("put a function of two arguments in the cell above.")
def claims_once(answer: Any, dynamodb: Any) -> Verdict:
    """Calls the answer for six orders, each delivered five times, in random order, at once."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = first_time`, without brackets.")
    run = uuid.uuid4().hex[:6]
    clients = {f"{run}-{n}": Together(dynamodb) for n in range(ORDERS)}
    deliveries = [
        {"id": str(uuid.uuid4()), "detail": {"orderId": order, "userName": "swn"}}
        for order in clients
        for _ in range(TIMES)
    ]
    random.shuffle(deliveries)
    with ThreadPoolExecutor(len(deliveries)) as pool:
        said = list(
            pool.map(lambda event: answer(clients[event["detail"]["orderId"]], event), deliveries)
        )
    if other := [value for value in said if value not in (True, False)]:
        return wrong(f"It returned {other[0]!r}, and should return True or False.")
    won = Counter(
        event["detail"]["orderId"] for event, first in zip(deliveries, said, strict=True) if first
    )
    if twice := [order for order, times in won.items() if times > 1]:
        return wrong(
            f"{len(twice)} of {ORDERS} orders were taken for new more than once, one of them "
            f"{max(won.values())} times out of {TIMES}."
        )
    if lost := ORDERS - len(won):
        return wrong(f"{lost} of {ORDERS} orders were never taken for new: they would be lost.")
    if answer(dynamodb, deliveries[0]):
        return wrong("A duplicate that comes later was taken for new.")
    if not all(_is_claimed(dynamodb, order) for order in clients):
        return wrong(
            "The table claims does not hold the orders: another environment of the function, or "
            "this one when it starts again, would take them for new."
        )
    return right("Thirty deliveries at the same time, six orders, each claimed once.")


def _is_claimed(dynamodb: Any, order: str) -> bool:
    return "Item" in dynamodb.get_item(TableName="claims", Key={"orderId": {"S": order}})
