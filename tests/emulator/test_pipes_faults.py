"""What goes wrong around pipes: nothing is lost, and nothing comes after the end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import handlers
import pytest
from piping import Piping
from routing import Queue, Routing

from helpers import emulator, functions
from helpers.waiting import nothing_arrives, until

RUNNER = Path(__file__).with_name("pipe_runner.py")


def deploy(routing: Routing, name: str, handler: Any) -> str:
    """A function; its ARN."""
    return functions.deploy(routing.client("lambda"), routing.client("iam"), name, handler)


@pytest.fixture
def source(routing: Routing) -> Queue:
    return routing.queue("source", VisibilityTimeout="2")


@pytest.fixture
def target(routing: Routing) -> Queue:
    return routing.queue("target")


def take_all(routing: Routing, queue: Queue) -> list[str]:
    """Bodies of all messages that the queue holds now."""
    taken: list[str] = []
    while found := routing.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        taken += [message["Body"] for message in found]
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)]
        routing.sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)
    return taken


def send_many(routing: Routing, queue: Queue, count: int) -> None:
    for start in range(0, count, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        routing.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)


def test_an_enrichment_that_is_deleted_and_made_again(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    """Messages go round until the function is there again."""
    function = deploy(routing, "echo", handlers.echo)
    piping.create(source.arn, target.arn, Enrichment=function)
    routing.client("lambda").delete_function(FunctionName="echo")
    piping.send(source, "x")
    (reason, *_) = until(piping.reasons, what="the failure")
    assert "Function not found" in reason
    deploy(routing, "echo", handlers.echo)
    assert routing.receive(target)[0]["body"] == "x"


def test_a_target_that_is_deleted_and_made_again(
    piping: Piping, routing: Routing, source: Queue
) -> None:
    target = routing.queue("target")
    piping.create(source.arn, target.arn)
    routing.sqs.delete_queue(QueueUrl=target.url)
    piping.send(source, "x")
    until(piping.reasons, what="the failure")
    target = routing.queue("target")
    assert routing.receive(target)[0]["body"] == "x"


def test_a_source_that_is_deleted_and_made_again(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    piping.create(source.arn, target.arn)
    routing.sqs.delete_queue(QueueUrl=source.url)
    source = routing.queue("source")
    piping.send(source, "x")
    assert routing.receive(target)[0]["body"] == "x"


def test_a_pipe_that_is_stopped_under_load_loses_nothing(
    piping: Piping, routing: Routing, target: Queue
) -> None:
    """When it is STOPPED nothing is under way any more; the rest is still in the source."""
    source, count = routing.queue("source"), 300
    template = {"InputTemplate": "<$.body>"}
    piping.create(source.arn, target.arn, DesiredState="STOPPED", TargetParameters=template)
    send_many(routing, source, count)
    piping.pipes.start_pipe(Name="pipe")
    until(lambda: routing.waiting(target) > 20, what="the first messages")
    piping.pipes.stop_pipe(Name="pipe")
    piping.settle(state="STOPPED")
    arrived, left = take_all(routing, target), piping.left(source)
    assert len(arrived) + left == count
    assert left > 0
    assert routing.waiting(source) == left
    assert nothing_arrives(routing.sqs, target.url, seconds=1)
    piping.pipes.start_pipe(Name="pipe")
    piping.empty(source)
    arrived += take_all(routing, target)
    assert sorted(map(int, arrived)) == list(range(count))


def test_a_pipe_that_is_deleted_ends_what_it_has_begun(
    piping: Piping, routing: Routing, target: Queue
) -> None:
    """DELETING until the batch under way has arrived."""
    source = routing.queue("source")
    function = deploy(routing, "slow", handlers.slow_echo)
    piping.create(source.arn, target.arn, Enrichment=function)
    (message_id,) = piping.send(source, "x")
    until(lambda: piping.stages(of=message_id), what="the message to be received")
    piping.pipes.delete_pipe(Name="pipe")
    piping.gone()
    assert routing.waiting(target) == 1
    assert piping.left(source) == 0


def test_an_update_takes_effect_on_what_comes_after(
    piping: Piping, routing: Routing, source: Queue, target: Queue
) -> None:
    other = routing.queue("other")
    piping.create(source.arn, target.arn)
    piping.send(source, "x")
    piping.empty(source)
    role = piping.role("new")
    piping.pipes.update_pipe(Name="pipe", RoleArn=role, Target=other.arn)
    piping.settle(state="RUNNING")
    piping.send(source, "y")
    assert routing.receive(other)[0]["body"] == "y"
    assert [event["body"] for event in routing.receive(target)] == ["x"]


def test_twenty_pipes_at_once(piping: Piping, routing: Routing) -> None:
    role = piping.role()
    pairs = [(routing.queue(f"s{n}"), routing.queue(f"t{n}")) for n in range(20)]
    for number, (source, target) in enumerate(pairs):
        piping.pipes.create_pipe(
            Name=f"p{number}", Source=source.arn, Target=target.arn, RoleArn=role
        )
    started = time.monotonic()
    for number in range(20):
        piping.settle(f"p{number}", "RUNNING")
    for source, _ in pairs:
        send_many(routing, source, 10)
    for source, target in pairs:
        piping.empty(source)
        assert routing.waiting(target) == 10
    for number in range(20):
        piping.pipes.delete_pipe(Name=f"p{number}")
    until(lambda: not piping.pipes.list_pipes()["Pipes"], what="all pipes to be deleted")
    assert time.monotonic() - started < 30


# --- a runner that dies ---------------------------------------------------------------------------

Runner = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def runner(
    localstack: emulator.Endpoint, routing: Routing, source: Queue, endpoint: str
) -> Iterator[Runner]:
    """runner(fault) is a process that reads the source as a pipe does; see pipe_runner.py."""
    if localstack.lease is None:
        pytest.skip("the emulator in a container is not installed on this computer")
    processes = []

    def run(fault: str) -> subprocess.Popen[str]:
        command = [str(emulator.PYTHON), str(RUNNER), endpoint, routing.account, source.arn, fault]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """The next message that a runner has sent on its way; nothing if it has ended."""
    assert process.stdout
    return process.stdout.readline().strip()


def test_what_a_runner_had_when_it_was_killed_comes_again(
    piping: Piping, routing: Routing, source: Queue, target: Queue, runner: Runner
) -> None:
    """A message is deleted when it has arrived, and not before.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html
    """
    piping.send(source, "x")
    process = runner("hangs")
    assert line(process) == "x 1"
    process.kill()
    assert piping.left(source) == 1
    piping.create(source.arn, target.arn)
    (event,) = routing.receive(target)
    assert (event["body"], event["attributes"]["ApproximateReceiveCount"]) == ("x", "2")
    piping.empty(source)


def test_what_cannot_be_deleted_comes_again(piping: Piping, source: Queue, runner: Runner) -> None:
    """At least once: it has arrived before."""
    piping.send(source, "x")
    process = runner("undeletable")
    assert [line(process), line(process)] == ["x 1", "x 2"]
    piping.empty(source)


def test_a_defect_neither_ends_a_pipe_nor_loses_a_message(
    piping: Piping, source: Queue, runner: Runner
) -> None:
    piping.send(source, "x")
    process = runner("defect")
    assert [line(process), line(process)] == ["x 1", "x 2"]
    piping.empty(source)


def test_a_message_that_takes_longer_than_its_visibility_arrives_twice(
    piping: Piping, routing: Routing, target: Queue
) -> None:
    """The time-out of the queue must be longer than enrichment and target take.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """
    source = routing.queue("hasty", VisibilityTimeout="0")
    function = deploy(routing, "slow", handlers.slow_echo)
    piping.create(source.arn, target.arn, Enrichment=function)
    piping.send(source, "x")
    events = routing.receive(target, 2)
    assert {event["messageId"] for event in events} == {events[0]["messageId"]}
    counts = [event["attributes"]["ApproximateReceiveCount"] for event in events]
    assert len({*counts}) == 2
