"""How a connection authorizes the calls of its API destinations.

Connections, destinations and secrets are read where LocalStack and moto keep them, as policies are.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urlencode

from botocore.exceptions import ClientError
from localstack.aws.connect import connect_to
from localstack.services.events.models import events_stores
from moto.secretsmanager.exceptions import SecretNotFoundException, SecretsManagerClientError
from moto.secretsmanager.models import secretsmanager_backends

from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import http
from localstack_eventbridge.delivery.job import DeliveryError, place_of

LOG = logging.getLogger(__name__)

#: A token that has no more than this to live is replaced.
FRESH = timedelta(seconds=60)

#: How long a token counts when its issuer does not say.
LIFETIME = 3600


class Token(NamedTuple):
    header: str
    expires: datetime


_tokens: dict[str, Token] = {}
# Of many deliveries at once, one asks for a token, and the others wait for it.
_lock = threading.Lock()


class Connection:
    """A connection as it is now, and its secret."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.region, self.account, resource = place_of(arn)
        self.name = resource.split("/")[1]
        found = events_stores[self.account][self.region].connections.get(self.name)
        if found is None:
            raise DeliveryError("NO_RESOURCE", f"{arn} does not exist.")
        self.kind: str = found.authorization_type
        self.state: str = found.state
        self._told = found.auth_parameters or {}
        self._secret_arn = found.secret_arn

    @property
    def invocation_parameters(self) -> dict[str, Any]:
        """InvocationHttpParameters, with the values that DescribeConnection may hide."""
        found = self.secret.get("invocation_http_parameters")
        return found or self._told.get("InvocationHttpParameters", {})

    @property
    def oauth_parameters(self) -> dict[str, Any]:
        found = self.secret.get("oauth_http_parameters")
        return found or self._told.get("OAuthParameters", {}).get("OAuthHttpParameters", {})

    @cached_property
    def secret(self) -> dict[str, Any]:
        """Raises SecretsManagerClientError if there is none any more."""
        if not self._secret_arn:
            raise SecretNotFoundException()
        region, account, _ = place_of(self._secret_arn)
        secrets = secretsmanager_backends[account][region]
        told = secrets.get_secret_value(self._secret_arn, None, "AWSCURRENT")  # type: ignore[arg-type]
        return json.loads(told["SecretString"])

    def deauthorize(self) -> None:
        """As EventBridge does when the endpoint refuses the credentials.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-deauthorize.html
        """
        _tokens.pop(self.arn, None)
        try:
            clients = connect_to(aws_access_key_id=self.account, region_name=self.region)
            clients.events.deauthorize_connection(Name=self.name)
        except ClientError as error:
            LOG.info("connection %s could not be deauthorized: %s", self.name, error)


def headers(connection: Connection) -> dict[str, str]:
    """The headers that authorize a call.

    Raises DeliveryError, retryable, when the connection is not authorized: it can be updated.
    """
    if connection.state in {"DEAUTHORIZED", "DEAUTHORIZING"}:
        raise _not_authorized(connection)
    try:
        secret = connection.secret
    except SecretsManagerClientError:
        connection.deauthorize()
        raise _not_authorized(connection) from None
    if connection.kind == "BASIC":
        credentials = f"{secret['username']}:{secret['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    if connection.kind == "API_KEY":
        return {secret["api_key_name"]: secret["api_key_value"]}
    return {"Authorization": _token(connection, secret)}


def refused(connection: Connection) -> None:
    """The endpoint has answered 401 or 407: a token is replaced, other credentials are given up."""
    if connection.kind == "OAUTH_CLIENT_CREDENTIALS":
        _tokens.pop(connection.arn, None)
    else:
        connection.deauthorize()


def authorize(arn: str) -> None:
    """Ask for a token for the OAuth connection with this ARN, and keep it.

    Raises DeliveryError with the reason if the authorization endpoint gives none.
    """
    connection = Connection(arn)
    with _lock:
        _tokens[arn] = _ask(connection, connection.secret)


def reset(account: str) -> None:
    """Forget the account's tokens."""
    for arn in [arn for arn in list(_tokens) if place_of(arn)[1] == account]:
        _tokens.pop(arn, None)


def _token(connection: Connection, secret: dict[str, Any]) -> str:
    with _lock:
        token = _tokens.get(connection.arn)
        if token and token.expires - clock.now(connection.account) > FRESH:
            return token.header
        try:
            token = _tokens[connection.arn] = _ask(connection, secret)
        except DeliveryError as error:
            connection.deauthorize()
            raise _not_authorized(connection, error.message) from None
        return token.header


def _ask(connection: Connection, secret: dict[str, Any]) -> Token:
    """The token request of OAuth 2.0, https://www.rfc-editor.org/rfc/rfc6749#section-4.4."""
    more = connection.oauth_parameters
    form = {"grant_type": "client_credentials"} | values(more, "BodyParameters")
    form |= {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
    query = values(more, "QueryStringParameters")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    headers |= values(more, "HeaderParameters")
    method, url = secret["http_method"], secret["authorization_endpoint"]
    body = urlencode(form).encode()
    if method == "GET":
        query, body = query | form, None
    elif "json" in next(v for k, v in headers.items() if k.lower() == "content-type"):
        body = json.dumps(form).encode()
    answer = http.request(method, with_query(url, query), headers, body)
    try:
        told = json.loads(answer.body) if answer.status < 300 else {}
        token, kind = told["access_token"], told.get("token_type", "Bearer")
        lifetime = timedelta(seconds=float(told.get("expires_in", LIFETIME)))
    except (ValueError, KeyError, TypeError, OverflowError):
        reason = f"{url} answered with status {answer.status} and no access_token"
        raise DeliveryError("SDK_CLIENT_ERROR", reason) from None
    return Token(f"{kind} {token}", clock.now(connection.account) + lifetime)


def values(parameters: dict[str, Any], kind: str) -> dict[str, str]:
    """Key and value of ConnectionHttpParameters of one kind, such as "BodyParameters"."""
    return {entry["Key"]: entry.get("Value", "") for entry in parameters.get(kind) or []}


def with_query(url: str, query: dict[str, str]) -> str:
    """The URL with more parameters at its end."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _not_authorized(connection: Connection, reason: str = "") -> DeliveryError:
    message = f"The connection {connection.name} is not authorized. {reason}".strip()
    return DeliveryError("SDK_CLIENT_ERROR", message, retryable=True)
