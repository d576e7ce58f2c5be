"""Where the boxes of a picture stand: in columns from left to right, with few lines that cross."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

Point = tuple[float, float]


class Layout(NamedTuple):
    """`places`: column and row of each node; `ways`: the points that each edge passes."""

    places: dict[str, Point]
    ways: dict[tuple[str, str], list[Point]]
    columns: int
    rows: int


def place(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """Give every node a place to the right of those that lead to it, as far as circles allow.

    An edge that passes a column without an end there keeps a row free in it.
    """
    edges = list(dict.fromkeys(edges))
    column = _columns(nodes, edges)
    chains = {edge: _chain(edge, column) for edge in edges}
    columns: list[list[str]] = [[] for _ in range(max(column.values(), default=0) + 1)]
    for node in nodes:
        columns[column[node]].append(node)
    for (start, end), chain in chains.items():
        step = 1 if column[end] > column[start] else -1
        for number, between in enumerate(chain[1:-1], 1):
            columns[column[start] + step * number].append(between)
    neighbours = _neighbours(chains.values())
    _order(columns, neighbours)
    rows = max(map(len, columns), default=0)
    points = {
        name: (float(x), y + (rows - len(names)) / 2)
        for x, names in enumerate(columns)
        for y, name in enumerate(names)
    }
    places = {node: points[node] for node in nodes}
    ways = {edge: [points[name] for name in chain] for edge, chain in chains.items()}
    return Layout(places, ways, len(columns), rows)


def _columns(nodes: Sequence[str], edges: list[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each node; what leads back in a circle does not count."""
    following = defaultdict(list)
    for start, end in edges:
        following[start].append(end)
    order: list[str] = []
    done: set[str] = set()
    backward: set[tuple[str, str]] = set()

    def visit(node: str, above: frozenset[str]) -> None:
        done.add(node)
        for end in following[node]:
            if end in above or end == node:
                backward.add((node, end))
            elif end not in done:
                visit(end, above | {node})
        order.append(node)

    ends = {end for _, end in edges}
    for node in sorted(nodes, key=lambda name: name in ends):
        if node not in done:
            visit(node, frozenset())
    column = dict.fromkeys(nodes, 0)
    for node in reversed(order):
        for end in following[node]:
            if (node, end) not in backward:
                column[end] = max(column[end], column[node] + 1)
    return column


def _chain(edge: tuple[str, str], column: dict[str, int]) -> list[str]:
    """The edge with a name for each column that it passes."""
    start, end = edge
    apart = abs(column[end] - column[start])
    return [start, *(f"{start} -> {end} {n}" for n in range(1, apart)), end]


def _neighbours(chains: Iterable[list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for one, other in zip(chain, chain[1:], strict=False):
            found[one].append(other)
            found[other].append(one)
    return found


def _order(columns: list[list[str]], neighbours: dict[str, list[str]]) -> None:
    """Have each stand where its neighbours stand on average, over some rounds."""
    column = {name: x for x, names in enumerate(columns) for name in names}
    for sweep in range(8):
        forth = sweep % 2 == 0
        for names in columns if forth else reversed(columns):
            height = {n: y - len(each) / 2 for each in columns for y, n in enumerate(each)}
            means = {}
            for name in names:
                near = [n for n in neighbours[name] if (column[n] < column[name]) == forth]
                means[name] = fmean([height[n] for n in near] or [height[name]])
            names.sort(key=means.__getitem__)
