"""How each kind of target is called: one function per service, in a table.

Which kinds EventBridge has: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack import config
from localstack.aws.connect import connect_to

from localstack_eventbridge.delivery import api_destinations, errors
from localstack_eventbridge.delivery.job import DeliveryError, Job, place_of, service_of

#: Receives an event that a rule forwards: the ARN of the bus, and the event.
Receiver = Callable[[str, dict[str, Any]], None]

#: Execution names of one event and target are the same, so that a retry starts nothing twice.
_EXECUTIONS = uuid.UUID("6f0c3c3e-6a53-5d1f-9d4e-3b1f0f3b7c55")

_receivers: list[Receiver] = []


def register_receiver(receiver: Receiver) -> None:
    """Have events for buses handed to `receiver`, in place of any earlier one."""
    _receivers[:] = [receiver]


def supported(arn: str) -> bool:
    """Whether targets of this kind can be called; PutTargets refuses others."""
    service = service_of(arn)
    if service == "events":
        return place_of(arn)[2].startswith("event-bus/")
    return service in SENDERS or service == "api-destination"


def needs_role(arn: str) -> bool:
    """Whether AWS demands a RoleArn for such a target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
    """
    return service_of(arn) in {"api-destination", "firehose", "kinesis", "states"}


def send(job: Job, *, has_turn: bool = False) -> None:
    """Hand the payload to the target.

    Raises DeliveryError if it could not be, or was refused, and NotYet if it is not the job's turn
    at an API destination; when its time has come, call again with `has_turn`.
    """
    try:
        if job.service == "api-destination":
            api_destinations.invoke(job, has_turn=has_turn)
        else:
            SENDERS[job.service](job)
    except (ClientError, BotoCoreError) as error:
        raise errors.from_botocore(error, job.service) from error


def send_message(arn: str, body: str, **options: Any) -> None:
    """Send a message to the queue with this ARN.

    Raises botocore's ClientError.
    """
    client_for(arn, "sqs").send_message(QueueUrl=queue_url(arn), MessageBody=body, **options)


def queue_url(arn: str) -> str:
    """The URL of the queue with this ARN, whether it exists or not."""
    _, account, name = place_of(arn)
    return f"{config.internal_service_url()}/{account}/{name}"


def prepare(arn: str) -> None:
    """Make the client that calls such a target; it is kept."""
    service = service_of(arn)
    client_for(arn, "stepfunctions" if service == "states" else service)


def client_for(arn: str, service: str) -> Any:
    """A client of the service in account and region of the ARN."""
    region, account, _ = place_of(arn)
    return connect_to(aws_access_key_id=account, region_name=region).get_client(service)


def _to_function(job: Job) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html"""
    client = client_for(job.arn, "lambda")
    client.invoke(FunctionName=job.arn, InvocationType="Event", Payload=job.payload.encode())


def _to_queue(job: Job) -> None:
    group = job.target.get("SqsParameters", {}).get("MessageGroupId")
    send_message(job.arn, job.payload, **({"MessageGroupId": group} if group else {}))


def _to_topic(job: Job) -> None:
    client_for(job.arn, "sns").publish(TopicArn=job.arn, Message=job.payload)


def _to_log_group(job: Job) -> None:
    """A log stream of its own for each event."""
    logs = client_for(job.arn, "logs")
    at = {"logGroupName": log_group(job.arn), "logStreamName": str(uuid.uuid4())}
    logs.create_log_stream(**at)
    event = {"timestamp": int(time.time() * 1000), "message": job.payload}
    logs.put_log_events(**at, logEvents=[event])


def _to_state_machine(job: Job) -> None:
    seed = f"{job.event_id} {job.rule_arn} {job.target.get('Id')}"
    client_for(job.arn, "stepfunctions").start_execution(
        stateMachineArn=job.arn,
        name=f"{job.event_id}_{uuid.uuid5(_EXECUTIONS, seed)}",
        input=job.payload,
    )


def _to_stream(job: Job) -> None:
    """Rules tell a path to the partition key, schedules the key.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_KinesisParameters.html
    """
    parameters = job.target.get("KinesisParameters", {})
    key = parameters.get("PartitionKey")
    if key is None:
        key = _at(job.event, parameters.get("PartitionKeyPath", "$.id"))
    client_for(job.arn, "kinesis").put_record(
        StreamName=place_of(job.arn)[2].removeprefix("stream/"),
        Data=job.payload.encode(),
        PartitionKey=str(job.event_id if key is None else key)[:256],
    )


def _to_delivery_stream(job: Job) -> None:
    client_for(job.arn, "firehose").put_record(
        DeliveryStreamName=place_of(job.arn)[2].removeprefix("deliverystream/"),
        Record={"Data": job.payload.encode()},
    )


def _to_bus(job: Job) -> None:
    """Account, region and time of the event stay; in another region it gets an id of its own.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
    """
    if "EventBridgeParameters" in job.target:
        _put_event(job)
        return
    if job.forwarded:
        raise DeliveryError(
            "THIRD_ACCOUNT_HOP_DETECTED",
            f"Event ingestion rejected for event {job.event_id} because an event can be sent to "
            "an event bus target only once. This event was previously delivered to an event bus "
            "target.",
        )
    event = dict(job.event)
    if place_of(job.arn)[0] != job.region:
        event["id"] = str(uuid.uuid4())
    _receivers[0](job.arn, event)


def _put_event(job: Job) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EventBridgeParameters.html"""
    entry = {
        **job.target["EventBridgeParameters"],
        "Detail": job.payload,
        "EventBusName": job.arn,
    }
    client = connect_to(aws_access_key_id=job.account, region_name=job.region).events
    (told,) = client.put_events(Entries=[entry])["Entries"]
    if "ErrorCode" in told:
        raise DeliveryError(told["ErrorCode"], told["ErrorMessage"])


def log_group(arn: str) -> str:
    """The name of the log group in an ARN, which may end in `:*`."""
    return place_of(arn)[2].removeprefix("log-group:").removesuffix(":*")


def _at(event: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as $.detail.id, or None."""
    value: Any = event
    for name in path.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


#: By the service of the job; what else a job may call adds itself.
SENDERS: dict[str, Callable[[Job], None]] = {
    "events": _to_bus,
    "firehose": _to_delivery_stream,
    "kinesis": _to_stream,
    "lambda": _to_function,
    "logs": _to_log_group,
    "sns": _to_topic,
    "sqs": _to_queue,
    "states": _to_state_machine,
}
