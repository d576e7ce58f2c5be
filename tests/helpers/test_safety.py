"""Whatever the reader's AWS settings say, nothing but LocalStack is ever spoken to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import clients, emulator
from helpers.errors import LabError

ROOT = Path(__file__).parents[2]

ALLOWED = [
    ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
    (" http://127.0.0.1:4566/ ", "http://127.0.0.1:4566"),
    ("http://127.1.2.3:80", "http://127.1.2.3:80"),
    ("HTTP://LOCALHOST:4566", "http://127.0.0.1:4566"),
    ("http://[::1]:4566", "http://[::1]:4566"),
]

REFUSED = [
    "https://sqs.us-east-1.amazonaws.com",
    "http://sqs.us-east-1.amazonaws.com:80",
    "https://127.0.0.1:4566",
    "http://127.0.0.1",
    "127.0.0.1:4566",
    "http://0.0.0.0:4566",
    "http://10.0.0.1:4566",
    "http://169.254.169.254:80",
    "http://8.8.8.8:4566",
    "http://[::ffff:8.8.8.8]:4566",
    "http://[::ffff:127.0.0.1]:4566",
    "http://2130706433:4566",
    "http://127.1:4566",
    "http://localhost.:4566",
    "http://localhost.example.com:4566",
    "http://127.0.0.1.nip.io:4566",
    "http://localhost.localstack.cloud:4566",
    "http://localstack.example.com:4566",
    "http://127.0.0.1:4566@example.com:80",
    "http://example.com:80#@127.0.0.1:4566",
    "http://127.0.0.1:4566\\@example.com",
    "http://127.0.0.1:4566/path",
    "http://127.0.0.1:4566?x=1",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:port",
    "http://[::1:4566",
    "ftp://127.0.0.1:4566",
    "file:///etc/passwd",
    "nonsense",
]


@pytest.mark.parametrize(("given", "plain"), ALLOWED)
def test_loopback_addresses_are_allowed(given: str, plain: str) -> None:
    assert clients.safe(given) == plain


@pytest.mark.parametrize("endpoint", REFUSED)
def test_everything_else_is_refused(endpoint: str) -> None:
    with pytest.raises(LabError, match="refuses it"):
        clients.safe(endpoint)


def test_a_refused_endpoint_stops_the_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_ENDPOINT", "http://sqs.us-east-1.amazonaws.com:80")
    with pytest.raises(LabError, match="even the real AWS"):
        emulator.ensure()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("172.18.0.2", True), ("127.0.0.1", True), ("93.184.216.34", False), ("2606:4700::1", False)],
)
def test_the_compose_service_must_lead_to_a_private_address(
    address: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        assert host == "localstack"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    if allowed:
        assert clients.safe("http://localstack:4566") == "http://localstack:4566"
    else:
        with pytest.raises(LabError, match="into the internet"):
            clients.safe("http://localstack:4566")


# --- A real session in a hostile environment --------------------------------------------------

#: Refuses and records what would leave the machine, and any look at ~/.aws. Audit hooks see every
#: connection of a Python process, below all libraries, and cannot be removed again.
GUARD = """
import ipaddress, os, sys
def is_local(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[-1]
        bad = isinstance(address, tuple) and not is_local(address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        bad = not is_local(arguments[0])
    elif event == "open":
        bad = ".aws" in str(arguments[0]).split(os.sep)
    else:
        bad = event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
    if bad:
        print("VIOLATION", event, arguments, flush=True)
        raise PermissionError(event)
sys.addaudithook(guard)
"""

SESSION = """
import io, json
from helpers.lab import start
lab = start("00-start-here")
assert lab.client("sts").get_caller_identity()["Account"] == lab.account

sqs = lab.client("sqs")
queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
sqs.send_message(QueueUrl=queue, MessageBody="keyboard")
[message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
assert message["Body"] == "keyboard"

s3 = lab.client("s3")
bucket = f"receipts.{lab.account}"
s3.create_bucket(Bucket=bucket)
s3.upload_fileobj(io.BytesIO(b"49 EUR"), bucket, "2026/first")
assert s3.get_object(Bucket=bucket, Key="2026/first")["Body"].read() == b"49 EUR"

events = lab.client("events")
events.create_event_bus(Name="shop")
entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}", "EventBusName": "shop"}
assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
lab.client("lambda").list_functions()
lab.client("dynamodb").list_tables()

sfn = lab.client("stepfunctions")
steps = {"StartAt": "Pack", "States": {"Pack": {"Type": "Pass", "Result": "packed", "End": True}}}
machine = sfn.create_state_machine(
    name="pack", type="EXPRESS", definition=json.dumps(steps), roleArn=lab.arn("iam", "role/pack")
)
done = sfn.start_sync_execution(stateMachineArn=machine["stateMachineArn"])
assert json.loads(done["output"]) == "packed"
lab.cleanup()
lab.cleanup()
print("DONE")
"""


class Tripwire:
    """A server on loopback that nobody has any reason to call; it remembers who did."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.heard: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            connection.settimeout(1)
            try:
                self.heard.append(connection.recv(200))
            except OSError:
                self.heard.append(b"connected only")
            connection.close()


@pytest.fixture
def tripwire() -> Iterator[Tripwire]:
    wire = Tripwire()
    yield wire
    wire.server.close()


@pytest.fixture
def hostile(tmp_path: Path, tripwire: Tripwire) -> dict[str, str]:
    """Everything that may lead boto3 astray leads to the tripwire, to nowhere, or to a crash."""
    folder = tmp_path / ".aws"
    (folder / "models" / "sqs" / "2012-11-05").mkdir(parents=True)
    (folder / "models" / "sqs" / "2012-11-05" / "service-2.json").write_text("{}")
    (folder / "config").write_text(
        f"""[default]
region = eu-west-7
endpoint_url = {tripwire.url}
services = wrong
ca_bundle = /does/not/exist
use_fips_endpoint = true
use_dualstack_endpoint = true
defaults_mode = auto
retry_mode = broken
max_attempts = many
s3 =
    addressing_style = virtual
    us_east_1_regional_endpoint = wrong
credential_process = {sys.executable} -c "print(1)"
csm_enabled = true
[services wrong]
sqs =
    endpoint_url = {tripwire.url}
[profile prod]
credential_process = {sys.executable} -c "print(1)"
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = prod
"""
    )
    (folder / "credentials").write_text("[default]\naws_access_key_id = AKIAREAL\nnonsense\n")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    services = ("", "_SQS", "_S3", "_EVENTBRIDGE", "_LAMBDA", "_STS", "_SFN", "_DYNAMODB")
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {
        **kept,
        **dict.fromkeys(proxies, tripwire.url),
        **{f"AWS_ENDPOINT_URL{service}": tripwire.url for service in services},
        "HOME": str(tmp_path),
        "NO_PROXY": "",
        "AWS_PROFILE": "missing",
        "AWS_DEFAULT_PROFILE": "missing",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-7",
        "AWS_DEFAULT_REGION": "eu-west-7",
        "AWS_CA_BUNDLE": " ",
        "REQUESTS_CA_BUNDLE": " ",
        "AWS_DATA_PATH": str(folder / "models"),
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_DEFAULTS_MODE": "auto",
        "AWS_RETRY_MODE": "broken",
        "AWS_MAX_ATTEMPTS": "many",
        "AWS_CSM_ENABLED": "true",
        "AWS_CSM_HOST": "csm.example.com",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": tripwire.url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": tripwire.url,
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/does/not/exist",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/admin",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "wrong",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "wrong",
        "AWS_SDK_UA_APP_ID": "x" * 300,
        "BOTO_CONFIG": str(folder / "config"),
    }


def run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_session_in_a_hostile_environment_speaks_to_localstack_only(
    endpoint: str, account: str, hostile: dict[str, str], tripwire: Tripwire
) -> None:
    hostile |= {"LOCALSTACK_ENDPOINT": endpoint, "LAB_ACCOUNT": account}
    said = run(GUARD + SESSION, hostile)
    assert "VIOLATION" not in said
    assert said.endswith("DONE\n")
    assert tripwire.heard == []


def test_a_localstack_started_in_a_hostile_environment_heeds_none_of_it(
    hostile: dict[str, str], tripwire: Tripwire, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    elsewhere = (
        "from pathlib import Path; from helpers import emulator\n"
        f"emulator.DATA = Path({str(tmp_path)!r})\n"
        f"emulator.DEFAULT_ENDPOINT = 'http://127.0.0.1:{port}'\n"
    )
    said = run(f"{elsewhere}{SESSION}emulator._started[lab.endpoint.url].kill()", hostile)
    assert "Lab ready: LocalStack" in said
    assert said.endswith("DONE\n")
    assert tripwire.heard == []


def test_the_guard_of_these_tests_catches_an_unprotected_session(
    hostile: dict[str, str], tripwire: Tripwire
) -> None:
    """What the test above proves would mean nothing if its traps did not work."""
    broken = """
import boto3, socket
for attempt in (
    lambda: boto3.client("sqs"),
    lambda: socket.getaddrinfo("sqs.us-east-1.amazonaws.com", 443),
    lambda: socket.create_connection(("8.8.8.8", 53), 1),
    lambda: socket.socket().connect_ex(("8.8.8.8", 53)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("8.8.8.8", 53)),
):
    try:
        attempt()
        print("MISSED")
    except Exception:
        pass
"""
    said = run(GUARD + broken, hostile)
    assert said.count("VIOLATION") >= 5
    assert "MISSED" not in said


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int, tripwire: Tripwire) -> None:
    with Redirecting(status, tripwire.url) as url:
        assert clients.request(url, "GET", "/_localstack/info")[0] == status
        session = clients.Session(url, "123456789012")
        for attempt in (
            lambda: session.client("s3").get_object(Bucket="receipts", Key="first"),
            lambda: session.client("s3").head_bucket(Bucket="receipts"),
            lambda: session.client("sqs").list_queues(),
            lambda: session.client("lambda").list_functions(),
        ):
            with pytest.raises(Exception):  # noqa: B017 - how it fails is boto3's business
                attempt()
    assert tripwire.heard == []


def test_an_operation_that_chooses_its_own_host_is_not_sent(tripwire: Tripwire) -> None:
    session = clients.Session("http://127.0.0.1:1", "123456789012")
    sqs = session.client("sqs")

    def elsewhere(request: Any, **_: Any) -> None:
        request.url = request.url.replace("http://127.0.0.1:1", tripwire.url)

    sqs.meta.events.register("request-created", elsewhere)
    with pytest.raises(LabError, match="not the lab"):
        sqs.list_queues()
    assert tripwire.heard == []


class Redirecting:
    """A server that sends everybody somewhere else."""

    def __init__(self, status: int, target: str) -> None:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {target}/\r\nx-amz-bucket-region: eu-west-1"
        self.answer = f"{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        self.server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)
