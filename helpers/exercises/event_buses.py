"""The exercises of 05-event-buses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from helpers.errors import TimedOut
from helpers.exercises import Verdict, exercise, listed, right, wrong
from helpers.lab import Lab
from helpers.waiting import until


@exercise("put a statement in the cell above.")
def lets_in_one_source(answer: Any, lab: Lab, neighbour: Lab) -> Verdict:
    """Sets the statement as the policy of the bus, and tries to put events from three accounts."""
    if not isinstance(answer, dict):
        return wrong("Answer with one statement: a dictionary.")
    if "Statement" in answer:
        return wrong("Answer with the statement alone: the check makes a policy of it.")
    events = lab.client("events")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [answer]})
    before = events.describe_event_bus(Name="SwnEventBus").get("Policy")
    events.put_permission(EventBusName="SwnEventBus", Policy=policy)
    if problem := _problem(answer, lab, neighbour):
        # So that a wrong answer keeps nobody from going on.
        events.remove_permission(EventBusName="SwnEventBus", RemoveAllPermissions=True)
        if before:
            events.put_permission(EventBusName="SwnEventBus", Policy=before)
        return wrong(problem)
    return right("The neighbour gets in, with events of its own source alone.")


def _problem(statement: dict[str, Any], lab: Lab, neighbour: Lab) -> str:
    if not _accepted(lab, lab, "com.swn.basket.checkoutbasket"):
        return "Our own account cannot publish any more."
    if not _accepted(neighbour, lab, "com.neighbour.shop"):
        return "The neighbour cannot publish events of its source com.neighbour.shop."
    if _accepted(neighbour, lab, "com.swn.basket.checkoutbasket"):
        return "The neighbour can still publish in the name of our basket."
    if _accepted(neighbour, lab, "com.neighbour.shop.test"):
        return "The neighbour can publish other sources that begin alike."
    if _accepted(Lab(lab.endpoint, _third_account(lab, neighbour)), lab, "com.neighbour.shop"):
        return "Any other account can publish as well, if it only calls itself so."
    actions = statement.get("Action")
    if (actions if isinstance(actions, list) else [actions]) != ["events:PutEvents"]:
        return "The neighbour shall publish: allow events:PutEvents, and nothing else."
    return ""


def _third_account(*taken: Lab) -> str:
    """The number of an account that is none of these."""
    numbers = {lab.account for lab in taken}
    return next(
        number for digit in "789" if (number := digit + taken[0].account[1:]) not in numbers
    )


def _accepted(sender: Lab, receiver: Lab, source: str) -> bool:
    entry = {
        "Source": source,
        "DetailType": "Check",
        "Detail": "{}",
        "EventBusName": receiver.arn("events", "event-bus/SwnEventBus"),
    }
    return "EventId" in sender.client("events").put_events(Entries=[entry])["Entries"][0]


@exercise("put a dictionary in the cell above.")
def replays_orders_only(
    answer: Any, lab: Lab, replay: Callable[..., None], counts: Callable[[], dict[str, int]]
) -> Verdict:
    """Empties the table, replays with the answer, and looks what has happened."""
    if not isinstance(answer, dict):
        return wrong("Answer with a dictionary of arguments for Destination.")
    if unknown := set(answer) - {"FilterArns"}:
        return wrong(f"{listed(map(str, unknown))}: a destination has no such argument to choose.")
    dynamodb = lab.client("dynamodb")
    for item in dynamodb.scan(TableName="orders")["Items"]:
        dynamodb.delete_item(TableName="orders", Key={"orderId": item["orderId"]})
    before = counts()
    replay(f"check-{uuid.uuid4().hex[:8]}", **answer)
    try:
        until(lambda: counts()["orders in the table"] >= 5, timeout=5, what="five orders")
    except TimedOut:
        return wrong("The orders did not come back. Which rule writes them into the table?")
    # What the replay sends to queues, it sends before it completes.
    if (more := counts()["labels printed"] - before["labels printed"]) > 0:
        return wrong(f"The orders are back, and {more} more labels were printed.")
    return right("The orders are back, and the printer stayed silent.")
