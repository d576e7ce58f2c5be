"""The exercises of 04-event-sources."""

from __future__ import annotations

from collections import Counter
from typing import Any

from helpers.exercises import Verdict, exercise, listed, right, wrong

LATER = ("InternalFailure", "ThrottlingException")


class _Unsteady:
    """Answers PutEvents as EventBridge does on a bad day, and keeps count of what it took."""

    def __init__(self, fails: dict[str, list[str]]) -> None:
        self.fails = {name: list(codes) for name, codes in fails.items()}
        self.taken: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.most = 0

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if not 1 <= len(Entries) <= 10:
            raise ValueError(f"PutEvents was called with {len(Entries)} entries, it takes 1 to 10")
        results = [self._result(entry["DetailType"]) for entry in Entries]
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}

    def _result(self, name: str) -> dict[str, str]:
        self.tries[name] += 1
        if self.tries[name] > 50:
            raise RuntimeError(f"the entry {name} was tried over 50 times")
        codes = self.fails.get(name, [])
        code = codes[0] if codes == ["forever"] else codes.pop(0) if codes else None
        if code:
            return {"ErrorCode": LATER[0] if code == "forever" else code, "ErrorMessage": "no"}
        self.taken[name] += 1
        return {"EventId": f"event-{name}"}


@exercise("put a function of two arguments in the cell above.")
def publishes_all(answer: Any) -> Verdict:
    """Calls the answer with a client that refuses some entries once, thrice, or always."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = publish`, without brackets.")
    names = [f"e{n:02d}" for n in range(34)]
    fails = {
        "e03": ["MalformedDetail"] * 50,
        "e12": ["ThrottlingException"],
        "e15": ["InternalFailure", "ThrottlingException", "InternalFailure"],
        "e33": ["forever"],
    }
    client = _Unsteady(fails)
    entries = [
        {"Source": "com.swn.basket.checkoutbasket", "DetailType": name, "Detail": "{}"}
        for name in names
    ]
    dead = answer(client, list(entries))
    if twice := [name for name in names if client.taken[name] > 1]:
        return wrong(f"{len(twice)} entries were published twice, though they had been taken.")
    if never := [name for name in names if not client.tries[name]]:
        return wrong(f"{len(never)} of {len(names)} entries were never sent.")
    if client.tries["e03"] > 1:
        return wrong("An entry with malformed JSON was sent again: it can only fail again.")
    if not (client.taken["e12"] and client.taken["e15"]):
        return wrong("An entry that was throttled for a moment was given up too early.")
    if client.tries["e33"] > 6:
        return wrong(f"One entry was tried {client.tries['e33']} times: one try and five more.")
    if not isinstance(dead, list):
        return wrong("Return a list of the entries that were given up.")
    given_up = {one.get("DetailType") if isinstance(one, dict) else str(one) for one in dead}
    if given_up != {"e03", "e33"}:
        return wrong(
            "Two entries could not be published, and the list that came back holds "
            f"{len(dead)}{': ' + listed(map(str, given_up)) if dead else ''}."
        )
    return right("All that could be published was, once each, and you know what was not.")


@exercise("say what becomes of each of the four entries.")
def what_becomes_of(answer: Any) -> Verdict:
    """What happens to four entries, in the account of the notebook."""
    truth = {
        "a": ("arrives", "a Time in the past is allowed, and the rule asks for the type alone"),
        "b": ("nowhere", "without a bus name it goes to the default bus. Who waits there?"),
        "c": ("refused", "look at its source: who may call itself so?"),
        "d": ("arrives", "compare it with the pattern of the rule, letter by letter"),
    }
    if not isinstance(answer, dict) or set(answer) != set(truth):
        return wrong("Answer with a dictionary that has a, b, c and d.")
    words = {"arrives", "nowhere", "refused"}
    if unknown := {str(value) for value in answer.values()} - words:
        return wrong(f"{listed(unknown)}: say one of {listed(words)}.")
    for letter, (fate, reason) in truth.items():
        if answer[letter] != fate:
            return wrong(f"{letter}: think again: {reason}.")
    return right("Refused ones you hear of; the ones that end nowhere you do not.")
