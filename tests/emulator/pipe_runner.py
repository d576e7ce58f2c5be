"""Reads a queue as a pipe does, in a process of its own, with something that goes wrong.

The Python of the emulator runs it: ENDPOINT ACCOUNT ARN-OF-QUEUE FAULT. It prints a line for each
message of each execution: its body, and how often it has been received. The first time,

- with the fault "hangs", the target never answers,
- with "undeletable", messages that have arrived cannot be deleted,
- with "defect", the queue and then the target raise what nobody expects.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError
from localstack_eventbridge.pipes import queue_source
from localstack_eventbridge.pipes.logs import Log
from localstack_eventbridge.pipes.plan import Plan
from localstack_eventbridge.pipes.store import Pipe

ENDPOINT, ACCOUNT, SOURCE, FAULT = sys.argv[1:]

faults = {"hangs": ["target"], "undeletable": ["delete"], "defect": ["receive", "target"]}[FAULT]


def is_time(place: str) -> bool:
    """Whether it goes wrong here, now."""
    if place not in faults:
        return False
    faults.remove(place)
    return True


class Queues:
    """A client of SQS."""

    def __init__(self) -> None:
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=ENDPOINT,
            region_name=SOURCE.split(":")[3],
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="x",
        )

    def receive_message(self, **request: Any) -> Any:
        if is_time("receive"):
            raise RuntimeError("a defect")
        return self._sqs.receive_message(**request)

    def delete_message_batch(self, **request: Any) -> Any:
        if is_time("delete"):
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "DeleteMessageBatch")
        return self._sqs.delete_message_batch(**request)

    def url(self, arn: str) -> str:
        return self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]


class Execution:
    """The target takes everything."""

    def __init__(self, plan: Plan, log: Log, events: list[dict[str, Any]]) -> None:
        for event in events:
            count = event["attributes"]["ApproximateReceiveCount"]
            print(event["body"], count, flush=True)

    def run(self) -> dict[int, str]:
        if is_time("target"):
            if FAULT == "hangs":
                threading.Event().wait()
            raise RuntimeError("another defect")
        return {}


queues = Queues()
queue_source.client_for = lambda arn, service: queues  # type: ignore[assignment,return-value]
queue_source.queue_url = queues.url
queue_source.Execution = Execution  # type: ignore[assignment,misc]
now = datetime.now(UTC)
settings = {"RoleArn": "role", "Source": SOURCE, "Target": "arn:aws:sqs:us-east-1:1:target"}
plan = Plan(Pipe("pipe", ACCOUNT, "us-east-1", settings, "RUNNING", created=now, modified=now))
queue_source.QueueSource(plan, Log(plan), threading.Event()).run()
