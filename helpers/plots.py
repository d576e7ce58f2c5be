"""The pictures of the series, each drawn from what was measured or from what the account holds.

Colours are the Okabe-Ito palette, which colour-blind readers can tell apart; bars are hatched
as well, so that a print in grey keeps its meaning. Each picture says in words what it shows.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK = "#222222"
_NOTHING: dict[object, str] = {"": "#ffffff", "–": "#eeeeee"}

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
    _head(axes, title)
    return Picture(figure, f"{title}. {_spoken(rows)}.")


def bars(counts: Mapping[str, float], *, title: str, unit: str) -> Picture:
    """How many of each: one bar per name, with its number.

    `counts` maps a name to a number, `unit` says of what ("messages", "seconds"); `title` says
    what to see.
    """
    figure, axes = _canvas(height=0.9 + 0.45 * len(counts))
    most = max([*counts.values(), 1])
    for number, value in enumerate(counts.values()):
        look = number % len(COLOURS)
        colours = {"color": COLOURS[look], "hatch": HATCHES[look], "edgecolor": "white"}
        axes.barh(number, value, height=0.6, **colours)
        axes.text(value + most * 0.015, number, f"{value:g}", va="center", fontsize=9)
    axes.set_yticks(range(len(counts)), list(counts))
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=all(n == int(n) for n in counts.values())))
    axes.set_xlabel(unit)
    _head(axes, title)
    told = ", ".join(f"{name} {value:g}" for name, value in counts.items())
    return Picture(figure, f"{title}. In {unit}: {told}.")


def ladder(attempts: Mapping[str, Sequence[float]], *, title: str, unit: str) -> Picture:
    """When each attempt was made: one row of dots per name, with the waits between them.

    `attempts` maps a name to the moments of its attempts in `unit` ("seconds", "hours") from a
    moment that the reader knows; `title` says what to see. Waits are written down where a row
    has room for them.
    """
    figure, axes = _canvas(height=1.0 + 0.6 * len(attempts))
    last = max([moment for moments in attempts.values() for moment in moments] + [0.001])
    for number, moments in enumerate(attempts.values()):
        look = number % len(COLOURS)
        dots = {"color": COLOURS[look], "marker": MARKERS[look % len(MARKERS)]}
        size = 8 if len(moments) < 20 else 4
        axes.plot(moments, [number] * len(moments), linewidth=1, markersize=size, **dots)
        for one, other in pairwise(moments):
            if other - one > last * 0.06:
                middle = ((one + other) / 2, number - 0.12)
                axes.text(*middle, f"{other - one:.1f}", ha="center", va="bottom", fontsize=9)
    axes.set_yticks(range(len(attempts)), list(attempts))
    axes.set_ylim(len(attempts) - 0.5, -0.7)
    axes.set_xlim(-last * 0.03, last * 1.05)
    axes.set_xlabel(unit)
    _head(axes, title)
    told = "; ".join(f"{name}: {_moments(moments)}" for name, moments in attempts.items())
    return Picture(figure, f"{title}. In {unit}: {told}.")


def calendar(moments: Sequence[datetime], *, title: str) -> Picture:
    """On which days, and when: a month of firings, one row a week.

    `moments` are aware times in the zone that they are to be read in, not more than some weeks of
    them; `title` says what to see. A day tells its first time, and how many more there are.
    """
    days: dict[date, list[str]] = {}
    for moment in sorted(moments):
        days.setdefault(moment.date(), []).append(f"{moment:%H:%M}")
    first, last = min(days), max(days)
    monday = first - timedelta(days=first.weekday())
    weeks = (last - monday).days // 7 + 1
    figure, axes = _canvas(height=1.0 + 0.62 * weeks)
    for number in range(weeks * 7):
        day, x, y = monday + timedelta(days=number), number % 7, number // 7
        times = days.get(day, [])
        colour = "#cfe6f5" if times else "#ffffff"
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="#cccccc"))
        axes.text(x - 0.45, y - 0.4, f"{day.day}. {day:%b}", va="top", fontsize=7, color="#555555")
        more = f" +{len(times) - 1}" if len(times) > 1 else ""
        if times:
            axes.text(x, y + 0.15, times[0] + more, ha="center", va="center", fontsize=9)
    axes.set_xlim(-0.55, 6.55)
    axes.set_ylim(weeks - 0.45, -0.55)
    axes.set_xticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_yticks([])
    axes.xaxis.tick_top()
    axes.tick_params(top=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    told = [f"{moment:%a %d %b %H:%M}" for moment in sorted(moments)]
    if len(told) > 6:
        told[3:-1] = [f"{len(told) - 4} more"]
    return Picture(figure, f"{title}. {', '.join(told)}.")


def _moments(moments: Sequence[float]) -> str:
    if not moments:
        return "never"
    told = [f"{moment:.1f}" for moment in moments]
    if len(told) > 6:
        told[3:-1] = [f"{len(told) - 4} more"]
    times = f"{len(moments)} times, at " if len(moments) > 1 else "once, at "
    return times + ", ".join(told)


def grid(
    cells: Mapping[str, Mapping[str, object]], *, title: str, marked: Collection[object] = ()
) -> Picture:
    """A table of few different values, each with a colour of its own: where is which?

    `cells` maps the name of a row to {column: value}; a value is written into its cell as it is
    (a number or a short text). Numbers are the darker the greater they are; "" and "–" say that
    nothing is there, and stay pale. Cells whose (row, column) is among `marked` get a
    thick frame. `title` says what to see.
    """
    rows, columns = list(cells), list(dict.fromkeys(name for row in cells.values() for name in row))
    figure, axes = _canvas(height=1.2 + 0.36 * len(rows))
    shades = _shades([value for row in cells.values() for value in row.values()])
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            value = cells[row].get(column, "")
            frame = {"linewidth": 1, "edgecolor": "white", "zorder": 1}
            if (row, column) in marked:
                frame = {"linewidth": 2.5, "edgecolor": _INK, "zorder": 2}
            colour = shades.get(value, "#ffffff")
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, **frame))
            ink = "white" if _is_dark(colour) else _INK
            axes.text(x, y, str(value), ha="center", va="center", fontsize=9, color=ink, zorder=3)
    axes.set_xlim(-0.55, len(columns) - 0.45)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    slanted = {"rotation": 30, "ha": "left"} if max(map(len, columns)) > 60 / len(columns) else {}
    axes.set_xticks(range(len(columns)), columns, fontsize=9, **slanted)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(top=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    told = "; ".join(
        f"{row}: {', '.join(f'{column} {value}' for column, value in cells[row].items())}"
        for row in rows
    )
    return Picture(figure, f"{title}. {told}.")


def _shades(values: Sequence[object]) -> dict[object, str]:
    """A colour for each value: shades of blue for numbers, else colours that print differently."""
    different = list(dict.fromkeys(values))
    if all(isinstance(value, int | float) for value in different):
        most = max([1.0, *(float(value) for value in different)])  # type: ignore[arg-type]
        return {value: _blend(float(value) / most) for value in different}  # type: ignore[arg-type]
    words = [value for value in different if value not in _NOTHING]
    colours = ("#56B4E9", "#E69F00", "#0072B2", "#F0E442", "#009E73")
    return _NOTHING | dict(zip(words, colours, strict=False))


def _blend(share: float) -> str:
    """From white (0) to the blue of the palette (1)."""
    parts = (round(255 + share * (end - 255)) for end in (0x00, 0x72, 0xB2))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _is_dark(colour: str) -> bool:
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue < 130


def _head(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)


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
    kind = {
        "lambda": "function",
        "sqs": "queue",
        "sns": "topic",
        "logs": "log group",
        "events": "event bus" if ":event-bus/" in arn else "API destination",
    }
    # An API destination's name stands before its id.
    name = resource.split("/")[1] if resource.startswith("api-destination/") else resource
    return f"{kind.get(service, service)}\n{name.rpartition(':')[2].rpartition('/')[2]}"


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
