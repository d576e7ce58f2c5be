"""What schedules call: templated and universal targets.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import handlers
import pytest
from botocore.exceptions import ClientError
from scheduling import Scheduling

from helpers import functions
from helpers.waiting import until

SDK = "arn:aws:scheduler:::aws-sdk:"


def refusal(scheduling: Scheduling, arn: str, **more: Any) -> str:
    """The message of the ValidationException."""
    with pytest.raises(ClientError) as caught:
        scheduling.schedule(arn, "at(2099-01-01T00:00:00)", **more)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


# --- Templated targets ----------------------------------------------------------------------------


def test_a_queue_gets_the_input_as_it_is(scheduling: Scheduling) -> None:
    """Input need not be JSON for SendMessage."""
    queue = scheduling.standard()
    scheduling.schedule(
        queue.arn, Input="not <json>", RoleArn=scheduling.role("send", "sqs:SendMessage")
    )
    body = scheduling.sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=10)["Messages"][0]
    assert body["Body"] == "not <json>"


@pytest.mark.parametrize("fifo", [True, False])
def test_a_queue_gets_the_message_group(scheduling: Scheduling, fifo: bool) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
    queue = scheduling.standard("q.fifo" if fifo else "q", **attributes)
    scheduling.schedule(queue.arn, Input="{}", SqsParameters={"MessageGroupId": "g"})
    (message,) = scheduling.sqs.receive_message(
        QueueUrl=queue.url, WaitTimeSeconds=10, MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_a_function_is_invoked_with_the_input(scheduling: Scheduling) -> None:
    """Asynchronously, by the role of the schedule: the function needs no policy."""
    awslambda = scheduling.client("lambda")
    arn = functions.deploy(awslambda, scheduling.client("iam"), "ship", handlers.tells)
    role = scheduling.role("invoke", "lambda:InvokeFunction", resource=arn)
    scheduling.schedule(arn, Input='{"n": 5}', RoleArn=role)
    (run,) = functions.runs(scheduling.client("logs"), "ship")
    assert run.lines == ("event {'n': 5}",)


def test_a_topic_gets_the_input_as_message(scheduling: Scheduling) -> None:
    sns, queue = scheduling.client("sns"), scheduling.queue("inbox", policy=None)
    topic = sns.create_topic(Name="news")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=raw)
    scheduling.schedule(topic, Input='"hello"', RoleArn=scheduling.role("publish", "sns:Publish"))
    assert scheduling.receive(queue) == ["hello"]


def test_a_state_machine_is_started_with_the_input(scheduling: Scheduling) -> None:
    states = scheduling.client("stepfunctions")
    machine = states.create_state_machine(
        name="ship",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
        roleArn=scheduling.role("machine", "*", trusts="states.amazonaws.com"),
    )["stateMachineArn"]
    role = scheduling.role("start", "states:StartExecution")
    scheduling.schedule(machine, Input='{"n": 5}', RoleArn=role)
    (found,) = until(
        lambda: states.list_executions(stateMachineArn=machine)["executions"], what="an execution"
    )
    told = states.describe_execution(executionArn=found["executionArn"])
    assert json.loads(told["input"]) == {"n": 5}


def test_a_bus_gets_an_event_with_the_input_as_detail(scheduling: Scheduling) -> None:
    """EventBridgeParameters are source and detail type; rules of the bus see the event."""
    bus = scheduling.events.create_event_bus(Name="shop")["EventBusArn"]
    queue = scheduling.queue("orders", policy="")
    # The rule is another service: the queue must allow it.
    scheduling.rule({"Arn": queue.arn}, bus="shop", source="shop.clock")
    scheduling.schedule(
        bus,
        Input='{"n": 5}',
        EventBridgeParameters={"DetailType": "Tick", "Source": "shop.clock"},
        RoleArn=scheduling.role("put", "events:PutEvents", resource=bus),
    )
    (event,) = scheduling.receive(queue)
    assert (event["source"], event["detail-type"]) == ("shop.clock", "Tick")
    assert event["detail"] == {"n": 5}


def test_a_delivery_stream_takes_the_input_to_its_bucket(scheduling: Scheduling) -> None:
    firehose, s3 = scheduling.client("firehose"), scheduling.client("s3")
    bucket, name = f"b-{scheduling.account}", "DeliveryStreamDescription"
    s3.create_bucket(Bucket=bucket)
    stream = firehose.create_delivery_stream(
        DeliveryStreamName="orders",
        S3DestinationConfiguration={
            "RoleARN": scheduling.role("write", "s3:PutObject", trusts="firehose.amazonaws.com"),
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )["DeliveryStreamARN"]

    def status() -> str:
        told = firehose.describe_delivery_stream(DeliveryStreamName="orders")
        return told[name]["DeliveryStreamStatus"]

    until(lambda: status() == "ACTIVE", what="the stream")
    scheduling.schedule(stream, Input="a line")
    objects = until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), what="an object")
    body = s3.get_object(Bucket=bucket, Key=objects[0]["Key"])["Body"].read()
    assert body == b"a line"


@pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)
def test_a_stream_gets_the_input_under_the_partition_key(scheduling: Scheduling) -> None:
    kinesis, name = scheduling.client("kinesis"), "orders"
    try:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    except ClientError as error:
        pytest.skip(f"LocalStack fetches Kinesis from the npm registry, and could not: {error}")
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    scheduling.schedule(arn, Input="a record", KinesisParameters={"PartitionKey": "k"})
    shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
    start = {"ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    first = kinesis.get_shard_iterator(StreamName=name, **start)["ShardIterator"]
    (record,) = until(
        lambda: kinesis.get_records(ShardIterator=first)["Records"], what="the record"
    )
    assert (record["Data"], record["PartitionKey"]) == (b"a record", "k")


@pytest.mark.parametrize(
    ("arn", "more", "message"),
    [
        ("queue", {}, "Provided Arn is not in correct format."),
        ("arn:aws:sqs:us-east-1", {}, "Provided Arn is not in correct format."),
        ("arn:aws:logs:us-east-1:{}:log-group:g", {}, "Provided Arn is not in correct format."),
        ("arn:aws:s3:::bucket", {}, "Provided Arn is not in correct format."),
        ("arn:aws:lambda:us-east-1:{}:layer:l:1", {}, "Provided Arn is not in correct format."),
        (
            "arn:aws:events:us-east-1:{}:api-destination/d/1",
            {},
            "Provided Arn is not in correct format.",
        ),
        ("arn:aws:sqs:eu-west-1:{}:q", {}, "another Region"),
        ("arn:aws:ecs:us-east-1:{}:cluster/c", {}, "targets of ecs are not emulated"),
        ("arn:aws:codebuild:us-east-1:{}:project/p", {}, "not emulated"),
        ("arn:aws:codepipeline:us-east-1:{}:p", {}, "not emulated"),
        ("arn:aws:inspector:us-east-1:{}:target/t", {}, "not emulated"),
        ("arn:aws:sagemaker:us-east-1:{}:pipeline/p", {}, "not emulated"),
        ("arn:aws:sqs:us-east-1:{}:q.fifo", {}, "MessageGroupId must be specified"),
        ("arn:aws:kinesis:us-east-1:{}:stream/s", {}, "KinesisParameters must be specified"),
        ("arn:aws:events:us-east-1:{}:event-bus/b", {}, "EventBridgeParameters must be specified"),
        (
            "arn:aws:sqs:us-east-1:{}:q",
            {"KinesisParameters": {"PartitionKey": "k"}},
            "Parameter KinesisParameters is not valid",
        ),
        (
            "arn:aws:sqs:us-east-1:{}:q",
            {"EcsParameters": {"TaskDefinitionArn": "t"}},
            "Parameter EcsParameters is not valid",
        ),
        (
            "arn:aws:sqs:us-east-1:{}:q",
            {"SageMakerPipelineParameters": {}},
            "Parameter SageMakerPipelineParameters is not valid",
        ),
        (
            "arn:aws:events:us-east-1:{}:event-bus/b",
            {"EventBridgeParameters": {"DetailType": "d", "Source": "aws.s3"}},
            "target.eventBridgeParameters.source",
        ),
        ("arn:aws:lambda:us-east-1:{}:function:f", {"Input": "{"}, "well-formed JSON"),
        ("arn:aws:states:us-east-1:{}:stateMachine:m", {"Input": "x"}, "well-formed JSON"),
    ],
)
def test_templated_targets_that_are_refused(
    scheduling: Scheduling, arn: str, more: dict[str, Any], message: str
) -> None:
    assert message in refusal(scheduling, arn.format(scheduling.account), **more)


# --- Universal targets ----------------------------------------------------------------------------


def test_a_universal_target_calls_an_operation_with_the_input(scheduling: Scheduling) -> None:
    queue = scheduling.standard()
    text = {"QueueUrl": queue.url, "MessageBody": '{"at": "<aws.scheduler.scheduled-time>"}'}
    role = scheduling.role("send", "sqs:SendMessage", resource=queue.arn)
    scheduling.schedule(f"{SDK}sqs:sendMessage", Input=json.dumps(text), RoleArn=role)
    (body,) = scheduling.receive(queue)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["at"])


def call(scheduling: Scheduling, target: str, **given: Any) -> None:
    scheduling.schedule(f"{SDK}{target}", Input=json.dumps(given))


def test_a_queue_can_be_made(scheduling: Scheduling) -> None:
    call(scheduling, "sqs:createQueue", QueueName="made", Attributes={"DelaySeconds": "5"})
    until(lambda: scheduling.sqs.list_queues().get("QueueUrls"), what="the queue")


def test_an_item_can_be_put(scheduling: Scheduling) -> None:
    dynamodb = scheduling.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    call(scheduling, "dynamodb:putItem", TableName="t", Item={"id": {"S": "1"}})
    until(lambda: dynamodb.scan(TableName="t")["Items"], what="the item")


def test_an_object_can_be_put(scheduling: Scheduling) -> None:
    """What the model calls a blob is text in Input."""
    s3, bucket = scheduling.client("s3"), f"b-{scheduling.account}"
    s3.create_bucket(Bucket=bucket)
    call(scheduling, "s3:putObject", Bucket=bucket, Key="k", Body="text")
    until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents"), what="the object")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"text"


def test_names_begin_with_a_capital_letter_whatever_the_model_says(scheduling: Scheduling) -> None:
    """StartExecution has `stateMachineArn`; Input has StateMachineArn."""
    states = scheduling.client("stepfunctions")
    machine = states.create_state_machine(
        name="ship",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}),
        roleArn=scheduling.role("machine", "*", trusts="states.amazonaws.com"),
    )["stateMachineArn"]
    call(scheduling, "sfn:startExecution", StateMachineArn=machine, Input="{}")
    until(lambda: states.list_executions(stateMachineArn=machine)["executions"], what="it")


def test_a_function_can_be_invoked(scheduling: Scheduling) -> None:
    awslambda = scheduling.client("lambda")
    functions.deploy(awslambda, scheduling.client("iam"), "ship", handlers.tells)
    role = scheduling.role("invoke", "lambda:InvokeFunction")
    text = {"FunctionName": "ship", "InvocationType": "Event", "Payload": '{"n": 5}'}
    scheduling.schedule(f"{SDK}lambda:invoke", Input=json.dumps(text), RoleArn=role)
    (run,) = functions.runs(scheduling.client("logs"), "ship")
    assert run.lines == ("event {'n': 5}",)


def test_events_can_be_put(scheduling: Scheduling) -> None:
    queue = scheduling.queue("orders", policy="")
    scheduling.rule({"Arn": queue.arn})
    entry = {"Source": "shop", "DetailType": "d", "Detail": "{}"}
    call(scheduling, "eventbridge:putEvents", Entries=[entry])
    assert scheduling.receive(queue)[0]["source"] == "shop"


READING = (
    "get describe list poll receive search scan query select read lookup discover validate "
    "batchGet batchDescribe batchRead transactGet adminGet adminList testMigration retrieve "
    "testConnection translateDocument isAuthorized invokeModel"
)


@pytest.mark.parametrize("prefix", READING.split())
def test_operations_that_only_read_are_refused(scheduling: Scheduling, prefix: str) -> None:
    assert "not supported" in refusal(scheduling, f"{SDK}sqs:{prefix}Anything", Input="{}")


@pytest.mark.parametrize(
    ("target", "text", "message"),
    [
        ("sqs", "{}", "Provided Arn is not in correct format."),
        ("sqs:SendMessage", "{}", "Provided Arn is not in correct format."),
        ("sqs:send message", "{}", "Provided Arn is not in correct format."),
        ("sqs:getQueueUrl", '{"QueueName": "q"}', "not supported"),
        ("nothing:sendMessage", "{}", "nothing is not a supported service for a target."),
        ("events:putEvents", "{}", "events is not a supported service for a target."),
        ("sqs:shout", "{}", "shout is not an operation of sqs."),
        ("sqs:sendMessage", "x", "Invalid RequestJson provided. Reason Request payload is not"),
        ("sqs:sendMessage", "[]", "Invalid RequestJson provided. Reason Request payload is not"),
        (
            "sqs:sendMessage",
            "{}",
            "Invalid RequestJson provided. Reason Request payload is missing the following "
            "field(s): QueueUrl, MessageBody.",
        ),
        (
            "eks:updateNodegroupConfig",
            '{"clusterName": "c", "nodegroupName": "n"}',
            "not a supported service",
        ),
        (
            "sfn:startExecution",
            '{"stateMachineArn": "m"}',
            "missing the following field(s): StateMachineArn.",
        ),
        (
            "sqs:createQueue",
            '{"QueueName": "q", "Nonsense": 1}',
            "unknown field(s): Nonsense.",
        ),
        ("sqs:createQueue", '{"QueueName": 5}', "Invalid RequestJson provided. Reason"),
    ],
)
def test_universal_targets_that_are_refused(
    scheduling: Scheduling, target: str, text: str, message: str
) -> None:
    assert message in refusal(scheduling, f"{SDK}{target}", Input=text)


def test_parameters_of_templated_targets_are_refused(scheduling: Scheduling) -> None:
    text = json.dumps({"QueueName": "q"})
    more = {"Input": text, "SqsParameters": {"MessageGroupId": "g"}}
    assert "SqsParameters" in refusal(scheduling, f"{SDK}sqs:createQueue", **more)
