"""PutEvents: which entries are accepted, and what event each becomes.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api import RequestContext
from localstack.services.events.models import ValidationException
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.events import policy, routing, s3
from localstack_eventbridge.events.operations import Request, Response, operation
from localstack_eventbridge.events.patterns import nesting
from localstack_eventbridge.events.store import BusName, Event, bus_at

#: The entries of a call, together, must have fewer bytes.
LIMIT = 1024 * 1024

#: How much the time of an entry counts.
TIME = 14

LONGEST_DETAIL_TYPE = 128
DEEPEST_DETAIL = 1000
INTEGERS = range(-(2**63), 2**63)

REQUIRED = ("Source", "DetailType", "Detail")

Entry = Mapping[str, Any]


class Refused(Exception):
    """An entry is refused: its ErrorCode and ErrorMessage."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@operation("PutEvents")
def put_events(context: RequestContext, request: Request) -> Response:
    if "EndpointId" in request:
        raise ValidationException(
            "Parameter EndpointId is not valid. Reason: global endpoints are not emulated."
        )
    entries = request["Entries"]
    if sum(map(size, entries)) >= LIMIT:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    results = [_put(context, entry) for entry in entries]
    return {
        "Entries": results,
        "FailedEntryCount": sum("ErrorCode" in result for result in results),
    }


def size(entry: Entry) -> int:
    """How many bytes an entry counts for.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
    """
    texts = [*(entry.get(name) or "" for name in REQUIRED), *(entry.get("Resources") or [])]
    counted = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    return counted + (TIME if entry.get("Time") else 0)


def _put(context: RequestContext, entry: Entry) -> Response:
    place = BusName.parse(entry.get("EventBusName") or "default", context)
    told = {"source": entry.get("Source"), "detail_type": entry.get("DetailType")}
    try:
        detail = _check(entry, is_service=_is_service(context))
        _check_permission(context, place, entry)
    except Refused as error:
        trace.record(
            context.account_id,
            "entry",
            None,
            bus=place.name,
            **told,
            result="refused",
            error_code=error.code,
            error_message=error.message,
        )
        return {"ErrorCode": error.code, "ErrorMessage": error.message}
    event = _event(context, entry, detail)
    bus = bus_at(*place)
    reason = None if bus else "there is no such bus: the event is dropped"
    for account in {context.account_id, place.account} if bus else {context.account_id}:
        result = {"result": "accepted", "reason": reason}
        trace.record(account, "entry", event["id"], bus=place.name, **told, **result)
    if bus:
        routing.route(bus, event)
    return {"EventId": event["id"]}


def _is_service(context: RequestContext) -> bool:
    """Whether a service of LocalStack speaks for itself, and not with the role of a caller."""
    if not context.is_internal_call:
        return False
    key = extract_access_key_id_from_auth_header(context.request.headers)
    return key == context.account_id


def _check(entry: Entry, *, is_service: bool) -> dict[str, Any]:
    """The detail of the entry. Raises Refused.

    Codes: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    for name in REQUIRED:
        if not entry.get(name):
            raise _invalid(name, f"{name} is a required argument.")
    if len(entry["DetailType"]) > LONGEST_DETAIL_TYPE:
        raise _invalid("DetailType", f"It is longer than {LONGEST_DETAIL_TYPE} characters.")
    if entry["Source"].startswith("aws.") and not is_service:
        raise Refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = _parse(entry["Detail"])
    except (ValueError, RecursionError):
        detail = None
    if not isinstance(detail, dict):
        raise Refused("MalformedDetail", "Detail is malformed.")
    return detail


def _invalid(name: str, reason: str) -> Refused:
    return Refused("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")


def _parse(text: str) -> Any:
    # No text of so few brackets is nested deeper.
    if text.count("{") + text.count("[") > DEEPEST_DETAIL and nesting(text) > DEEPEST_DETAIL:
        raise ValueError("nested too deep")
    return json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_integer)


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _integer(text: str) -> int:
    number = int(text)
    return number if number in INTEGERS else _refuse(text)


def _check_permission(context: RequestContext, place: BusName, entry: Entry) -> None:
    decision = policy.may_put(context.account_id, place, entry["Source"], entry["DetailType"])
    if not decision.allowed:
        raise Refused(
            "AccessDeniedException",
            f"User: arn:aws:iam::{context.account_id}:root is not authorized to perform: "
            f"events:PutEvents on resource: {place.arn} because {decision.reason}",
        )


def _event(context: RequestContext, entry: Entry, detail: dict[str, Any]) -> Event:
    if entry["Source"] == "aws.s3":
        detail = s3.corrected(detail, context.account_id)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": context.account_id,
        "time": routing.time_text(_time(entry) or clock.now(context.account_id)),
        "region": context.region,
        "resources": entry.get("Resources") or [],
        "detail": detail,
    }


def _time(entry: Entry) -> datetime | None:
    given = entry.get("Time")
    if given is None or given.tzinfo:
        return given
    return given.replace(tzinfo=UTC)
