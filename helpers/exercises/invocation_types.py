"""The exercises of 01-invocation-types."""

from __future__ import annotations

from typing import Any

from helpers.exercises import Verdict, choice, exercise, listed, names_in, right, wrong


@exercise("put a function of one argument in the cell above.")
def tells_success(answer: Any) -> Verdict:
    """A function that tells answers of Invoke apart."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = worked`, without brackets.")
    cases = [
        ({"StatusCode": 200, "ExecutedVersion": "$LATEST"}, True, "a run that returned"),
        (
            {"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"},
            False,
            "a run that raised: its status code is 200 too",
        ),
        ({"StatusCode": 202}, False, "an event that was only queued (202)"),
        ({"StatusCode": 204}, False, "a dry run (204)"),
    ]
    for response, truth, words in cases:
        if bool(answer(dict(response))) is not truth:
            return wrong(f"It says {not truth} for {words}.")
    return right("It tells a success from an exception, from a queued event and from a dry run.")


@exercise('put "a", "b" or "c" in the cell above.')
def result_without_waiting(answer: Any) -> Verdict:
    """How to get a result without waiting for it."""
    options = {
        "a": "The payload of an asynchronous answer is always empty: you saw it above.",
        "b": "Lambda sends the result where you said, as soon as there is one.",
        "c": "A synchronous caller waits, and a shorter time-out only loses the result.",
    }
    return choice(answer, "b", options)


@exercise("sort the four services in the cell above.")
def who_calls_how(answer: Any) -> Verdict:
    """Which service uses which of the three ways."""
    reasons = {
        "api gateway": ("synchronous", "somebody waits for the HTTP answer"),
        "s3": ("asynchronous", "it drops the event and leaves"),
        "sqs": ("event source mapping", "a queue calls nobody; Lambda fetches"),
        "dynamodb streams": ("event source mapping", "a stream calls nobody; Lambda fetches"),
    }
    if not isinstance(answer, dict) or any(isinstance(names, str) for names in answer.values()):
        return wrong("Answer with a dictionary from each way to a set of services.")
    if unknown := set(answer) - {way for way, _ in reasons.values()}:
        return wrong(f"{listed(unknown)}: not one of the three ways.")
    sorted_into = {way: {name.lower() for name in names_in(names)} for way, names in answer.items()}
    if unknown := set().union(*sorted_into.values()) - set(reasons):
        return wrong(f"{listed(unknown)}: not one of the four services.")
    for service, (way, reason) in reasons.items():
        if [name for name, services in sorted_into.items() if service in services] != [way]:
            return wrong(f"{service}: think again: {reason}.")
    return right("Who waits, who drops and leaves, and where Lambda comes and fetches.")
