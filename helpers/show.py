"""Events and answers as text and tables that people like to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pandas as pd


class Json:
    """A JSON value that shows itself indented, one field a line, in the order it came in."""

    def __init__(self, value: Any) -> None:
        self.value = json.loads(value) if isinstance(value, str | bytes) else value

    def __repr__(self) -> str:
        return json.dumps(self.value, indent=2, ensure_ascii=False, default=str)


def answer(response: Mapping[str, Any]) -> Json:
    """An AWS answer without `ResponseMetadata`, which only tells of the HTTP exchange."""
    return Json({key: value for key, value in response.items() if key != "ResponseMetadata"})


def table(rows: Iterable[Sequence[Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a table; the first column takes the place of row numbers."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    return frame.set_index(frame.columns[0])


#: Longer lines do not fit beside others; their end is cut off.
WIDEST_LINE = 76


class Beside:
    """Texts in columns, each under its heading, for comparing them with one look."""

    def __init__(self, **columns: Any) -> None:
        texts = {
            name: value if isinstance(value, str) else repr(Json(value))
            for name, value in columns.items()
        }
        self.columns = {
            name: [_shortened(line) for line in text.splitlines()] for name, text in texts.items()
        }

    def __repr__(self) -> str:
        wide = {name: max(map(len, [name, *text])) for name, text in self.columns.items()}
        rule = {name: ["-" * width] for name, width in wide.items()}
        columns = [
            [cell.ljust(wide[name]) for cell in [name, *rule[name], *text]]
            for name, text in self.columns.items()
        ]
        rows = zip_longest(*columns)
        blanks = [" " * width for width in wide.values()]
        return "\n".join(
            "   ".join(cell or blank for cell, blank in zip(row, blanks, strict=True)).rstrip()
            for row in rows
        )


def _shortened(line: str) -> str:
    return line if len(line) <= WIDEST_LINE else f"{line[: WIDEST_LINE - 1]}…"


def beside(**columns: Any) -> Beside:
    """JSON values or texts next to each other: beside(queue=message, function=event)."""
    return Beside(**columns)
