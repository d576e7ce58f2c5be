"""The emulators that are measured: started on free ports, and ended with all their children.

MiniStack (its default executor) gets an environment of its own, `.venv-bench`, which is made when
missing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
EMULATOR_PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
MINISTACK = "ministack==1.5.33"
MINISTACK_VENV = ROOT / ".venv-bench"

#: Both emulators take a 12-digit key for an account.
ACCOUNT = "222222222222"


@dataclass(frozen=True)
class Server:
    """A running emulator."""

    name: str
    url: str
    pid: int

    def client(self, service: str) -> Any:
        session = boto3.Session(ACCOUNT, "test", region_name="us-east-1")
        config = Config(
            proxies={}, retries={"max_attempts": 10}, ignore_configured_endpoint_urls=True
        )
        return session.client(service, endpoint_url=self.url, config=config)


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
def localstack(folder: Path, name: str = "LocalStack", **variables: str) -> Iterator[Server]:
    """LocalStack with the plug-in; `variables` are settings for it."""
    port = free_port()
    data = ["--data", str(folder / name)]
    module = ["-m", "localstack_eventbridge", "--port", str(port), *data]
    with running(name, [str(EMULATOR_PYTHON), *module], folder, port, variables) as server:
        yield server


@contextlib.contextmanager
def ministack(folder: Path) -> Iterator[Server]:
    port = free_port()
    variables = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
    }
    command = [str(MINISTACK_VENV / "bin" / "ministack")]
    with running("MiniStack", command, folder, port, variables) as server:
        yield server


@contextlib.contextmanager
def running(
    name: str, command: list[str], folder: Path, port: int, variables: dict[str, str]
) -> Iterator[Server]:
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


def connect(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> Server:
    deadline = time.monotonic() + 120
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)
    return Server(name, f"http://127.0.0.1:{port}", process.pid)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def tell(what: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {what}", flush=True)
