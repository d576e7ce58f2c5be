"""API destinations: endpoints outside of AWS that rules call.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from localstack.aws.api import RequestContext
from localstack.aws.api.events import (
    ApiDestinationState,
    ConnectionState,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from localstack.services.events.models import ApiDestination, ValidationException

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery.job import place_of
from localstack_eventbridge.events.connections import find_connection
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.store import store_of


@operation("CreateApiDestination")
def create_api_destination(context: RequestContext, request: Request) -> Response:
    name, store = request["Name"], store_of(context)
    if name in store.api_destinations:
        raise ResourceAlreadyExistsException(f"An api-destination '{name}' already exists.")
    _check(context, request)
    destination = ApiDestination(
        name,
        context.region,
        context.account_id,
        request["ConnectionArn"],
        request["InvocationEndpoint"],
        request["HttpMethod"],
        # Told by the state of the connection whenever it is asked for.
        state=ApiDestinationState.ACTIVE,
        _invocation_rate_limit_per_second=request.get("InvocationRateLimitPerSecond"),
        description=request.get("Description"),
        # The default of LocalStack's is the same for all.
        id=str(uuid.uuid4()),
    )
    destination.creation_time = destination.last_modified_time = clock.now(context.account_id)
    store.api_destinations[name] = destination
    return _changed(context, destination)


@operation("UpdateApiDestination")
def update_api_destination(context: RequestContext, request: Request) -> Response:
    destination = _find(context, request)
    _check(context, request)
    destination.connection_arn = request.get("ConnectionArn", destination.connection_arn)
    destination.invocation_endpoint = request.get(
        "InvocationEndpoint", destination.invocation_endpoint
    )
    destination.http_method = request.get("HttpMethod", destination.http_method)
    destination.invocation_rate_limit_per_second = request.get(
        "InvocationRateLimitPerSecond", destination.invocation_rate_limit_per_second
    )
    destination.description = request.get("Description", destination.description)
    destination.last_modified_time = clock.now(context.account_id)
    return _changed(context, destination)


@operation("DeleteApiDestination")
def delete_api_destination(context: RequestContext, request: Request) -> Response:
    destination = _find(context, request)
    del store_of(context).api_destinations[destination.name]
    return {}


@operation("DescribeApiDestination")
def describe_api_destination(context: RequestContext, request: Request) -> Response:
    destination = _find(context, request)
    return _told(context, destination) | present(Description=destination.description)


@operation("ListApiDestinations")
def list_api_destinations(context: RequestContext, request: Request) -> Response:
    arn = request.get("ConnectionArn")
    destinations = with_prefix(store_of(context).api_destinations, request)
    found = [one for one in destinations if arn in (None, one.connection_arn)]
    return page("ApiDestinations", found, request, lambda one: _told(context, one))


def _find(context: RequestContext, request: Request) -> ApiDestination:
    name = request["Name"]
    if destination := store_of(context).api_destinations.get(name):
        return destination
    raise ResourceNotFoundException(
        f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
    )


def _check(context: RequestContext, request: Request) -> None:
    """Raise unless the connection exists, and the endpoint is one.

    AWS takes https only; here http is taken, too, for endpoints on this machine.
    """
    if arn := request.get("ConnectionArn"):
        name = place_of(arn)[2].split("/")[1]
        if find_connection(context, name).arn != arn:
            raise ResourceNotFoundException(
                f"Failed to describe the connection(s). Connection '{name}' does not exist."
            )
    if endpoint := request.get("InvocationEndpoint"):
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValidationException(
                "Parameter InvocationEndpoint is not valid. Reason: it is not a URL with https."
            )


def _state(context: RequestContext, destination: ApiDestination) -> ApiDestinationState:
    name = place_of(destination.connection_arn)[2].split("/")[1]
    connection = store_of(context).connections.get(name)
    is_authorized = connection and connection.state == ConnectionState.AUTHORIZED
    return ApiDestinationState.ACTIVE if is_authorized else ApiDestinationState.INACTIVE


def _changed(context: RequestContext, destination: ApiDestination) -> Response:
    return {
        "ApiDestinationArn": destination.arn,
        "ApiDestinationState": _state(context, destination),
        "CreationTime": destination.creation_time,
        "LastModifiedTime": destination.last_modified_time,
    }


def _told(context: RequestContext, destination: ApiDestination) -> dict[str, Any]:
    return _changed(context, destination) | {
        "Name": destination.name,
        "ConnectionArn": destination.connection_arn,
        "InvocationEndpoint": destination.invocation_endpoint,
        "HttpMethod": destination.http_method,
        "InvocationRateLimitPerSecond": destination.invocation_rate_limit_per_second,
    }
