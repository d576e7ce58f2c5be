"""DynamoDB and DynamoDB Streams without Java: what the shop needs of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from plugin_http import advance

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


def iterator(streams: Any, kind: str = "TRIM_HORIZON") -> str:
    [stream] = streams.list_streams(TableName="orders")["Streams"]
    described = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    [shard] = described["Shards"]
    return streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType=kind
    )["ShardIterator"]


def records(streams: Any) -> list[dict[str, Any]]:
    return streams.get_records(ShardIterator=iterator(streams))["Records"]


def names(streams: Any) -> list[str]:
    return [record["eventName"] for record in records(streams)]


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


def test_whoever_waits_for_records_goes_on_with_one_iterator(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    """Or a reader who waits would fill the memory with iterators."""
    streams = client("dynamodbstreams")
    latest = iterator(streams, "LATEST")
    empty = streams.get_records(ShardIterator=latest)
    assert (empty["NextShardIterator"], empty["Records"]) == (latest, [])
    dynamodb.put_item(TableName="orders", Item={"userName": {"S": "one"}})
    read = streams.get_records(ShardIterator=latest)
    assert len(read["Records"]) == 1
    assert streams.get_records(ShardIterator=read["NextShardIterator"])["Records"] == []


def test_accounts_do_not_see_each_others_tables(
    dynamodb: Any, client: Callable[..., Any], account: str
) -> None:
    other = client("dynamodb", account=str(int(account) - 1))
    assert other.list_tables()["TableNames"] == []
    with pytest.raises(other.exceptions.ResourceNotFoundException):
        other.describe_table(TableName="orders")


def test_a_record_has_the_images_that_there_are(dynamodb: Any, client: Callable[..., Any]) -> None:
    key = {"userName": {"S": "swn"}}
    dynamodb.put_item(TableName="orders", Item=key)
    dynamodb.delete_item(TableName="orders", Key=key)
    inserted, removed = (record["dynamodb"] for record in records(client("dynamodbstreams")))
    assert inserted["NewImage"] == removed["OldImage"] == key
    assert "OldImage" not in inserted
    assert "NewImage" not in removed


def test_a_record_has_binary_values_as_they_are(dynamodb: Any, client: Callable[..., Any]) -> None:
    item = {
        "userName": {"S": "swn"},
        "raw": {"B": b"\x00\xff"},
        "B": {"M": {"BS": {"BS": [b"\x01"]}, "B": {"L": [{"B": b"\x02"}]}}},
    }
    dynamodb.put_item(TableName="orders", Item=item)
    [record] = records(client("dynamodbstreams"))
    assert record["dynamodb"]["NewImage"] == item


def test_a_record_has_the_time_of_the_accounts_clock(
    dynamodb: Any, client: Callable[..., Any], account: str, endpoint: str
) -> None:
    advance(endpoint, account, "PT1H")
    before = datetime.now(UTC) + timedelta(hours=1)
    dynamodb.put_item(TableName="orders", Item={"userName": {"S": "swn"}})
    [record] = records(client("dynamodbstreams"))
    told = record["dynamodb"]["ApproximateCreationDateTime"]
    # It is told in whole seconds.
    assert timedelta(seconds=-1) <= told - before < timedelta(minutes=1)


def test_an_update_that_makes_the_item_is_one_insert(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    key, item = {"userName": {"S": "swn"}}, {"userName": {"S": "swn"}, "n": {"N": "1"}}
    count(dynamodb, key)
    [record] = records(client("dynamodbstreams"))
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == item


def test_a_write_that_changes_nothing_is_not_in_the_stream(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    item = {"userName": {"S": "swn"}, "n": {"N": "1"}}
    for _ in range(2):
        dynamodb.put_item(TableName="orders", Item=item)
    dynamodb.update_item(
        TableName="orders",
        Key={"userName": {"S": "swn"}},
        UpdateExpression="SET n = :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    dynamodb.delete_item(TableName="orders", Key={"userName": {"S": "nobody"}})
    assert names(client("dynamodbstreams")) == ["INSERT"]


def test_a_transaction_that_fails_is_not_in_the_stream(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    streams = client("dynamodbstreams")
    latest = iterator(streams, "LATEST")
    put = {"TableName": "orders", "Item": {"userName": {"S": "taken back"}}}
    check = {
        "TableName": "orders",
        "Key": {"userName": {"S": "nobody"}},
        "ConditionExpression": "attribute_exists(userName)",
    }
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    dynamodb.put_item(TableName="orders", Item={"userName": {"S": "next"}})
    told = streams.get_records(ShardIterator=latest)["Records"]
    assert [record["dynamodb"]["Keys"]["userName"]["S"] for record in told] == ["next"]


def test_a_transaction_is_in_the_stream_item_by_item(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    dynamodb.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "orders", "Item": {"userName": {"S": "one"}}}},
            {
                "Update": {
                    "TableName": "orders",
                    "Key": {"userName": {"S": "two"}},
                    "UpdateExpression": "SET n = :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ]
    )
    assert names(client("dynamodbstreams")) == ["INSERT", "INSERT"]


def test_a_record_names_the_region_of_its_table(client: Callable[..., Any]) -> None:
    dynamodb = client("dynamodb", region="eu-west-1")
    dynamodb.create_table(**TABLE)
    dynamodb.put_item(TableName="orders", Item={"userName": {"S": "swn"}})
    [record] = records(client("dynamodbstreams", region="eu-west-1"))
    assert record["awsRegion"] == "eu-west-1"


def test_of_many_conditional_writes_at_once_one_succeeds(dynamodb: Any) -> None:
    def put(n: int) -> bool:
        try:
            dynamodb.put_item(
                TableName="orders",
                Item={"userName": {"S": "swn"}, "n": {"N": str(n)}},
                ConditionExpression="attribute_not_exists(userName)",
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(40))) == 1


def test_a_counter_counts_all_and_the_stream_tells_it_in_order(
    dynamodb: Any, client: Callable[..., Any]
) -> None:
    key = {"userName": {"S": "swn"}}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: count(dynamodb, key), range(40)))
    told = records(client("dynamodbstreams"))
    counted = [int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in told]
    assert counted == list(range(1, 41))


def count(dynamodb: Any, key: dict[str, Any]) -> None:
    dynamodb.update_item(
        TableName="orders",
        Key=key,
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


READS = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"


def test_a_policy_of_aws_is_attached_in_one_account_and_no_other(
    client: Callable[..., Any],
) -> None:
    """AWS's managed policies are in every account, which attaches them for itself."""
    first, second = client("iam"), client("iam", account="123123123123")
    first.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")
    first.attach_role_policy(RoleName="reader", PolicyArn=READS)

    def attached(iam: Any) -> int:
        return iam.get_policy(PolicyArn=READS)["Policy"]["AttachmentCount"]

    assert (attached(first), attached(second)) == (1, 0)
    (policy,) = first.list_attached_role_policies(RoleName="reader")["AttachedPolicies"]
    assert policy["PolicyArn"] == READS
