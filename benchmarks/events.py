"""How long 1,000 events take from PutEvents to a queue, beside two other emulators.

One rule, one queue; the events are put in tens, one call after the other.
"""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.servers import ACCOUNT, Server, localstack, ministack, tell

EVENTS = 1000
PATIENCE = 120.0


class Result(NamedTuple):
    """Seconds until all were put and all had arrived; how many arrived, and how many twice."""

    put: float
    arrived: float
    received: int
    twice: int


def main() -> bool:
    """Measure, print a table, and tell whether ours lost nothing and is as fast as LocalStack's."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, ExitStack() as stack:
        path = Path(folder)
        servers = [
            localstack(path),
            localstack(path, "LocalStack alone", PROVIDER_OVERRIDE_EVENTS="default"),
            ministack(path),
        ]
        running = [stack.enter_context(server) for server in servers]
        tell(f"{EVENTS} events in tens, through one rule to one queue, on each")
        results = {server.name: measure(server) for server in running}
    return report(results)


def measure(server: Server) -> Result:
    events, sqs = server.client("events"), server.client("sqs")
    queue = build(events, sqs)
    started = time.perf_counter()
    for first in range(0, EVENTS, 10):
        numbers = range(first, first + 10)
        entries = [
            {"Source": "shop", "DetailType": "Sold", "Detail": json.dumps({"n": n})}
            for n in numbers
        ]
        events.put_events(Entries=entries)
    put = time.perf_counter() - started
    received: list[int] = []
    while len(set(received)) < EVENTS and time.perf_counter() - started < PATIENCE:
        received += receive(sqs, queue)
    arrived = time.perf_counter() - started
    # What comes now has come twice.
    received += receive(sqs, queue)
    distinct = len(set(received))
    return Result(put, arrived, distinct, len(received) - distinct)


def build(events: Any, sqs: Any) -> str:
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:sold"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue = sqs.create_queue(QueueName="sold", Attributes={"Policy": policy})["QueueUrl"]
    events.put_rule(Name="sold", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="sold", Targets=[{"Id": "1", "Arn": arn}])
    return queue


def receive(sqs: Any, queue: str) -> list[int]:
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    messages = answer.get("Messages", [])
    if messages:
        entries = [
            {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)
        ]
        sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    return [json.loads(message["Body"])["detail"]["n"] for message in messages]


def report(results: dict[str, Result]) -> bool:
    print(f"\n{'1,000 events':<18} {'put':>8} {'arrived':>8} {'received':>9} {'twice':>6}")
    for name, result in results.items():
        seconds = f"{result.put:>7.2f}s {result.arrived:>7.2f}s"
        print(f"{name:<18} {seconds} {result.received:>9} {result.twice:>6}")
    ours, alone, _ = results.values()
    is_good = ours.received == EVENTS and ours.twice == 0 and ours.arrived <= alone.arrived
    print("as fast as LocalStack alone, none lost" if is_good else "NOT GOOD ENOUGH")
    return is_good
