"""The exercises of 07-targets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from helpers.errors import TimedOut
from helpers.exercises import Verdict, exercise, listed, names_in, right, wrong
from helpers.waiting import receive

if TYPE_CHECKING:
    from helpers.lab import Lab


@exercise("sort the five targets in the cell above.")
def policy_or_role(answer: Any) -> Verdict:
    """Which targets have a policy of their own, and which need a role."""
    reasons = {
        "function": ("policy", "it was mended by AddPermission above"),
        "queue": ("policy", "rule_to_queue and you wrote one on the queue itself"),
        "state machine": ("role", "it has no policy of its own that could name EventBridge"),
        "other bus": ("role", "EventBridge itself calls PutEvents there, as somebody"),
        "api destination": ("role", "the courier needed one above"),
    }
    if not isinstance(answer, dict) or set(answer) != {"policy", "role"}:
        return wrong('Answer with a dictionary that has "policy" and "role".')
    given = {way: names_in(targets) for way, targets in answer.items()}
    if unknown := (given["policy"] | given["role"]) - set(reasons):
        return wrong(f"{listed(unknown)}: not one of the five.")
    for target, (way, reason) in reasons.items():
        if [name for name in given if target in given[name]] != [way]:
            return wrong(f"{target}: think again: {reason}.")
    return right(
        "Who has a policy of its own can open the door; for the others EventBridge has one."
    )


@exercise("put an InputTransformer in the cell above.")
def receipt(answer: Any, lab: Lab) -> Verdict:
    """Attaches the answer to a rule of its own, sends checkouts, and reads what arrives."""
    if not isinstance(answer, dict) or set(answer) != {"InputPathsMap", "InputTemplate"}:
        return wrong("Answer with a dictionary that has InputPathsMap and InputTemplate.")
    queue = lab.rule_to_queue("receipts", bus="SwnEventBus", pattern={"detail-type": ["Receipt"]})
    target = {"Id": "receipts", "Arn": lab.arn("sqs", "receipts"), "InputTransformer": answer}
    events, sqs = lab.client("events"), lab.client("sqs")
    events.put_targets(Rule="receipts", EventBusName="SwnEventBus", Targets=[target])
    orders = [("swn", 17, 49), ('Pat "The Key" O\'Neill', 18, 12.5), ("Zoë", 19, 0)]
    try:
        for order in orders:
            told = _send(events, *order)
            problem = _problem(receive(sqs, queue, timeout=10)[0], told)
            if problem:
                return wrong(f"For {order[0]}: {problem}")
    except TimedOut:
        return wrong("Nothing arrived for a checkout. Is the template JSON when it is filled?")
    finally:
        sqs.purge_queue(QueueUrl=queue)
    if any(f'"<{name}>"' in answer["InputTemplate"] for name in answer["InputPathsMap"]):
        return right(
            "Three receipts, all valid JSON. But that is the lab's doing: on AWS, Pat's quotation"
            " marks may break a text in marks. Leave out those around the name."
        )
    return right("Three receipts, all valid JSON, with numbers that are numbers.")


def _send(events: Any, user: str, order_id: int, total: float) -> dict[str, Any]:
    detail = {"orderId": order_id, "userName": user, "totalPrice": total}
    entry = {
        "Source": "com.swn.basket.checkoutbasket",
        "DetailType": "Receipt",
        "Detail": json.dumps(detail),
        "EventBusName": "SwnEventBus",
    }
    events.put_events(Entries=[entry])
    return detail


def _problem(found: Any, told: dict[str, Any]) -> str:
    order = {"id": told["orderId"], "total": told["totalPrice"]}
    wanted = {"to": told["userName"], "subject": f"Order {told['orderId']}", "order": order}
    if found == wanted:
        return ""
    if not isinstance(found, dict):
        return f"what arrived is no JSON object: {found!r}."
    if set(found) != set(wanted):
        return f"it has {listed(found)}, and should have {listed(wanted)}."
    field = next(name for name in wanted if found[name] != wanted[name])
    return f"{field} is {json.dumps(found[field])}, and should be {json.dumps(wanted[field])}."
