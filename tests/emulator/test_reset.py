"""POST /_eventbridge/reset empties one account, and no other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import handlers
import pytest
from botocore.exceptions import ClientError

from helpers import clients, functions
from helpers.waiting import receive, until

Clients = Callable[..., Any]


def reset(endpoint: str, account: str) -> dict[str, int]:
    path = f"/_eventbridge/reset?account={account}"
    status, body = clients.request(endpoint, "POST", path, timeout=60)
    assert status == 200, body
    return json.loads(body)["removed"]


@pytest.fixture
def other(endpoint: str, account: str) -> Iterator[str]:
    number = str(int(account) - 1)
    yield number
    reset(endpoint, number)


def fill(client: Clients, account: str) -> None:
    """Some of everything that the notebooks make."""
    sqs, events, s3 = (client(name, account=account) for name in ("sqs", "events", "s3"))
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    events.create_event_bus(Name="shop")
    events.put_rule(Name="all", EventBusName="shop", EventPattern='{"source": ["shop"]}')
    arn = f"arn:aws:sqs:us-east-1:{account}:orders"
    target = {"Id": "1", "Arn": arn}
    events.put_targets(Rule="all", EventBusName="shop", Targets=[target])
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    s3.create_bucket(Bucket=f"bucket-{account}")
    s3.put_object(Bucket=f"bucket-{account}", Key="a/b", Body=b"1")
    awslambda = client("lambda", account=account)
    functions.deploy(awslambda, client("iam", account=account), "echo", handlers.echo)
    awslambda.create_event_source_mapping(FunctionName="echo", EventSourceArn=arn, Enabled=False)
    client("sns", account=account).create_topic(Name="news")
    client("sqs", account=account, region="eu-west-1").create_queue(QueueName="far")
    client("dynamodb", account=account).create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


FILLED = {
    "bucket": 1,
    "event bus": 1,
    "event source mapping": 1,
    "function": 1,
    "queue": 2,
    "role": 1,
    "rule": 2,
    "table": 1,
    "topic": 1,
}


def test_everything_goes_and_is_counted(client: Clients, account: str, endpoint: str) -> None:
    fill(client, account)
    assert reset(endpoint, account) == FILLED
    assert client("sqs").list_queues().get("QueueUrls", []) == []
    assert [bus["Name"] for bus in client("events").list_event_buses()["EventBuses"]] == ["default"]
    assert client("events").list_rules()["Rules"] == []
    assert client("lambda").list_functions()["Functions"] == []
    assert client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("sns").list_topics()["Topics"] == []
    assert client("dynamodb").list_tables()["TableNames"] == []
    assert client("iam").list_roles()["Roles"] == []


def test_what_watches_and_is_watched_goes(
    client: Clients, account: str, other: str, endpoint: str
) -> None:
    for number in (account, other):
        cloudwatch = client("cloudwatch", account=number)
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "n", "Value": 1}])
        cloudwatch.put_metric_alarm(
            AlarmName="many",
            Namespace="Shop",
            MetricName="n",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=1,
        )
        client("logs", account=number).create_log_group(logGroupName="/shop")
        client("secretsmanager", account=number).create_secret(Name="key", SecretString="1")
    reset(endpoint, account)
    for number, left in ((account, 0), (other, 1)):
        cloudwatch = client("cloudwatch", account=number)
        secrets = client("secretsmanager", account=number).list_secrets()["SecretList"]
        groups = client("logs", account=number).describe_log_groups()["logGroups"]
        assert len(cloudwatch.list_metrics()["Metrics"]) == left
        assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == left
        assert (len(groups), len(secrets)) == (left, left)


@pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)
def test_streams_go_and_other_accounts_keep_theirs(
    client: Clients, account: str, other: str, endpoint: str
) -> None:
    kinesis, others = client("kinesis", region="eu-west-1"), client("kinesis", account=other)
    try:
        kinesis.create_stream(StreamName="clicks", ShardCount=1)
    except ClientError as error:
        pytest.skip(f"LocalStack fetches Kinesis from the npm registry, and could not: {error}")
    others.create_stream(StreamName="clicks", ShardCount=1)
    reset(endpoint, account)
    assert kinesis.list_streams()["StreamNames"] == []
    assert others.list_streams()["StreamNames"] == ["clicks"]
    kinesis.create_stream(StreamName="clicks", ShardCount=1)


def test_a_second_reset_finds_nothing(client: Clients, account: str, endpoint: str) -> None:
    client("sqs").create_queue(QueueName="orders")
    assert reset(endpoint, account) == {"queue": 1}
    assert reset(endpoint, account) == {}


def test_the_same_names_can_be_made_again_and_work(
    client: Clients, account: str, endpoint: str
) -> None:
    for _ in range(2):
        fill(client, account)
        answer = client("lambda").invoke(FunctionName="echo", Payload=b'"again"')
        assert json.load(answer["Payload"]) == "again"
        assert client("s3").list_objects_v2(Bucket=f"bucket-{account}")["KeyCount"] == 1
        reset(endpoint, account)


def test_other_accounts_keep_what_they_have_and_go_on(
    client: Clients, account: str, other: str, endpoint: str
) -> None:
    fill(client, account)
    fill(client, other)
    awslambda, logs = client("lambda", account=other), client("logs", account=other)
    for n in range(5):
        awslambda.invoke(
            FunctionName="echo", InvocationType="Event", Payload=json.dumps({"n": n}).encode()
        )
    reset(endpoint, account)
    assert len(functions.runs(logs, "echo", at_least=5)) == 5
    assert awslambda.list_functions()["Functions"][0]["FunctionName"] == "echo"
    sqs = client("sqs", account=other)
    queue = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    assert receive(sqs, queue) == ["kept"]
    assert client("s3", account=other).get_object(Bucket=f"bucket-{other}", Key="a/b")


def test_what_runs_is_ended(client: Clients, account: str, endpoint: str) -> None:
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    functions.deploy(client("lambda"), client("iam"), "worker", handlers.echo)
    client("lambda").create_event_source_mapping(
        FunctionName="worker", EventSourceArn=f"arn:aws:sqs:us-east-1:{account}:work"
    )
    sqs.send_message(QueueUrl=queue, MessageBody="1")
    functions.runs(client("logs"), "worker")
    reset(endpoint, account)
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="2")
    # Had the poller of before gone on, it would take this message.
    assert until(lambda: receive(sqs, queue, timeout=5), what="the message") == [2]


def test_every_execution_is_ended_however_many_run(
    client: Clients, account: str, endpoint: str
) -> None:
    """Step Functions lists 100 at a time."""
    stepfunctions, sqs = client("stepfunctions"), client("sqs")
    role = client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    queue = sqs.create_queue(QueueName="done")["QueueUrl"]
    end = int(time.time()) + 8
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    states = {
        "Wait": {"Type": "Wait", "Timestamp": at, "Next": "Send"},
        "Send": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": queue, "MessageBody": "done"},
            "End": True,
        },
    }
    machine = stepfunctions.create_state_machine(
        name="waits", roleArn=role, definition=json.dumps({"StartAt": "Wait", "States": states})
    )["stateMachineArn"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: stepfunctions.start_execution(stateMachineArn=machine), range(101)))
    reset(endpoint, account)
    sqs.create_queue(QueueName="done")
    assert time.time() < end, "the test is too slow to show anything"
    seconds = end - int(time.time()) + 2
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=seconds)


def test_resets_of_one_account_at_once_remove_everything_once(
    client: Clients, account: str, endpoint: str
) -> None:
    fill(client, account)
    with ThreadPoolExecutor(4) as pool:
        removed = list(pool.map(lambda _: reset(endpoint, account), range(4)))
    assert sorted(removed, key=len) == [{}, {}, {}, FILLED]


def test_takes_less_than_a_second(client: Clients, account: str, endpoint: str) -> None:
    seconds = []
    for _ in range(3):
        fill(client, account)
        started = time.monotonic()
        reset(endpoint, account)
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1


def test_loads_no_service(endpoint: str, account: str) -> None:
    reset(endpoint, account)
    services = json.loads(clients.request(endpoint, "GET", "/_localstack/health")[1])["services"]
    # What no test uses.
    assert {services[name] for name in ("redshift", "route53", "transcribe")} == {"available"}


@pytest.mark.parametrize("query", ["", "?account=", "?account=12", "?account=00000000000a"])
def test_without_a_whole_account_number_nothing_is_emptied(endpoint: str, query: str) -> None:
    status, body = clients.request(endpoint, "POST", f"/_eventbridge/reset{query}")
    assert status == 400
    assert "12 digits" in json.loads(body)["message"]
