"""Pipes that read a queue: what reaches the target, and what becomes of the messages."""

from __future__ import annotations

import json

import pytest
from piping import Piping
from routing import Routing

from helpers.waiting import nothing_arrives, until


def test_a_message_arrives_as_an_event_and_is_deleted(piping: Piping, routing: Routing) -> None:
    """The event of a message has its fields in lower case, and where it comes from.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html
    """
    source, target = routing.queue("source"), routing.queue("target")
    piping.create(source.arn, target.arn)
    (message_id,) = piping.send(source, {"total": 1.0, "name": "ü"})
    (event,) = routing.receive(target)
    assert event["messageId"] == message_id
    assert event["body"] == '{"total": 1.0, "name": "\\u00fc"}'
    assert (event["eventSource"], event["eventSourceARN"]) == ("aws:sqs", source.arn)
    assert event["awsRegion"] == "us-east-1"
    assert event["attributes"]["ApproximateReceiveCount"] == "1"
    piping.empty(source)
    assert piping.stages(of=message_id) == ["received", "delivered"]
