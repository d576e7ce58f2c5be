"""Which events of its source a pipe wants.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html

Pure Python: it knows nothing of LocalStack.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from localstack_eventbridge.events.patterns import InvalidPattern, Pattern, compile_pattern

LONGEST_PATTERN = 4096

#: The field of an event that holds what the producer has sent.
DATA = ("body", "data")

#: What a stream's records hold: a pattern for it must be one for JSON.
DATA_OF_STREAMS = {"dynamodb": "dynamodb", "kinesis": "data"}

_PLAIN, _JSON = "plain", "json"


class Filter:
    """Up to five patterns, one of which is enough; without any, everything is wanted."""

    def __init__(self, filters: Sequence[Mapping[str, str]], service: str) -> None:
        """For events of a source of this service. Raises InvalidPattern."""
        texts = [entry.get("Pattern") or "" for entry in filters]
        self._patterns = [_Wanted(text, DATA_OF_STREAMS.get(service)) for text in texts]

    def accepts(self, event: Mapping[str, Any]) -> bool:
        """Whether the event, as it comes from the source and without its metadata, is wanted."""
        if not self._patterns:
            return True
        shown, kinds = decoded(event), {}
        for name in DATA:
            if name in event:
                is_json = isinstance(shown[name], dict | list)
                kinds[name] = _JSON if is_json else _PLAIN
        return any(pattern.accepts(shown, kinds) for pattern in self._patterns)


class _Wanted:
    """A pattern, and of what kind it wants the data: a mismatch is none, whatever the values."""

    def __init__(self, text: str, only_json: str | None) -> None:
        self._pattern: Pattern = compile_pattern(text, LONGEST_PATTERN)
        _refuse_what_pipes_lack(self._pattern, text)
        pattern = json.loads(text)
        if only_json and not isinstance(pattern.get(only_json, {}), dict):
            raise InvalidPattern(
                f"Event pattern is not valid. Reason: the pattern of {only_json} must be an object"
            )
        self._kinds = _kinds(pattern)

    def accepts(self, event: Mapping[str, Any], kinds: Mapping[str, str]) -> bool:
        if any(kinds.get(name) != kind for name, kind in self._kinds.items()):
            return False
        return self._pattern.matches(event)


def _kinds(pattern: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: _JSON if isinstance(pattern[name], dict) else _PLAIN
        for name in DATA
        if name in pattern
    }


def _refuse_what_pipes_lack(pattern: Pattern, text: str) -> None:
    """Buses have operators that pipes have not.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    if pattern.has_wildcards:
        raise InvalidPattern("Event pattern is not valid. Reason: pipes have no wildcard")
    json.loads(text, object_hook=_refuse_anything_but_operator)


def _refuse_anything_but_operator(found: dict[str, Any]) -> dict[str, Any]:
    if len(found) == 1 and isinstance(found.get("anything-but"), dict):
        raise InvalidPattern(
            "Event pattern is not valid. Reason: pipes have no anything-but with another operator"
        )
    return found


def decoded(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with its data as JSON, if that is what a producer has sent."""
    shown = dict(event)
    if isinstance(event.get("body"), str):
        shown["body"] = _parsed(event["body"])
    if isinstance(event.get("data"), str) and "kinesisSchemaVersion" in event:
        shown["data"] = _parsed(_unpacked(event["data"]))
    return shown


def _unpacked(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return data


def _parsed(text: str) -> Any:
    """Objects and arrays; anything else is text."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
