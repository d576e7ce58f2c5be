"""Requests to Pipes and Scheduler that are not as the API model says are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.chain import Handler, HandlerChain
from localstack.aws.protocol.op_router import RestServiceOperationRouter
from localstack.http import Response
from werkzeug.exceptions import HTTPException

from localstack_eventbridge.events.validation import answer_with, broken_rules, unreadable


def validate(context: RequestContext) -> None:
    """Check the request of the context.

    Raises SerializationException for a wrong type, and ValidationException that names all that is
    missing, too long, or of another form, or what the model does not know: AWS may, and it would
    do nothing here.
    """
    shape = context.operation.input_shape
    given = _given(shape, context)
    if message := broken_rules(shape, given):
        raise _invalid(message)
    for name in _unknown(shape, given, ""):
        raise _invalid(f"Parameter {name} is not valid. Reason: it is not emulated.")


def _invalid(message: str) -> CommonServiceException:
    return CommonServiceException("ValidationException", message, 400, True)


def _unknown(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """The names of parameters that are not in the model."""
    if isinstance(shape, StructureShape):
        for name, inner in value.items():
            at = f"{path}.{name}".lstrip(".")
            if name not in shape.members:
                yield at
            elif inner is not None:
                yield from _unknown(shape.members[name], inner, at)
    elif isinstance(shape, ListShape):
        for item in value:
            yield from _unknown(shape.member, item, path)


def refuse_unreadable(service_name: str) -> Handler:
    """A response handler: what the parser could not read was the caller's mistake.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/CommonErrors.html
    https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/CommonErrors.html
    """

    def refuse(chain: HandlerChain, context: RequestContext, response: Response) -> None:
        service = context.service
        if context.operation or not (service and service.service_name == service_name):
            return
        try:
            RestServiceOperationRouter(service).match(context.request)
        except HTTPException:
            message = "There is no such operation."
            error = CommonServiceException("UnknownOperationException", message, 404, True)
        else:
            error = unreadable()
        answer_with(error, context, response)

    return refuse


def _given(shape: StructureShape, context: RequestContext) -> Any:
    """The parameters in the body as they came, with those of the path and the query string."""
    in_body = [name for name, member in shape.members.items() if not _location(member)]
    body = context.request.get_json(force=True) if in_body and context.request.data else {}
    if not isinstance(body, dict):
        return body
    elsewhere = {k: v for k, v in context.service_request.items() if k not in in_body}
    return body | elsewhere


def _location(member: Any) -> str | None:
    return member.serialization.get("location")
