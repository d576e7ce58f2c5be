"""Messages per second through SQS -> Pipe -> SQS, beside SQS -> Lambda in the same LocalStack.

The messages lie in the queue before pipe and event source mapping exist. Both read in tens; the
mapping is LocalStack's own, and its function does nothing.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.servers import ACCOUNT, Server, localstack, tell

MESSAGES = 500
PATIENCE = 120.0

#: A pipe does more for each message than a mapping: it may take so many times as long.
SLOWEST = 2.0


def main() -> bool:
    """Measure, print a table, and tell whether pipes keep up."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        localstack(Path(folder)) as server,
    ):
        make_roles(server)
        tell(f"{MESSAGES} messages through a pipe and through a mapping")
        piped = measure(server, "pipe", through_pipe)
        mapped = measure(server, "mapping", through_mapping)
    return report(piped, mapped)


def measure(server: Server, name: str, connect: Callable[[Server, str], None]) -> float:
    """Seconds until the queue `name` is empty and, for a pipe, all is in the other one."""
    sqs = server.client("sqs")
    source = sqs.create_queue(QueueName=name)["QueueUrl"]
    target = sqs.create_queue(QueueName=f"{name}-target")["QueueUrl"]
    for first in range(0, MESSAGES, 10):
        entries = [{"Id": str(n), "MessageBody": str(first + n)} for n in range(10)]
        sqs.send_message_batch(QueueUrl=source, Entries=entries)
    started = time.perf_counter()
    connect(server, name)
    while time.perf_counter() - started < PATIENCE:
        arrived = connect is through_mapping or count(sqs, target) == MESSAGES
        if count(sqs, source) == 0 and arrived:
            return time.perf_counter() - started
        time.sleep(0.02)
    return float("inf")


def count(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)


def through_pipe(server: Server, name: str) -> None:
    server.client("pipes").create_pipe(
        Name=name, Source=queue_arn(name), Target=queue_arn(f"{name}-target"), RoleArn=role("pipes")
    )


def through_mapping(server: Server, name: str) -> None:
    awslambda = server.client("lambda")
    awslambda.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handle",
        Role=role("lambda"),
        Code={"ZipFile": package("def handle(event, context):\n    return None\n")},
    )
    awslambda.get_waiter("function_active_v2").wait(FunctionName=name)
    awslambda.create_event_source_mapping(
        FunctionName=name, EventSourceArn=queue_arn(name), BatchSize=10
    )


def make_roles(server: Server) -> None:
    iam = server.client("iam")
    for service in ("pipes", "lambda"):
        trust = statement(
            Principal={"Service": f"{service}.amazonaws.com"}, Action="sts:AssumeRole"
        )
        iam.create_role(RoleName=service, AssumeRolePolicyDocument=trust)
        everything = statement(Action="*", Resource="*")
        iam.put_role_policy(RoleName=service, PolicyName="all", PolicyDocument=everything)


def statement(**fields: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **fields}]})


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def package(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", code)
    return buffer.getvalue()


def report(piped: float, mapped: float) -> bool:
    print(f"\n{'messages a second':<30} {'rate':>8} {'seconds':>9}")
    for name, seconds in (("SQS -> Pipe -> SQS", piped), ("SQS -> Lambda", mapped)):
        print(f"{name:<30} {MESSAGES / seconds:>8.0f} {seconds:>9.2f}")
    is_good = piped <= mapped * SLOWEST
    print(f"at most {SLOWEST:g} times as long" if is_good else "NOT GOOD ENOUGH")
    return is_good
