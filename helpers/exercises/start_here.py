"""The exercises of 00-start-here."""

from __future__ import annotations

from typing import Any

from helpers.exercises import Verdict, exercise, listed, names_in, right, wrong
from helpers.waiting import nothing_arrives, receive


@exercise("put a set of envelope fields in the cell above.")
def written_by_the_sender(answer: Any) -> Verdict:
    """The envelope fields that come from the required members of an entry."""
    given, needed = names_in(answer), {"source", "detail-type", "detail"}
    if given == needed:
        return right("Source, DetailType and Detail: everything else is added for you.")
    entry_names = given & {"Source", "DetailType", "Detail", "EventBusName"}
    if entry_names:
        return wrong(f"{listed(entry_names)}: these are names of the entry, not of the envelope.")
    if extra := given & {"time", "resources"}:
        return wrong(f"{listed(extra)}: you may supply it, but you need not.")
    added = {"version", "id", "account", "region"}
    if unknown := given - needed - added:
        return wrong(f"{listed(unknown)}: not a field of the envelope.")
    if extra := given & added:
        return wrong(f"{listed(extra)}: EventBridge writes that itself.")
    return wrong(f"Something is missing: you named {len(given)} of {len(needed)}.")


@exercise("put the mended entry in the cell above.")
def entry_arrives(answer: Any, events: Any, sqs: Any, queue: str) -> Verdict:
    """Send the entry for real, and look whether it comes out of the queue."""
    if not isinstance(answer, dict):
        return wrong("Answer with one entry: a dictionary.")
    if not isinstance(answer.get("Detail"), str):
        return wrong("`Detail` must be a text that holds JSON: use json.dumps(...).")
    entry = events.put_events(Entries=[answer])["Entries"][0]
    if "ErrorCode" in entry:
        return wrong(f"EventBridge refused the entry: {entry['ErrorMessage']}")
    while not nothing_arrives(sqs, queue, seconds=3):
        # Messages of earlier tries may lie there as well.
        [message] = receive(sqs, queue, 1)
        if message.get("id") == entry["EventId"]:
            return right("It was sent just now, and it arrived.")
    if answer.get("EventBusName") != "SwnEventBus":
        return wrong("It was accepted, and nothing arrived. On which bus does the rule wait?")
    return wrong("It was accepted, and nothing arrived. Compare it with the rule's pattern.")
