"""Pipes that read a queue: what reaches the target, and what becomes of the messages."""

from __future__ import annotations

import json
from typing import Any

import handlers
import pytest
from piping import Piping
from routing import Queue, Routing

from helpers import functions
from helpers.waiting import nothing_arrives, until


def deploy(routing: Routing, name: str, handler: Any) -> str:
    """A function; its ARN."""
    return functions.deploy(routing.client("lambda"), routing.client("iam"), name, handler)


@pytest.fixture
def source(routing: Routing) -> Queue:
    return routing.queue("source", VisibilityTimeout="1")


@pytest.fixture
def target(routing: Routing) -> Queue:
    return routing.queue("target")


def test_a_message_arrives_as_an_event_and_is_deleted(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """The event of a message has its fields in lower case, and where it comes from.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html
    """
    piping.create(source.arn, target.arn)
    body = '{"total": 1.0, "name": "\\u00fc"}'
    attribute = {"DataType": "String", "StringValue": "blue"}
    (message_id,) = piping.send(source, body, MessageAttributes={"colour": attribute})
    (event,) = routing.receive(target)
    assert event["messageId"] == message_id
    assert event["body"] == body
    assert event["messageAttributes"]["colour"]["stringValue"] == "blue"
    assert (event["eventSource"], event["eventSourceARN"]) == ("aws:sqs", source.arn)
    assert event["awsRegion"] == "us-east-1"
    assert event["attributes"]["ApproximateReceiveCount"] == "1"
    piping.empty(source)
    assert piping.stages(of=message_id) == ["received", "delivered"]


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("city", "arrives"), [("Seattle", True), ("Portland", False)])
def test_what_does_not_match_is_deleted(
    piping: Piping, source: Queue, target: Queue, city: str, arrives: bool
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html"""
    filters = {"Filters": [{"Pattern": '{"body": {"city": ["Seattle"]}}'}]}
    piping.create(source.arn, target.arn, SourceParameters={"FilterCriteria": filters})
    (message_id,) = piping.send(source, {"city": city})
    piping.empty(source)
    assert piping.left(target) == arrives
    assert piping.stages(of=message_id) == ["received", "delivered" if arrives else "filtered"]


def test_one_of_several_filters_is_enough(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    filters = {"Filters": [{"Pattern": json.dumps({"body": {"n": [n]}})} for n in (1, 2)]}
    piping.create(source.arn, target.arn, SourceParameters={"FilterCriteria": filters})
    piping.send(source, {"n": 1}, {"n": 2}, {"n": 3})
    found = routing.receive(target, 2)
    assert sorted(json.loads(event["body"])["n"] for event in found) == [1, 2]
    piping.empty(source)


# --- templates ------------------------------------------------------------------------------------


def test_reserved_variables(piping: Piping, routing: Routing, source: Queue, target: Queue) -> None:
    names = ("pipe-arn", "pipe-name", "source-arn", "enrichment-arn", "target-arn")
    names += ("event.ingestion-time", "event", "event.json")
    template = "{" + ",".join(f'"{name}": <aws.pipes.{name}>' for name in names) + "}"
    arn = piping.create(source.arn, target.arn, TargetParameters={"InputTemplate": template})
    piping.send(source, {"a": 1})
    (told,) = routing.receive(target)
    assert told["pipe-arn"] == arn
    assert (told["source-arn"], told["target-arn"]) == (source.arn, target.arn)
    assert told["enrichment-arn"] == ""
    assert told["event.ingestion-time"].endswith("Z")
    assert told["event"]["body"] == '{"a": 1}'
    assert told["event.json"]["body"] == {"a": 1}
    assert told["event"]["eventSource"] == "aws:sqs"


# --- batches --------------------------------------------------------------------------------------


def test_a_window_gathers_messages(piping: Piping, routing: Routing, source: Queue) -> None:
    """Messages that come within the window are one batch."""
    source = routing.queue("slow")
    function = deploy(routing, "echo", handlers.tells_batch)
    window = {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 3}
    piping.create(source.arn, function, SourceParameters={"SqsQueueParameters": window})
    piping.send(source, "0")
    until(lambda: piping.left(source), what="the first message")
    piping.send(source, "1", "2", "3")
    piping.empty(source)
    runs = functions.runs(routing.client("logs"), "echo")
    assert [len(json.loads(line)) for line in runs[0].lines] == [4]


def test_a_batch_has_no_more_than_its_size(piping: Piping, routing: Routing) -> None:
    source = routing.queue("slow")
    function = deploy(routing, "echo", handlers.tells_batch)
    size = {"SqsQueueParameters": {"BatchSize": 3}}
    piping.create(source.arn, function, DesiredState="STOPPED", SourceParameters=size)
    piping.send(source, *map(str, range(7)))
    piping.pipes.start_pipe(Name="pipe")
    piping.empty(source)
    runs = functions.runs(routing.client("logs"), "echo", at_least=3)
    sizes = [len(json.loads(line)) for run in runs for line in run.lines]
    assert sum(sizes) == 7
    assert max(sizes) == 3


def test_more_than_ten_at_once(piping: Piping, routing: Routing) -> None:
    source = routing.queue("slow")
    function = deploy(routing, "echo", handlers.tells_batch)
    size = {"SqsQueueParameters": {"BatchSize": 40, "MaximumBatchingWindowInSeconds": 5}}
    piping.create(source.arn, function, DesiredState="STOPPED", SourceParameters=size)
    piping.send(source, *map(str, range(40)))
    piping.pipes.start_pipe(Name="pipe")
    piping.empty(source)
    (run,) = functions.runs(routing.client("logs"), "echo")
    assert [len(json.loads(line)) for line in run.lines] == [40]


# --- failures -------------------------------------------------------------------------------------


def test_a_poison_message_goes_round_and_ends_in_the_queues_dead_letter_queue(
    piping: Piping, routing: Routing
) -> None:
    """The dead-letter queue belongs to the queue: a pipe that reads a queue has none.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html
    """
    letters = routing.queue("letters")
    policy = json.dumps({"deadLetterTargetArn": letters.arn, "maxReceiveCount": 2})
    source = routing.queue("source", VisibilityTimeout="1", RedrivePolicy=policy)
    function = deploy(routing, "fails", handlers.raises)
    piping.create(source.arn, function)
    (message_id,) = piping.send(source, "poison")
    assert routing.receive(letters) == ["poison"]
    assert piping.stages(of=message_id) == ["received", "failed"] * 2
    assert "division by zero" in piping.reasons()[0]


def test_only_what_batch_item_failures_name_comes_again(piping: Piping, routing: Routing) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
    letters = routing.queue("letters")
    policy = json.dumps({"deadLetterTargetArn": letters.arn, "maxReceiveCount": 2})
    source = routing.queue("source", VisibilityTimeout="1", RedrivePolicy=policy)
    function = deploy(routing, "picky", handlers.fails_bad_ones)
    piping.create(source.arn, function, DesiredState="STOPPED")
    good, bad, also = piping.send(source, "good", "bad", "also good")
    piping.pipes.start_pipe(Name="pipe")
    assert routing.receive(letters) == ["bad"]
    assert piping.stages(of=good) == piping.stages(of=also) == ["received", "delivered"]
    assert piping.stages(of=bad) == ["received", "failed"] * 2


def test_what_a_queue_refuses_comes_again_alone(piping: Piping, routing: Routing) -> None:
    """Of a batch that a target takes in part only the rest is tried again."""
    source = routing.queue("source", VisibilityTimeout="1")
    target = routing.queue("target", MaximumMessageSize="1024")
    template = {"InputTemplate": "<$.body>"}
    piping.create(source.arn, target.arn, DesiredState="STOPPED", TargetParameters=template)
    small, large = piping.send(source, "small", "x" * 2000)
    piping.pipes.start_pipe(Name="pipe")
    assert routing.receive(target) == ["small"]
    until(lambda: piping.stages(of=large).count("failed") > 1, what="the second failure")
    assert piping.stages(of=small) == ["received", "delivered"]
    assert nothing_arrives(routing.sqs, target.url, seconds=1)


# --- FIFO -----------------------------------------------------------------------------------------


def fifo(routing: Routing, name: str, **attributes: str) -> Queue:
    more = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    return routing.queue(f"{name}.fifo", **more, **attributes)


def test_order_is_kept_in_each_group(piping: Piping, routing: Routing) -> None:
    source, target = fifo(routing, "source"), fifo(routing, "target")
    parameters = {
        "InputTemplate": "<$.body>",
        "SqsQueueParameters": {"MessageGroupId": "$.attributes.MessageGroupId"},
    }
    piping.create(source.arn, target.arn, TargetParameters=parameters)
    for number in range(15):
        for group in "ab":
            piping.send(source, f"{group}{number}", MessageGroupId=group)
    found = routing.receive(target, 30)
    for group in "ab":
        assert [b for b in found if b[0] == group] == [f"{group}{n}" for n in range(15)]


def test_a_failed_message_holds_up_its_group_and_no_other(piping: Piping, routing: Routing) -> None:
    """All messages after a failed one wait until it has arrived."""
    source = fifo(routing, "source", VisibilityTimeout="2")
    target = fifo(routing, "target")
    parameters = {
        "InputTemplate": "<$.messageId>",
        "SqsQueueParameters": {"MessageGroupId": "$.body.group"},
    }
    piping.create(source.arn, target.arn, TargetParameters=parameters)
    (bad,) = piping.send(source, {"no": "group"}, MessageGroupId="a")
    until(lambda: "failed" in piping.stages(of=bad), what="the failure")
    (after,) = piping.send(source, {"group": "a"}, MessageGroupId="a")
    (other,) = piping.send(source, {"group": "b"}, MessageGroupId="b")
    assert routing.receive(target) == [other]
    until(lambda: piping.stages(of=bad).count("failed") > 1, what="the second failure")
    assert "delivered" not in piping.stages(of=after)


def test_deduplication_id(piping: Piping, routing: Routing, source: Queue) -> None:
    target = routing.queue("plain.fifo", FifoQueue="true")
    parameters = {
        "InputTemplate": "<$.body.n>",
        "SqsQueueParameters": {"MessageGroupId": "g", "MessageDeduplicationId": "$.body.key"},
    }
    piping.create(source.arn, target.arn, DesiredState="STOPPED", TargetParameters=parameters)
    piping.send(source, *({"n": n, "key": "same"} for n in range(3)), {"n": 3, "key": "other"})
    piping.pipes.start_pipe(Name="pipe")
    piping.empty(source)
    assert piping.left(target) == 2
