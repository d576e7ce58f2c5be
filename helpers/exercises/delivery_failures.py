"""The exercises of 08-delivery-failures."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from helpers.exercises import Verdict, exercise, listed, right, wrong

if TYPE_CHECKING:
    from helpers.lab import Lab


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
    first, last = (datetime.fromisoformat(tried[n]["time"]) for n in (0, -1))
    minutes = (last - first).total_seconds() / 60
    if ended["condition"] == "MaximumRetryAttempts":
        return wrong(f"After {len(tried)} tries and {minutes:.0f} minutes, the number ended it.")
    if minutes > 15:
        return wrong(f"The last try came {minutes:.0f} minutes after the first.")
    if answer.get("MaximumEventAgeInSeconds") != 900:
        return wrong(f"The last try came after {minutes:.0f} minutes: that is too early.")
    return right(f"{len(tried)} tries within a quarter of an hour, then it was given up.")


@exercise("put a function of two arguments in the cell above.")
def claims_once(answer: Any, dynamodb: Any) -> Verdict:
    """Calls the answer for six orders, each delivered five times, in random order, at once."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = first_time`, without brackets.")
    run = uuid.uuid4().hex[:6]
    deliveries = [
        {"id": str(uuid.uuid4()), "detail": {"orderId": f"{run}-{n}", "userName": "swn"}}
        for n in range(6)
        for _ in range(5)
    ]
    random.shuffle(deliveries)
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda event: answer(dynamodb, event), deliveries))
    if other := [value for value in said if value not in (True, False)]:
        return wrong(f"It returned {other[0]!r}, and should return True or False.")
    won = Counter(
        event["detail"]["orderId"] for event, first in zip(deliveries, said, strict=True) if first
    )
    if twice := [order for order, times in won.items() if times > 1]:
        return wrong(
            f"{len(twice)} of 6 orders were taken for new more than once, one of them "
            f"{max(won.values())} times out of 5."
        )
    if len(won) < 6:
        return wrong(f"{6 - len(won)} of 6 orders were never taken for new: they would be lost.")
    if answer(dynamodb, deliveries[0]):
        return wrong("A duplicate that comes later was taken for new.")
    return right("Thirty deliveries at the same time, six orders, each claimed once.")
