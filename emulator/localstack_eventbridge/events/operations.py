"""The operations of the API, each a function that says which one it is."""

from __future__ import annotations

import base64
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from localstack.aws.api import RequestContext
from localstack.aws.api.core import ServiceRequestHandler
from localstack.aws.api.events import OperationDisabledException
from localstack.aws.spec import load_service
from localstack.services.events.models import ValidationException

from localstack_eventbridge.events import validation

Request = Mapping[str, Any]
Response = dict[str, Any]
Operation = Callable[[RequestContext, Request], Response | None]
Item = TypeVar("Item")

#: They change nothing of what is kept, and are called all the time.
UNLOCKED = {"PutEvents", "TestEventPattern"}

#: What a page of a list holds if the caller does not say.
PAGE = 100

_operations: dict[str, Operation] = {}
# One account's calls come one after the other: none sees what another has half done.
_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


def operation(name: str) -> Callable[[Operation], Operation]:
    """Serve an operation of the API with a function of the context and the request."""

    def register(function: Operation) -> Operation:
        _operations[name] = function
        return function

    return register


def table() -> dict[str, ServiceRequestHandler]:
    """All operations of the service by name; those that nothing serves are refused."""
    names = load_service("events").operation_names
    return {name: partial(_call, _operations.get(name, _refuse)) for name in names}


def _call(function: Operation, context: RequestContext, request: Request) -> Response | None:
    validation.validate(context)
    if context.operation.name in UNLOCKED:
        return function(context, request)
    with _locks[context.account_id]:
        return function(context, request)


def _refuse(context: RequestContext, request: Request) -> Response:
    raise OperationDisabledException(
        f"{context.operation.name} is not emulated: there are no global endpoints and no partner "
        "event sources here."
    )


def page(
    name: str, items: Sequence[Item], request: Request, describe: Callable[[Item], Any]
) -> Response:
    """A page of a list, as `name` of the answer, and the NextToken if there is more."""
    start = _start(request.get("NextToken"))
    end = start + (request.get("Limit") or PAGE)
    answer: Response = {name: [describe(item) for item in items[start:end]]}
    if end < len(items):
        answer["NextToken"] = base64.b64encode(str(end).encode()).decode()
    return answer


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.b64decode(token, validate=True)
    except ValueError:
        text = b""
    if not re.fullmatch(rb"[0-9]{1,9}", text):
        raise ValidationException("Parameter NextToken is not valid.")
    return int(text)


def with_prefix(items: Mapping[str, Item], request: Request) -> list[Item]:
    """The items whose names begin with the NamePrefix of the request, if it has one."""
    prefix = request.get("NamePrefix", "")
    return [item for name, item in list(items.items()) if name.startswith(prefix)]


def present(**members: Any) -> Response:
    """The members of an answer that have a value."""
    return {name: value for name, value in members.items() if value is not None}
