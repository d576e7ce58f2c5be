"""What PutEvents accepts, and what becomes of it; each test is named after AWS's rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from plugin_http import trace
from raw import RawEvents
from routing import Queue, Routing

from helpers.waiting import nothing_arrives, until

ENTRY = {"Source": "shop", "DetailType": "order", "Detail": "{}"}


@pytest.fixture
def queue(routing: Routing) -> Queue:
    """It receives all events of the source "shop"."""
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn})
    return queue


def put(routing: Routing, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The result of each entry."""
    answer = routing.events.put_events(Entries=list(entries))
    results = answer["Entries"]
    assert answer["FailedEntryCount"] == sum("ErrorCode" in result for result in results)
    return results


def test_an_event_has_these_fields_in_this_order(routing: Routing, queue: Queue) -> None:
    (event_id,) = routing.put({"total": 5}, Resources=["arn:aws:s3:::bucket"])
    (event,) = routing.receive(queue)
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < datetime.fromisoformat(event["time"]) <= now
    assert list(event.items()) == [
        ("version", "0"),
        ("id", event_id),
        ("detail-type", "order"),
        ("source", "shop"),
        ("account", routing.account),
        ("time", event["time"]),
        ("region", "us-east-1"),
        ("resources", ["arn:aws:s3:::bucket"]),
        ("detail", {"total": 5}),
    ]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_a_given_time_is_kept_in_utc(routing: Routing, queue: Queue, zone: timezone) -> None:
    routing.put(Time=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone(zone))
    assert routing.receive(queue)[0]["time"] == "2020-01-02T03:04:05Z"


def test_more_than_ten_entries_are_refused_as_a_whole(routing: Routing, queue: Queue) -> None:
    with pytest.raises(ClientError) as caught:
        put(routing, *[ENTRY] * 11)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(
        "1 validation error detected: Value '[PutEventsRequestEntry(time=null, source=shop, "
        "resources=null, detailType=order, detail={}, eventBusName=null, traceHeader=null"
    )
    assert message.endswith(
        "at 'entries' failed to satisfy constraint: Member must have length less than or equal to "
        "10"
    )
    assert nothing_arrives(routing.sqs, queue.url, seconds=1)


@pytest.mark.parametrize("name", ["Source", "DetailType", "Detail"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_entry_without_a_required_field_fails_alone(
    routing: Routing, queue: Queue, name: str, value: str | None
) -> None:
    bad = {key: text for key, text in (ENTRY | {name: value}).items() if text is not None}
    first, last = put(routing, bad, ENTRY)
    assert first == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
    }
    assert routing.receive(queue)[0]["id"] == last["EventId"]


@pytest.mark.parametrize(
    "detail",
    [
        "no JSON",
        "[]",
        '"text"',
        "5",
        "null",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": 9223372036854775808}',
        '{"a": ' * 1001 + "1" + "}" * 1001,
        '{"a": ' + "[" * 100_000,
    ],
    ids=lambda detail: detail[:20],
)
def test_a_detail_that_is_no_json_object_is_malformed(routing: Routing, detail: str) -> None:
    (result,) = put(routing, ENTRY | {"Detail": detail})
    assert result == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def test_a_detail_is_nested_up_to_1000_levels(routing: Routing, queue: Queue) -> None:
    deepest = '{"a":' * 999 + '{"n":-9223372036854775808}' + "}" * 999
    put(routing, ENTRY | {"Detail": deepest})
    body = routing.sqs.receive_message(QueueUrl=queue.url, WaitTimeSeconds=10)["Messages"][0]
    assert deepest in body["Body"]


def test_a_detail_type_has_128_characters_at_most(routing: Routing) -> None:
    fits, too_long = put(
        routing, ENTRY | {"DetailType": "x" * 128}, ENTRY | {"DetailType": "x" * 129}
    )
    assert "EventId" in fits
    assert too_long["ErrorCode"] == "InvalidArgument"


def sized(total: int, **more: Any) -> list[dict[str, Any]]:
    """Ten entries that count for so many bytes together."""
    texts = len(json.dumps({"a": ""})) + len("shop" + "order")
    texts += 14 if "Time" in more else 0
    texts += sum(map(len, more.get("Resources", [])))
    first, each = divmod(total, 10)[1], total // 10
    return [
        ENTRY | {"Detail": json.dumps({"a": "x" * (each + (0 if n else first) - texts)})} | more
        for n in range(10)
    ]


@pytest.mark.parametrize("more", [{}, {"Time": 1577934245, "Resources": ["arn:aws:s3:::b"]}])
def test_all_entries_together_are_smaller_than_1_mb(routing: Routing, more: Any) -> None:
    with pytest.raises(ClientError) as caught:
        put(routing, *sized(1024 * 1024, **more))
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Total size of the entries in the request is over the limit.",
    }
    assert all("EventId" in result for result in put(routing, *sized(1024 * 1024 - 1, **more)))


def test_bytes_are_counted_and_not_characters(routing: Routing) -> None:
    with pytest.raises(ClientError, match="over the limit"):
        put(routing, ENTRY | {"Detail": json.dumps({"a": "ä" * 2**19}, ensure_ascii=False)})


def test_an_event_for_a_bus_that_does_not_exist_is_accepted_and_dropped(
    routing: Routing, queue: Queue, endpoint: str
) -> None:
    lost, kept = put(routing, ENTRY | {"EventBusName": "nowhere"}, ENTRY)
    assert [event["id"] for event in routing.receive(queue)] == [kept["EventId"]]
    entry = next(
        record
        for record in trace(endpoint, routing.account, "entry")
        if record["event_id"] == lost["EventId"]
    )
    assert (entry["bus"], entry["result"]) == ("nowhere", "accepted")
    assert "no such bus" in entry["reason"]


def test_a_bus_can_be_named_by_its_arn(routing: Routing) -> None:
    arn = routing.events.create_event_bus(Name="shop")["EventBusArn"]
    queue = routing.queue("orders")
    routing.rule({"Arn": queue.arn}, bus="shop")
    (event_id,) = routing.put(bus=arn)
    assert routing.receive(queue)[0]["id"] == event_id


def test_sources_of_aws_are_refused(routing: Routing, queue: Queue) -> None:
    refused, accepted = put(routing, ENTRY | {"Source": "aws.shop"}, ENTRY)
    assert refused == {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    assert routing.receive(queue)[0]["id"] == accepted["EventId"]


def test_global_endpoints_are_refused(endpoint: str, account: str) -> None:
    status, answer = RawEvents(endpoint, account).call(
        "PutEvents", Entries=[ENTRY], EndpointId="abcde.veo"
    )
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert "EndpointId" in answer["message"]


def bucket(routing: Routing) -> tuple[Any, str]:
    """An S3 client, and a bucket of which EventBridge is told."""
    s3, name = routing.client("s3"), f"b-{routing.account}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return s3, name


def test_s3_tells_of_an_object_by_its_key_as_it_is(routing: Routing) -> None:
    queue = routing.queue("objects")
    routing.rule({"Arn": queue.arn}, source="aws.s3")
    s3, name = bucket(routing)
    key = "in/a file+50%25 ä.txt"
    s3.put_object(Bucket=name, Key=key, Body=b"1234")
    (event,) = routing.receive(queue)
    detail = event["detail"]
    assert (event["source"], event["detail-type"]) == ("aws.s3", "Object Created")
    assert event["resources"] == [f"arn:aws:s3:::{name}"]
    assert (detail["object"]["key"], detail["object"]["size"]) == (key, 4)
    assert (detail["reason"], detail["requester"]) == ("PutObject", routing.account)


def test_s3_tells_of_a_multipart_upload(routing: Routing) -> None:
    queue = routing.queue("objects")
    routing.rule({"Arn": queue.arn}, source="aws.s3")
    s3, name = bucket(routing)
    at = {"Bucket": name, "Key": "big"}
    upload = at | {"UploadId": s3.create_multipart_upload(**at)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"1234")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    [first] = routing.receive(queue, 1)
    s3.put_object(**at, Body=b"1")
    [second] = routing.receive(queue, 1)
    assert first["detail"]["reason"] == "CompleteMultipartUpload"
    assert first["detail"]["object"]["sequencer"] < second["detail"]["object"]["sequencer"]


def machine(routing: Routing, source: str) -> tuple[Any, str]:
    """A state machine that puts an event of a source."""
    states, entry = routing.client("stepfunctions"), ENTRY | {"Source": source, "Detail": {}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [entry]},
        "End": True,
    }
    arn = states.create_state_machine(
        name="put",
        definition=json.dumps({"StartAt": "Put", "States": {"Put": task}}),
        roleArn=routing.role("machine", "events:PutEvents", trusts="states.amazonaws.com"),
    )["stateMachineArn"]
    return states, arn


def test_step_functions_tells_how_an_execution_goes(routing: Routing) -> None:
    queue = routing.queue("executions")
    routing.rule({"Arn": queue.arn}, source="aws.states")
    states, arn = machine(routing, "shop")
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    events = routing.receive(queue, 2)
    assert {event["detail"]["status"] for event in events} == {"RUNNING", "SUCCEEDED"}
    assert {event["resources"][0] for event in events} == {execution}


def test_a_state_machine_cannot_put_events_of_aws(routing: Routing) -> None:
    states, arn = machine(routing, "aws.shop")
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    ended = until(
        lambda: (
            (told := states.describe_execution(executionArn=execution))["status"] != "RUNNING"
            and told
        ),
        what="the end of the execution",
    )
    assert ended["status"] == "FAILED"


def test_the_trace_tells_what_became_of_each_entry(routing: Routing, endpoint: str) -> None:
    good, bad = put(routing, ENTRY, ENTRY | {"Detail": "["})
    accepted, refused = trace(endpoint, routing.account, "entry")
    assert (accepted["event_id"], accepted["result"]) == (good["EventId"], "accepted")
    assert (accepted["bus"], accepted["source"], accepted["detail_type"]) == (
        "default",
        "shop",
        "order",
    )
    assert (refused["event_id"], refused["result"]) == (None, "refused")
    assert (refused["error_code"], refused["error_message"]) == (
        bad["ErrorCode"],
        bad["ErrorMessage"],
    )


def test_the_trace_tells_why_a_rule_does_not_match(routing: Routing, endpoint: str) -> None:
    pattern = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}}
    routing.events.put_rule(Name="big", EventPattern=json.dumps(pattern))
    ids = routing.put({"total": 500}, {"total": 5}, {})
    records = trace(endpoint, routing.account, "rule")
    assert [(one["event_id"], one["rule"], one["matched"]) for one in records] == [
        (ids[0], "big", True),
        (ids[1], "big", False),
        (ids[2], "big", False),
    ]
    small, missing = records[1:]
    assert {name: small[name] for name in ("field", "wanted", "found", "present")} == {
        "field": "detail.total",
        "wanted": [{"numeric": [">", 100]}],
        "found": 5,
        "present": True,
    }
    assert small["reason"] == 'detail.total: wanted [{"numeric": [">", 100]}], found 5'
    assert (missing["found"], missing["present"]) == (None, False)
    assert missing["reason"].endswith("found nothing")


def test_the_trace_does_not_repeat_huge_values(routing: Routing, endpoint: str) -> None:
    pattern = {"detail": {"text": ["short"]}}
    routing.events.put_rule(Name="short", EventPattern=json.dumps(pattern))
    routing.put({"text": "x" * 500_000})
    (record,) = trace(endpoint, routing.account, "rule")
    assert len(record["found"]) < 1000


def test_metrics_count_matched_events_and_triggered_rules(routing: Routing) -> None:
    routing.rule({"Arn": routing.queue("orders").arn})
    routing.put({}, {})
    routing.put(source="other")
    cloudwatch = routing.client("cloudwatch")

    def total(name: str) -> float:
        told = cloudwatch.get_metric_statistics(
            Namespace="AWS/Events",
            MetricName=name,
            Dimensions=[{"Name": "RuleName", "Value": "all"}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in told["Datapoints"])

    names = ("MatchedEvents", "TriggeredRules")
    until(lambda: [total(name) for name in names] == [2.0, 2.0], what="the metrics")
