"""What a target receives: the event, a constant, a part of the event, or a filled template.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
Pure Python: it knows nothing of LocalStack.

A template is not parsed but filled: its own text, with spaces and line ends, arrives as it is. What
a placeholder becomes depends on where it stands:

- outside of quotation marks, the JSON of its value;
- inside, the text of its value, escaped. An object or array loses its quotation marks there.

AWS's page says both that values are not escaped and that the outcome is made valid JSON. Here the
second holds. A path that leads to nothing gives the empty text: "" outside of quotation marks.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

MAX_INPUT = 8192
MAX_PATH = 256
MAX_PATHS = 100
MAX_TEMPLATE = 8192

#: The variables that every template has, whatever its InputPathsMap.
PREDEFINED = frozenset(
    {
        "aws.events.rule-arn",
        "aws.events.rule-name",
        "aws.events.event.ingestion-time",
        "aws.events.event",
        "aws.events.event.json",
    }
)

_INPUTS = ("Input", "InputPath", "InputTransformer")
_VARIABLE = re.compile(r"[A-Za-z0-9_-]{1,256}")
# All that matters in a template: a placeholder, an escaped character, a quotation mark.
_TOKEN = re.compile(r'<([^<>]*)>|\\.|"', re.DOTALL)
_SPACE = " \t\r\n"
# Dot notation only. Whatever else a path says, it leads to nothing, as on AWS.
_PATH = re.compile(r"\$(?:\.[^.\[\]*'\"]+|\.\*|\[[0-9]{1,9}\]|\[\*\])*")
_STEP = re.compile(r"\.([^.\[\]*]+)|\[([0-9]+)\]|[.\[]\*")
_WILDCARD = None
_ESCAPE_OR_QUOTE = re.compile(r'(\\[^"])|\\?"')

# Stands for a placeholder while a template is validated. AWS's templates have no such character.
_STAND_IN = "\ue000"


class TemplateError(ValueError):
    """What PutTargets refuses as input of a target; its text is AWS's message."""


class _Placeholder(NamedTuple):
    name: str
    is_quoted: bool


def validate_target_input(target: Mapping[str, Any], *, position: int = 1) -> None:
    """Check Input, InputPath and InputTransformer of an entry of PutTargets.

    `position` is that of the entry in the call, from 1. Raises TemplateError. Paths are not looked
    at, but for their length: one that is wrong leads to nothing when an event comes.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
    """
    name, member = target.get("Id"), f"targets.{position}.member"
    _at_most(MAX_INPUT, target.get("Input"), f"{member}.input")
    _at_most(MAX_PATH, target.get("InputPath"), f"{member}.inputPath")
    transformer = target.get("InputTransformer")
    if transformer is not None:
        _validate_transformer(transformer, f"{member}.inputTransformer")
    if sum(target.get(key) is not None for key in _INPUTS) > 1:
        raise TemplateError(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if (text := target.get("Input")) is not None and (error := _json_error(text)):
        raise TemplateError(f"JSON syntax error in input for target {name}: {error}")
    if transformer is not None:
        _validate_template(transformer, name)


def _validate_transformer(transformer: Mapping[str, Any], member: str) -> None:
    template = transformer.get("InputTemplate")
    if template is None:
        _refuse(None, f"{member}.inputTemplate", "Member must not be null")
    if not template:
        _refuse(
            template,
            f"{member}.inputTemplate",
            "Member must have length greater than or equal to 1",
        )
    _at_most(MAX_TEMPLATE, template, f"{member}.inputTemplate")
    paths = transformer.get("InputPathsMap") or {}
    _at_most(MAX_PATHS, paths, f"{member}.inputPathsMap")
    for variable, path in paths.items():
        _at_most(MAX_PATH, path, f"{member}.inputPathsMap.{variable}.member")
        if not _VARIABLE.fullmatch(variable):
            _refuse(
                paths,
                f"{member}.inputPathsMap",
                "Map keys must satisfy constraint: [Member must have length less than or equal to "
                "256, Member must have length greater than or equal to 1, Member must satisfy "
                r"regular expression pattern: [A-Za-z0-9\_\-]+]",
            )


def _at_most(limit: int, value: Any, member: str) -> None:
    if value is not None and len(value) > limit:
        _refuse(value, member, f"Member must have length less than or equal to {limit}")


def _refuse(value: Any, member: str, constraint: str) -> NoReturn:
    text = "null" if value is None else f"'{value}'"
    raise TemplateError(
        f"1 validation error detected: Value {text} at '{member}' failed to satisfy constraint: "
        f"{constraint}"
    )


def _validate_template(transformer: Mapping[str, Any], name: Any) -> None:
    """Known placeholders, and none of them a key; a JSON value, or several lines of text."""
    known = {*(transformer.get("InputPathsMap") or {}), *PREDEFINED}
    filled = []
    for part in _parts(transformer["InputTemplate"]):
        if isinstance(part, str):
            filled.append(part)
        elif part.name in known:
            filled.append(_STAND_IN if part.is_quoted else f'"{_STAND_IN}"')
        else:
            raise TemplateError(
                f"InputTemplate for target {name} contains invalid placeholder {part.name}."
            )
    if error := _json_error("".join(filled), several=True):
        text = error.replace(f'"{_STAND_IN}"', "null").replace(_STAND_IN, "null")
        raise TemplateError(f"Invalid InputTemplate for target {name} : {text}.")


def _json_error(text: str, *, several: bool = False) -> str | None:
    """Where `text` is not JSON, in AWS's words; None if it is. `several`, apart, may be."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_object_without_stand_in, parse_constant=_no_constant
    )
    end, line, column = 0, 1, 1
    try:
        while rest := text[end:].lstrip(_SPACE):
            start = len(text) - len(rest)
            if end and (not several or start == end):
                raise json.JSONDecodeError("extra data", text, start)
            end = decoder.raw_decode(text, start)[1]
        if end:
            return None
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
    except (ValueError, RecursionError):
        # A key that is a placeholder, NaN, too many digits or levels: the place is not known.
        pass
    return f'[Source: (String)"{text}"; line: {line}, column: {column}]'


def _object_without_stand_in(pairs: list[tuple[str, Any]]) -> None:
    if any(_STAND_IN in key for key, _ in pairs):
        raise ValueError("a key is a placeholder")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def shape(target: Mapping[str, Any], event: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """The text that the target (an entry of PutTargets, validated) receives for `event`.

    `event` is the whole envelope, as json.loads gives it. `variables` are aws.events.rule-arn,
    aws.events.rule-name and aws.events.event.ingestion-time. The text is JSON, unless it comes from
    a template of several lines.
    """
    if (constant := target.get("Input")) is not None:
        text = constant
    elif (path := target.get("InputPath")) is not None:
        text = to_json(find(event, path))
    elif (transformer := target.get("InputTransformer")) is not None:
        text = _fill(transformer, event, variables)
    else:
        text = to_json(event)
    # Half a surrogate pair is possible in JSON but not in what is sent.
    return text.encode(errors="replace").decode()


def _fill(
    transformer: Mapping[str, Any], event: Mapping[str, Any], variables: Mapping[str, str]
) -> str:
    template, paths = transformer["InputTemplate"], transformer.get("InputPathsMap") or {}
    is_json = is_json_template(template)

    def text_of(name: str, is_quoted: bool) -> str:
        path = paths.get(name)
        value = find(event, path) if path is not None else _predefined(name, event, variables)
        if is_quoted:
            return to_text(value)
        if is_json or not isinstance(value, dict | list):
            return to_json(value)
        # To arrive as JSON, an object must be the value of a key.
        return f'"{to_text(value)}"'

    return fill(template, text_of)


def is_json_template(template: str) -> bool:
    """Whether the template is that of an object or an array."""
    return template.lstrip(_SPACE).startswith(("{", "["))


def fill(template: str, text_of: Callable[[str, bool], str]) -> str:
    """The template, each placeholder replaced by `text_of` its name, and whether it is quoted."""
    return "".join(
        part if isinstance(part, str) else text_of(part.name, part.is_quoted)
        for part in _parts(template)
    )


@functools.lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[str | _Placeholder, ...]:
    """The text of a template, and the placeholders within."""
    parts: list[str | _Placeholder] = []
    is_quoted, end = False, 0
    for token in _TOKEN.finditer(template):
        if token[0] == '"':
            is_quoted = not is_quoted
        elif token[1] is not None:
            parts += [template[end : token.start()], _Placeholder(token[1], is_quoted)]
            end = token.end()
    return (*parts, template[end:])


def _predefined(name: str, event: Mapping[str, Any], variables: Mapping[str, str]) -> Any:
    if name == "aws.events.event.json":
        return event
    if name == "aws.events.event":
        # Without detail, and with this one name changed: so AWS delivers it.
        names = {"detail-type": "detailType"}
        return {names.get(key, key): value for key, value in event.items() if key != "detail"}
    return variables[name]


def is_path(path: str) -> bool:
    """Whether the path can be understood; any other leads to nothing."""
    return _steps(path) is not None


def find(event: Any, path: str) -> Any:
    """What the path leads to; a list if it has a wildcard; "" if it leads to nothing."""
    steps = _steps(path)
    if steps is None:
        return ""
    found = [event]
    for step in steps:
        found = [inner for value in found for inner in _inside(value, step)]
    if _WILDCARD in steps:
        return found
    return found[0] if found else ""


@functools.lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str | int | None, ...] | None:
    """Names, indexes and wildcards; None for a path that cannot be understood."""
    if not _PATH.fullmatch(path):
        return None
    steps = _STEP.finditer(path)
    return tuple(step[1] or (int(step[2]) if step[2] else _WILDCARD) for step in steps)


def _inside(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(value, dict):
        if step is _WILDCARD:
            return list(value.values())
        return [value[step]] if step in value else []
    if isinstance(value, list) and not isinstance(step, str):
        return value if step is _WILDCARD else value[step : step + 1]
    return []


def to_text(value: Any) -> str:
    """The value as it stands between quotation marks."""
    text = to_json(value)
    if isinstance(value, str):
        return text[1:-1]
    return _ESCAPE_OR_QUOTE.sub(r"\1", text)


def to_json(value: Any) -> str:
    """JSON as EventBridge writes it: without spaces, and in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
