"""What tests of every parameter take from AWS's own model of an API, and from the README."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

README = (Path(__file__).parents[2] / "emulator" / "README.md").read_text()


def parameters(shape: Shape, refused: Collection[str], path: str = "") -> Iterator[str]:
    """All parameters with dotted names; what is within a refused one is refused with it."""
    if path in refused or not isinstance(shape, StructureShape):
        yield path
    else:
        for name, member in shape.members.items():
            inner = member.member if isinstance(member, ListShape) else member
            yield from parameters(inner, refused, f"{path}.{name}".lstrip("."))


def table(service: str) -> dict[str, dict[str, str]]:
    """By operation, what the table in the README says of each parameter of the service."""
    section = README.partition(f"### Parameters of {service}")[2].partition("\n#")[0]
    found: dict[str, dict[str, str]] = {}
    for operations, names, verdict in re.findall(
        r"^\| (.+?) \| (.+?) \| (honoured|refused)[^|]*\|$", section, re.MULTILINE
    ):
        for operation in re.findall(r"`(\w+)`", operations):
            told = found.setdefault(operation, {})
            told |= dict.fromkeys(re.findall(r"`([\w.]+)`", names), verdict)
    return found


def untested(names: Collection[str], modules: str, but: str) -> list[str]:
    """Parameters whose last name stands in none of the test modules, `but` one."""
    paths = [path for path in Path(__file__).parent.glob(modules) if path != Path(but)]
    text = "".join(path.read_text() for path in paths)
    return [name for name in names if name.rpartition(".")[2] not in text]


def constrained(
    shape: Shape, refused: Collection[str], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Where in a request the model limits a value, and how."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if ".".join((*path, name)) not in refused:
                yield from constrained(member, refused, (*path, name))
    elif not isinstance(shape, MapShape) and shape.metadata.keys() & {
        "max",
        "min",
        "enum",
        "pattern",
    }:
        yield path, shape


def beyond(shape: Shape) -> Iterator[Any]:
    """Values that the constraints of the shape do not allow."""
    limits = shape.metadata
    if shape.type_name == "integer":
        yield from (limits["max"] + 1, limits["min"] - 1)
    elif shape.type_name == "string":
        if "max" in limits:
            yield "x" * (limits["max"] + 1)
        if limits.get("min"):
            yield ""
        if "enum" in limits or limits.get("pattern", ".*") != ".*":
            yield "☃"
    elif isinstance(shape, ListShape) and "max" in limits:
        yield [None] * (limits["max"] + 1)
