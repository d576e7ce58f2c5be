"""How long an invocation takes, cold and warm, beside MiniStack in the same run.

    .venv/bin/python benchmarks/invocations.py

Starts both emulators on free ports, measures them in turns, prints a table, ends them. MiniStack
(its default executor) gets an environment of its own, `.venv-bench`, which is made when missing.

Exit code: 0 when a warm invocation takes at most a quarter, and a cold one at most half, of
MiniStack's (medians); 1 otherwise.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
EMULATOR_PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
MINISTACK = "ministack==1.5.33"
MINISTACK_VENV = ROOT / ".venv-bench"

COLD = 20
WARM = 100

#: What may be needed at most, as a part of MiniStack's time.
LIMITS = {"cold": 0.5, "warm": 0.25}

HANDLER = "def handler(event, context):\n    return event\n"


@dataclass
class Emulator:
    """One running emulator and the times measured with it, in milliseconds."""

    name: str
    awslambda: Any
    role: str
    times: dict[str, list[float]] = field(default_factory=lambda: {"cold": [], "warm": []})

    def deploy(self, function: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", HANDLER)
        self.awslambda.create_function(
            FunctionName=function,
            Code={"ZipFile": buffer.getvalue()},
            Handler="app.handler",
            Runtime="python3.13",
            Role=self.role,
        )
        self.awslambda.get_waiter("function_active_v2").wait(
            FunctionName=function, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )

    def measure(self, kind: str, function: str) -> None:
        started = time.perf_counter()
        answer = self.awslambda.invoke(FunctionName=function, Payload=b'{"n": 1}')
        payload = answer["Payload"].read()
        self.times[kind].append((time.perf_counter() - started) * 1000)
        if payload.replace(b" ", b"") != b'{"n":1}':
            raise SystemExit(f"{self.name} answered {payload!r}")


def main() -> int:
    make_ministack_venv()
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        localstack(Path(folder)) as ours,
        ministack(Path(folder)) as theirs,
    ):
        both = (ours, theirs)
        tell(f"cold: {COLD} new functions each, invoked once")
        for number in range(COLD):
            for emulator in both:
                emulator.deploy(f"cold-{number}")
                emulator.measure("cold", f"cold-{number}")
        tell(f"warm: {WARM} invocations of one function each")
        # The last one that was deployed is warm by now.
        for _ in range(WARM):
            for emulator in both:
                emulator.measure("warm", f"cold-{COLD - 1}")
    return report(ours, theirs)


def report(ours: Emulator, theirs: Emulator) -> int:
    print(f"\n{'milliseconds':<12} {ours.name:>17} {theirs.name:>17}   ratio of medians")
    print(f"{'':<12} {'median':>8} {'p90':>8} {'median':>8} {'p90':>8}")
    is_good = True
    for kind, limit in LIMITS.items():
        numbers = [number for e in (ours, theirs) for number in summary(e.times[kind])]
        ratio = numbers[0] / numbers[2]
        is_good &= ratio <= limit
        verdict = "" if ratio <= limit else ", TOO SLOW"
        row = " ".join(f"{number:>8.1f}" for number in numbers)
        print(f"{kind:<12} {row}   {ratio:.2f} (at most {limit}{verdict})")
    return 0 if is_good else 1


def summary(times: list[float]) -> tuple[float, float]:
    """Median and 90th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=10)[-1]


def make_ministack_venv() -> None:
    """Install the pinned MiniStack, unless an earlier run has done so."""
    done = MINISTACK_VENV / MINISTACK
    if done.exists():
        return
    tell(f"installing {MINISTACK} into {MINISTACK_VENV.name}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(MINISTACK_VENV)], check=True)
    install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", MINISTACK]
    subprocess.run([str(MINISTACK_VENV / "bin" / "python"), *install], check=True)
    done.touch()


@contextlib.contextmanager
def localstack(folder: Path) -> Iterator[Emulator]:
    port = free_port()
    data = ["--data", str(folder / "localstack")]
    module = ["-m", "localstack_eventbridge", "--port", str(port), *data]
    with running("LocalStack", [str(EMULATOR_PYTHON), *module], folder, port, {}) as emulator:
        yield emulator


@contextlib.contextmanager
def ministack(folder: Path) -> Iterator[Emulator]:
    port = free_port()
    variables = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
    }
    command = [str(MINISTACK_VENV / "bin" / "ministack")]
    with running("MiniStack", command, folder, port, variables) as emulator:
        yield emulator


@contextlib.contextmanager
def running(
    name: str, command: list[str], folder: Path, port: int, variables: dict[str, str]
) -> Iterator[Emulator]:
    """Start an emulator, wait until it works, and end it and all its children afterwards."""
    tell(f"starting {name}")
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield connect(name, port, process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connect(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> Emulator:
    deadline = time.monotonic() + 120
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
    # Both emulators take a 12-digit key for an account.
    session = boto3.Session("222222222222", "test", region_name="us-east-1")
    config = Config(proxies={}, retries={"max_attempts": 10}, ignore_configured_endpoint_urls=True)
    url = f"http://127.0.0.1:{port}"
    iam, awslambda = (
        session.client(service, endpoint_url=url, config=config) for service in ("iam", "lambda")
    )
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    return Emulator(name, awslambda, role)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def tell(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
