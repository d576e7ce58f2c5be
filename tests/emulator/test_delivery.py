"""How events reach targets of each kind; each test is named after AWS's rule."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import handlers
import pytest
from botocore.exceptions import ClientError
from plugin_http import call, trace
from routing import Clients, Routing, allow

from helpers import functions
from helpers.waiting import nothing_arrives, until


def deploy(routing: Routing, name: str, handler: Callable[..., Any]) -> str:
    """A function that EventBridge may invoke; its ARN."""
    awslambda = routing.client("lambda")
    arn = functions.deploy(awslambda, routing.client("iam"), name, handler)
    awslambda.add_permission(
        FunctionName=name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    return arn


def test_a_queue_receives_the_whole_event(routing: Routing) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    (event_id,) = routing.put({"total": 5})
    (event,) = routing.receive(queue)
    assert (event["id"], event["detail"]) == (event_id, {"total": 5})
    assert event["account"] == routing.account


def test_a_topic_publishes_the_event(routing: Routing) -> None:
    sns = routing.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=allow("sns:Publish", topic)
    )
    queue = routing.queue("inbox")
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=raw)
    routing.rule({"Arn": topic})
    (event_id,) = routing.put()
    assert routing.receive(queue)[0]["id"] == event_id


@pytest.mark.parametrize("suffix", ["", ":*"])
def test_a_log_group_gets_the_event_as_message(routing: Routing, suffix: str) -> None:
    logs, name = routing.client("logs"), "/aws/events/orders"
    logs.create_log_group(logGroupName=name)
    arn = routing.arn("logs", f"log-group:{name}")
    policy = allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{arn}:*")
    logs.put_resource_policy(policyName="events", policyDocument=policy)
    routing.rule({"Arn": arn + suffix})
    (event_id,) = routing.put()
    found = until(lambda: logs.filter_log_events(logGroupName=name)["events"], what="the log event")
    assert [json.loads(event["message"])["id"] for event in found] == [event_id]


@pytest.mark.parametrize("constant", [None, '{"only": "this"}'])
def test_a_state_machine_starts_with_the_payload_as_input(
    routing: Routing, constant: str | None
) -> None:
    states = routing.client("stepfunctions")
    machine = states.create_state_machine(
        name="ship",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
        roleArn=routing.role("machine", "*", trusts="states.amazonaws.com"),
    )["stateMachineArn"]
    target = {"Arn": machine, "RoleArn": routing.role("start", "states:StartExecution")}
    routing.rule(target | ({"Input": constant} if constant else {}))
    (event_id,) = routing.put()
    (found,) = until(
        lambda: states.list_executions(stateMachineArn=machine)["executions"], what="an execution"
    )
    told = json.loads(states.describe_execution(executionArn=found["executionArn"])["input"])
    assert found["name"].startswith(f"{event_id}_")
    assert told == {"only": "this"} if constant else told["id"] == event_id


def test_a_delivery_stream_takes_the_event_to_its_bucket(routing: Routing) -> None:
    firehose, s3, bucket = routing.client("firehose"), routing.client("s3"), f"b-{routing.account}"
    s3.create_bucket(Bucket=bucket)
    stream = firehose.create_delivery_stream(
        DeliveryStreamName="orders",
        S3DestinationConfiguration={
            "RoleARN": routing.role("write", "s3:PutObject", trusts="firehose.amazonaws.com"),
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )["DeliveryStreamARN"]
    told = "DeliveryStreamDescription"
    until(
        lambda: (
            firehose.describe_delivery_stream(DeliveryStreamName="orders")[told][
                "DeliveryStreamStatus"
            ]
            == "ACTIVE"
        ),
        what="the stream",
    )
    routing.rule({"Arn": stream, "RoleArn": routing.role("put", "firehose:PutRecord")})
    (event_id,) = routing.put()
    found = until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), what="an object")
    body = s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read()
    assert json.loads(body)["id"] == event_id


@pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)
def test_a_stream_gets_the_payload_under_the_partition_key_of_the_event(routing: Routing) -> None:
    kinesis, name = routing.client("kinesis"), "orders"
    try:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    except ClientError as error:
        pytest.skip(f"LocalStack fetches Kinesis from the npm registry, and could not: {error}")
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    routing.rule(
        {
            "Arn": arn,
            "RoleArn": routing.role("put", "kinesis:PutRecord"),
            "InputPath": "$.detail.total",
            "KinesisParameters": {"PartitionKeyPath": "$.detail.customer"},
        }
    )
    routing.put({"customer": "swn", "total": 5})
    start = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    first = kinesis.get_shard_iterator(StreamName=name, **start)["ShardIterator"]
    (record,) = until(
        lambda: kinesis.get_records(ShardIterator=first)["Records"], what="the record"
    )
    assert (record["PartitionKey"], record["Data"]) == ("swn", b"5")


def test_five_functions_that_take_a_second_run_at_the_same_time(routing: Routing) -> None:
    names = [f"slow-{n}" for n in range(5)]
    arns = [deploy(routing, name, handlers.sleep) for name in names]
    routing.rule(*({"Arn": arn, "InputPath": "$.detail"} for arn in arns))
    routing.put({"seconds": 1})
    logs = routing.client("logs")
    runs = [functions.runs(logs, name)[0] for name in names]
    assert max(run.started for run in runs) < min(run.ended for run in runs)


def test_a_failing_target_delays_no_other(routing: Routing) -> None:
    queue = routing.queue("orders")
    missing = [{"Arn": routing.arn("sqs", f"missing-{n}")} for n in range(3)]
    routing.rule(*missing, {"Arn": queue.arn})
    routing.put()
    assert routing.receive(queue, timeout=5)


def test_a_fifo_queue_keeps_the_order_of_a_message_group(routing: Routing) -> None:
    queue = routing.queue("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    routing.rule({"Arn": queue.arn, "SqsParameters": {"MessageGroupId": "one"}})
    for start in range(0, 50, 10):
        routing.put(*({"n": n} for n in range(start, start + 10)))
    events = routing.receive(queue, 50)
    assert [event["detail"]["n"] for event in events] == list(range(50))


def test_a_thousand_events_arrive_each_once(routing: Routing) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    for start in range(0, 1000, 10):
        routing.put(*({"n": n} for n in range(start, start + 10)))
    until(lambda: routing.waiting(queue) >= 1000, what="1,000 messages")
    take = {"QueueUrl": queue.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
    found: list[int] = []
    while messages := routing.sqs.receive_message(**take).get("Messages"):
        found += [json.loads(message["Body"])["detail"]["n"] for message in messages]
    assert sorted(found) == list(range(1000))


def test_another_bus_receives_the_event_as_it_was(routing: Routing) -> None:
    queue = routing.queue("orders")
    bus = routing.events.create_event_bus(Name="central")["EventBusArn"]
    routing.rule({"Arn": queue.arn}, name="there", bus="central")
    routing.rule({"Arn": bus, "RoleArn": routing.role("forward", "events:PutEvents")})
    sent = {"Time": 1577934245, "Resources": ["arn:aws:s3:::bucket"]}
    (event_id,) = routing.put({"n": 1}, **sent)
    (event,) = routing.receive(queue)
    assert event == {
        "version": "0",
        "id": event_id,
        "detail-type": "order",
        "source": "shop",
        "account": routing.account,
        "time": "2020-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::bucket"],
        "detail": {"n": 1},
    }


def test_in_another_region_it_has_another_id_and_its_own_region(
    routing: Routing, client: Clients
) -> None:
    far = Routing(client, routing.account, "eu-west-1")
    queue = far.queue("orders")
    bus = far.events.create_event_bus(Name="central")["EventBusArn"]
    far.rule({"Arn": queue.arn}, bus="central")
    routing.rule({"Arn": bus, "RoleArn": routing.role("forward", "events:PutEvents")})
    (event_id,) = routing.put()
    (event,) = far.receive(queue)
    assert event["id"] != event_id
    assert (event["region"], event["account"]) == ("us-east-1", routing.account)


def test_an_event_is_sent_to_a_bus_only_once(routing: Routing) -> None:
    dead, last = routing.queue("dead"), routing.queue("last")
    role = routing.role("forward", "events:PutEvents")
    for name in ("second", "third"):
        routing.events.create_event_bus(Name=name)
    third = routing.arn("events", "event-bus/third")
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    routing.rule({"Arn": last.arn}, name="end", bus="third")
    routing.rule({"Arn": third, "RoleArn": role, **letters}, name="on", bus="second")
    routing.rule({"Arn": routing.arn("events", "event-bus/second"), "RoleArn": role})
    (event_id,) = routing.put()
    body, attributes = routing.dead_letter(dead)
    assert body["id"] == event_id
    assert attributes["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert "only once" in attributes["ERROR_MESSAGE"]
    assert nothing_arrives(routing.sqs, last.url, seconds=1)


def test_the_trace_tells_each_attempt(routing: Routing, endpoint: str) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    (event_id,) = routing.put()
    routing.receive(queue)
    (entry,) = until(
        lambda: trace(endpoint, routing.account, "attempt"), what="the record of the attempt"
    )
    assert entry["result"] == "delivered"
    told = {name: entry[name] for name in ("event_id", "bus", "rule", "target", "arn", "attempt")}
    assert told == {
        "event_id": event_id,
        "bus": "default",
        "rule": "all",
        "target": "1",
        "arn": queue.arn,
        "attempt": 1,
    }
    assert entry["started"] <= entry["time"]


def sums(routing: Routing, **dimensions: str) -> dict[str, float]:
    """The sum of each metric of EventBridge that has just these dimensions."""
    cloudwatch = routing.client("cloudwatch")
    given = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    found = {}
    for metric in cloudwatch.list_metrics(Namespace="AWS/Events")["Metrics"]:
        if sorted(metric.get("Dimensions", []), key=str) == sorted(given, key=str):
            told = cloudwatch.get_metric_statistics(
                **metric,
                StartTime=time.time() - 600,
                EndTime=time.time() + 60,
                Period=3600,
                Statistics=["Sum"],
            )
            found[metric["MetricName"]] = sum(point["Sum"] for point in told["Datapoints"])
    return found


def test_metrics_count_invocations_by_rule(routing: Routing) -> None:
    queue, missing = routing.queue("orders"), routing.arn("sqs", "missing")
    routing.rule({"Arn": queue.arn}, {"Arn": missing})
    for _ in range(3):
        routing.put()
    expected = {
        "InvocationAttempts": 6.0,
        "Invocations": 6.0,
        "FailedInvocations": 3.0,
        "SuccessfulInvocationAttempts": 3.0,
    }
    until(lambda: expected.items() <= sums(routing, RuleName="all").items(), what="the metrics")
    everywhere = sums(routing)
    assert (everywhere["Invocations"], everywhere["InvocationAttempts"]) == (6, 6)
    assert "FailedInvocations" not in everywhere


def test_metrics_of_a_custom_bus_name_the_bus(routing: Routing) -> None:
    routing.events.create_event_bus(Name="shop")
    queue, dead = routing.queue("orders"), routing.queue("dead")
    letters = {"DeadLetterConfig": {"Arn": dead.arn}}
    routing.rule({"Arn": queue.arn}, {"Arn": f"{queue.arn}-gone", **letters}, bus="shop")
    routing.put(bus="shop")
    expected = {"Invocations": 2.0, "FailedInvocations": 1.0, "InvocationsSentToDlq": 1.0}
    until(
        lambda: expected.items() <= sums(routing, EventBusName="shop", RuleName="all").items(),
        what="the metrics",
    )
    assert sums(routing, RuleName="all") == {}


def test_a_reset_of_the_account_forgets_its_metrics(routing: Routing, endpoint: str) -> None:
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    routing.put()
    until(lambda: sums(routing), what="the metrics")
    assert call(endpoint, "POST", f"reset?account={routing.account}")[0] == 200
    assert sums(routing) == {}
