"""Events and answers as text and tables that people like to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import pandas as pd

# Reasons and patterns are sentences; pandas would cut them off after 50 characters.
pd.set_option("display.max_colwidth", None, "display.width", 200)

#: Characters that fit beside each other in a notebook; of longer lines the end is cut off.
WIDEST = 104
GAP = "   "


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


class Beside:
    """Texts in columns, each under its heading, for comparing them with one look."""

    def __init__(self, **columns: Any) -> None:
        texts = {
            name: value if isinstance(value, str) else repr(Json(value))
            for name, value in columns.items()
        }
        lines = {name: text.splitlines() for name, text in texts.items()}
        self.widths = _widths({name: max(map(len, [name, *lines[name]])) for name in lines})
        self.columns = {
            name: [_shortened(line, self.widths[name]) for line in lines[name]] for name in lines
        }

    def __repr__(self) -> str:
        columns = [
            [cell.ljust(width) for cell in [name, "-" * width, *self.columns[name]]]
            for name, width in self.widths.items()
        ]
        blanks = [" " * width for width in self.widths.values()]
        return "\n".join(
            GAP.join(cell or blank for cell, blank in zip(row, blanks, strict=True)).rstrip()
            for row in zip_longest(*columns)
        )


def _widths(wanted: dict[str, int]) -> dict[str, int]:
    """What each column gets: the narrow ones what they want, the others share the rest."""
    left, granted = WIDEST - len(GAP) * (len(wanted) - 1), dict(wanted)
    for number, (name, width) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        granted[name] = min(width, left // (len(wanted) - number))
        left -= granted[name]
    return granted


def _shortened(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def beside(**columns: Any) -> Beside:
    """JSON values or texts next to each other: beside(queue=message, function=event)."""
    return Beside(**columns)
