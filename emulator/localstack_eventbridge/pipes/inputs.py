"""What an enrichment and a target receive of an event: all of it, or a filled template.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html

A template of an object or array keeps the types of values, and must come out as JSON. Any other
template is text: values stand in it as they are, and objects lose their quotation marks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localstack_eventbridge.delivery import templates

#: The variables that every template has.
RESERVED = frozenset(
    f"aws.pipes.{name}"
    for name in (
        "pipe-arn",
        "pipe-name",
        "source-arn",
        "enrichment-arn",
        "target-arn",
        "event.ingestion-time",
        "event",
        "event.json",
    )
)

#: A parameter with such a value is taken from the event: the pattern of botocore's model.
_DYNAMIC = re.compile(r"\$(\.[\w/_-]+(\[(\d+|\*)\])*)+")
_RESERVED_NAME = re.compile(r"<(aws\.[^<>]*)>")


class InputError(ValueError):
    """A template or a dynamic parameter does not go together with the event."""


def check(template: str) -> None:
    """Raise InputError if the template names a variable that there is not."""
    for name in _RESERVED_NAME.findall(template):
        if name not in RESERVED:
            raise InputError(f"there is no variable <{name}>")


def shape(
    template: str, event: Any, shown: Mapping[str, Any] | Any, variables: Mapping[str, str]
) -> str:
    """The text that the template becomes.

    `shown` is the event with its data decoded: that is what paths and aws.pipes.event.json see.
    Raises InputError.
    """
    is_json = templates.is_json_template(template)

    def text_of(name: str, is_quoted: bool) -> str:
        if name == "aws.pipes.event":
            value = event
        elif name == "aws.pipes.event.json":
            value = shown
        elif name in RESERVED:
            value = variables[name]
        elif name.startswith("$"):
            value = _at(name, shown)
        else:
            return f"<{name}>"
        if is_quoted:
            return templates.to_text(value)
        if is_json:
            return templates.to_json(value)
        return value if isinstance(value, str) else templates.to_text(value)

    text = templates.fill(template, text_of)
    if is_json:
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the input template does not become JSON: {error}") from None
    return text.encode(errors="replace").decode()


def dynamic(value: str, shown: Any) -> str:
    """The value of a parameter: what it says, or what the event has at its path.

    Raises InputError if the event has no text, number or truth value there.
    """
    if not _DYNAMIC.fullmatch(value):
        return value
    found = _at(value, shown)
    if isinstance(found, dict | list) or found in ("", None):
        raise InputError(f"the event has no value at {value}")
    return found if isinstance(found, str) else templates.to_json(found)


def _at(path: str, shown: Any) -> Any:
    if not templates.is_path(path):
        raise InputError(f"the path {path} is not supported")
    return templates.find(shown, path)
