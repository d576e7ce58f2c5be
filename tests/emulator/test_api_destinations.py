"""How API destinations are called; each test is named after AWS's rule."""

from __future__ import annotations

import base64
import itertools
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from plugin_http import advance, trace
from routing import Routing

from helpers.waiting import until
from helpers.webhook import Call, Webhook


def called(webhook: Webhook, n: int = 1) -> list[Call]:
    return until(lambda: len(webhook.calls) >= n and webhook.calls, what=f"{n} calls")


def test_the_event_is_the_body_and_the_headers_are_aws(routing: Routing, webhook: Webhook) -> None:
    routing.rule(routing.destination(f"{webhook.url}/orders"))
    (event_id,) = routing.put({"total": 5})
    (sent,) = called(webhook)
    assert (sent.method, sent.path) == ("POST", "/orders")
    assert (sent.json()["id"], sent.json()["detail"]) == (event_id, {"total": 5})
    headers = {name.lower(): value for name, value in sent.headers.items()}
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["range"] == "bytes=0-1048575"
    assert headers["accept-encoding"] == "gzip,deflate"
    assert headers["x-key"] == "secret"


def test_basic_authorization(routing: Routing, webhook: Webhook) -> None:
    parameters = {"BasicAuthParameters": {"Username": "anna", "Password": "pässword"}}
    auth = {"AuthorizationType": "BASIC", "AuthParameters": parameters}
    routing.rule(routing.destination(webhook.url, auth=auth))
    routing.put()
    kind, _, credentials = called(webhook)[0].headers["Authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credentials).decode() == "anna:pässword"


def parameter(key: str, value: str) -> dict[str, Any]:
    return {"Key": key, "Value": value, "IsValueSecret": False}


def test_parameters_of_the_connection_come_before_those_of_the_target(
    routing: Routing, webhook: Webhook
) -> None:
    auth = {
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"},
            "InvocationHttpParameters": {
                "HeaderParameters": [parameter("X-Shop", "connection"), parameter("Host", "evil")],
                "QueryStringParameters": [parameter("q", "connection")],
                "BodyParameters": [parameter("shop", "one")],
            },
        },
    }
    target = routing.destination(f"{webhook.url}/a/*/b/*?fixed=1", auth=auth)
    target["HttpParameters"] = {
        "PathParameterValues": ["x y", "../z"],
        "HeaderParameters": {"X-Shop": "target", "X-More": "target", "User-Agent": "mine"},
        "QueryStringParameters": {"q": "target", "more": "1 2"},
    }
    routing.rule(target)
    routing.put({"total": 5})
    (sent,) = called(webhook)
    parts = urlsplit(sent.path)
    assert parts.path == "/a/x%20y/b/..%2Fz"
    assert parse_qs(parts.query) == {"fixed": ["1"], "q": ["connection"], "more": ["1 2"]}
    assert (sent.headers["X-Shop"], sent.headers["X-More"]) == ("connection", "target")
    assert sent.headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert sent.headers["Host"] in webhook.url
    assert (sent.json()["shop"], sent.json()["detail"]) == ("one", {"total": 5})


def test_an_endpoint_that_takes_more_than_5_seconds_is_called_again(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    def answer(call: Call, number: int) -> int:
        if number == 1:
            time.sleep(6)
        return 200

    webhook.answer = answer
    routing.rule(routing.destination(webhook.url))
    (event_id,) = routing.put()
    assert [sent.json()["id"] for sent in called(webhook, 2)] == [event_id] * 2
    first, *_ = trace(endpoint, routing.account, "attempt")
    assert first["error_message"].endswith(
        "Timeout calling endpoint for API Destination: socket closed."
    )
    assert 5 < webhook.calls[1].at - webhook.calls[0].at < 8


@pytest.mark.parametrize(("after", "least"), [("20", 20), ("not a time", 0.5)])
def test_retry_after_is_honoured_when_it_is_longer(
    routing: Routing, webhook: Webhook, endpoint: str, after: str, least: float
) -> None:
    webhook.answer = lambda call, number: (
        (503, {"Retry-After": after}, b"") if number == 1 else (200, {}, b"")
    )
    routing.rule(routing.destination(webhook.url))
    routing.put()
    advance(endpoint, routing.account, "PT1M")
    first, second = trace(endpoint, routing.account, "attempt")
    assert second["result"] == "delivered"
    assert least <= first["retry_in"] <= max(least, 1)


def test_a_negative_retry_after_ends_the_retries(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    webhook.answer = lambda call, number: (503, {"Retry-After": "-1"}, b"")
    routing.rule(routing.destination(webhook.url))
    routing.put()
    until(lambda: trace(endpoint, routing.account, "dropped"), what="the end")
    assert len(webhook.calls) == 1


def test_the_invocation_rate_limit_spaces_the_calls(routing: Routing, webhook: Webhook) -> None:
    routing.rule(routing.destination(webhook.url, InvocationRateLimitPerSecond=5))
    routing.put(*({"n": n} for n in range(5)))
    times = sorted(sent.at for sent in called(webhook, 5))
    # Four gaps of 0.2 s, less what a busy computer delays the first call by.
    assert 0.5 < times[-1] - times[0] < 3
    gaps = [late - early for early, late in itertools.pairwise(times)]
    assert sorted(gaps)[1] > 0.1


def test_what_the_rate_limit_holds_back_comes_when_the_clock_moves(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    routing.rule(routing.destination(webhook.url, InvocationRateLimitPerSecond=1))
    routing.put(*({"n": n} for n in range(10)))
    advance(endpoint, routing.account, "PT30S")
    assert sorted(sent.json()["detail"]["n"] for sent in webhook.calls) == list(range(10))


def test_an_event_that_waits_too_long_for_its_turn_is_given_up(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    dead = routing.queue("dead")
    target = routing.destination(webhook.url, InvocationRateLimitPerSecond=1)
    age = {"MaximumEventAgeInSeconds": 60}
    routing.rule({**target, "RetryPolicy": age, "DeadLetterConfig": {"Arn": dead.arn}})
    for start in range(0, 70, 10):
        routing.put(*({"n": n} for n in range(start, start + 10)))
    advance(endpoint, routing.account, "PT2M")
    assert 55 <= len(webhook.calls) <= 65
    assert routing.waiting(dead) == 70 - len(webhook.calls)
    _, attributes = routing.dead_letter(dead)
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


@pytest.mark.parametrize(
    "url",
    ["https://example.com/", "http://8.8.8.8/", "http://169.254.169.254/", "http://2130706433/"],
)
def test_nothing_but_this_machine_is_called(routing: Routing, endpoint: str, url: str) -> None:
    routing.rule(routing.destination(url))
    routing.put()
    (entry,) = until(lambda: trace(endpoint, routing.account, "attempt"), what="the attempt")
    assert entry["error_code"] == "SDK_CLIENT_ERROR"
    assert "not on this machine" in entry["error_message"]
    assert entry["retry_in"] is None


def test_a_redirect_is_not_followed(routing: Routing, webhook: Webhook, endpoint: str) -> None:
    webhook.answer = lambda call, number: (302, {"Location": f"{webhook.url}/else"}, b"")
    routing.rule(routing.destination(webhook.url))
    routing.put()
    until(lambda: trace(endpoint, routing.account, "dropped"), what="the end")
    assert len(webhook.calls) == 1


def oauth(webhook: Webhook, method: str = "POST", **parameters: Any) -> dict[str, Any]:
    return {
        "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
        "AuthParameters": {
            "OAuthParameters": {
                "AuthorizationEndpoint": f"{webhook.url}/token",
                "HttpMethod": method,
                "ClientParameters": {"ClientID": "id", "ClientSecret": "s&cret"},
                **({"OAuthHttpParameters": parameters} if parameters else {}),
            }
        },
    }


def issue(lifetime: int = 3600, refuse: int = 0) -> Any:
    """Answers of a server that issues token-1, token-2, ...; and takes all but the first few."""
    numbers = itertools.count(1)

    def answer(call: Call, number: int) -> Any:
        if call.path.startswith("/token"):
            token = {"access_token": f"token-{next(numbers)}", "expires_in": lifetime}
            return 200, {}, json.dumps({"token_type": "Bearer", **token}).encode()
        refused = call.headers.get("Authorization") in {
            f"Bearer token-{n}" for n in range(1, refuse + 1)
        }
        return 401 if refused else 200

    return answer


def tokens(webhook: Webhook) -> list[Call]:
    return [sent for sent in webhook.calls if sent.path.startswith("/token")]


def orders(webhook: Webhook, n: int) -> list[Call]:
    return until(
        lambda: (
            len(found := [sent for sent in webhook.calls if sent.path == "/orders"]) >= n and found
        ),
        what=f"{n} calls",
    )


def test_oauth_asks_for_a_token_and_keeps_it(routing: Routing, webhook: Webhook) -> None:
    webhook.answer = issue()
    more = {"BodyParameters": [parameter("audience", "shop")]}
    target = routing.destination(f"{webhook.url}/orders", auth=oauth(webhook, **more))
    routing.rule(target)
    routing.put(*({"n": n} for n in range(5)))
    sent = orders(webhook, 5)
    (asked,) = tokens(webhook)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["s&cret"],
        "audience": ["shop"],
    }
    assert {call.headers["Authorization"] for call in sent} == {"Bearer token-1"}


def test_oauth_replaces_a_token_that_is_refused(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    webhook.answer = issue(refuse=1)
    routing.rule(routing.destination(f"{webhook.url}/orders", auth=oauth(webhook)))
    routing.put()
    advance(endpoint, routing.account, "PT10S")
    used = [sent.headers["Authorization"] for sent in orders(webhook, 2)]
    assert used == ["Bearer token-1", "Bearer token-2"]


def test_oauth_replaces_a_token_that_is_about_to_expire(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    webhook.answer = issue(lifetime=600)
    routing.rule(routing.destination(f"{webhook.url}/orders", auth=oauth(webhook)))
    for minutes in (0, 5, 5):
        advance(endpoint, routing.account, f"PT{minutes}M")
        routing.put()
        advance(endpoint, routing.account, "PT0S")
    used = [sent.headers["Authorization"] for sent in orders(webhook, 3)]
    assert used == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_connection_is_deauthorized_when_its_api_key_is_refused(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    webhook.statuses(401)
    routing.rule(routing.destination(webhook.url))
    routing.put()
    advance(endpoint, routing.account, "PT1H")
    assert len(webhook.calls) == 1
    state = routing.events.describe_connection(Name="webhook")["ConnectionState"]
    assert state in {"DEAUTHORIZING", "DEAUTHORIZED"}
    assert "not authorized" in trace(endpoint, routing.account, "attempt")[-1]["reason"]


def test_a_connection_is_deauthorized_when_its_secret_is_gone(
    routing: Routing, webhook: Webhook
) -> None:
    routing.rule(routing.destination(webhook.url))
    secret = routing.events.describe_connection(Name="webhook")["SecretArn"]
    routing.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    routing.put()

    def is_deauthorized() -> bool:
        state = routing.events.describe_connection(Name="webhook")["ConnectionState"]
        return state == "DEAUTHORIZED"

    until(is_deauthorized, what="the connection to be deauthorized")
    assert webhook.calls == []


def test_an_api_destination_needs_a_role_for_invoke_api_destination(
    routing: Routing, webhook: Webhook, endpoint: str
) -> None:
    target = routing.destination(webhook.url)
    routing.rule({**target, "RoleArn": routing.role("other", "events:PutEvents")})
    routing.put()
    (entry,) = until(lambda: trace(endpoint, routing.account, "attempt"), what="the attempt")
    assert entry["error_code"] == "NO_PERMISSIONS"
    assert webhook.calls == []
