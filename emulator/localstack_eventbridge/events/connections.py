"""Connections: how the endpoints of API destinations are authorized.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import (
    ConnectionState,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from localstack.aws.connect import connect_to
from localstack.services.events.models import ValidationException

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import authorization
from localstack_eventbridge.delivery.job import DeliveryError
from localstack_eventbridge.events.operations import (
    Request,
    Response,
    operation,
    page,
    present,
    with_prefix,
)
from localstack_eventbridge.events.store import Connection, store_of

Parameters = Mapping[str, Any]

OAUTH = "OAUTH_CLIENT_CREDENTIALS"

#: The part of AuthParameters that belongs to a type, and what is in its secret: the name there, and
#: the path here.
KINDS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "API_KEY": (
        "ApiKeyAuthParameters",
        {"api_key_name": ("ApiKeyName",), "api_key_value": ("ApiKeyValue",)},
    ),
    "BASIC": ("BasicAuthParameters", {"username": ("Username",), "password": ("Password",)}),
    OAUTH: (
        "OAuthParameters",
        {
            "client_id": ("ClientParameters", "ClientID"),
            "client_secret": ("ClientParameters", "ClientSecret"),
            "authorization_endpoint": ("AuthorizationEndpoint",),
            "http_method": ("HttpMethod",),
        },
    ),
}

#: Never shown again.
SECRET = {"ApiKeyValue", "ClientSecret", "Password"}


@operation("CreateConnection")
def create_connection(context: RequestContext, request: Request) -> Response:
    name, store = request["Name"], store_of(context)
    _refuse_private(request)
    if name in store.connections:
        raise ResourceAlreadyExistsException(f"Connection {name} already exists.")
    connection = Connection(
        name,
        context.region,
        context.account_id,
        request["AuthorizationType"],
        request["AuthParameters"],
        state=ConnectionState.CREATING,
        secret_arn=None,  # type: ignore[arg-type]
        description=request.get("Description"),
        kms_key_identifier=request.get("KmsKeyIdentifier"),
        # The default of LocalStack's is the same for all.
        id=str(uuid.uuid4()),
    )
    connection.creation_time = clock.now(context.account_id)
    _set(connection, connection.authorization_type, request["AuthParameters"])
    store.connections[name] = connection
    _authorize(connection)
    return _changed(connection)


@operation("UpdateConnection")
def update_connection(context: RequestContext, request: Request) -> Response:
    connection = find_connection(context, request["Name"])
    _refuse_private(request)
    kind = request.get("AuthorizationType", connection.authorization_type)
    given = request.get("AuthParameters") or {}
    if kind == connection.authorization_type:
        given = _merged(connection.private, given)
    _set(connection, kind, given)
    connection.description = request.get("Description", connection.description)
    connection.kms_key_identifier = request.get("KmsKeyIdentifier", connection.kms_key_identifier)
    _authorize(connection)
    return _changed(connection) | {"LastAuthorizedTime": connection.last_authorized_time}


@operation("DeauthorizeConnection")
def deauthorize_connection(context: RequestContext, request: Request) -> Response:
    connection = find_connection(context, request["Name"])
    _delete_secret(connection)
    connection.auth_parameters, connection.private = {}, {}
    connection.last_modified_time = clock.now(context.account_id)
    connection.state = ConnectionState.DEAUTHORIZED
    return _leaving(connection, ConnectionState.DEAUTHORIZING)


@operation("DeleteConnection")
def delete_connection(context: RequestContext, request: Request) -> Response:
    connection = find_connection(context, request["Name"])
    _delete_secret(connection)
    del store_of(context).connections[connection.name]
    return _leaving(connection, ConnectionState.DELETING)


@operation("DescribeConnection")
def describe_connection(context: RequestContext, request: Request) -> Response:
    connection = find_connection(context, request["Name"])
    return _told(connection) | present(
        AuthParameters=connection.auth_parameters,
        SecretArn=connection.secret_arn,
        Description=connection.description,
        KmsKeyIdentifier=connection.kms_key_identifier,
    )


@operation("ListConnections")
def list_connections(context: RequestContext, request: Request) -> Response:
    state = request.get("ConnectionState")
    connections = with_prefix(store_of(context).connections, request)
    found = [one for one in connections if state in (None, one.state)]
    return page("Connections", found, request, _told)


def find_connection(context: RequestContext, name: str) -> Connection:
    """Raises ResourceNotFoundException if the caller has no such connection."""
    if connection := store_of(context).connections.get(name):
        return connection
    raise ResourceNotFoundException(
        f"Failed to describe the connection(s). Connection '{name}' does not exist."
    )


def _refuse_private(request: Request) -> None:
    given = {**request, **(request.get("AuthParameters") or {})}
    for parameter in ("InvocationConnectivityParameters", "ConnectivityParameters"):
        if parameter in given:
            raise ValidationException(
                f"Parameter {parameter} is not valid. Reason: private endpoints are not emulated."
            )


def _set(connection: Connection, kind: str, parameters: Parameters) -> None:
    """Check the parameters, and put them into the secret of the connection."""
    text = json.dumps(_secret(kind, parameters))
    if not (connection.secret_arn and _update_secret(connection, text)):
        connection.secret_arn = _secrets(connection).create_secret(
            Name=f"events!connection/{connection.name}/{uuid.uuid4()}",
            SecretString=text,
            Tags=[{"Key": "BYPASS_SECRET_ID_VALIDATION", "Value": "1"}],
        )["ARN"]
    connection.authorization_type = kind
    connection.private, connection.auth_parameters = parameters, _public(parameters)
    connection.last_modified_time = clock.now(connection.account_id)


def _update_secret(connection: Connection, text: str) -> bool:
    """Whether the secret is still there, and has now this text."""
    secrets = _secrets(connection)
    with suppress(secrets.exceptions.ResourceNotFoundException):
        secrets.update_secret(SecretId=connection.secret_arn, SecretString=text)
        return True
    return False


def _secrets(connection: Connection) -> Any:
    clients = connect_to(aws_access_key_id=connection.account_id, region_name=connection.region)
    return clients.secretsmanager


def _secret(kind: str, parameters: Parameters) -> dict[str, Any]:
    """What the secret holds. Raises ValidationException unless that is all of this type, only."""
    part, names = KINDS[kind]
    given = {name for name, _ in KINDS.values()} & parameters.keys()
    secret = {name: _at(parameters.get(part, {}), path) for name, path in names.items()}
    if given != {part} or None in secret.values():
        raise ValidationException(
            f"Parameter AuthParameters is not valid. Reason: {part}, with all of its members, and "
            f"no others must be specified for the AuthorizationType {kind}."
        )
    more = {
        "invocation_http_parameters": parameters.get("InvocationHttpParameters"),
        "oauth_http_parameters": parameters[part].get("OAuthHttpParameters"),
    }
    return secret | present(**more)


def _at(parameters: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        parameters = parameters.get(name) or {}
    return parameters or None


def _merged(old: Any, new: Any) -> Any:
    """What is old, with all that is new; a list is replaced as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return new


def _public(parameters: Any) -> Any:
    """The parameters that DescribeConnection shows."""
    if isinstance(parameters, list):
        return [_public(item) for item in parameters]
    if not isinstance(parameters, Mapping):
        return parameters
    hidden = SECRET | ({"Value"} if parameters.get("IsValueSecret") else set())
    return {name: _public(value) for name, value in parameters.items() if name not in hidden}


def _authorize(connection: Connection) -> None:
    """With OAuth a token is asked for, which takes time; anything else is believed."""
    connection.state_reason = None
    if connection.authorization_type == OAUTH:
        connection.state = ConnectionState.AUTHORIZING
        clock.run(connection.account_id, partial(_ask_for_token, connection))
    else:
        connection.state = ConnectionState.AUTHORIZED
        connection.last_authorized_time = clock.now(connection.account_id)


def _ask_for_token(connection: Connection) -> None:
    state, reason = ConnectionState.AUTHORIZED, None
    try:
        authorization.authorize(connection.arn)
    except DeliveryError as error:
        state, reason = ConnectionState.DEAUTHORIZED, error.message[:512]
    if connection.state == ConnectionState.AUTHORIZING:
        connection.state, connection.state_reason = state, reason
        connection.last_authorized_time = clock.now(connection.account_id)


def _delete_secret(connection: Connection) -> None:
    arn, connection.secret_arn = connection.secret_arn, None  # type: ignore[assignment]
    secrets = _secrets(connection)
    # Somebody may have deleted it before.
    with suppress(secrets.exceptions.ResourceNotFoundException):
        if arn:
            secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def _changed(connection: Connection) -> Response:
    return {
        "ConnectionArn": connection.arn,
        "ConnectionState": connection.state,
        "CreationTime": connection.creation_time,
        "LastModifiedTime": connection.last_modified_time,
    }


def _leaving(connection: Connection, state: ConnectionState) -> Response:
    return _changed(connection) | {
        "ConnectionState": state,
        "LastAuthorizedTime": connection.last_authorized_time,
    }


def _told(connection: Connection) -> dict[str, Any]:
    return _changed(connection) | present(
        Name=connection.name,
        StateReason=connection.state_reason,
        AuthorizationType=connection.authorization_type,
        LastAuthorizedTime=connection.last_authorized_time,
    )
