"""Calls of API destinations.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from localstack.services.events.models import ApiDestination, events_stores

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import authorization, http
from localstack_eventbridge.delivery.job import DeliveryError, Job, NotYet, place_of

#: Statuses that are tried again, beside 5xx.
RETRIED = {401, 407, 409, 429}

HEADERS = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "close",
}

UNABLE = "Unable to invoke ApiDestination endpoint"

#: Headers that neither connection nor target can set.
REMOVED = {
    *("a-im", "accept-charset", "accept-datetime", "accept-encoding", "cache-control"),
    *("connection", "content-encoding", "content-length", "content-md5", "date", "expect"),
    *("forwarded", "from", "host", "http2-settings", "if-match", "if-modified-since"),
    *("if-none-match", "if-range", "if-unmodified-since", "max-forwards", "origin", "pragma"),
    *("proxy-authorization", "range", "referer", "te", "trailer", "transfer-encoding"),
    *("user-agent", "upgrade", "via", "warning"),
}

#: When the next call of a destination may begin, by account and ARN.
_next: dict[tuple[str, str], datetime] = {}
_lock = threading.Lock()


def invoke(job: Job, *, has_turn: bool) -> http.Answer:
    """Call the endpoint, if it is the job's turn; its answer.

    Raises DeliveryError unless the status is 2xx, and NotYet when the destination would be called
    more often than its InvocationRateLimitPerSecond; the job then has a place in the line.
    """
    destination = _find(job.arn)
    if not has_turn:
        _take_turn(job, destination.invocation_rate_limit_per_second)
    connection = authorization.Connection(destination.connection_arn)
    try:
        answer = _call(destination, connection, job)
    except DeliveryError as error:
        message = f"{UNABLE}: {error.message}"
        raise DeliveryError(error.code, message, retryable=error.retryable) from None
    if answer.status in (401, 407):
        authorization.refused(connection)
    if not 200 <= answer.status < 300:
        raise _error(answer)
    return answer


def reset(account: str) -> None:
    """Forget whose turn it is at the account's destinations."""
    with _lock:
        for key in [key for key in _next if key[0] == account]:
            del _next[key]


def _take_turn(job: Job, rate: int) -> None:
    now, key = clock.now(job.account), (job.account, job.arn)
    with _lock:
        turn = max(now, _next.get(key, now))
        _next[key] = turn + timedelta(seconds=1 / rate)
    if turn > now:
        raise NotYet((turn - now).total_seconds())


def _find(arn: str) -> ApiDestination:
    region, account, resource = place_of(arn)
    found = events_stores[account][region].api_destinations.get(resource.split("/")[1])
    if found is None or found.arn != arn:
        raise DeliveryError("NO_RESOURCE", f"{arn} does not exist.")
    return found


def _call(
    destination: ApiDestination, connection: authorization.Connection, job: Job
) -> http.Answer:
    authorized = authorization.headers(connection)
    target, extra = job.target.get("HttpParameters", {}), connection.invocation_parameters
    return http.request(
        destination.http_method,
        _url(destination.invocation_endpoint, target, extra),
        _headers(target, extra, authorized),
        _body(job.payload, authorization.values(extra, "BodyParameters")),
    )


def _url(endpoint: str, target: Mapping[str, Any], connection: dict[str, Any]) -> str:
    """The endpoint, each `*` of its path replaced; of two query parameters the connection's."""
    parts = urlsplit(endpoint)
    path = parts.path
    for value in target.get("PathParameterValues") or []:
        path = path.replace("*", quote(value, safe=""), 1)
    query = target.get("QueryStringParameters") or {}
    return authorization.with_query(
        urlunsplit(parts._replace(path=path)),
        query | authorization.values(connection, "QueryStringParameters"),
    )


def _headers(
    target: Mapping[str, Any], connection: dict[str, Any], authorized: dict[str, str]
) -> dict[str, str]:
    """Of two headers with one name, authorization comes first, then the connection, the target."""
    headers = {"content-type": "application/json; charset=utf-8"}
    chosen = authorization.values(connection, "HeaderParameters")
    for given in (target.get("HeaderParameters") or {}, chosen, authorized):
        headers |= {k.lower(): v for k, v in given.items() if k.lower() not in REMOVED}
    return HEADERS | {name.title(): value for name, value in headers.items()}


def _body(payload: str, parameters: dict[str, str]) -> bytes:
    """The payload, with the connection's parameters if it is a JSON object."""
    if parameters and payload.lstrip().startswith("{"):
        body = json.loads(payload) | parameters
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return payload.encode()


def _error(answer: http.Answer) -> DeliveryError:
    after = _retry_after(answer.headers.get("Retry-After"))
    retryable = answer.status in RETRIED or answer.status >= 500
    return DeliveryError(
        "ERROR_FROM_TARGET",
        f"{UNABLE}: it answered with status {answer.status}.",
        # A negative value asks not to be called again.
        retryable=retryable and (after is None or after >= 0),
        retry_after=after,
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number of them or from a date; None if it is neither."""
    if value is None or re.fullmatch(r"-?\d{1,9}", value):
        return None if value is None else float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
