"""Requests that are not as the API model says are refused, in AWS's words.

LocalStack's parser takes what it gets: types, lengths, patterns and enums are checked here, against
the model of the service that botocore has.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.chain import HandlerChain
from localstack.aws.protocol.serializer import create_serializer
from localstack.http import Response
from localstack.services.events.models import ValidationException

#: JSON types of each type of shape. True and False are no numbers.
TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int, float, str),
}

#: A message does not repeat more characters of a value than these.
LONGEST_VALUE = 10_000

#: What a constraint of the model compares: a number, or how long something is.
COMPARED = {"integer": "value"}


def validate(context: RequestContext) -> None:
    """Check the request of the context.

    Raises SerializationException for a wrong type, and ValidationException that names all that is
    missing, too long, or of another form.
    """
    shape = context.operation.input_shape if context.operation else None
    if not isinstance(shape, StructureShape):
        return
    # The parser has already turned a text into a list of its characters.
    is_json = "json" in context.request.mimetype
    given = context.request.get_json(force=True) if is_json and context.request.data else {}
    if message := broken_rules(shape, given if is_json else context.service_request):
        raise ValidationException(message)


def broken_rules(shape: Shape, given: Any) -> str:
    """What AWS says of a request that does not fit the model; nothing if it does.

    Raises SerializationException for a wrong type.
    """
    errors = list(_errors(shape, given, ""))
    if not errors:
        return ""
    number = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected"
    return f"{number}: {'; '.join(errors)}"


def refuse_unreadable(chain: HandlerChain, context: RequestContext, response: Response) -> None:
    """A response handler: what the parser could not read was the caller's mistake, so 400.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html
    """
    service = context.service
    if context.operation or not (service and service.service_name == "events"):
        return
    target = context.request.headers.get("X-Amz-Target", "")
    if target.rpartition(".")[2] in service.operation_names:
        error = unreadable()
    else:
        error = CommonServiceException("UnknownOperationException", "There is no such operation.")
    answer_with(error, context, response)


def answer_with(error: CommonServiceException, context: RequestContext, response: Response) -> None:
    """Make the response that error, for a request of which no operation is known."""
    service = context.service
    # The serializer needs an operation, and any will do.
    operation = service.operation_model(service.operation_names[0])
    serializer = create_serializer(service, context.protocol)
    answer = serializer.serialize_error_to_response(
        error, operation, context.request.headers, context.request_id
    )
    response.update_from(answer)


def unreadable(
    message: str = "The request is not JSON of the form that the operation takes.",
) -> CommonServiceException:
    """The error for a request that is not of the right types."""
    return CommonServiceException("SerializationException", message)


def _errors(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _has_type(value, shape.type_name):
        kind = type(value).__name__
        raise unreadable(f"{path or 'The request'} must be a {shape.type_name}, not a {kind}.")
    for rule in _broken(shape, value):
        yield f"{_told(shape, value)} at '{path}' failed to satisfy constraint: {rule}"
    for inner_shape, inner, inner_path in _members(shape, value, path):
        if inner is None:
            yield (
                f"Value null at '{inner_path}' failed to satisfy constraint: "
                "Member must not be null"
            )
        else:
            yield from _errors(inner_shape, inner, inner_path)


def _has_type(value: Any, type_name: str) -> bool:
    is_bool_as_number = isinstance(value, bool) and type_name != "boolean"
    return isinstance(value, TYPES[type_name]) and not is_bool_as_number


def _members(shape: Shape, value: Any, path: str) -> Iterator[tuple[Shape, Any, str]]:
    """What is inside, with None for what must be there and is not."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None or name in shape.required_members:
                yield member, value.get(name), f"{path}.{_camel(name)}".lstrip(".")
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, 1):
            yield shape.member, item, f"{path}.{number}.member"
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield shape.key, key, f"{path}.{key}"
            yield shape.value, item, f"{path}.{key}.member"


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """What AWS says of each constraint that the value does not meet."""
    limits, name = shape.metadata, COMPARED.get(shape.type_name, "length")
    compared = value if name == "value" else len(value) if hasattr(value, "__len__") else None
    if compared is not None:
        if compared > limits.get("max", compared):
            yield f"Member must have {name} less than or equal to {limits['max']}"
        if compared < limits.get("min", compared):
            yield f"Member must have {name} greater than or equal to {limits['min']}"
    if isinstance(value, str):
        pattern = limits.get("pattern")
        # A text that is much too long is not worth the time.
        if pattern and len(value) <= LONGEST_VALUE and not _compiled(pattern).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {pattern}"
        if (values := limits.get("enum")) and value not in values:
            yield f"Member must satisfy enum value set: [{', '.join(values)}]"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        # Java's \p{L} and the like are in parameters only that are refused anyway.
        return re.compile(".*", re.DOTALL)


def _told(shape: Shape, value: Any) -> str:
    if shape.metadata.get("sensitive"):
        return "Value"
    return f"Value '{_as_text(shape, value)[:LONGEST_VALUE]}'"


def _as_text(shape: Shape, value: Any) -> str:
    """As AWS prints a value: PutEventsRequestEntry(time=null, source=shop), [a, b], {a=b}."""
    if value is None:
        return "null"
    if isinstance(shape, ListShape) and isinstance(value, list):
        return f"[{', '.join(_as_text(shape.member, item) for item in value)}]"
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        fields = (
            f"{_camel(name)}={_as_text(member, value.get(name))}"
            for name, member in shape.members.items()
        )
        return f"{shape.name}({', '.join(fields)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={item}' for key, item in value.items())}}}"
    return str(value)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
