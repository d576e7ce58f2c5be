"""What tests of every parameter take from AWS's own model of an API, and from the README."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from raw import RawRest

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


def set_at(request: dict[str, Any], path: str, value: Any) -> None:
    """Put a value into a request, at the dotted name of a parameter."""
    *outer, last = path.split(".")
    for name in outer:
        request = request.setdefault(name, {})
    request[last] = value


def honoured(model: ServiceModel, refused: Collection[str]) -> list[str]:
    """All parameters of the API but those that are refused."""
    found = {
        name
        for operation in model.operation_names
        for name in parameters(model.operation_model(operation).input_shape, refused)
    }
    return sorted(found - set(refused))


def enforce_limits(
    raw: RawRest, model: ServiceModel, refused: Collection[str], in_paths: dict[str, str]
) -> None:
    """Each value beyond a limit is refused with ValidationException that names where it is.

    `in_paths` are values of the parameters that are parts of a URL.
    """
    limits = [
        (operation, path, value)
        for operation in map(model.operation_model, model.operation_names)
        for path, shape in constrained(operation.input_shape, refused)
        for value in beyond(shape)
    ]
    assert len(limits) > 100
    for operation, path, value in limits:
        members = operation.input_shape.members
        if value == "" and members[path[0]].serialization.get("location") == "uri":
            # Then it is another path.
            continue
        request: dict[str, Any] = {n: text for n, text in in_paths.items() if n in members}
        set_at(request, ".".join(path), value)
        status, code, answer = raw.call(operation, request)
        told = operation.name, path, value, answer
        assert (status, code) == (400, "ValidationException"), told
        where = ".".join(name[:1].lower() + name[1:] for name in path)
        assert f"'{where}'" in (answer.get("message") or answer["Message"]), told
