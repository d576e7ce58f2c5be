"""How a pipe calls its enrichment and its target: with batches, and with the pipe's role.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-enrichment.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from localstack_eventbridge.delivery import api_destinations, permissions
from localstack_eventbridge.delivery.job import DeliveryError, NotYet, place_of, service_of
from localstack_eventbridge.delivery.senders import client_for, log_group, queue_url
from localstack_eventbridge.pipes.inputs import dynamic
from localstack_eventbridge.pipes.plan import Plan

#: Bytes of what a function or a state machine takes and returns.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST = 6 * 1024 * 1024


class Item(NamedTuple):
    """What is sent for one event: its text, and the event that dynamic parameters look at."""

    text: str
    shown: Any


@dataclass
class Answer:
    """What came of a call: its response, and the items that failed, by position, with why."""

    response: Any = None
    failed: dict[int, str] = field(default_factory=dict)


class CallFailed(Exception):
    """The whole call failed; `error` is what the log of the pipe tells of it."""

    def __init__(self, message: str, service: str, arn: str, **more: Any) -> None:
        super().__init__(message)
        told = {"message": message, "awsService": service, "resourceArn": arn, **more}
        self.error = {name: value for name, value in told.items() if value is not None}


Call = Callable[[Plan, str, Sequence[Item], Mapping[str, Any]], Answer]


def enrich(plan: Plan, items: Sequence[Item]) -> Any:
    """What the enrichment answers, as JSON means it. Raises CallFailed and InputError."""
    kind = service_of(plan.enrichment)
    call = ENRICHMENTS[kind]
    return _guarded(call, plan, plan.enrichment, items, plan.enrichment_parameters).response


def deliver(plan: Plan, items: Sequence[Item]) -> Answer:
    """Hand the items to the target. Raises CallFailed and InputError."""
    call = TARGETS[service_of(plan.target)]
    return _guarded(call, plan, plan.target, items, plan.target_parameters)


def _guarded(
    call: Call, plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Answer:
    service = service_of(arn)
    try:
        return call(plan, arn, items, parameters)
    except DeliveryError as error:
        raise CallFailed(error.reason, service, arn, exceptionType=error.code) from error
    except ClientError as error:
        told, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        raise CallFailed(
            told.get("Message") or str(error),
            service,
            arn,
            exceptionType=told.get("Code"),
            httpStatusCode=meta.get("HTTPStatusCode"),
            requestId=meta.get("RequestId"),
        ) from error
    except BotoCoreError as error:
        raise CallFailed(str(error), service, arn, exceptionType=type(error).__name__) from error


def _may(plan: Plan, arn: str, *actions: str, resource: str | None = None) -> None:
    permissions.check_role(plan.job(arn), actions, resource)


def _array(items: Sequence[Item]) -> bytes:
    """All items as one JSON array; text that is no JSON becomes a JSON string."""
    return f"[{','.join(_as_json(item.text) for item in items)}]".encode()


def _as_json(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    return text


def _invokes(parameters: Mapping[str, Any], name: str) -> bool:
    """Whether the pipe waits for the answer, which it does unless told otherwise."""
    kind = (parameters.get(name) or {}).get("InvocationType")
    return kind != "FIRE_AND_FORGET"


def _function(plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]) -> Answer:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-targets-lambda.html"""
    _may(plan, arn, "lambda:InvokeFunction")
    waits = _invokes(parameters, "LambdaFunctionParameters")
    kind = "RequestResponse" if waits else "Event"
    answer = client_for(arn, "lambda").invoke(
        FunctionName=arn, InvocationType=kind, Payload=_array(items)
    )
    payload = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise CallFailed(
            payload.decode(errors="replace"),
            "lambda",
            arn,
            exceptionType=answer["FunctionError"],
            httpStatusCode=answer["StatusCode"],
            requestId=answer["ResponseMetadata"].get("RequestId"),
        )
    return Answer(json.loads(payload) if payload else None)


def _state_machine(
    plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Answer:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-targets-stepfunctions.html"""
    states, text = client_for(arn, "stepfunctions"), _array(items).decode()
    if not _invokes(parameters, "StepFunctionStateMachineParameters"):
        _may(plan, arn, "states:StartExecution")
        return Answer(states.start_execution(stateMachineArn=arn, input=text)["executionArn"])
    _may(plan, arn, "states:StartSyncExecution")
    told = states.start_sync_execution(stateMachineArn=arn, input=text)
    if told["status"] != "SUCCEEDED":
        why = f"{told.get('error', told['status'])}: {told.get('cause', '')}"
        raise CallFailed(why, "states", arn, exceptionType=told["status"])
    return Answer(json.loads(told["output"]) if told.get("output") else None)


def _queue(plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]) -> Answer:
    _may(plan, arn, "sqs:SendMessage")
    chosen = parameters.get("SqsQueueParameters") or {}
    entries = [
        {
            "Id": str(number),
            "MessageBody": item.text,
            **{name: dynamic(value, item.shown) for name, value in chosen.items() if value},
        }
        for number, item in enumerate(items)
    ]
    sqs = client_for(arn, "sqs")
    answer = sqs.send_message_batch(QueueUrl=queue_url(arn), Entries=entries)
    return Answer(failed=_failed_by_id(answer))


def _topic(plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]) -> Answer:
    _may(plan, arn, "sns:Publish")
    entries = [{"Id": str(number), "Message": item.text} for number, item in enumerate(items)]
    sns = client_for(arn, "sns")
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    return Answer(failed=_failed_by_id(answer))


def _failed_by_id(answer: Mapping[str, Any]) -> dict[int, str]:
    return {
        int(told["Id"]): told.get("Message") or told["Code"] for told in answer.get("Failed", [])
    }


def _bus(plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]) -> Answer:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetEventBridgeEventBusParameters.html"""
    _may(plan, arn, "events:PutEvents")
    chosen = parameters.get("EventBridgeEventBusParameters") or {}
    source = chosen.get("Source", f"Pipe {plan.name}")
    detail_type = chosen.get("DetailType", f"Event from aws:{service_of(plan.source)}")
    entries = []
    for item in items:
        entry = {
            "EventBusName": arn,
            "Source": dynamic(source, item.shown),
            "DetailType": dynamic(detail_type, item.shown),
            "Detail": item.text,
            "Resources": [dynamic(value, item.shown) for value in chosen.get("Resources", [])],
        }
        if path := chosen.get("Time"):
            entry["Time"] = _time(dynamic(path, item.shown))
        entries.append(entry)
    # A service that speaks for itself could use sources that begin with "aws.".
    events = client_for(plan.arn, "events")
    told = events.put_events(Entries=entries)["Entries"]
    return Answer(failed=_failed_by_position(told))


def _stream(plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]) -> Answer:
    _may(plan, arn, "kinesis:PutRecords")
    key = parameters["KinesisStreamParameters"]["PartitionKey"]
    records = [
        {"Data": item.text.encode(), "PartitionKey": dynamic(key, item.shown)} for item in items
    ]
    kinesis = client_for(arn, "kinesis")
    told = kinesis.put_records(StreamARN=arn, Records=records)["Records"]
    return Answer(failed=_failed_by_position(told))


def _delivery_stream(
    plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Answer:
    _may(plan, arn, "firehose:PutRecordBatch")
    told = client_for(arn, "firehose").put_record_batch(
        DeliveryStreamName=place_of(arn)[2].removeprefix("deliverystream/"),
        Records=[{"Data": item.text.encode()} for item in items],
    )
    return Answer(failed=_failed_by_position(told["RequestResponses"]))


def _failed_by_position(told: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    return {
        number: entry.get("ErrorMessage") or entry["ErrorCode"]
        for number, entry in enumerate(told)
        if entry.get("ErrorCode")
    }


def _log_group(
    plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Answer:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetCloudWatchLogsParameters.html"""
    chosen = parameters.get("CloudWatchLogsParameters") or {}
    stream, path = chosen.get("LogStreamName", plan.name), chosen.get("Timestamp")
    by_stream: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        when = _time(dynamic(path, item.shown)).timestamp() if path else time.time()
        event = {"timestamp": int(when * 1000), "message": item.text}
        by_stream.setdefault(dynamic(stream, item.shown), []).append(event)
    logs, group = client_for(arn, "logs"), log_group(arn)
    for name, events in by_stream.items():
        resource = f"{arn.removesuffix(':*')}:log-stream:{name}"
        _may(plan, arn, "logs:CreateLogStream", "logs:PutLogEvents", resource=resource)
        at = {"logGroupName": group, "logStreamName": name}
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_stream(**at)
        events.sort(key=lambda event: event["timestamp"])
        logs.put_log_events(**at, logEvents=events)
    return Answer()


def _api_destination(
    plan: Plan, arn: str, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Answer:
    """One call for each event; what an endpoint answers is JSON, or text."""
    _may(plan, arn, "events:InvokeApiDestination")
    (item,) = items
    job = plan.job(arn, item.text, HttpParameters=_http(parameters, item.shown))
    try:
        told = api_destinations.invoke(job, has_turn=False)
    except NotYet as turn:
        # Others that came first fill the rate of the destination until then.
        threading.Event().wait(turn.seconds)
        told = api_destinations.invoke(job, has_turn=True)
    text = told.body.decode(errors="replace")
    try:
        return Answer(json.loads(text) if text else None)
    except (ValueError, RecursionError):
        return Answer(text)


def _http(parameters: Mapping[str, Any], shown: Any) -> dict[str, Any]:
    chosen = parameters.get("HttpParameters") or {}
    values = chosen.get("PathParameterValues") or []
    return {"PathParameterValues": [dynamic(value, shown) for value in values]} | {
        kind: {name: dynamic(value, shown) for name, value in (chosen.get(kind) or {}).items()}
        for kind in ("HeaderParameters", "QueryStringParameters")
    }


def _time(text: str) -> datetime:
    """ISO 8601, or seconds or milliseconds since 1970. Raises DeliveryError."""
    try:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise DeliveryError("INVALID_PARAMETER", f"{text} is not a time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


ENRICHMENTS: dict[str, Call] = {
    "api-destination": _api_destination,
    "lambda": _function,
    "states": _state_machine,
}
TARGETS: dict[str, Call] = {
    "api-destination": _api_destination,
    "events": _bus,
    "firehose": _delivery_stream,
    "kinesis": _stream,
    "lambda": _function,
    "logs": _log_group,
    "sns": _topic,
    "sqs": _queue,
    "states": _state_machine,
}
