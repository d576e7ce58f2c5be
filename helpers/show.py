"""Events and answers as text and tables that people like to read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
