"""Enrichments and targets of pipes: each kind, with the parameters of its own."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Any

import handlers
import pytest
from piping import Piping
from routing import Queue, Routing, allow

from helpers import functions
from helpers.waiting import nothing_arrives, until
from helpers.webhook import Call, Webhook

NEEDS_KINESIS = pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)


def deploy(routing: Routing, name: str, handler: Any) -> str:
    """A function; its ARN."""
    return functions.deploy(routing.client("lambda"), routing.client("iam"), name, handler)


def machine(routing: Routing, state: dict[str, Any], kind: str = "EXPRESS") -> str:
    """A state machine of one state; its ARN."""
    return routing.client("stepfunctions").create_state_machine(
        name="machine",
        type=kind,
        definition=json.dumps({"StartAt": "A", "States": {"A": state}}),
        roleArn=routing.role("machine", "*", trusts="states.amazonaws.com"),
    )["stateMachineArn"]


@pytest.fixture
def source(routing: Routing) -> Queue:
    return routing.queue("source", VisibilityTimeout="2")


@pytest.fixture
def target(routing: Routing) -> Queue:
    return routing.queue("target")


# --- enrichments ----------------------------------------------------------------------------------


def test_a_function_enriches_the_batch(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """The target receives what the enrichment returns, each element of the array by itself."""
    function = deploy(routing, "doubles", handlers.doubles)
    arn = piping.create(source.arn, target.arn, Enrichment=function, DesiredState="STOPPED")
    first, _ = piping.send(source, {"n": 1}, {"n": 2})
    piping.pipes.start_pipe(Name="pipe")
    found = routing.receive(target, 2)
    assert sorted(event["n"] for event in found) == [2, 4]
    piping.empty(source)
    assert piping.stages(of=first) == ["received", "enriched", "delivered"]
    assert arn.endswith("pipe/pipe")


@pytest.mark.parametrize("answer", ["[]", '""', "null", "{}"])
def test_an_empty_answer_skips_the_target(
    piping: Piping, routing: Routing, source: Queue, target: Queue, answer: str
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes.html"""
    function = deploy(routing, "answers", handlers.answers)
    piping.create(source.arn, target.arn, Enrichment=function)
    (message_id,) = piping.send(source, answer)
    piping.empty(source)
    assert piping.stages(of=message_id) == ["received", "enriched", "skipped"]
    assert piping.left(target) == 0


@pytest.mark.parametrize(
    ("answer", "arrives"),
    [("[{}]", [{}]), ('{"a": 1}', [{"a": 1}]), ('[1, "x"]', [1, "x"]), ("[[], {}]", [[], {}])],
)
def test_every_other_answer_reaches_the_target(
    piping: Piping, routing: Routing, source: Queue, target: Queue, answer: str, arrives: list[Any]
) -> None:
    function = deploy(routing, "answers", handlers.answers)
    piping.create(source.arn, target.arn, Enrichment=function)
    piping.send(source, answer)
    found = routing.receive(target, len(arrives))
    assert sorted(map(str, found)) == sorted(map(str, arrives))


def test_an_answer_larger_than_the_target_takes_is_refused(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
    function = deploy(routing, "answers", handlers.answers)
    piping.create(source.arn, target.arn, Enrichment=function)
    piping.send(source, list(range(11)))
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "11 events, the target takes 10" in reason
    assert piping.left(target) == 0


def test_enrichment_and_target_have_templates_of_their_own(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    function = deploy(routing, "echo", handlers.echo)
    piping.create(
        source.arn,
        target.arn,
        Enrichment=function,
        EnrichmentParameters={"InputTemplate": '{"n": <$.body.n>, "by": <aws.pipes.pipe-name>}'},
        TargetParameters={"InputTemplate": '{"got": <$.n>, "all": <aws.pipes.event.json>}'},
    )
    piping.send(source, {"n": 1})
    assert routing.receive(target) == [{"got": 1, "all": {"n": 1, "by": "pipe"}}]


def test_an_express_state_machine_enriches(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    arn = machine(
        routing,
        {"Type": "Pass", "Parameters": {"seen.$": "$[0].body", "from": "states"}, "End": True},
    )
    piping.create(source.arn, target.arn, Enrichment=arn)
    piping.send(source, "x")
    assert routing.receive(target) == [{"seen": "x", "from": "states"}]


def test_a_state_machine_that_fails_fails_the_batch(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    arn = machine(routing, {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"})
    piping.create(source.arn, target.arn, Enrichment=arn)
    piping.send(source, "x")
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "Broken: on purpose" in reason


def test_an_api_destination_enriches_one_event_at_a_time(
    piping: Piping, routing: Routing, source: Queue, target: Queue, webhook: Webhook
) -> None:
    def answer(call: Call, number: int) -> Any:
        return 200, {"Content-Type": "application/json"}, json.dumps({"said": call.json()}).encode()

    webhook.answer = answer
    destination = routing.destination(f"{webhook.url}/orders/*")["Arn"]
    piping.create(
        source.arn,
        target.arn,
        Enrichment=destination,
        EnrichmentParameters={
            "InputTemplate": '{"n": <$.body.n>}',
            "HttpParameters": {
                "PathParameterValues": ["$.body.n"],
                "HeaderParameters": {"X-Name": "$.body.name"},
                "QueryStringParameters": {"q": "fixed"},
            },
        },
    )
    piping.send(source, {"n": 1, "name": "ann"}, {"n": 2, "name": "bob"})
    found = routing.receive(target, 2)
    assert sorted(event["said"]["n"] for event in found) == [1, 2]
    calls = sorted(webhook.calls, key=lambda call: call.path)
    assert [call.path for call in calls] == ["/orders/1?q=fixed", "/orders/2?q=fixed"]
    assert [call.headers["X-Name"] for call in calls] == ["ann", "bob"]


# --- targets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["REQUEST_RESPONSE", "FIRE_AND_FORGET"])
def test_a_function_receives_the_whole_batch(
    piping: Piping, routing: Routing, source: Queue, kind: str
) -> None:
    """It is an array, even of one event; who does not wait does not learn of failures."""
    function = deploy(routing, "fails", handlers.fails_first)
    parameters = {"LambdaFunctionParameters": {"InvocationType": kind}, "InputTemplate": "<$.body>"}
    piping.create(source.arn, function, TargetParameters=parameters)
    (message_id,) = piping.send(source, "x")
    if kind == "FIRE_AND_FORGET":
        piping.empty(source)
        assert piping.stages(of=message_id) == ["received", "delivered"]
    else:
        reasons = until(piping.reasons, what="the failure")
        assert "ValueError" in reasons[0]
        assert "['x']" in reasons[0]


def test_a_standard_state_machine_is_started(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    arn = machine(routing, {"Type": "Pass", "End": True}, "STANDARD")
    forget = {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    piping.create(source.arn, arn, TargetParameters=forget | {"InputTemplate": "<$.body>"})
    piping.send(source, {"a": 1})
    states = routing.client("stepfunctions")
    (found,) = until(
        lambda: states.list_executions(stateMachineArn=arn)["executions"], what="an execution"
    )
    told = states.describe_execution(executionArn=found["executionArn"])
    assert json.loads(told["input"]) == ["{a:1}"]


def test_a_standard_state_machine_cannot_be_waited_for(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    arn = machine(routing, {"Type": "Pass", "End": True}, "STANDARD")
    piping.create(source.arn, arn)
    piping.send(source, "x")
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "machine" in reason


def test_a_topic_publishes_each_event(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    sns = routing.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    policy = allow("sqs:SendMessage", target.arn, service="sns.amazonaws.com")
    routing.sqs.set_queue_attributes(QueueUrl=target.url, Attributes={"Policy": policy})
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=target.arn, Attributes=raw)
    piping.create(source.arn, topic, TargetParameters={"InputTemplate": "<$.body>"})
    piping.send(source, "a", "b")
    assert sorted(routing.receive(target, 2)) == ["a", "b"]


def bus_to(routing: Routing, target: Queue) -> str:
    """A bus whose events, all of them, go to a queue; its ARN."""
    arn = routing.events.create_event_bus(Name="orders")["EventBusArn"]
    pattern = json.dumps({"account": [routing.account]})
    routing.events.put_rule(Name="all", EventBusName="orders", EventPattern=pattern)
    routing.events.put_targets(
        Rule="all", EventBusName="orders", Targets=[{"Id": "1", "Arn": target.arn}]
    )
    return arn


def test_a_bus_receives_an_event(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """Source and detail type say where it comes from, unless they are chosen."""
    piping.create(source.arn, bus_to(routing, target), name="orders-pipe")
    piping.send(source, "x")
    (event,) = routing.receive(target)
    assert (event["source"], event["detail-type"]) == ("Pipe orders-pipe", "Event from aws:sqs")
    assert event["detail"]["body"] == "x"
    assert event["resources"] == []


def test_a_bus_receives_an_event_as_it_is_chosen(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetEventBridgeEventBusParameters.html"""
    chosen = {
        "Source": "$.body.from",
        "DetailType": "sold",
        "Resources": ["$.body.arn"],
        "Time": "$.body.at",
    }
    parameters = {
        "EventBridgeEventBusParameters": chosen,
        "InputTemplate": '{"total": <$.body.total>}',
    }
    piping.create(source.arn, bus_to(routing, target), TargetParameters=parameters)
    arn = routing.arn("s3", "bucket")
    body = {"from": "shop", "arn": arn, "total": 5}
    piping.send(source, body | {"at": "2026-01-02T03:04:05Z"}, body | {"at": 1767323045})
    for event in routing.receive(target, 2):
        assert (event["source"], event["detail-type"]) == ("shop", "sold")
        assert (event["resources"], event["detail"]) == ([arn], {"total": 5})
        assert event["time"] == "2026-01-02T03:04:05Z"


def test_an_event_that_the_bus_refuses_is_not_lost(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    parameters = {"InputTemplate": "<$.body>"}
    piping.create(source.arn, bus_to(routing, target), TargetParameters=parameters)
    piping.send(source, "no JSON object")
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "Detail is malformed" in reason
    assert piping.left(source) == 1


def test_a_log_group_receives_each_event(piping: Piping, routing: Routing, source: Queue) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetCloudWatchLogsParameters.html"""
    logs, group = routing.client("logs"), "/orders"
    logs.create_log_group(logGroupName=group)
    chosen = {"LogStreamName": "$.body.stream", "Timestamp": "$.body.at"}
    parameters = {"CloudWatchLogsParameters": chosen, "InputTemplate": "<$.body.text>"}
    arn = routing.arn("logs", f"log-group:{group}")
    piping.create(source.arn, arn, TargetParameters=parameters)
    now = int(time.time())
    for text, at in (("a", now * 1000), ("b", datetime.fromtimestamp(now, UTC).isoformat())):
        piping.send(source, {"stream": f"of-{text}", "at": at, "text": text})
    piping.empty(source)
    found = logs.filter_log_events(logGroupName=group)["events"]
    told = {(e["logStreamName"], e["message"], e["timestamp"]) for e in found}
    assert told == {("of-a", "a", now * 1000), ("of-b", "b", now * 1000)}


def test_a_delivery_stream_takes_events_to_its_bucket(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    firehose, s3, bucket = routing.client("firehose"), routing.client("s3"), f"p-{routing.account}"
    s3.create_bucket(Bucket=bucket)
    stream = firehose.create_delivery_stream(
        DeliveryStreamName="orders",
        S3DestinationConfiguration={
            "RoleARN": routing.role("write", "s3:PutObject", trusts="firehose.amazonaws.com"),
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )["DeliveryStreamARN"]
    until(
        lambda: (
            firehose.describe_delivery_stream(DeliveryStreamName="orders")[
                "DeliveryStreamDescription"
            ]["DeliveryStreamStatus"]
            == "ACTIVE"
        ),
        what="the stream",
    )
    piping.create(source.arn, stream, TargetParameters={"InputTemplate": "<$.body>"})
    piping.send(source, "x")
    found = until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), what="an object")
    assert s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read() == b"x"


@NEEDS_KINESIS
def test_a_stream_receives_each_event_with_its_key(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    kinesis = routing.client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 1})
    parameters = {
        "KinesisStreamParameters": {"PartitionKey": "$.body.city"},
        "InputTemplate": "<$.body>",
    }
    arn = routing.arn("kinesis", "stream/orders")
    piping.create(source.arn, arn, TargetParameters=parameters)
    piping.send(source, {"city": "Oslo"})
    piping.empty(source)
    (shard,) = kinesis.list_shards(StreamName="orders")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert record["PartitionKey"] == "Oslo"


def test_an_api_destination_is_called_for_each_event(
    piping: Piping, routing: Routing, source: Queue, webhook: Webhook
) -> None:
    destination = routing.destination(f"{webhook.url}/orders/*")["Arn"]
    http = {"PathParameterValues": ["$.body.n"]}
    parameters = {"HttpParameters": http, "InputTemplate": '{"n": <$.body.n>}'}
    piping.create(source.arn, destination, TargetParameters=parameters)
    piping.send(source, {"n": 1}, {"n": 2})
    piping.empty(source)
    assert sorted((call.path, call.body) for call in webhook.calls) == [
        ("/orders/1", b'{"n": 1}'),
        ("/orders/2", b'{"n": 2}'),
    ]


def test_an_endpoint_that_fails_leaves_the_message(
    piping: Piping, routing: Routing, source: Queue, webhook: Webhook
) -> None:
    webhook.statuses(500, 200)
    destination = routing.destination(webhook.url)["Arn"]
    piping.create(source.arn, destination)
    (message_id,) = piping.send(source, "x")
    piping.empty(source)
    assert piping.stages(of=message_id) == ["received", "failed", "received", "delivered"]


def test_a_dynamic_parameter_without_a_value_fails(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    fifo = routing.queue("t.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    parameters = {"SqsQueueParameters": {"MessageGroupId": "$.body.group"}}
    piping.create(source.arn, fifo.arn, TargetParameters=parameters)
    piping.send(source, {"other": 1})
    (reason, *_) = until(piping.reasons, what="the failure")
    assert reason == "the event has no value at $.body.group"


# --- the role, when it runs -----------------------------------------------------------------------

READS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def test_the_role_must_allow_enrichment_and_target_when_they_are_called(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """They are not looked at when the pipe is created.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html
    """
    function = deploy(routing, "echo", handlers.echo)
    role = piping.role("reads", *READS)
    piping.create(source.arn, target.arn, Enrichment=function, RoleArn=role)
    piping.settle(state="RUNNING")
    piping.send(source, "x")
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "lambda:InvokeFunction" in reason
    role = piping.role("enriches", *READS, "lambda:InvokeFunction")
    piping.pipes.update_pipe(Name="pipe", RoleArn=role)
    until(lambda: "sqs:SendMessage" in piping.reasons()[-1], what="the other failure")
    role = piping.role("sends", *READS, "lambda:InvokeFunction", "sqs:SendMessage")
    piping.settle()
    piping.pipes.update_pipe(Name="pipe", RoleArn=role)
    assert routing.receive(target)[0]["body"] == "x"


# --- the whole way --------------------------------------------------------------------------------


def test_from_queue_over_filter_and_function_to_bus_rule_and_queue(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    function = deploy(routing, "doubles", handlers.doubles)
    filters = {"Filters": [{"Pattern": json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})}]}
    piping.create(
        source.arn,
        bus_to(routing, target),
        SourceParameters={"FilterCriteria": filters},
        Enrichment=function,
        TargetParameters={"EventBridgeEventBusParameters": {"Source": "shop"}},
    )
    piping.send(source, {"n": 1}, {"n": 2})
    (event,) = routing.receive(target)
    assert (event["source"], event["detail"]) == ("shop", {"n": 4})
    piping.empty(source)
    assert nothing_arrives(routing.sqs, target.url, seconds=1)
    assert sorted(piping.stages()) == ["delivered", "enriched", "filtered", "received", "received"]
