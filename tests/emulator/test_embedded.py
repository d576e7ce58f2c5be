"""DynamoDB and DynamoDB Streams without Java: what the shop needs of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

TABLE = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "userName", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "userName", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


@pytest.fixture
def dynamodb(client: Callable[..., Any]) -> Any:
    dynamodb = client("dynamodb")
    dynamodb.create_table(**TABLE)
    return dynamodb


def records(streams: Any) -> list[dict[str, Any]]:
    [stream] = streams.list_streams(TableName="orders")["Streams"]
    described = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    found = []
    for shard in described["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        found += streams.get_records(ShardIterator=iterator)["Records"]
    return found


def test_a_failed_condition_changes_nothing(dynamodb: Any) -> None:
    item = {"userName": {"S": "swn"}, "totalPrice": {"N": "49"}}
    once = "attribute_not_exists(userName)"
    dynamodb.put_item(TableName="orders", Item=item, ConditionExpression=once)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        changed = {**item, "totalPrice": {"N": "1"}}
        dynamodb.put_item(TableName="orders", Item=changed, ConditionExpression=once)
    assert dynamodb.get_item(TableName="orders", Key={"userName": {"S": "swn"}})["Item"] == item


def test_a_transaction_happens_in_whole_or_not_at_all(dynamodb: Any) -> None:
    put = {"TableName": "orders", "Item": {"userName": {"S": "one"}}}
    check = {
        "TableName": "orders",
        "Key": {"userName": {"S": "nobody"}},
        "ConditionExpression": "attribute_exists(userName)",
    }
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    assert dynamodb.scan(TableName="orders")["Count"] == 0


def test_a_stream_tells_each_change_in_order(dynamodb: Any, client: Callable[..., Any]) -> None:
    key = {"userName": {"S": "swn"}}
    dynamodb.put_item(TableName="orders", Item={**key, "n": {"N": "1"}})
    dynamodb.put_item(TableName="orders", Item={**key, "n": {"N": "2"}})
    dynamodb.delete_item(TableName="orders", Key=key)
    told = records(client("dynamodbstreams"))
    assert [record["eventName"] for record in told] == ["INSERT", "MODIFY", "REMOVE"]
    assert told[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert told[1]["dynamodb"]["NewImage"]["n"] == {"N": "2"}


def test_accounts_do_not_see_each_others_tables(
    dynamodb: Any, client: Callable[..., Any], account: str
) -> None:
    other = client("dynamodb", account=str(int(account) - 1))
    assert other.list_tables()["TableNames"] == []
    with pytest.raises(other.exceptions.ResourceNotFoundException):
        other.describe_table(TableName="orders")
