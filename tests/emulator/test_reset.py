"""POST /_eventbridge/reset empties one account, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import handlers
import pytest

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


@pytest.mark.parametrize("query", ["", "?account=", "?account=12", "?account=00000000000a"])
def test_without_a_whole_account_number_nothing_is_emptied(endpoint: str, query: str) -> None:
    status, body = clients.request(endpoint, "POST", f"/_eventbridge/reset{query}")
    assert status == 400
    assert "12 digits" in json.loads(body)["message"]
