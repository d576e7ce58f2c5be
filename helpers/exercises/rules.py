"""The exercises of 06-rules."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from helpers.exercises import Verdict, exercise, listed, names_in, right, wrong

Matches = Callable[[Any, dict[str, Any]], bool]


def _orders() -> list[dict[str, Any]]:
    """Forty orders, some of them with what real events have: other cases, texts for numbers."""
    mixed = itertools.product(
        ("DE", "FR", "US"), (True, False), (99.99, 100, 250), ("swn", "test-7")
    )
    orders = [
        {"country": country, "paid": paid, "total": total, "user": user}
        for country, paid, total, user in mixed
    ]
    good = {"country": "DE", "paid": True, "total": 120, "user": "anna"}
    return [
        *orders,
        {**good, "country": "de"},
        {**good, "paid": "true"},
        {**good, "total": "120"},
        {**good, "user": "tester"},
    ]


def _wanted(order: dict[str, Any]) -> bool:
    return (
        order["country"] in ("DE", "FR")
        and order["paid"] is True
        and not isinstance(order["total"], str)
        and order["total"] >= 100
        and not order["user"].startswith("test-")
    )


@exercise("put a pattern for the detail in the cell above.")
def paying_customers(answer: Any, matches: Matches) -> Verdict:
    """Tries the pattern on forty orders, by TestEventPattern."""
    if not isinstance(answer, dict):
        return wrong("Answer with a pattern: a dictionary.")
    if "detail" in answer:
        return wrong('Only what stands inside of "detail", please: the rest is added for you.')
    for order in _orders():
        found = matches(answer, order)
        if found and not _wanted(order):
            return wrong(f"It takes {order}, and should not.")
        if not found and _wanted(order):
            return wrong(f"It misses {order}.")
    return right("All forty orders are sorted as they should be.")


@exercise("put a set of letters in the cell above.")
def which_match(answer: Any, matches: Matches) -> Verdict:
    """Compares the answer with what TestEventPattern says."""
    cases: dict[str, tuple[Any, dict[str, Any], str]] = {
        "a": ({"tags": ["gift"]}, {"tags": ["fragile", "gift"]}, "one element is enough"),
        "b": ({"user": [{"anything-but": "swn"}]}, {"total": 5}, "there is no user at all"),
        "c": ({"total": [{"numeric": [">", 5]}]}, {"total": "7"}, "look at the quotation marks"),
        "d": (
            {"address": [{"exists": False}]},
            {"address": {"city": "Ulm"}},
            "exists looks at leaves, and an object is none",
        ),
        "e": ({"note": [None]}, {"note": ""}, "null and the empty text are two things"),
    }
    given = names_in(answer)
    if unknown := given - set(cases):
        return wrong(f"{listed(unknown)}: not one of the five letters.")
    for letter, (pattern, detail, reason) in cases.items():
        if matches(pattern, detail) is not (letter in given):
            return wrong(f"{letter}: think again: {reason}.")
    return right("Lists, absent fields, types, leaves and nothings: no surprise is left.")
