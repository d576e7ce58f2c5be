"""The exercises of 09-pipes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from helpers import waiting
from helpers.exercises import Verdict, choice, exercise, listed, right, wrong

if TYPE_CHECKING:
    from helpers.lab import Lab

_PAYMENTS = [
    {"id": "large", "user": "swn", "amount": 500, "currency": "EUR"},
    {"id": "larger", "user": "ada", "amount": 7200.5, "currency": "EUR"},
    {"id": "small", "user": "swn", "amount": 499.99, "currency": "EUR"},
    {"id": "new here", "user": "mia", "amount": 650, "currency": "EUR"},
    {"id": "dollars", "user": "swn", "amount": 900, "currency": "USD"},
    {"id": "pounds", "user": "ada", "amount": 900, "currency": "GBP"},
    {"id": "a test", "user": "test", "amount": 900, "currency": "EUR"},
    {"id": "as text", "user": "swn", "amount": "900", "currency": "EUR"},
]
_WANTED = {"large", "larger", "new here"}


@exercise("put a pattern in the cell above, as a dictionary.")
def large_payments(answer: Any, lab: Lab) -> Verdict:
    """Sends eight payments through a real pipe with that filter."""
    if not isinstance(answer, dict):
        return wrong("Answer with a dictionary.")
    if "body" not in answer:
        return wrong('What was sent is under "body": the pattern must begin there.')
    filters = {"FilterCriteria": {"Filters": [{"Pattern": json.dumps(answer)}]}}
    arrived = _through(lab, _PAYMENTS, SourceParameters=filters)
    ids = {json.loads(record["body"])["id"] for record in arrived}
    for payment in _PAYMENTS:
        if (payment["id"] in ids) != (payment["id"] in _WANTED):
            how = "comes through" if payment["id"] in ids else "should come through"
            but = ", and should not" if payment["id"] in ids else ", and does not"
            return wrong(f"{json.dumps(payment)} {how}{but}.")
    return right("Three of eight payments came through the pipe; the others are gone.")


@exercise("put an input template in the cell above, as a text.")
def chat_line(answer: Any, lab: Lab) -> Verdict:
    """Sends two payments through a real pipe with that template."""
    if not isinstance(answer, str):
        return wrong("Answer with a text.")
    payments = [
        {"user": "swn", "amount": 49, "currency": "EUR"},
        {"user": "ada", "amount": 7.5, "currency": "GBP"},
    ]
    arrived = _through(lab, payments, TargetParameters={"InputTemplate": answer})
    if not arrived:
        return wrong("Nothing arrives: the template does not become JSON, or has a wrong path.")
    said = [str(text) for text in arrived]
    for text in (wanted := ["swn paid 49 EUR", "ada paid 7.5 GBP"]):
        if text not in said:
            return wrong(f"The chat says {listed(map(repr, said))}, but not {text!r}.")
    return right(f"The chat says {wanted[0]!r}, and {wanted[1]!r}.")


@exercise('put "a", "b", "c" or "d" in the cell above.')
def empty_answer(answer: Any) -> Verdict:
    """What becomes of a batch whose enrichment answers with nothing."""
    options = {
        "a": "Only a failure makes messages visible again, and an empty answer is none.",
        "b": "The batch has been dealt with: there is nothing to deliver.",
        "c": "That would be a list of ten empty objects.",
        "d": "Nothing has failed, so nothing is dead.",
    }
    return choice(answer, "b", options)


def _through(lab: Lab, bodies: list[dict[str, Any]], **parameters: Any) -> list[Any]:
    """What comes out of a pipe from queue to queue, made for this in another account.

    Raises ClientError if there can be no such pipe.
    """
    other = lab.other_account()
    sqs, pipes = other.client("sqs"), other.client("pipes")
    source, target = (sqs.create_queue(QueueName=n)["QueueUrl"] for n in ("source", "target"))
    pipes.create_pipe(
        Name="trial",
        Source=other.arn("sqs", "source"),
        Target=other.arn("sqs", "target"),
        RoleArn=other.role("trial", trusts="pipes.amazonaws.com", actions="sqs:*", resource="*"),
        **parameters,
    )
    waiting.pipe(pipes, "trial", "RUNNING")
    for body in bodies:
        sqs.send_message(QueueUrl=source, MessageBody=json.dumps(body))

    def ended() -> dict[str, str]:
        ends = {"filtered", "delivered", "failed"}
        found = [r for r in other.trace(kind="pipe") if r["stage"] in ends]
        return {record["event_id"]: record["stage"] for record in found}

    waiting.until(lambda: len(ended()) == len(bodies), what="the end of the pipe")
    delivered = list(ended().values()).count("delivered")
    return waiting.receive(sqs, target, n=delivered) if delivered else []
