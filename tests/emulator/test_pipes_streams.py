"""Pipes that read a stream: order, where they begin, and what becomes of records that fail."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import handlers
import pytest
from piping import Piping
from plugin_http import advance, trace
from routing import Queue, Routing, allow

from helpers import functions
from helpers.waiting import nothing_arrives, until

NEEDS_KINESIS = pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)


class Table:
    """A table with a stream, and pipes that read it."""

    def __init__(self, piping: Piping) -> None:
        self.piping = piping
        self.dynamodb = piping.routing.client("dynamodb")
        self.streams = piping.routing.client("dynamodbstreams")
        self.stream = self.dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]["LatestStreamArn"]

    def put(self, *keys: str, n: int = 0) -> None:
        for key in keys:
            self.dynamodb.put_item(TableName="orders", Item={"id": {"S": key}, "n": {"N": str(n)}})

    def delete(self, key: str) -> None:
        self.dynamodb.delete_item(TableName="orders", Key={"id": {"S": key}})

    def records(self) -> list[dict[str, Any]]:
        """All that the stream tells."""
        told = self.streams.describe_stream(StreamArn=self.stream)["StreamDescription"]
        iterator = self.streams.get_shard_iterator(
            StreamArn=self.stream,
            ShardId=told["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        return self.streams.get_records(ShardIterator=iterator)["Records"]

    def ids(self) -> list[str]:
        return [record["eventID"] for record in self.records()]

    def pipe(self, target: str, *, filters: Any = None, more: Any = None, **parameters: Any) -> str:
        """A pipe from the stream; `parameters` are those of the source."""
        parameters.setdefault("StartingPosition", "TRIM_HORIZON")
        source: dict[str, Any] = {"DynamoDBStreamParameters": parameters}
        if filters:
            patterns = [{"Pattern": json.dumps(pattern)} for pattern in filters]
            source["FilterCriteria"] = {"Filters": patterns}
        return self.piping.create(self.stream, target, SourceParameters=source, **(more or {}))


@pytest.fixture
def table(piping: Piping) -> Table:
    return Table(piping)


@pytest.fixture
def letters(routing: Routing) -> Queue:
    return routing.queue("letters")


@pytest.fixture
def target(routing: Routing) -> Queue:
    """It keeps the order of what it receives with IN_ORDER."""
    return routing.queue("target.fifo", FifoQueue="true", ContentBasedDeduplication="true")


#: In one group of messages, whole.
IN_ORDER = {"TargetParameters": {"SqsQueueParameters": {"MessageGroupId": "all"}}}


def deploy(routing: Routing, handler: Any) -> str:
    """A function; its ARN."""
    return functions.deploy(routing.client("lambda"), routing.client("iam"), "f", handler)


def keys(events: list[dict[str, Any]]) -> list[str]:
    return [event["dynamodb"]["Keys"]["id"]["S"] for event in events]


# --- records --------------------------------------------------------------------------------------


def test_changes_arrive_in_order_as_records(
    table: Table, routing: Routing, target: Queue, piping: Piping
) -> None:
    """Each item that was changed is an event, with what the pipe knows of its source.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
    """
    table.pipe(target.arn, more=IN_ORDER)
    table.put("a", n=1)
    table.put("a", n=2)
    table.delete("a")
    events = routing.receive(target, 3)
    assert [event["eventName"] for event in events] == ["INSERT", "MODIFY", "REMOVE"]
    assert [event["eventID"] for event in events] == table.ids()
    changed = events[1]
    assert changed.keys() == {
        *("eventID", "eventName", "eventVersion", "eventSource", "eventSourceARN"),
        *("awsRegion", "dynamodb"),
    }
    assert (changed["eventSource"], changed["eventSourceARN"]) == ("aws:dynamodb", table.stream)
    assert changed["awsRegion"] == "us-east-1"
    told = changed["dynamodb"]
    assert told["Keys"] == {"id": {"S": "a"}}
    assert told["OldImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    assert told["NewImage"] == {"id": {"S": "a"}, "n": {"N": "2"}}
    assert told["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert told["SequenceNumber"].isdigit()
    assert isinstance(told["ApproximateCreationDateTime"], int)
    assert told["SizeBytes"] > 0
    for event in events:
        until(
            lambda event=event: piping.stages(of=event["eventID"]) == ["received", "delivered"],
            what="the end of the delivery",
        )


def test_binary_attributes_arrive_as_base64(table: Table, routing: Routing, target: Queue) -> None:
    table.pipe(target.arn, more=IN_ORDER)
    item = {"id": {"S": "a"}, "raw": {"B": b"\x00\xff"}, "set": {"BS": [b"\x01"]}}
    table.dynamodb.put_item(TableName="orders", Item=item)
    (event,) = routing.receive(target)
    assert event["dynamodb"]["NewImage"]["raw"] == {"B": "AP8="}
    assert event["dynamodb"]["NewImage"]["set"] == {"BS": ["AQ=="]}


@pytest.mark.parametrize(
    ("position", "arrive"), [("TRIM_HORIZON", ["before", "after"]), ("LATEST", ["after"])]
)
def test_where_a_pipe_begins(
    table: Table, routing: Routing, target: Queue, position: str, arrive: list[str]
) -> None:
    """With all that the stream still has, or with what comes after the pipe runs."""
    table.put("before")
    table.pipe(target.arn, more=IN_ORDER, StartingPosition=position)
    table.put("after")
    assert keys(routing.receive(target, len(arrive))) == arrive


def test_filters_see_the_record(
    table: Table, routing: Routing, target: Queue, piping: Piping
) -> None:
    """They look at images and keys; what they leave out is neither delivered nor tried again."""
    filters = [
        {"dynamodb": {"NewImage": {"n": {"N": ["7"]}}}},
        {"eventName": ["REMOVE"], "dynamodb": {"Keys": {"id": {"S": [{"prefix": "gone"}]}}}},
    ]
    table.pipe(target.arn, filters=filters, more=IN_ORDER)
    table.put("no", n=1)
    table.put("yes", n=7)
    table.put("gone", n=2)
    table.delete("gone")
    table.delete("yes")
    table.put("last", n=7)
    events = routing.receive(target, 3)
    assert [(event["eventName"], *keys([event])) for event in events] == [
        ("INSERT", "yes"),
        ("REMOVE", "gone"),
        ("INSERT", "last"),
    ]
    assert piping.stages(of=table.ids()[0]) == ["received", "filtered"]


def test_records_are_gathered_in_batches(table: Table, routing: Routing) -> None:
    function = deploy(routing, handlers.tells_batch)
    table.pipe(function, more={"DesiredState": "STOPPED"}, BatchSize=4)
    table.put(*map(str, range(10)))
    table.piping.pipes.start_pipe(Name="pipe")
    runs = functions.runs(routing.client("logs"), "f", at_least=3)
    sizes = [len(json.loads(line)) for run in runs for line in run.lines]
    assert sizes == [4, 4, 2]


def test_a_window_gathers_records(table: Table, routing: Routing) -> None:
    """Records that come within the window of the first are one batch."""
    function = deploy(routing, handlers.tells_batch)
    table.pipe(function, MaximumBatchingWindowInSeconds=3)
    for key in "abc":
        table.put(key)
    (run, *_) = functions.runs(routing.client("logs"), "f")
    assert [len(json.loads(line)) for line in run.lines] == [3]


# --- stop, start, delete --------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST"])
@pytest.mark.parametrize("lanes", [1, 3])
def test_a_pipe_goes_on_where_it_was(
    table: Table, routing: Routing, target: Queue, position: str, lanes: int
) -> None:
    """What comes while it is stopped arrives when it is started, and nothing arrives twice."""
    pipes, template = table.piping.pipes, {"InputTemplate": "<$.dynamodb.Keys.id.S>-<$.eventID>"}
    more = {"TargetParameters": {**IN_ORDER["TargetParameters"], **template}}
    table.pipe(target.arn, more=more, StartingPosition=position, ParallelizationFactor=lanes)
    seen = []
    for key in "abc":
        pipes.stop_pipe(Name="pipe")
        table.piping.settle(state="STOPPED")
        table.put(key)
        pipes.start_pipe(Name="pipe")
        seen += routing.receive(target)
        table.piping.settle(state="RUNNING")
    assert seen == [f"{key}-{id_}" for key, id_ in zip("abc", table.ids(), strict=True)]
    assert nothing_arrives(routing.sqs, target.url, seconds=1)


def test_a_pipe_that_is_stopped_while_a_batch_fails_goes_on_with_what_has_failed(
    table: Table, routing: Routing, target: Queue, piping: Piping
) -> None:
    """What the batch had before that has arrived, and does not arrive again."""
    function = deploy(routing, handlers.names_poison)
    table.pipe(function, more={"DesiredState": "STOPPED"})
    table.put("a", "poison", "b")
    piping.pipes.start_pipe(Name="pipe")
    until(piping.reasons, what="the failure")
    piping.settle(state="RUNNING")
    piping.pipes.stop_pipe(Name="pipe")
    piping.settle(state="STOPPED")
    piping.pipes.update_pipe(
        Name="pipe",
        RoleArn=piping.role("new"),
        Target=target.arn,
        DesiredState="RUNNING",
        **IN_ORDER,
    )
    assert keys(routing.receive(target, 2)) == ["poison", "b"]


def test_a_pipe_that_is_deleted_ends_what_it_has_begun(
    table: Table, routing: Routing, target: Queue, piping: Piping
) -> None:
    """DELETING until the batch under way has arrived; what comes after is not read."""
    function = deploy(routing, handlers.slow_echo)
    table.pipe(target.arn, more={"Enrichment": function, **IN_ORDER}, BatchSize=1)
    table.put("a")
    until(piping.stages, what="the record to be received")
    table.put("b")
    piping.pipes.delete_pipe(Name="pipe")
    piping.gone()
    first, second = table.ids()
    assert piping.stages(of=first) == ["received", "enriched", "delivered"]
    assert routing.waiting(target) == 1
    assert "delivered" not in piping.stages(of=second)


# --- failures -------------------------------------------------------------------------------------


def letter(table: Table, condition: str, first: int, last: int) -> dict[str, Any]:
    """What a dead-letter queue is told of some of the table's records, but for its times."""
    records = [record["dynamodb"]["SequenceNumber"] for record in table.records()]
    shards = table.streams.describe_stream(StreamArn=table.stream)["StreamDescription"]["Shards"]
    arn = table.piping.pipes.describe_pipe(Name="pipe")["Arn"]
    return {
        "context": {"partnerResourceArn": arn, "condition": condition},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shards[0]["ShardId"],
            "startSequenceNumber": records[first],
            "endSequenceNumber": records[last],
            "batchSize": last - first + 1,
            "streamArn": table.stream,
        },
    }


def without_times(told: dict[str, Any]) -> dict[str, Any]:
    """The letter without its times, which must be times, and in their order."""
    info = told["DDBStreamBatchInfo"]
    times = [info.pop(f"approximateArrivalOf{which}Record") for which in ("First", "Last")]
    times.append(told.pop("timestamp"))
    parsed = [datetime.strptime(time, "%Y-%m-%dT%H:%M:%S.%fZ") for time in times]
    assert parsed == sorted(parsed)
    return told


def stages(piping: Piping, event_id: str) -> list[str]:
    """What has become of a record that was given up; the trace tells that after the letter."""
    return until(
        lambda: (found := piping.stages(of=event_id))[-1:] == ["dead-letter"] and found,
        what="the record to be given up",
    )


def test_after_its_retries_a_batch_is_given_up(
    table: Table, routing: Routing, letters: Queue, piping: Piping
) -> None:
    """The letter tells where the records are, and not what they hold; the pipe goes on.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
    """
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(
        function,
        more={"DesiredState": "STOPPED"},
        BatchSize=2,
        MaximumRetryAttempts=1,
        DeadLetterConfig={"Arn": letters.arn},
    )
    table.put("a", "poison", "b")
    piping.pipes.start_pipe(Name="pipe")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RetryAttemptsExhausted", 0, 1)
    first, poison, last = table.ids()
    assert stages(piping, poison) == ["received", "failed", "failed", "dead-letter"]
    assert stages(piping, first) == stages(piping, poison)
    until(lambda: "delivered" in piping.stages(of=last), what="the next batch")
    assert "poison" in piping.reasons()[0]


def test_no_retry_at_all(table: Table, routing: Routing, letters: Queue, piping: Piping) -> None:
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(function, MaximumRetryAttempts=0, DeadLetterConfig={"Arn": letters.arn})
    table.put("poison")
    routing.receive(letters)
    assert stages(piping, *table.ids()) == ["received", "failed", "dead-letter"]


def test_without_limits_a_batch_holds_up_its_shard(
    table: Table, routing: Routing, piping: Piping
) -> None:
    """A pipe tries until the record expires, unless it is told otherwise."""
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(function, more={"DesiredState": "STOPPED"}, BatchSize=1)
    table.put("poison", "b")
    piping.pipes.start_pipe(Name="pipe")
    poison, after = table.ids()
    until(lambda: piping.stages(of=poison).count("failed") > 2, what="the third failure")
    assert piping.stages(of=after) == []


def test_a_batch_without_a_dead_letter_queue_is_dropped(
    table: Table, routing: Routing, piping: Piping, endpoint: str
) -> None:
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(function, MaximumRetryAttempts=0)
    table.put("poison")
    until(lambda: "dropped" in piping.stages(), what="the batch to be given up")
    (told,) = [e for e in trace(endpoint, routing.account, "pipe") if e["stage"] == "dropped"]
    assert told["condition"] == "RetryAttemptsExhausted"
    assert told["reason"] == "the pipe has no dead-letter queue"


def test_a_topic_can_take_the_letters(table: Table, routing: Routing, letters: Queue) -> None:
    sns = routing.client("sns")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    policy = allow("sqs:SendMessage", letters.arn, service="sns.amazonaws.com")
    routing.sqs.set_queue_attributes(QueueUrl=letters.url, Attributes={"Policy": policy})
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=letters.arn, Attributes=raw)
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(function, MaximumRetryAttempts=0, DeadLetterConfig={"Arn": topic})
    table.put("poison")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RetryAttemptsExhausted", 0, 0)


def test_the_role_must_allow_the_letters(
    table: Table, routing: Routing, letters: Queue, piping: Piping, endpoint: str
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html"""
    role = piping.role("reads", "dynamodb:*", "lambda:InvokeFunction")
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(
        function,
        more={"RoleArn": role},
        MaximumRetryAttempts=0,
        DeadLetterConfig={"Arn": letters.arn},
    )
    table.put("poison")
    until(lambda: "dropped" in piping.stages(), what="the batch to be given up")
    (told,) = [e for e in trace(endpoint, routing.account, "pipe") if e["stage"] == "dropped"]
    assert "sqs:SendMessage" in told["reason"]


def test_bisecting_leaves_the_bad_record_alone(
    table: Table, routing: Routing, letters: Queue, piping: Piping
) -> None:
    """A batch that fails is halved until all that is left is what fails.

    https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeSourceDynamoDBStreamParameters.html
    """
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(
        function,
        more={"DesiredState": "STOPPED"},
        MaximumRetryAttempts=0,
        OnPartialBatchItemFailure="AUTOMATIC_BISECT",
        DeadLetterConfig={"Arn": letters.arn},
    )
    table.put("a", "b", "poison", "c", "d")
    piping.pipes.start_pipe(Name="pipe")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RetryAttemptsExhausted", 2, 2)
    until(lambda: piping.stages().count("delivered") == 4, what="all others")
    assert stages(piping, table.ids()[2])[-1] == "dead-letter"
    assert nothing_arrives(routing.sqs, letters.url, seconds=1)


@pytest.mark.parametrize("name", ["eventID", "SequenceNumber"])
def test_what_comes_before_a_batch_item_failure_has_arrived(
    table: Table, routing: Routing, letters: Queue, piping: Piping, name: str
) -> None:
    """A stream is read on from the first record that batchItemFailures name.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
    """
    handler = {"eventID": handlers.names_poison, "SequenceNumber": handlers.numbers_poison}[name]
    function = deploy(routing, handler)
    table.pipe(
        function,
        more={"DesiredState": "STOPPED"},
        MaximumRetryAttempts=1,
        DeadLetterConfig={"Arn": letters.arn},
    )
    table.put("a", "poison", "b")
    piping.pipes.start_pipe(Name="pipe")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RetryAttemptsExhausted", 1, 2)
    before, poison, _ = table.ids()
    assert piping.stages(of=before) == ["received", "delivered"]
    assert stages(piping, poison) == ["received", "failed", "failed", "dead-letter"]


# --- age ------------------------------------------------------------------------------------------


def test_a_record_that_is_too_old_is_given_up(
    table: Table, routing: Routing, letters: Queue, piping: Piping, endpoint: str
) -> None:
    """However many retries are left."""
    function = deploy(routing, handlers.refuses_poison)
    table.pipe(function, MaximumRecordAgeInSeconds=60, DeadLetterConfig={"Arn": letters.arn})
    table.put("poison")
    until(piping.reasons, what="the failure")
    advance(endpoint, routing.account, "PT61S")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RecordAgeExceeded", 0, 0)
    table.put("next")
    until(lambda: "delivered" in piping.stages(of=table.ids()[1]), what="the next record")


def test_a_record_grows_old_while_its_pipe_is_stopped(
    table: Table, routing: Routing, letters: Queue, piping: Piping, endpoint: str
) -> None:
    function = deploy(routing, handlers.echo)
    more = {"DesiredState": "STOPPED"}
    table.pipe(
        function, more=more, MaximumRecordAgeInSeconds=600, DeadLetterConfig={"Arn": letters.arn}
    )
    table.put("old")
    advance(endpoint, routing.account, "PT11M")
    table.put("young")
    piping.pipes.start_pipe(Name="pipe")
    (told,) = routing.receive(letters)
    assert without_times(told) == letter(table, "RecordAgeExceeded", 0, 0)
    old, young = table.ids()
    assert stages(piping, old) == ["received", "dead-letter"]
    until(lambda: piping.stages(of=young) == ["received", "delivered"], what="the young record")


# --- several batches at once ----------------------------------------------------------------------


def test_parallel_batches_keep_the_order_of_each_key(
    table: Table, routing: Routing, target: Queue
) -> None:
    """However long the first of a key takes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
    """
    function = deploy(routing, handlers.slow_with_the_first)
    by_key = {"SqsQueueParameters": {"MessageGroupId": "$.dynamodb.Keys.id.S"}}
    more = {"DesiredState": "STOPPED", "Enrichment": function, "TargetParameters": by_key}
    table.pipe(target.arn, more=more, BatchSize=1, ParallelizationFactor=8)
    for key in "abcd":
        for number in range(4):
            table.put(key, n=number)
    table.piping.pipes.start_pipe(Name="pipe")
    found: dict[str, list[str]] = {}
    for event in routing.receive(target, 16):
        image = event["dynamodb"]["NewImage"]
        found.setdefault(image["id"]["S"], []).append(image["n"]["N"])
    assert found == {key: ["0", "1", "2", "3"] for key in "abcd"}


def test_a_key_that_fails_does_not_hold_up_the_batches_beside_it(
    table: Table, routing: Routing, piping: Piping
) -> None:
    function = deploy(routing, handlers.refuses_poison)
    more = {"DesiredState": "STOPPED"}
    table.pipe(function, more=more, BatchSize=1, ParallelizationFactor=10)
    table.put("poison", *"abcdefghi")
    piping.pipes.start_pipe(Name="pipe")
    until(lambda: piping.stages().count("delivered") > 3, what="other keys")
    assert "delivered" not in piping.stages(of=table.ids()[0])


# --- Kinesis --------------------------------------------------------------------------------------


@pytest.fixture
def kinesis(routing: Routing) -> Iterator[Any]:
    kinesis = routing.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
    yield kinesis
    kinesis.delete_stream(StreamName="clicks", EnforceConsumerDeletion=True)


def put(kinesis: Any, *values: Any) -> None:
    for value in values:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=data)


def from_start(**more: Any) -> dict[str, Any]:
    return {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON", **more}}


@NEEDS_KINESIS
def test_records_of_kinesis_arrive_in_order(
    piping: Piping, routing: Routing, target: Queue, kinesis: Any
) -> None:
    """The data is base64 in the event; filters and templates see what it means.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html
    """
    stream = routing.arn("kinesis", "stream/clicks")
    filters = {"Filters": [{"Pattern": '{"data": {"n": [{"numeric": [">", 0]}]}}'}]}
    template = '{"n": <$.data.n>, "event": <aws.pipes.event>}'
    parameters = {**IN_ORDER["TargetParameters"], "InputTemplate": template}
    piping.create(
        stream,
        target.arn,
        SourceParameters={**from_start(), "FilterCriteria": filters},
        TargetParameters=parameters,
    )
    put(kinesis, {"n": 0}, {"n": 1}, b"\xff", {"n": 2})
    found = routing.receive(target, 2)
    assert [told["n"] for told in found] == [1, 2]
    event = found[0]["event"]
    assert event["data"] == "eyJuIjogMX0="
    assert event["eventID"].endswith(event["sequenceNumber"])
    assert (event["eventName"], event["eventSource"]) == ("aws:kinesis:record", "aws:kinesis")
    assert (event["eventSourceARN"], event["partitionKey"]) == (stream, "k")
    piping.pipes.stop_pipe(Name="pipe")
    piping.settle(state="STOPPED")
    put(kinesis, {"n": 3})
    piping.pipes.start_pipe(Name="pipe")
    assert [told["n"] for told in routing.receive(target)] == [3]
    role = piping.pipes.describe_pipe(Name="pipe")["RoleArn"]
    assert event["invokeIdentityArn"] == role


@NEEDS_KINESIS
def test_a_shard_comes_after_the_one_that_it_came_of(
    piping: Piping, routing: Routing, target: Queue, kinesis: Any
) -> None:
    """So records of a key stay in order when a shard is split.

    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    put(kinesis, *range(5))
    (shard,) = kinesis.list_shards(StreamName="clicks")["Shards"]
    kinesis.split_shard(
        StreamName="clicks", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(2**127)
    )
    kinesis.get_waiter("stream_exists").wait(StreamName="clicks", WaiterConfig={"Delay": 1})
    put(kinesis, *range(5, 8))
    parameters = {**IN_ORDER["TargetParameters"], "InputTemplate": "<$.data>"}
    stream = routing.arn("kinesis", "stream/clicks")
    piping.create(
        stream, target.arn, SourceParameters=from_start(BatchSize=1), TargetParameters=parameters
    )
    assert routing.receive(target, 8) == list(range(8))
    # What has been read to its end is not read again.
    piping.pipes.stop_pipe(Name="pipe")
    piping.settle(state="STOPPED")
    piping.pipes.start_pipe(Name="pipe")
    put(kinesis, 8)
    assert routing.receive(target) == [8]


@NEEDS_KINESIS
def test_a_pipe_can_begin_at_a_time(
    piping: Piping, routing: Routing, target: Queue, kinesis: Any
) -> None:
    put(kinesis, {"n": 1})
    begin = {
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": datetime.now(UTC) - timedelta(hours=1),
    }
    source = {"KinesisStreamParameters": begin}
    stream = routing.arn("kinesis", "stream/clicks")
    piping.create(stream, target.arn, SourceParameters=source, **IN_ORDER)
    assert routing.receive(target)[0]["partitionKey"] == "k"


@NEEDS_KINESIS
def test_a_record_of_kinesis_that_fails_is_given_up(
    piping: Piping, routing: Routing, letters: Queue, kinesis: Any
) -> None:
    function = deploy(routing, handlers.raises)
    stream = routing.arn("kinesis", "stream/clicks")
    source = from_start(MaximumRetryAttempts=1, DeadLetterConfig={"Arn": letters.arn})
    piping.create(stream, function, SourceParameters=source)
    put(kinesis, {"n": 1})
    (told,) = routing.receive(letters)
    assert told["context"]["condition"] == "RetryAttemptsExhausted"
    info = told["KinesisBatchInfo"]
    assert (info["batchSize"], info["streamArn"]) == (1, stream)
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
