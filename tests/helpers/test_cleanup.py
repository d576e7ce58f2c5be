"""cleanup(): nothing stays, it says what was there, and it may run at any time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from helpers import lab
from helpers.lab import Lab


@pytest.fixture
def shop(account: str, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Lab:
    monkeypatch.setenv("LAB_ACCOUNT", account)
    return lab.start("00-start-here")


def handler(event: Any, context: Any) -> None:
    """Does nothing."""


def build(shop: Lab) -> None:
    """What a notebook makes: bus, rule, queues, function and what goes with it."""
    events, sqs = shop.client("events"), shop.client("sqs")
    events.create_event_bus(Name="shop-bus")
    pattern = json.dumps({"source": ["shop"]})
    events.put_rule(Name="ship-order", EventBusName="shop-bus", EventPattern=pattern)
    for name in ("orders", "parcels"):
        sqs.create_queue(QueueName=name)
    target = {"Id": "orders", "Arn": shop.arn("sqs", "orders")}
    events.put_targets(Rule="ship-order", EventBusName="shop-bus", Targets=[target])
    shop.deploy("ship", handler)
    shop.client("lambda").create_event_source_mapping(
        FunctionName="ship", EventSourceArn=shop.arn("sqs", "parcels")
    )


def test_says_what_it_deleted_in_aws_words(shop: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    build(shop)
    capsys.readouterr()
    shop.cleanup()
    said = capsys.readouterr().out
    assert said == (
        "Deleted: 1 event bus, 1 event source mapping, 1 function, 2 queues, 1 role, 1 rule.\n"
    )


def test_running_it_again_says_that_nothing_is_there(
    shop: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    build(shop)
    shop.cleanup()
    capsys.readouterr()
    shop.cleanup()
    assert capsys.readouterr().out == "Nothing to delete.\n"


def test_works_on_a_half_run_notebook(shop: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule without its bus's target, a bucket with an object, a function that never ran."""
    shop.client("events").create_event_bus(Name="shop-bus")
    shop.client("s3").create_bucket(Bucket=f"receipts-{shop.account}")
    shop.client("s3").put_object(Bucket=f"receipts-{shop.account}", Key="first", Body=b"49 EUR")
    capsys.readouterr()
    shop.cleanup()
    assert capsys.readouterr().out == "Deleted: 1 bucket, 1 event bus.\n"


def test_everything_can_be_made_again(shop: Lab) -> None:
    for _ in range(2):
        build(shop)
        shop.cleanup()
    assert "QueueUrls" not in shop.client("sqs").list_queues()
    assert shop.client("lambda").list_functions()["Functions"] == []
    assert [bus["Name"] for bus in shop.client("events").list_event_buses()["EventBuses"]] == [
        "default"
    ]


def test_other_accounts_keep_what_they_have(shop: Lab, client: Callable[..., Any]) -> None:
    other = client("sqs", account="299999999999")
    queue = other.create_queue(QueueName="kept")["QueueUrl"]
    build(shop)
    shop.cleanup()
    assert other.list_queues()["QueueUrls"] == [queue]
    other.delete_queue(QueueUrl=queue)
