"""Checks for the exercises, a module for each notebook: `check.<exercise>(answer)`.

Each says "right", or what is wrong and why. None of them raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


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


def right(message: str) -> Verdict:
    """The answer is right; `message` says what it shows."""
    return Verdict(True, message)


def wrong(message: str) -> Verdict:
    """The answer is wrong; `message` says what is wrong with it."""
    return Verdict(False, message)


def exercise(todo: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """A check that says `todo` while the answer is still `...`, and that never raises."""

    def decorate(check: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @functools.wraps(check)
        def safely(answer: Any, *rest: Any) -> Verdict:
            if answer is ...:
                return _Unanswered(False, todo)
            try:
                return check(answer, *rest)
            except ClientError as error:
                return wrong(f"AWS refuses it: {error.response['Error']['Message']}")
            except BotoCoreError as error:
                return wrong(f"boto3 does not even send it: {error}")
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                return wrong(f"Your answer could not be checked ({reason}).")

        return safely

    return decorate


def choice(answer: Any, best: str, options: dict[str, str]) -> Verdict:
    """One letter out of `options`, which holds the explanation of each."""
    letter = answer.strip().lower() if isinstance(answer, str) else answer
    if letter not in options:
        return wrong(f"Answer with one of the letters {', '.join(map(repr, options))}.")
    return (right if letter == best else wrong)(options[letter])


def names_in(answer: Any) -> set[str]:
    """An answer that must be a set of names. Raises TypeError if it is none."""
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError('answer with a set of names, like {"id", "time"}')
    return {str(name) for name in answer}


def listed(names: Iterable[str]) -> str:
    """Names in one line, in order."""
    return ", ".join(sorted(names))
