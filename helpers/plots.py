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
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from helpers import layers, resources
from helpers.errors import LabError

if TYPE_CHECKING:
    from helpers.lab import Lab

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INK = "#222222"
_FAILED = "#C8102E"
#: A colour for what receives, decides, carries, runs and keeps; the box says in words what it is.
_KIND_COLOURS = {
    "event bus": COLOURS[0],
    "rule": COLOURS[1],
    "pipe": COLOURS[5],
    "schedule": COLOURS[3],
    "function": COLOURS[2],
    "queue": COLOURS[4],
    "topic": COLOURS[4],
    "stream": COLOURS[4],
}
#: What does not go the ordinary way.
_ASIDE = ("dead letters", "on failure", "on success", "redrive", "enrichment")
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


def architecture(lab: Lab, *, title: str, around: str | None = None) -> Picture:
    """What the account of the lab holds at this moment, and what leads where, from left to right.

    With `around`, the name of a resource, only what events reach from there or come from there.
    A dashed box is switched off, a red one is missing or has failed, a red arrow has failed the
    last time; a dashed arrow is the way of what has failed. `title` says what to see.

    Raises KeyError if there is no resource called `around`.
    """
    graph = resources.read(lab)
    if around is not None:
        graph = graph.around(around)
    layout = layers.place(list(graph.nodes), [(edge.start, edge.end) for edge in graph.edges])
    figure, axes = _canvas(height=0.7 + 0.72 * max(1, layout.rows))
    axes.set_axis_off()
    axes.set_xlim(-0.52, max(layout.columns, 3) - 0.48)
    axes.set_ylim(layout.rows - 0.25, -0.6)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    failing = _failing(lab)
    for edge in graph.edges:
        way = layout.ways[edge.start, edge.end]
        has_failed = (graph.nodes[edge.start].name, edge.end) in failing
        _way(axes, way, edge.label, failed=has_failed)
    asides = ", ".join({edge.label: None for edge in graph.edges if edge.label in _ASIDE})
    legend = f"dashed arrow: {asides}" if asides else ""
    if any((graph.nodes[edge.start].name, edge.end) in failing for edge in graph.edges):
        legend = f"red arrow: failed the last time    {legend}"
    if legend:
        axes.text(-0.36, layout.rows - 0.45, legend, fontsize=8, color="#555555", va="top")
    for arn, (x, y) in layout.places.items():
        _box(axes, x, y, graph.nodes[arn], columns=max(layout.columns, 3))
    return Picture(figure, f"{title}: {_told(graph) or 'nothing'}.")


def journey(lab: Lab, event_id: str, *, title: str) -> Picture:
    """What became of one event: which rules wanted it, why others did not, and every attempt.

    `event_id` is what PutEvents has answered with. Times are in milliseconds after the event was
    accepted, on the account's clock; `title` says what to see. Drawn from the trace.

    Raises LabError if the trace knows nothing of the event (or nothing any more).
    """
    records = lab.trace(event_id)
    if not records:
        raise LabError(
            f"The trace knows no event {event_id}: use the EventId that PutEvents has answered "
            "with. It keeps the newest 5,000 records."
        )
    stops = _stops(records)
    figure, axes = _canvas(height=1.0 + 0.5 * len(stops))
    last = max([at for stop in stops for at, _ in stop.marks] + [1.0])
    for row, stop in enumerate(stops):
        axes.axhline(row, color="#eeeeee", zorder=0)
        for at, outcome in stop.marks:
            colour, marker = _OUTCOMES[outcome]
            axes.plot(at, row, marker=marker, color=colour, markersize=8, linestyle="none")
        _say(axes, row, stop, last)
    axes.set_yticks(range(len(stops)), [stop.name for stop in stops], fontsize=8.5)
    axes.set_ylim(len(stops) - 0.5, -0.6)
    axes.set_xlim(-last * 0.02, last * 1.04)
    axes.set_xlabel("milliseconds after the event was accepted")
    _head(axes, title)
    return Picture(figure, f"{title}. {'. '.join(f'{s.name}: {s.said}' for s in stops)}.")


def _say(axes: Axes, row: int, stop: _Stop, last: float) -> None:
    """Write beside the marks what is short, and above them what is long."""
    said = textwrap.shorten(stop.said, 76, placeholder="…")
    at, side, height = 0.0, "left", 0.0
    if stop.marks and len(said) > 20:
        height = -0.3
    elif stop.marks:
        side = "right" if stop.marks[-1][0] > last * 0.45 else "left"
        at = stop.marks[0][0] - last * 0.03 if side == "right" else stop.marks[-1][0] + last * 0.03
    ink = _INK if stop.marks else "#666666"
    # The line of the row would strike the words out.
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(at, row + height, said, fontsize=8, color=ink, ha=side, va="center", bbox=paper)


class _Stop(NamedTuple):
    """A row of a journey: where, at which milliseconds with which outcome, and in words."""

    name: str
    marks: list[tuple[float, str]]
    said: str


#: Colour and form of what can happen at a stop.
_OUTCOMES = {
    "accepted": (COLOURS[0], "D"),
    "delivered": (COLOURS[2], "o"),
    "failed": (COLOURS[5], "X"),
    "dead-letter": (_INK, "s"),
    "dropped": (_INK, "v"),
}


def _stops(records: Sequence[dict[str, Any]]) -> list[_Stop]:
    begin = datetime.fromisoformat(records[0]["time"])
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        name = f"bus {record.get('bus')}"
        if record["kind"] != "entry":
            name = f"rule {record['rule']}"
        if record["kind"] not in ("entry", "rule"):
            name += f"\nto {' '.join(resources.kind_and_name(record['arn']))}"
        rows.setdefault(name, []).append(record)
    stops = []
    for name, found in rows.items():
        marks = [(_milliseconds(record, begin), _outcome(record)) for record in found]
        if found[0]["kind"] == "rule":
            if not found[0]["matched"]:
                stops.append(_Stop(name, [], f"no match: {found[0]['reason']}"))
            continue
        stops.append(_Stop(name, marks, _said(found)))
    return stops


def _milliseconds(record: Mapping[str, Any], begin: datetime) -> float:
    return (datetime.fromisoformat(record["time"]) - begin).total_seconds() * 1000


def _outcome(record: Mapping[str, Any]) -> str:
    return record["result"] if record["kind"] in ("entry", "attempt") else record["kind"]


def _said(found: Sequence[Mapping[str, Any]]) -> str:
    last, attempts = found[-1], [record for record in found if record["kind"] == "attempt"]
    if last["kind"] == "entry":
        return f"accepted{', but ' + last['reason'] if last['reason'] else ''}"
    if attempts[-1]["result"] == "delivered":
        return "delivered" if len(attempts) == 1 else f"delivered at attempt {len(attempts)}"
    tries = f"{len(attempts)} attempts" if len(attempts) > 1 else "1 attempt"
    tries = f"{tries}, {attempts[-1]['error_code']}"
    if last["kind"] == "dead-letter":
        return f"{tries}; it is in the dead-letter queue {last['queue'].rpartition(':')[2]}"
    if last["kind"] == "dropped":
        return f"{tries}; dropped, as {last['reason']}"
    return f"{tries}; it will be tried again"


def _failing(lab: Lab) -> set[tuple[str, str]]:
    """Rule or schedule and target of which the last attempt has failed."""
    last = {}
    for record in lab.trace(kind="attempt"):
        name = record.get("rule") or str(record.get("schedule")).rpartition("/")[2]
        last[name, record["arn"]] = record["result"]
    return {pair for pair, result in last.items() if result != "delivered"}


def _told(graph: resources.Graph) -> str:
    """The graph in words: what each resource leads to."""
    ends: dict[str, list[str]] = {}
    for edge in graph.edges:
        label = f" ({edge.label})" if edge.label else ""
        ends.setdefault(edge.start, []).append(_called(graph.nodes[edge.end]) + label)
    leading = [f"{_called(graph.nodes[arn])} to {', '.join(to)}" for arn, to in ends.items()]
    used = {arn for edge in graph.edges for arn in edge[:2]}
    alone = [_called(node) for arn, node in graph.nodes.items() if arn not in used]
    return "; ".join(leading + ([f"alone: {', '.join(alone)}"] if alone else []))


def _called(node: resources.Node) -> str:
    return f"{node.kind} {node.name}" + (f" ({node.state})" if node.state else "")


def _box(axes: Axes, x: float, y: float, node: resources.Node, *, columns: int) -> None:
    is_wrong = node.state not in ("", "disabled")
    axes.add_patch(
        FancyBboxPatch(
            (x - 0.36, y - 0.31),
            0.72,
            0.62,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="#fff0ee" if is_wrong else "white",
            edgecolor=_FAILED if is_wrong else _KIND_COLOURS.get(node.kind, "#666666"),
            linewidth=2,
            linestyle="--" if node.state == "disabled" else "-",
            zorder=3,
        )
    )
    state = f" ({node.state})" if node.state else ""
    room = (80 if columns < 5 else 98) // columns
    name = textwrap.wrap(node.name, room, break_on_hyphens=True)
    lines = [f"{node.kind}{state}", *name[:2]]
    if len(name) > 2:
        lines[-1] = f"{lines[-1][: room - 1]}…"
    size = 9 if columns < 5 else 7.5 if columns < 7 else 6.5
    ink = _FAILED if is_wrong else _INK
    text = "\n".join(lines)
    axes.text(x, y, text, ha="center", va="center", fontsize=size, color=ink, zorder=4)


def _way(axes: Axes, points: list[tuple[float, float]], label: str, *, failed: bool) -> None:
    """An arrow from box to box, and past the boxes that stand in between."""
    (x1, y1), *between, (x2, y2) = points
    forth = 1 if x2 > x1 else -1
    stops = [(x1 + 0.36 * forth, y1), *between, (x2 - 0.37 * forth, y2)]
    path, codes = [stops[0]], [Path.MOVETO]
    for (ax, ay), (bx, by) in pairwise(stops):
        middle = (ax + bx) / 2
        path += [(middle, ay), (middle, by), (bx, by)]
        codes += [Path.CURVE4] * 3
    aside = label in _ASIDE
    colour = _FAILED if failed else "#888888" if aside else _INK
    axes.add_patch(
        FancyArrowPatch(
            path=Path(path, codes),
            arrowstyle="-|>",
            mutation_scale=10,
            color=colour,
            linewidth=1.2,
            linestyle="--" if aside else "-",
            zorder=2,
        )
    )


def _canvas(*, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
    return figure, axes
