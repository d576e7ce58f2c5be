"""The operations of the API, each a function that says which one it is."""

from __future__ import annotations

import base64
import heapq
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from localstack.aws.api import RequestContext
from localstack.aws.api.core import ServiceRequestHandler
from localstack.aws.api.scheduler import ConflictException, ValidationException

from localstack_eventbridge import rest
from localstack_eventbridge.scheduler.store import TOKENS, Key, store_of

Request = Mapping[str, Any]
Response = dict[str, Any]
Operation = Callable[[RequestContext, Request], Response]
Item = TypeVar("Item")

#: What a page of a list holds if the caller does not say.
PAGE = 100

_operations: dict[str, Operation] = {}
# One account's calls come one after the other: none sees what another has half done.
locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)


def operation(name: str) -> Callable[[Operation], Operation]:
    """Serve an operation of the API with a function of the context and the request."""

    def register(function: Operation) -> Operation:
        _operations[name] = function
        return function

    return register


def table() -> dict[str, ServiceRequestHandler]:
    """All operations of the service by name."""
    return {name: partial(_call, function) for name, function in _operations.items()}


def _call(function: Operation, context: RequestContext, request: Request) -> Response:
    rest.validate(context)
    with locks[context.account_id]:
        token = request.get("ClientToken")
        return _once(function, context, request, token) if token else function(context, request)


def _once(function: Operation, context: RequestContext, request: Request, token: str) -> Response:
    """The earlier answer, if the same was asked for with this token before.

    Raises ConflictException if something else was.
    """
    tokens, key = store_of(context).tokens, (context.operation.name, token)
    asked = json.dumps(request, default=str, sort_keys=True)
    if key in tokens:
        before, answer = tokens[key]
        if before != asked:
            raise ConflictException(
                f"The ClientToken {token} was used before, with other parameters."
            )
        return answer
    answer = function(context, request)
    tokens[key] = asked, answer
    if len(tokens) > TOKENS:
        tokens.popitem(last=False)
    return answer


def page(
    name: str,
    items: Iterable[tuple[Key, Item]],
    request: Request,
    describe: Callable[[Item], Any],
) -> Response:
    """A page of a list in the order of its keys, and the NextToken if there is more.

    The token is the last key, so that nothing is left out when something is deleted meanwhile.
    """
    after, size = _key(request.get("NextToken")), request.get("MaxResults") or PAGE
    left = (entry for entry in items if after is None or entry[0] > after)
    found = heapq.nsmallest(size + 1, left, key=lambda entry: entry[0])
    answer: Response = {name: [describe(item) for _, item in found[:size]]}
    if len(found) > size:
        last = json.dumps(found[size - 1][0]).encode()
        answer["NextToken"] = base64.urlsafe_b64encode(last).decode()
    return answer


def _key(token: str | None) -> Key | None:
    if token is None:
        return None
    try:
        group, name = json.loads(base64.b64decode(token, b"-_", validate=True))
        return f"{group}", f"{name}"
    except (ValueError, TypeError, RecursionError):
        raise ValidationException("Parameter NextToken is not valid.") from None
