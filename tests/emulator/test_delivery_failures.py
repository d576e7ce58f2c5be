"""What happens to events that cannot be delivered; each test is named after AWS's rule."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import pytest
from plugin_http import advance, call, trace
from routing import Queue, Routing, allow

from helpers.waiting import nothing_arrives, until
from helpers.webhook import Webhook

DAY = 86_400


@pytest.fixture
def dead(routing: Routing) -> Queue:
    return routing.queue("dead")


def failing(routing: Routing, webhook: Webhook, dead: Queue | None, **policy: int) -> str:
    """A rule whose target answers as `webhook` does; its ARN."""
    target = routing.destination(webhook.url)
    if policy:
        target["RetryPolicy"] = policy
    if dead:
        target["DeadLetterConfig"] = {"Arn": dead.arn}
    return routing.rule(target)


def attempts(endpoint: str, routing: Routing) -> list[dict[str, Any]]:
    return trace(endpoint, routing.account, "attempt")


def test_a_deleted_target_is_not_retried_and_the_event_goes_to_the_dead_letter_queue(
    routing: Routing, dead: Queue, endpoint: str
) -> None:
    missing = routing.arn("sqs", "missing")
    rule = routing.rule({"Arn": missing, "DeadLetterConfig": {"Arn": dead.arn}})
    (event_id,) = routing.put({"total": 5})
    body, attributes = routing.dead_letter(dead)
    assert (body["id"], body["detail"]) == (event_id, {"total": 5})
    assert attributes.pop("ERROR_MESSAGE").startswith("The specified queue does not exist")
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": missing,
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    advance(endpoint, routing.account, "P2D")
    assert len(attempts(endpoint, routing)) == 1


def test_the_dead_letter_is_the_original_event_whatever_the_input_was(
    routing: Routing, dead: Queue
) -> None:
    target = {"Arn": routing.arn("sqs", "missing"), "DeadLetterConfig": {"Arn": dead.arn}}
    routing.rule({**target, "Input": '{"other": true}'})
    (event_id,) = routing.put({"total": 5})
    body, _ = routing.dead_letter(dead)
    assert set(body) == {
        *("version", "id", "detail-type", "source", "account"),
        *("time", "region", "resources", "detail"),
    }
    assert body["id"] == event_id


@pytest.mark.parametrize("status", [401, 407, 409, 429, 500, 503])
def test_statuses_that_are_retried(
    routing: Routing, webhook: Webhook, endpoint: str, status: int
) -> None:
    webhook.statuses(status, 200)
    failing(routing, webhook, None)
    routing.put()
    until(lambda: webhook.calls, what="the first call")
    advance(endpoint, routing.account, "PT1M")
    results = [entry["result"] for entry in attempts(endpoint, routing)]
    # A connection with an API key is deauthorized by 401 and 407, and is not called again.
    expected = ["failed", "delivered"] if status not in (401, 407) else ["failed", "failed"]
    assert results[:2] == expected


@pytest.mark.parametrize("status", [301, 400, 403, 404, 422])
def test_statuses_that_are_not_retried(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str, status: int
) -> None:
    webhook.statuses(status)
    failing(routing, webhook, dead)
    routing.put()
    _, attributes = routing.dead_letter(dead)
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("ERROR_FROM_TARGET", "0")
    assert str(status) in attributes["ERROR_MESSAGE"]
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    advance(endpoint, routing.account, "P1D")
    assert len(webhook.calls) == 1


def test_a_retry_that_succeeds_ends_the_matter(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.statuses(503, 503, 200)
    failing(routing, webhook, dead)
    (event_id,) = routing.put()
    advance(endpoint, routing.account, "P1D")
    assert [sent.json()["id"] for sent in webhook.calls] == [event_id] * 3
    told = attempts(endpoint, routing)
    assert [entry["result"] for entry in told] == ["failed", "failed", "delivered"]
    assert [entry["attempt"] for entry in told] == [1, 2, 3]
    assert routing.waiting(dead) == 0


def test_retries_come_by_themselves_in_real_time(routing: Routing, webhook: Webhook) -> None:
    webhook.statuses(503, 200)
    failing(routing, webhook, None)
    routing.put()
    until(lambda: len(webhook.calls) == 2, what="the second call")
    assert 0.4 < webhook.calls[1].at - webhook.calls[0].at < 3


def test_maximum_retry_attempts_ends_the_retries(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.statuses(503)
    failing(routing, webhook, dead, MaximumRetryAttempts=3)
    routing.put()
    advance(endpoint, routing.account, "PT1H")
    assert len(webhook.calls) == 4
    _, attributes = routing.dead_letter(dead)
    assert attributes["RETRY_ATTEMPTS"] == "3"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"


def test_no_retries_at_all(routing: Routing, webhook: Webhook, dead: Queue) -> None:
    webhook.statuses(503)
    failing(routing, webhook, dead, MaximumRetryAttempts=0)
    routing.put()
    _, attributes = routing.dead_letter(dead)
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"


def test_maximum_event_age_ends_the_retries(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.statuses(503)
    failing(routing, webhook, dead, MaximumEventAgeInSeconds=600)
    routing.put()
    advance(endpoint, routing.account, "PT9M")
    assert routing.waiting(dead) == 0
    advance(endpoint, routing.account, "PT1M")
    _, attributes = routing.dead_letter(dead)
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert 8 <= int(attributes["RETRY_ATTEMPTS"]) == len(webhook.calls) - 1 <= 11


def test_by_default_185_retries_within_24_hours_and_longer_and_longer_waits(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.statuses(503)
    failing(routing, webhook, dead)
    routing.put()
    advance(endpoint, routing.account, "P1D")
    _, attributes = routing.dead_letter(dead)
    assert attributes["RETRY_ATTEMPTS"] == "185"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    times = [datetime.fromisoformat(entry["time"]) for entry in attempts(endpoint, routing)]
    waits = [(late - early).total_seconds() for early, late in itertools.pairwise(times)]
    assert len(waits) == 185
    for n, wait in enumerate(waits[:9]):
        assert 0.5 * 2**n <= wait <= 2**n + 0.5
    assert len({round(wait, 3) for wait in waits[20:]}) > 100, "there is no jitter"
    assert DAY / 2 < sum(waits) < DAY


def test_a_target_that_cannot_be_reached_is_retried(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.close()
    failing(routing, webhook, dead, MaximumRetryAttempts=2)
    routing.put()
    advance(endpoint, routing.account, "PT1M")
    _, attributes = routing.dead_letter(dead)
    assert attributes["RETRY_ATTEMPTS"] == "2"
    assert attributes["ERROR_CODE"] == "SDK_CLIENT_ERROR"
    assert attributes["ERROR_MESSAGE"] == (
        "Unable to invoke ApiDestination endpoint: API destination endpoint cannot be reached."
    )


def test_without_a_dead_letter_queue_the_event_is_dropped(routing: Routing, endpoint: str) -> None:
    routing.rule({"Arn": routing.arn("sqs", "missing")})
    (event_id,) = routing.put()
    (dropped,) = until(lambda: trace(endpoint, routing.account, "dropped"), what="the drop")
    assert dropped["event_id"] == event_id
    assert dropped["reason"] == "the target has no dead-letter queue"


@pytest.mark.parametrize("case", ["no policy", "policy for another rule", "no queue"])
def test_a_dead_letter_queue_that_does_not_allow_it_loses_the_event(
    routing: Routing, endpoint: str, case: str
) -> None:
    arn = routing.arn("sqs", "dead")
    if case != "no queue":
        other = {"ArnEquals": {"aws:SourceArn": routing.arn("events", "rule/other")}}
        policy = allow("sqs:SendMessage", arn, **other) if case != "no policy" else None
        queue = routing.queue("dead", policy=policy)
    target = {"Arn": routing.arn("sqs", "missing"), "DeadLetterConfig": {"Arn": arn}}
    routing.rule(target)
    routing.put()
    (dropped,) = until(lambda: trace(endpoint, routing.account, "dropped"), what="the drop")
    assert arn in dropped["reason"]
    if case != "no queue":
        assert nothing_arrives(routing.sqs, queue.url, seconds=1)


def test_a_dead_letter_queue_may_allow_just_this_rule(routing: Routing) -> None:
    arn = routing.arn("sqs", "dead")
    condition = {"ArnEquals": {"aws:SourceArn": routing.arn("events", "rule/all")}}
    dead = routing.queue("dead", policy=allow("sqs:SendMessage", arn, **condition))
    target = {"Arn": routing.arn("sqs", "missing"), "DeadLetterConfig": {"Arn": arn}}
    routing.rule(target)
    (event_id,) = routing.put()
    assert routing.dead_letter(dead)[0]["id"] == event_id


def test_each_target_has_its_own_retries(
    routing: Routing, webhook: Webhook, dead: Queue, endpoint: str
) -> None:
    webhook.statuses(503)
    queue = routing.queue("orders")
    target = routing.destination(webhook.url)
    routing.rule({**target, "RetryPolicy": {"MaximumRetryAttempts": 5}}, {"Arn": queue.arn})
    routing.put()
    advance(endpoint, routing.account, "PT1H")
    assert len(webhook.calls) == 6
    assert len(routing.receive(queue)) == 1
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)


def test_a_reset_ends_the_retries(routing: Routing, webhook: Webhook, endpoint: str) -> None:
    webhook.statuses(503)
    failing(routing, webhook, None)
    routing.put()
    until(lambda: webhook.calls, what="the first call")
    status, told = call(endpoint, "POST", f"reset?account={routing.account}")
    assert status == 200, told
    seen = len(webhook.calls)
    advance(endpoint, routing.account, "P1D")
    assert len(webhook.calls) == seen
    assert trace(endpoint, routing.account) == []
