"""The exercises of 03-event-source-mappings."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from helpers.errors import TimedOut
from helpers.exercises import Verdict, exercise, right, wrong
from helpers.waiting import until

if TYPE_CHECKING:
    from helpers.lab import Lab


@exercise("put a function of two arguments in the cell above.")
def reports_failures(answer: Any) -> Verdict:
    """Calls the answer with batches in which no, some, or all parcels raise."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = handle`, without brackets.")
    for bad in (set(), {"p2"}, {"p0", "p5"}, {f"p{n}" for n in range(6)}):
        problem = _problem(answer, bad)
        if problem:
            return wrong(problem)
    return right("Every parcel had its chance, and the report names those that failed, alone.")


def _problem(answer: Callable[..., Any], bad: set[str]) -> str:
    shipped: list[str] = []
    kinds = [ValueError, KeyError, TimeoutError, OSError]

    def ship(body: str) -> None:
        shipped.append(body)
        if body in bad:
            raise kinds[len(shipped) % len(kinds)]("cannot read the label")

    bodies = [f"p{n}" for n in range(6)]
    records = [{"messageId": str(uuid.uuid4()), "body": body} for body in bodies]
    ids = {record["messageId"] for record in records if record["body"] in bad}
    what = f"With {len(bad)} of 6 parcels failing, "
    try:
        report = answer({"Records": records}, ship)
    except Exception as error:
        return f"{what}it raised {type(error).__name__}: then the whole batch comes again."
    if shipped != bodies:
        return f"{what}{len(shipped)} of 6 parcels were tried. Each is to be tried, once."
    failures = report.get("batchItemFailures") if isinstance(report, dict) else None
    if not isinstance(failures, list):
        return f'{what}it returned {report!r}, and not {{"batchItemFailures": [...]}}.'
    found = [one.get("itemIdentifier") if isinstance(one, dict) else one for one in failures]
    if not all(isinstance(one, dict) for one in failures):
        return f'{what}an item of the list is not {{"itemIdentifier": ...}}.'
    if set(found) - {record["messageId"] for record in records}:
        return f"{what}it named an id that is no messageId of the batch: all would come again."
    if set(found) != ids:
        return f"{what}it named {len(set(found))} messages instead of {len(ids)}."
    return ""


@exercise("put a pattern in the cell above.")
def heavy_express(answer: Any, lab: Lab, handler: Callable[..., Any]) -> Verdict:
    """Makes a mapping with the pattern as its filter, sends parcels, counts what got through."""
    if not isinstance(answer, dict) or "body" not in answer:
        return wrong('Answer with a pattern that begins with {"body": ...}.')
    name = f"heavy-{uuid.uuid4().hex[:6]}"
    sqs, awslambda = lab.client("sqs"), lab.client("lambda")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    lab.deploy(name, handler)
    parcels = [("express", 25), ("express", 20), ("standard", 40), ("express", 3), ("express", 90)]
    for service, kilos in parcels:
        body = json.dumps({"service": service, "kilos": kilos})
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    awslambda.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=lab.arn("sqs", name),
        FilterCriteria={"Filters": [{"Pattern": json.dumps(answer)}]},
    )
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return not any(int(number) for number in found.values())

    until(is_empty, what="the parcels to be fetched")
    # The log follows the run by a moment.
    with contextlib.suppress(TimedOut):
        until(lambda: _counted(lab, name) == 2, timeout=2, what="two parcels")
    seen = _counted(lab, name)
    if seen == 2:
        return right("The two heavy express parcels reached the function; the others are deleted.")
    return wrong(f"{seen} of the five parcels reached the function, and two should have.")


def _counted(lab: Lab, function: str) -> int:
    """How many records the runs of the function have counted so far."""
    groups = lab.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")
    runs = lab.runs(function) if groups["logGroups"] else []
    return sum(int(run.lines[0]) for run in runs)
