"""The HTTP resources of the plug-in, on LocalStack's own port."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from localstack import config, constants
from localstack.http import Request, Response, Router

from localstack_eventbridge import VERSION, leases, reset, settings, trace
from localstack_eventbridge.clock import clock, parse_duration

Answer = dict[str, Any]


class BadRequest(ValueError):
    """The caller is told what is wrong, with status 400."""


def add_to(router: Router) -> None:
    for method, name, resource in (
        ("GET", "info", get_info),
        ("POST", "reset", post_reset),
        ("GET", "clock", get_clock),
        ("POST", "clock", post_clock),
        ("GET", "trace", get_trace),
    ):
        router.add(f"/_eventbridge/{name}", _answering(resource), methods=[method])


def get_info(request: Request) -> Answer:
    """GET /_eventbridge/info: versions, what the plug-in adds, and settings that readers see."""
    return {
        "plugin": "localstack-eventbridge",
        "version": VERSION,
        "localstack": constants.VERSION,
        "features": ["functions", "embedded", "events", "pipes", "scheduler", "clock", "trace"],
        "settings": settings.told(),
        "lease_port": leases.port(),
        "in_container": config.is_in_docker,
    }


def post_reset(request: Request) -> Answer:
    """POST /_eventbridge/reset?account=ID: empty one account; what was there, by kind."""
    account = _account(request)
    return {"account": account, "removed": reset.empty(account)}


def get_clock(request: Request) -> Answer:
    """GET /_eventbridge/clock?account=ID: the account's time, and how far it has been moved."""
    return _time(_account(request))


def post_clock(request: Request) -> Answer:
    """POST /_eventbridge/clock?account=ID with {"advance": "PT1H"}: move the account's clock.

    Answers as GET does, when all that was due on the way has happened.
    """
    account = _account(request)
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict) or "advance" not in body:
        raise BadRequest('the body must be JSON such as {"advance": "PT1H"}')
    try:
        clock.advance(account, parse_duration(body["advance"]))
    except ValueError as error:
        raise BadRequest(f"advance: {error}") from None
    return _time(account)


def get_trace(request: Request) -> Answer:
    """GET /_eventbridge/trace?account=ID&since=N: what happened to events, after record N.

    "next" is what to give as `since` the next time.
    """
    account, since = _account(request), request.args.get("since", "0")
    if not re.fullmatch(r"[0-9]{1,18}", since):
        raise BadRequest('since must be a number: "next" of an earlier answer')
    entries = trace.entries(account, int(since))
    return {"entries": entries, "next": entries[-1]["sequence"] if entries else int(since)}


def _time(account: str) -> Answer:
    offset = clock.offset(account).total_seconds()
    return {"account": account, "now": clock.now(account).isoformat(), "offset_seconds": offset}


def _account(request: Request) -> str:
    account = request.args.get("account", "")
    if not re.fullmatch(r"[0-9]{12}", account):
        raise BadRequest(
            f"account must be given as 12 digits: {request.method} {request.path}?account=ID"
        )
    return account


def _answering(resource: Callable[[Request], Answer]) -> Callable[[Request], Response]:
    @wraps(resource)
    def answer(request: Request) -> Response:
        try:
            body, status = resource(request), 200
        except BadRequest as error:
            body, status = {"message": str(error)}, 400
        return Response(json.dumps(body), status=status, mimetype="application/json")

    return answer
