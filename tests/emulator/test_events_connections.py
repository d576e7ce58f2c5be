"""Connections and API destinations; each test is named after AWS's rule.

How the endpoints are called is in test_api_destinations.py.
"""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from routing import Routing, refused

from helpers.waiting import until
from helpers.webhook import Webhook

KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
BASIC = {"BasicAuthParameters": {"Username": "shop", "Password": "secret"}}


def create(
    routing: Routing, name: str = "shop", kind: str = "API_KEY", parameters: Any = KEY, **more: Any
) -> dict[str, Any]:
    return routing.events.create_connection(
        Name=name, AuthorizationType=kind, AuthParameters=parameters, **more
    )


def told(routing: Routing, name: str = "shop") -> dict[str, Any]:
    return routing.events.describe_connection(Name=name)


def secret(routing: Routing) -> Any:
    secrets = routing.client("secretsmanager")
    return json.loads(secrets.get_secret_value(SecretId=told(routing)["SecretArn"])["SecretString"])


def destination(routing: Routing, name: str = "webhook", **more: Any) -> dict[str, Any]:
    given = {
        "ConnectionArn": told(routing)["ConnectionArn"],
        "InvocationEndpoint": "https://example.com/orders",
        "HttpMethod": "POST",
    }
    return routing.events.create_api_destination(Name=name, **given | more)


def state_of(routing: Routing, name: str = "webhook") -> str:
    return routing.events.describe_api_destination(Name=name)["ApiDestinationState"]


def oauth(webhook: Webhook) -> dict[str, Any]:
    return {
        "OAuthParameters": {
            "AuthorizationEndpoint": f"{webhook.url}/token",
            "HttpMethod": "POST",
            "ClientParameters": {"ClientID": "id", "ClientSecret": "secret"},
        }
    }


def issue(webhook: Webhook) -> None:
    """Answer with token-1, token-2, ..."""
    numbers = itertools.count(1)
    webhook.answer = lambda call, number: (
        200,
        {},
        json.dumps({"access_token": f"token-{next(numbers)}", "token_type": "Bearer"}).encode(),
    )


def wait_for(routing: Routing, state: str) -> dict[str, Any]:
    return until(
        lambda: (found := told(routing))["ConnectionState"] == state and found,
        what=f"the connection to be {state}",
    )


# --- Connections ----------------------------------------------------------------------------------


def test_ids_in_arns_are_unique(routing: Routing) -> None:
    arns = {create(routing, name)["ConnectionArn"] for name in ("shop", "other")}
    routing.events.delete_connection(Name="shop")
    arns.add(create(routing)["ConnectionArn"])
    arns |= {destination(routing, name)["ApiDestinationArn"] for name in ("a", "b")}
    ids = {arn.rpartition("/")[2] for arn in arns}
    assert len(ids) == 5
    prefix = routing.arn("events", "connection/shop/")
    assert told(routing)["ConnectionArn"].startswith(prefix)


@pytest.mark.parametrize(
    ("kind", "parameters", "shown", "kept"),
    [
        (
            "API_KEY",
            KEY,
            {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}},
            {"api_key_name": "X-Key", "api_key_value": "secret"},
        ),
        (
            "BASIC",
            BASIC,
            {"BasicAuthParameters": {"Username": "shop"}},
            {"username": "shop", "password": "secret"},
        ),
    ],
)
def test_credentials_are_authorized_at_once_and_kept_in_a_secret(
    routing: Routing, kind: str, parameters: Any, shown: Any, kept: Any
) -> None:
    answer = create(routing, kind=kind, parameters=parameters, Description="mine")
    assert answer["ConnectionState"] == "AUTHORIZED"
    found = told(routing)
    assert (found["AuthorizationType"], found["AuthParameters"]) == (kind, shown)
    assert (found["ConnectionState"], found["Description"]) == ("AUTHORIZED", "mine")
    assert "LastAuthorizedTime" in found
    assert ":secret:events!connection/shop/" in found["SecretArn"]
    assert secret(routing) == kept


def test_values_that_are_secret_are_not_shown(routing: Routing) -> None:
    public = {"Key": "a", "Value": "1", "IsValueSecret": False}
    hidden = {"Key": "b", "Value": "2", "IsValueSecret": True}
    more = {"HeaderParameters": [public, hidden]}
    create(routing, parameters=KEY | {"InvocationHttpParameters": more})
    shown = told(routing)["AuthParameters"]["InvocationHttpParameters"]
    assert shown == {"HeaderParameters": [public, {"Key": "b", "IsValueSecret": True}]}
    assert secret(routing)["invocation_http_parameters"] == more


def test_oauth_is_authorized_when_a_token_has_been_had(routing: Routing, webhook: Webhook) -> None:
    issue(webhook)
    answer = create(routing, kind="OAUTH_CLIENT_CREDENTIALS", parameters=oauth(webhook))
    assert answer["ConnectionState"] == "AUTHORIZING"
    wait_for(routing, "AUTHORIZED")
    (asked,) = webhook.calls
    assert parse_qs(asked.body.decode())["grant_type"] == ["client_credentials"]
    assert told(routing)["AuthParameters"] == {
        "OAuthParameters": {
            "AuthorizationEndpoint": f"{webhook.url}/token",
            "HttpMethod": "POST",
            "ClientParameters": {"ClientID": "id"},
        }
    }


def test_oauth_is_deauthorized_when_no_token_can_be_had_and_says_why(
    routing: Routing, webhook: Webhook
) -> None:
    webhook.statuses(401)
    create(routing, kind="OAUTH_CLIENT_CREDENTIALS", parameters=oauth(webhook))
    found = wait_for(routing, "DEAUTHORIZED")
    assert "401" in found["StateReason"]
    destination(routing)
    assert state_of(routing) == "INACTIVE"
    issue(webhook)
    new = {"OAuthParameters": {"ClientParameters": {"ClientSecret": "new"}}}
    answer = routing.events.update_connection(Name="shop", AuthParameters=new)
    assert answer["ConnectionState"] == "AUTHORIZING"
    assert "StateReason" not in wait_for(routing, "AUTHORIZED")
    assert parse_qs(webhook.calls[-1].body.decode())["client_secret"] == ["new"]
    assert state_of(routing) == "ACTIVE"


def test_deauthorizing_removes_all_authorization_parameters(routing: Routing) -> None:
    arn = create(routing)["ConnectionArn"]
    destination(routing)
    old = told(routing)["SecretArn"]
    answer = routing.events.deauthorize_connection(Name="shop")
    assert (answer["ConnectionArn"], answer["ConnectionState"]) == (arn, "DEAUTHORIZING")
    found = wait_for(routing, "DEAUTHORIZED")
    assert (found["AuthParameters"], "SecretArn" in found) == ({}, False)
    assert state_of(routing) == "INACTIVE"
    with refused("ResourceNotFoundException"):
        routing.client("secretsmanager").get_secret_value(SecretId=old)


def test_a_deauthorized_connection_can_be_used_again(routing: Routing) -> None:
    arn = create(routing)["ConnectionArn"]
    routing.events.deauthorize_connection(Name="shop")
    with refused("ValidationException", match="ApiKeyAuthParameters"):
        routing.events.update_connection(
            Name="shop", AuthParameters={"ApiKeyAuthParameters": {"ApiKeyValue": "half"}}
        )
    answer = routing.events.update_connection(Name="shop", AuthParameters=KEY)
    assert (answer["ConnectionArn"], answer["ConnectionState"]) == (arn, "AUTHORIZED")
    assert secret(routing)["api_key_value"] == "secret"


def test_an_update_changes_what_it_names(routing: Routing) -> None:
    create(routing, kind="BASIC", parameters=BASIC, Description="old")
    routing.events.update_connection(
        Name="shop", AuthParameters={"BasicAuthParameters": {"Password": "new"}}
    )
    assert secret(routing) == {"username": "shop", "password": "new"}
    assert told(routing)["Description"] == "old"


def test_an_update_can_change_the_type(routing: Routing) -> None:
    create(routing, kind="BASIC", parameters=BASIC)
    with refused("ValidationException", match="ApiKeyAuthParameters"):
        routing.events.update_connection(Name="shop", AuthorizationType="API_KEY")
    routing.events.update_connection(Name="shop", AuthorizationType="API_KEY", AuthParameters=KEY)
    assert told(routing)["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}
    assert secret(routing) == {"api_key_name": "X-Key", "api_key_value": "secret"}


@pytest.mark.parametrize("parameters", [{}, KEY, BASIC | KEY], ids=["none", "others", "too many"])
def test_only_parameters_of_the_type_are_allowed(routing: Routing, parameters: Any) -> None:
    with refused("ValidationException", match="AuthParameters"):
        create(routing, kind="BASIC", parameters=parameters)
    assert routing.events.list_connections()["Connections"] == []


def test_all_that_is_wrong_is_told_at_once(routing: Routing) -> None:
    name = "This should fail with two errors 123467890123412341234123412341234"
    with refused("ValidationException") as caught:
        create(routing, name, "INVALID")
    at = f"Value '{name}' at 'name' failed to satisfy constraint: Member must"
    assert caught.value.response["Error"]["Message"] == (
        "3 validation errors detected: "
        f"{at} have length less than or equal to 64; "
        f"{at} satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; "
        "Value 'INVALID' at 'authorizationType' failed to satisfy constraint: Member must satisfy "
        "enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"
    )


def test_a_password_is_not_repeated_in_an_error(routing: Routing) -> None:
    parameters = {"BasicAuthParameters": {"Username": "shop", "Password": "secret\n"}}
    with refused("ValidationException") as caught:
        create(routing, kind="BASIC", parameters=parameters)
    message = caught.value.response["Error"]["Message"]
    assert "password" in message
    assert "secret" not in message


def test_private_endpoints_are_refused(routing: Routing) -> None:
    arn = "arn:aws:vpc-lattice:us-east-1:111122223333:resourceconfiguration/rcfg-0123456789abcdef0"
    private = {"ResourceParameters": {"ResourceConfigurationArn": arn}}
    with refused("ValidationException", match="InvocationConnectivityParameters"):
        create(routing, InvocationConnectivityParameters=private)
    with refused("ValidationException", match="ConnectivityParameters"):
        create(routing, parameters=KEY | {"ConnectivityParameters": private})


def test_connections_are_listed_without_their_parameters(routing: Routing) -> None:
    for name in ("a1", "b1", "b2"):
        create(routing, name)
    routing.events.deauthorize_connection(Name="b2")

    def names(**wanted: Any) -> list[str]:
        found = routing.events.list_connections(**wanted)["Connections"]
        assert not any("AuthParameters" in one or "SecretArn" in one for one in found)
        return [one["Name"] for one in found]

    assert names(NamePrefix="b") == ["b1", "b2"]
    assert names(ConnectionState="AUTHORIZED") == ["a1", "b1"]
    assert names(Limit=1) == ["a1"]


def test_a_deleted_connection_takes_its_secret_with_it(routing: Routing) -> None:
    create(routing)
    destination(routing)
    old = told(routing)["SecretArn"]
    assert routing.events.delete_connection(Name="shop")["ConnectionState"] == "DELETING"
    with refused("ResourceNotFoundException", match="Connection 'shop' does not exist"):
        told(routing)
    with refused("ResourceNotFoundException"):
        routing.client("secretsmanager").get_secret_value(SecretId=old)
    assert state_of(routing) == "INACTIVE"


def test_a_connection_whose_secret_is_gone_can_be_updated(routing: Routing) -> None:
    create(routing)
    secrets = routing.client("secretsmanager")
    secrets.delete_secret(SecretId=told(routing)["SecretArn"], ForceDeleteWithoutRecovery=True)
    routing.events.update_connection(Name="shop", AuthParameters=KEY)
    assert secret(routing)["api_key_value"] == "secret"


def test_a_name_is_used_once(routing: Routing) -> None:
    create(routing)
    with refused("ResourceAlreadyExistsException", match="Connection shop already exists"):
        create(routing)
    destination(routing)
    with refused("ResourceAlreadyExistsException", match="An api-destination 'webhook' already"):
        destination(routing)


# --- API destinations -----------------------------------------------------------------------------


def test_a_destination_is_told_as_it_was_created(routing: Routing) -> None:
    connection = create(routing)["ConnectionArn"]
    arn = destination(routing, Description="mine")["ApiDestinationArn"]
    found = routing.events.describe_api_destination(Name="webhook")
    times = {"CreationTime", "LastModifiedTime", "ResponseMetadata"}
    assert {k: v for k, v in found.items() if k not in times} == {
        "Name": "webhook",
        "ApiDestinationArn": arn,
        "ApiDestinationState": "ACTIVE",
        "ConnectionArn": connection,
        "InvocationEndpoint": "https://example.com/orders",
        "HttpMethod": "POST",
        "InvocationRateLimitPerSecond": 300,
        "Description": "mine",
    }


def test_a_destination_is_updated_and_deleted(routing: Routing) -> None:
    create(routing)
    destination(routing)
    routing.events.update_api_destination(
        Name="webhook", HttpMethod="PUT", InvocationRateLimitPerSecond=5
    )
    found = routing.events.describe_api_destination(Name="webhook")
    assert (found["HttpMethod"], found["InvocationRateLimitPerSecond"]) == ("PUT", 5)
    assert found["InvocationEndpoint"] == "https://example.com/orders"
    routing.events.delete_api_destination(Name="webhook")
    with refused("ResourceNotFoundException", match="An api-destination 'webhook' does not exist"):
        state_of(routing)


def test_destinations_are_listed_by_connection(routing: Routing) -> None:
    create(routing)
    other = create(routing, "other")["ConnectionArn"]
    destination(routing, "a")
    destination(routing, "b", ConnectionArn=other)
    found = routing.events.list_api_destinations(ConnectionArn=other)["ApiDestinations"]
    assert [one["Name"] for one in found] == ["b"]


@pytest.mark.parametrize(
    "bad",
    [
        {"InvocationEndpoint": "ftp://example.com"},
        {"InvocationEndpoint": "example.com"},
        {"InvocationEndpoint": "https://"},
        {"InvocationEndpoint": "https://exa mple.com"},
        {"HttpMethod": "TRACE"},
        {"ConnectionArn": "shop"},
    ],
)
def test_a_destination_that_cannot_be_called_is_refused(routing: Routing, bad: Any) -> None:
    create(routing)
    with refused("ValidationException"):
        destination(routing, **bad)


def test_the_connection_of_a_destination_must_exist(routing: Routing) -> None:
    old = create(routing)["ConnectionArn"]
    routing.events.delete_connection(Name="shop")
    create(routing)
    for arn in (old, routing.arn("events", "connection/missing/1234")):
        with refused("ResourceNotFoundException", match="Connection '"):
            destination(routing, ConnectionArn=arn)
