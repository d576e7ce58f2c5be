"""Checks for the exercises: each says "right", or what is wrong and why. None of them raises.

In a notebook: `from helpers import exercises as check`, then `check.<exercise>(answer)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from helpers.waiting import nothing_arrives, receive


@dataclass(frozen=True)
class Verdict:
    """What a check found: `right`, and a `message` for the reader. Shows itself as one line."""

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'✔ Right.' if self.right else '✘ Not yet.'} {self.message}"


class _Unanswered(Verdict):
    def __repr__(self) -> str:
        return f"· Not answered yet: {self.message}"


def _right(message: str) -> Verdict:
    return Verdict(True, message)


def _wrong(message: str) -> Verdict:
    return Verdict(False, message)


def _exercise(todo: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """A check that says `todo` while the answer is still `...`, and that never raises."""

    def decorate(check: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @functools.wraps(check)
        def safely(answer: Any, *rest: Any) -> Verdict:
            if answer is ...:
                return _Unanswered(False, todo)
            try:
                return check(answer, *rest)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                return _wrong(f"Your answer could not be checked ({reason}).")

        return safely

    return decorate


def _choice(answer: Any, right: str, options: dict[str, str]) -> Verdict:
    """One letter out of `options`, which holds the explanation of each."""
    letter = answer.strip().lower() if isinstance(answer, str) else answer
    if letter not in options:
        return _wrong(f"Answer with one of the letters {', '.join(map(repr, options))}.")
    return (_right if letter == right else _wrong)(options[letter])


def _names(answer: Any) -> set[str]:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError('answer with a set of names, like {"id", "time"}')
    return {str(name) for name in answer}


@_exercise("put a set of envelope fields in the cell above.")
def written_by_the_sender(answer: Any) -> Verdict:
    """Notebook 00: the envelope fields that come from the required members of an entry."""
    given, needed = _names(answer), {"source", "detail-type", "detail"}
    if given == needed:
        return _right("Source, DetailType and Detail: everything else is added for you.")
    entry_names = given & {"Source", "DetailType", "Detail", "EventBusName"}
    if entry_names:
        return _wrong(f"{_listed(entry_names)}: these are names of the entry, not of the envelope.")
    if extra := given & {"time", "resources"}:
        return _wrong(f"{_listed(extra)}: you may supply it, but you need not.")
    added = {"version", "id", "account", "region"}
    if unknown := given - needed - added:
        return _wrong(f"{_listed(unknown)}: not a field of the envelope.")
    if extra := given & added:
        return _wrong(f"{_listed(extra)}: EventBridge writes that itself.")
    return _wrong(f"Something is missing: you named {len(given)} of {len(needed)}.")


@_exercise("put the mended entry in the cell above.")
def entry_arrives(answer: Any, events: Any, sqs: Any, queue: str) -> Verdict:
    """Notebook 00: send the entry for real, and look whether it comes out of the queue."""
    if not isinstance(answer, dict):
        return _wrong("Answer with one entry: a dictionary.")
    if not isinstance(answer.get("Detail"), str):
        return _wrong("`Detail` must be a text that holds JSON: use json.dumps(...).")
    entry = events.put_events(Entries=[answer])["Entries"][0]
    if "ErrorCode" in entry:
        return _wrong(f"EventBridge refused the entry: {entry['ErrorMessage']}")
    while not nothing_arrives(sqs, queue, seconds=3):
        # Messages of earlier tries may lie there as well.
        [message] = receive(sqs, queue, 1)
        if message.get("id") == entry["EventId"]:
            return _right("It was sent just now, and it arrived.")
    if answer.get("EventBusName") != "SwnEventBus":
        return _wrong("It was accepted, and nothing arrived. On which bus does the rule wait?")
    return _wrong("It was accepted, and nothing arrived. Compare it with the rule's pattern.")


@_exercise("put a function of one argument in the cell above.")
def tells_success(answer: Any) -> Verdict:
    """Notebook 01: a function that tells answers of Invoke apart."""
    if not callable(answer):
        return _wrong("Answer with the function itself: `answer = worked`, without brackets.")
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
            return _wrong(f"It says {not truth} for {words}.")
    return _right("It tells a success from an exception, from a queued event and from a dry run.")


@_exercise('put "a", "b" or "c" in the cell above.')
def result_without_waiting(answer: Any) -> Verdict:
    """Notebook 01: how to get a result without waiting for it."""
    options = {
        "a": "The payload of an asynchronous answer is always empty: you saw it above.",
        "b": "Lambda sends the result where you said, as soon as there is one.",
        "c": "A synchronous caller waits, and a shorter time-out only loses the result.",
    }
    return _choice(answer, "b", options)


@_exercise("sort the four services in the cell above.")
def who_calls_how(answer: Any) -> Verdict:
    """Notebook 01: which service uses which of the three ways."""
    reasons = {
        "api gateway": ("synchronous", "somebody waits for the HTTP answer"),
        "s3": ("asynchronous", "it drops the event and leaves"),
        "sqs": ("event source mapping", "a queue calls nobody; Lambda fetches"),
        "dynamodb streams": ("event source mapping", "a stream calls nobody; Lambda fetches"),
    }
    if not isinstance(answer, dict) or any(isinstance(names, str) for names in answer.values()):
        return _wrong("Answer with a dictionary from each way to a set of services.")
    if unknown := set(answer) - {way for way, _ in reasons.values()}:
        return _wrong(f"{_listed(unknown)}: not one of the three ways.")
    sorted_into = {way: {name.lower() for name in _names(names)} for way, names in answer.items()}
    if unknown := set().union(*sorted_into.values()) - set(reasons):
        return _wrong(f"{_listed(unknown)}: not one of the four services.")
    for service, (way, reason) in reasons.items():
        if [name for name, services in sorted_into.items() if service in services] != [way]:
            return _wrong(f"{service}: think again: {reason}.")
    return _right("Who waits, who drops and leaves, and where Lambda comes and fetches.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
