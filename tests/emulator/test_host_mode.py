"""LocalStack on this computer: where it listens, how it starts, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import handlers
import psutil
import pytest
from botocore.exceptions import ClientError

from helpers import clients, emulator, functions
from helpers.waiting import until

Start = Callable[..., subprocess.Popen[str]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(port, *arguments) runs `python -m localstack_eventbridge` and waits for "Ready.".

    Its folders for temporary files are in `tmp_path`.
    """
    processes = []

    def run(port: int, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                *(str(emulator.PYTHON), "-m", "localstack_eventbridge"),
                *("--port", str(port), *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path), **variables},
        )
        processes.append(process)
        while process.stdout and (line := process.stdout.readline()):
            if line == "Ready.\n":
                break
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()


def info(port: int) -> dict[str, Any]:
    return json.loads(clients.request(f"http://127.0.0.1:{port}", "GET", "/_eventbridge/info")[1])


def processes_of(stream_of: str) -> list[psutil.Process]:
    """The processes of the function of that name in any account, children included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == stream_of:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def listening(root: psutil.Process) -> set[str]:
    """The addresses on which the process and its children accept connections."""
    tree = [root, *root.children(recursive=True)]
    return {
        connection.laddr.ip
        for process in tree
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def deploy_sleepy(port: int, name: str) -> Any:
    session = clients.Session(f"http://127.0.0.1:{port}", "200000000009")
    functions.deploy(
        session.client("lambda"), session.client("iam"), name, handlers.starts_children
    )
    return session.client("lambda")


def test_listens_on_loopback_and_nowhere_else(start: Start) -> None:
    port = free_port()
    process = start(port, "--stop-when-unused")
    # A function brings a Runtime API along.
    awslambda = deploy_sleepy(port, "listener")
    awslambda.invoke(FunctionName="listener", Payload=b"{}")
    session = clients.Session(f"http://127.0.0.1:{port}", "200000000009")
    session.client("dynamodb").list_tables()
    session.client("stepfunctions").list_state_machines()
    assert listening(psutil.Process(process.pid)) == {"127.0.0.1"}


def test_started_as_in_the_container_it_listens_where_it_is_told(tmp_path: Path) -> None:
    """There, LocalStack starts itself and finds the plug-in; the variables are the Dockerfile's."""
    port = free_port()
    process = subprocess.Popen(
        [str(emulator.PYTHON), "-m", "localstack.runtime.main"],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "GATEWAY_LISTEN": f"0.0.0.0:{port}",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path),
        },
    )
    try:
        while process.stdout and (line := process.stdout.readline()) != "Ready.\n":
            assert line, "LocalStack ended"
        assert listening(psutil.Process(process.pid)) == {"0.0.0.0"}
        assert info(port)["plugin"] == "localstack-eventbridge"
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.skipif(
    "TEST_KINESIS" not in os.environ, reason="LocalStack fetches Kinesis: set TEST_KINESIS=1"
)
def test_kinesis_too_listens_on_loopback_only_and_dies_with_the_emulator(start: Start) -> None:
    port = free_port()
    process = start(port, NPM_CONFIG_FETCH_RETRIES="0")
    kinesis = clients.Session(f"http://127.0.0.1:{port}", "200000000009").client("kinesis")
    try:
        kinesis.create_stream(StreamName="orders", ShardCount=1)
    except ClientError as error:
        pytest.skip(f"LocalStack fetches Kinesis from the npm registry, and could not: {error}")
    [child] = psutil.Process(process.pid).children(recursive=True)
    assert listening(child) == {"127.0.0.1"}
    process.kill()
    until(lambda: not child.is_running(), timeout=5, what="Kinesis to end")


def test_two_side_by_side_keep_their_objects_apart(
    start: Start, client: Callable[..., Any]
) -> None:
    """Large objects lie in files, and in each LocalStack there can be a bucket of that name."""
    port = free_port()
    start(port)
    other = clients.Session(f"http://127.0.0.1:{port}", "200000000009")
    one, two = client("s3"), other.client("s3")
    for store in (one, two):
        store.create_bucket(Bucket="side-by-side")
        store.put_object(Bucket="side-by-side", Key="small", Body=b"1")
    one.delete_object(Bucket="side-by-side", Key="small")
    one.delete_bucket(Bucket="side-by-side")
    two.put_object(Bucket="side-by-side", Key="large", Body=bytes(2**20))
    assert two.get_object(Bucket="side-by-side", Key="large")["ContentLength"] == 2**20
    assert not Path("/tmp/localstack-s3-storage/side-by-side").exists()


@pytest.mark.parametrize(
    ("after", "number"),
    [
        ("LocalStack 4.14.0 with", signal.SIGINT),
        ("LocalStack version:", signal.SIGTERM),
    ],
)
def test_ends_cleanly_while_it_starts_and_removes_its_folder(
    after: str, number: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [str(emulator.PYTHON), "-m", "localstack_eventbridge", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        while process.stdout and not (line := process.stdout.readline()).startswith(after):
            assert line, "LocalStack ended"
        assert [folder.name[:11] for folder in tmp_path.iterdir()] == ["localstack-"]
        process.send_signal(number)
        output = process.communicate(timeout=20)[0]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly_and_leaves_no_process_and_no_folder(
    start: Start, number: signal.Signals, tmp_path: Path
) -> None:
    port, name = free_port(), f"sleepy-{number.name.lower()}"
    process = start(port)
    awslambda = deploy_sleepy(port, name)
    awslambda.invoke(FunctionName=name, Payload=b"{}")
    awslambda.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"stay": true}')
    until(lambda: len(processes_of(name)) >= 5, what="the function and its children")
    assert [folder.name[:11] for folder in tmp_path.iterdir()] == ["localstack-"]
    process.send_signal(number)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0
    assert "Traceback" not in output
    assert processes_of(name) == []
    assert list(tmp_path.iterdir()) == []


def test_a_function_in_mid_run_dies_with_a_killed_emulator(start: Start) -> None:
    port, name = free_port(), "orphan"
    process = start(port)
    awslambda = deploy_sleepy(port, name)
    awslambda.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"stay": true}')
    until(lambda: len(processes_of(name)) >= 3, what="the function and its children")
    process.kill()
    until(lambda: processes_of(name) == [], timeout=5, what="the function to die")


def test_a_taken_port_is_named_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [str(emulator.PYTHON), "-m", "localstack_eventbridge", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"Port {port} is taken by another program." in done.stdout
    assert f"make emulator PORT={port + 1}" in done.stdout


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    command = [str(emulator.PYTHON), "-m", "localstack_eventbridge", f"--port={port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert f"'{port}' is not a port: a number from 1 to 65535" in done.stderr


@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="this Python is the right one")
def test_another_python_is_refused() -> None:
    command = [sys.executable, "-m", "localstack_eventbridge"]
    environment = {**os.environ, "PYTHONPATH": str(emulator.ROOT / "emulator")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment)
    assert done.returncode == 1
    assert "needs Python 3.13" in done.stdout


OUTSIDE = {
    "AWS_ENDPOINT_URL": "https://example.com",
    "AWS_PROFILE": "nobody",
    "HTTP_PROXY": "http://example.com:9",
    "HTTPS_PROXY": "http://example.com:9",
    "LOCALSTACK_HOST": "example.com",
}

REFUSING = """
import runpy, socket, sys

connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo
outside = open(sys.argv.pop(1), "a", buffering=1)

def is_local(host):
    return host in ("", None, "localhost") or str(host).startswith(("127.", "::1", "0.0.0.0"))

def refusing(call):
    def refuse(*arguments, **options):
        address = arguments[1] if call is connect else arguments
        host = address[0] if isinstance(address, tuple) else ""
        if not is_local(host):
            print(call.__name__, host, file=outside)
            raise OSError(f"not allowed: {host}")
        return call(*arguments, **options)
    return refuse

socket.socket.connect, socket.getaddrinfo = refusing(connect), refusing(getaddrinfo)
sys.argv[0] = "localstack_eventbridge"
runpy.run_module("localstack_eventbridge", run_name="__main__", alter_sys=True)
"""


def test_the_emulator_itself_calls_nobody_outside(tmp_path: Path) -> None:
    """Nor where its caller's settings lead; such look-ups and connections are written down."""
    port, outside = free_port(), tmp_path / "outside.txt"
    command = [str(emulator.PYTHON), "-c", REFUSING, str(outside), "--port", str(port)]
    environment = {**os.environ, **OUTSIDE}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        while process.stdout and (line := process.stdout.readline()) != "Ready.\n":
            assert line, "LocalStack ended"
        session = clients.Session(f"http://127.0.0.1:{port}", "200000000009")
        functions.deploy(session.client("lambda"), session.client("iam"), "echo", handlers.echo)
        session.client("lambda").invoke(FunctionName="echo", Payload=b"{}")
        queue = session.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        assert queue.startswith(f"http://127.0.0.1:{port}/")
        assert session.client("sts").get_caller_identity()["Account"] == "200000000009"
        session.client("events").list_event_buses()
        session.client("dynamodb").list_tables()
        session.client("s3").create_bucket(Bucket="bucket")
        session.client("cloudwatch").list_metrics()
    finally:
        process.terminate()
        process.wait(20)
    assert outside.read_text() == ""


def test_a_state_machine_can_wait_for_an_express_one(client: Callable[..., Any]) -> None:
    """On AWS, StartSyncExecution has a host of its own; here the names of hosts lead nowhere."""
    stepfunctions = client("stepfunctions")
    role = client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def create(name: str, kind: str, state: dict[str, Any]) -> str:
        definition = json.dumps({"StartAt": "Only", "States": {"Only": {**state, "End": True}}})
        return stepfunctions.create_state_machine(
            name=name, type=kind, definition=definition, roleArn=role
        )["stateMachineArn"]

    inner = create("inner", "EXPRESS", {"Type": "Pass", "Result": "done"})
    resource = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
    call = {"Type": "Task", "Resource": resource, "Parameters": {"StateMachineArn": inner}}
    outer = create("outer", "STANDARD", {**call, "OutputPath": "$.Status"})
    execution = stepfunctions.start_execution(stateMachineArn=outer)["executionArn"]

    def ended() -> dict[str, Any] | None:
        told = stepfunctions.describe_execution(executionArn=execution)
        return None if told["status"] == "RUNNING" else told

    told = until(ended, what="the end of the execution")
    assert (told["status"], told.get("output")) == ("SUCCEEDED", '"SUCCEEDED"')


def test_says_what_it_is(start: Start) -> None:
    port = free_port()
    start(port, LAMBDA_RETRY_BASE_DELAY="7")
    told = info(port)
    assert told["plugin"] == "localstack-eventbridge"
    assert told["localstack"] == "4.14.0"
    assert told["settings"]["lambda_retry_base_delay_seconds"] == 7
    assert told["lease_port"] is None
    assert told["in_container"] is False
    # It was not ready before a call was answered: "available" would mean that it has not tried.
    status = clients.request(f"http://127.0.0.1:{port}", "GET", "/_localstack/health")[1]
    assert json.loads(status)["services"]["sts"] == "running"


def test_ends_when_the_last_lease_has_gone_even_by_kill(start: Start) -> None:
    port = free_port()
    process = start(port, "--stop-when-unused")
    lease = info(port)["lease_port"]
    hold = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
    hold += "print('held', flush=True); sys.stdin.read()"
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", hold, str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for holder in holders:
        assert holder.stdout.readline() == "held\n"  # type: ignore[union-attr]
    holders[0].kill()
    holders[0].wait()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(7)
    holders[1].kill()
    holders[1].wait()
    assert process.wait(20) == 0
