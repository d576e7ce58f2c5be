"""The pictures of the series, each drawn from what was measured or from what the account holds.

Colours are the Okabe-Ito palette, which colour-blind readers can tell apart; bars are hatched
as well, so that a print in grey keeps its meaning. Each picture says in words what it shows.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++")
_INK = "#222222"

Span = tuple[float, float]


class Picture:
    """A figure together with the words that say the same, for those who do not see it."""

    def __init__(self, figure: Figure, words: str) -> None:
        self.figure = figure
        self.words = words

    def __repr__(self) -> str:
        return self.words

    def _ipython_display_(self) -> None:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110, facecolor="white", bbox_inches="tight")
        display(
            {"image/png": buffer.getvalue(), "text/plain": self.words},
            raw=True,
            metadata={"image/png": {"alt": self.words}},
        )
        words = textwrap.fill(f"In words: {self.words}", 110)
        display({"text/plain": words}, raw=True)


def timeline(spans: Mapping[str, Span | Sequence[Span]], *, title: str) -> Picture:
    """Who was busy when: one row per name, one bar per span.

    `spans` maps a name to one (start, end) or to several, in seconds from a moment that the reader
    knows (usually the beginning of the call); `title` says what to see.
    """
    rows = {name: _several(span) for name, span in spans.items()}
    many = len(rows) > 5
    figure, axes = _canvas(height=0.9 + (0.3 if many else 0.5) * len(rows))
    last = max(end for row in rows.values() for _, end in row)
    for number, row in enumerate(rows.values()):
        for start, end in row:
            # Of many rows, the first stands against the rest.
            look = min(number, 1) if many else number
            # A call of a few milliseconds would vanish in a picture that is seconds wide.
            width = max(end - start, last * 0.004)
            axes.barh(
                number,
                width,
                left=start,
                height=0.6,
                color=COLOURS[look % len(COLOURS)],
                hatch=HATCHES[look % len(HATCHES)],
                edgecolor="white",
            )
        axes.text(row[-1][1] + last * 0.015, number, _length(row), va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlim(min(0.0, *(start for row in rows.values() for start, _ in row)), last * 1.14)
    axes.set_xlabel("seconds")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    return Picture(figure, f"{title}. {_spoken(rows)}.")


def _several(span: Span | Sequence[Span]) -> list[Span]:
    if span and not isinstance(span[0], Sequence):
        return [(float(span[0]), float(span[1]))]  # type: ignore[arg-type, index]
    return sorted((float(start), float(end)) for start, end in span)  # type: ignore[misc]


def _length(row: list[Span]) -> str:
    if len(row) > 1:
        return f"{len(row)} times"
    return _seconds(row[0][1] - row[0][0])


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.1 else f"{value:.2f} s"


def _spoken(rows: Mapping[str, list[Span]]) -> str:
    """What the bars show; of many rows, the first ones and the last."""
    spoken = [f"{name}: {_when(row)}" for name, row in rows.items()]
    if len(spoken) > 5:
        spoken[3:-1] = [f"{len(spoken) - 4} more"]
    return "; ".join(spoken)


def _when(row: list[Span]) -> str:
    first, last = min(start for start, _ in row), max(end for _, end in row)
    times = f"{len(row)} times, " if len(row) > 1 else ""
    return f"{times}{first:.2f} to {last:.2f} s"


def architecture(events: Any, bus: str, *, title: str) -> Picture:
    """The bus, its rules and their targets, as the account holds them at this moment.

    `events` is a boto3 client for EventBridge, `bus` the name of an event bus.
    """
    flows = []
    for rule in events.list_rules(EventBusName=bus)["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
        flows.append((rule, [_target_label(target["Arn"]) for target in targets]))
    rows = max(1, sum(max(1, len(targets)) for _, targets in flows))
    figure, axes = _canvas(height=0.8 + 0.8 * rows)
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(-0.6, rows - 0.4)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    middle = (rows - 1) / 2
    _box(axes, 1.4, middle, f"event bus\n{bus}", COLOURS[0])
    row = rows - 1.0
    for rule, targets in flows:
        span = max(1, len(targets))
        height = row - (span - 1) / 2
        state = "" if rule.get("State") == "ENABLED" else f" ({rule.get('State', '').lower()})"
        _box(axes, 5.0, height, f"rule{state}\n{rule['Name']}", COLOURS[1])
        _arrow(axes, 2.7, middle, 3.7, height)
        for label in targets:
            _box(axes, 8.6, row, label, COLOURS[2])
            _arrow(axes, 6.3, height, 7.3, row)
            row -= 1
        row -= 0 if targets else 1
    words = "; ".join(f"rule {rule['Name']} sends to {_listed(targets)}" for rule, targets in flows)
    return Picture(figure, f"{title}. Event bus {bus}: {words or 'no rules yet'}.")


def _target_label(arn: str) -> str:
    _, _, service, _, _, resource = arn.split(":", 5)
    kind = {"lambda": "function", "sqs": "queue", "sns": "topic", "logs": "log group"}
    return f"{kind.get(service, service)}\n{resource.rpartition(':')[2].rpartition('/')[2]}"


def _listed(labels: list[str]) -> str:
    return ", ".join(label.replace("\n", " ") for label in labels) or "no target yet"


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - 1.2, y - 0.3),
            2.4,
            0.6,
            boxstyle="round,pad=0.02,rounding_size=0.08",
            facecolor="white",
            edgecolor=colour,
            linewidth=2,
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9, color=_INK)


def _arrow(axes: Axes, x1: float, y1: float, x2: float, y2: float) -> None:
    style = {"arrowstyle": "-|>", "color": _INK, "linewidth": 1.3}
    axes.annotate("", xy=(x2, y2), xytext=(x1, y1), arrowprops=style)


def _canvas(*, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
    return figure, axes
