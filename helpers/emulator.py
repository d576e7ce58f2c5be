"""Find LocalStack, or start the embedded one; share it among kernels; stop it.

The embedded LocalStack lives in an environment of its own (`.venv-localstack`) and is a process
of its own. Each process that uses it holds a *lease*, an open connection; when the last lease has
gone, however its holder ended, the embedded LocalStack ends itself.

    endpoint = ensure()      # what lab.start, the tests and scripts/ call
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from filelock import AcquireReturnProxy, FileLock, Timeout

from helpers import clients
from helpers.errors import LabError, TimedOut
from helpers.waiting import until

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-localstack" / "bin" / "python"
#: Holds a folder for each port that an embedded LocalStack used: its state and its log.
DATA = ROOT / ".localstack"
DEFAULT_ENDPOINT = "http://127.0.0.1:4566"

#: The release that the plug-in is written for.
VERSION = "4.14.0"

#: Seconds until a program that accepts connections must have answered like LocalStack.
ANSWER_TIMEOUT = 4.0

#: Seconds until the embedded LocalStack must answer; it needs two or three, and many more where
#: the disk is slow and it runs for the first time.
START_TIMEOUT = 120.0

_leases: dict[str, socket.socket] = {}
_started: dict[str, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Endpoint:
    """A LocalStack that answers.

    `info` is what the plug-in says about itself; `log` is the log file of an embedded LocalStack,
    `lease` the connection that keeps it alive. Both are None for one that somebody else runs.
    """

    url: str
    info: dict[str, Any]
    log: Path | None = None
    lease: socket.socket | None = None

    def lost(self, *, failed: bool) -> LabError | None:
        """The error to raise when this LocalStack is no more; None while it is there.

        `failed` says that a call got no answer: then the reason is looked for more closely.
        """
        there = _is_open(self.lease) if self.lease else True
        if there and not (failed and not _listens(self.url)):
            return None
        return LabError(
            f"LocalStack at {self.url} no longer answers: it has ended, and all it held is gone.\n"
            "Run the set-up cell again and go on from there, or choose "
            f"Run > Restart Kernel and Run All Cells.{_tail(self.log)}"
        )


def ensure() -> Endpoint:
    """The LocalStack to work with, after a real call to it was answered.

    It is the one that the variable LOCALSTACK_ENDPOINT names, which must be there; or else the one
    at 127.0.0.1:4566, which is started if nothing listens there. The calling process keeps an
    embedded LocalStack alive until it ends.

    Raises LabError, which says what to do.
    """
    named = os.environ.get("LOCALSTACK_ENDPOINT", "").strip()
    url = clients.safe(named or DEFAULT_ENDPOINT)
    turn, what = lock(f"start-{_port(url)}"), "another kernel to start LocalStack"
    with until(lambda: take(turn), timeout=START_TIMEOUT, what=what):
        found = find(url)
        if found is None and named:
            raise LabError(
                f"LOCALSTACK_ENDPOINT is {named}, and nothing answers there.\n"
                f"Start LocalStack there (`make emulator PORT={_port(url)}`{_or_docker()}), or "
                "unset the variable: then the lab starts one of its own."
            )
        return found or start(_port(url))


def find(url: str) -> Endpoint | None:
    """The LocalStack at `url`; None when nothing listens there, or when it was just ending.

    Raises LabError when something else listens, or a LocalStack that cannot serve the notebooks.
    """
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while _listens(url):
        try:
            endpoint = _attach(url, _identify(url))
        except (OSError, http.client.HTTPException, BotoCoreError) as error:
            # Beginning and ending servers accept connections that they cannot serve.
            if time.monotonic() > deadline:
                raise _taken(url, f"it does not answer: {error or type(error).__name__}") from None
            time.sleep(0.1)
            continue
        if endpoint:
            return endpoint
        until(lambda: not _listens(url), timeout=30, what="the LocalStack before to end")
    return None


def start(port: int, folder: Path | None = None) -> Endpoint:
    """Start the embedded LocalStack on 127.0.0.1:`port` and wait until it answers.

    Its state and its log lie in `folder`, by default `.localstack/PORT` of the repository. It is
    detached: it outlives an interrupt of this process, and ends when nobody holds a lease.

    Raises LabError when it cannot be started, with the end of its log.
    """
    url = f"http://127.0.0.1:{port}"
    folder = folder or DATA / str(port)
    if not PYTHON.exists():
        raise LabError(
            f"Nothing answers at {url}, and the embedded LocalStack is not set up here.\n"
            f"In the folder of the series, run `make lab`, which sets it up{_or_docker()}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "emulator.log"
    process = _spawn(port, folder, log)
    _started[url] = process
    try:
        return until(
            lambda: _answer(url, process, log), timeout=START_TIMEOUT, what="LocalStack to start"
        )
    except TimedOut:
        stop(url)
        raise LabError(
            f"LocalStack did not start within {START_TIMEOUT:g} s.{_tail(log)}"
        ) from None
    except BaseException:
        stop(url)
        raise


def stop(url: str) -> int | None:
    """End the embedded LocalStack at `url` that this process has started, and wait for it.

    Returns its exit code: 0, unless it had died or had to be killed. None if there is none.
    """
    if lease := _leases.pop(url, None):
        lease.close()
    if not (process := _started.pop(url, None)):
        return None
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def has_died(url: str) -> bool:
    """Whether the LocalStack that this process has started at `url` has ended by itself."""
    return url in _started and _started[url].poll() is not None


def lock(name: str) -> FileLock:
    """A lock between all processes of this user on this computer; it goes with its holder."""
    folder = Path(tempfile.gettempdir()) / f"eventbridge-step-by-step-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def take(wanted: FileLock) -> AcquireReturnProxy | None:
    """The lock, held, to be used with `with`; None when another process holds it."""
    try:
        return wanted.acquire(blocking=False)
    except Timeout:
        return None


# --- Who is there? ----------------------------------------------------------------------------


def _identify(url: str) -> dict[str, Any]:
    """What the plug-in says about itself. Raises LabError, OSError or HTTPException."""
    status, told = _ask(url, "/_localstack/info", timeout=2)
    version = str(told.get("version", "")).partition(":")[0]
    if status != 200 or not version:
        raise _taken(url, f"it answers, but not like LocalStack (status {status})")
    if version != VERSION:
        raise LabError(
            f"LocalStack {version} runs at {url}; the notebooks need {VERSION}, the last one that "
            "needs no account.\n"
            f"Stop that one and run this cell again: {VERSION} is then started."
        )
    # LocalStack takes a path that it does not know for a bucket, and loads S3 to look for it.
    status, told = _ask(url, "/_eventbridge/info", timeout=15)
    if status != 200:
        raise LabError(
            f"LocalStack {version} runs at {url}, but without the plug-in of this series.\n"
            "Stop it and run this cell again: one with the plug-in is then started. In Docker, use "
            "`docker compose up --build`, which builds it in."
        )
    return told


def _ask(url: str, path: str, *, timeout: float) -> tuple[int, dict[str, Any]]:
    status, body = clients.request(url, "GET", path, timeout=timeout)
    if status >= 500:
        # So answers a LocalStack that begins or ends.
        raise OSError(f"status {status}")
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    return status, told if isinstance(told, dict) else {}


def _attach(url: str, info: dict[str, Any]) -> Endpoint | None:
    """Take the lease, then ask real calls. None when it has begun to end and takes no lease."""
    lease = None
    if port := info.get("lease_port"):
        lease = _leases.get(url)
        if not _is_open(lease) and not (lease := _take_lease(url, port)):
            return None
    session = clients.Session(url, "000000000000")
    try:
        session.client("sqs").list_queues()
        session.client("sts").get_caller_identity()
    except ClientError as error:
        raise LabError(
            f"LocalStack at {url} answers, but does not work: {error}\n"
            "Stop it, and run this cell again."
        ) from None
    if lease and not _is_open(lease):
        return None
    log = DATA / str(_port(url)) / "emulator.log"
    return Endpoint(url, info, log if lease and log.exists() else None, lease)


def _spawn(port: int, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    command = ["-I", "-m", "localstack_eventbridge", "--port", str(port), "--data", str(folder)]
    with (folder / "lock").open("w") as in_use:
        # One that is ending has freed its port, but not yet its folder. The lock belongs to the
        # file that is handed on: it is free when the process that got it has ended.
        until(lambda: _locks(in_use), timeout=30, what="the LocalStack before to end")
        with log.open("wb") as output:
            return subprocess.Popen(
                [str(PYTHON), *command, "--stop-when-unused"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                pass_fds=[in_use.fileno()],
                start_new_session=True,
            )


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answer(url: str, process: subprocess.Popen[bytes], log: Path) -> Endpoint | None:
    if process.poll() is not None:
        raise LabError(
            f"LocalStack ended while it started (exit code {process.returncode}).\n"
            f"Run this cell again. If that does not help, run `make lab`: it completes the set-up."
            f"{_tail(log)}"
        )
    try:
        endpoint = _attach(url, _identify(url))
    except (OSError, http.client.HTTPException, BotoCoreError):
        return None
    return endpoint and Endpoint(url, endpoint.info, log, endpoint.lease)


def _listens(url: str) -> bool:
    try:
        socket.create_connection((urlsplit(url).hostname or "", _port(url)), timeout=5).close()
    except OSError:
        return False
    return True


def _port(url: str) -> int:
    return urlsplit(url).port or 80


# --- Leases -----------------------------------------------------------------------------------


def _take_lease(url: str, port: int) -> socket.socket | None:
    try:
        lease = socket.create_connection((urlsplit(url).hostname or "", port), timeout=5)
    except OSError:
        return None
    lease.setblocking(False)
    _leases[url] = lease
    return lease


def _is_open(lease: socket.socket | None) -> bool:
    if lease is None:
        return False
    try:
        return lease.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _forget_leases() -> None:
    for lease in _leases.values():
        lease.close()
    _leases.clear()


# A forked child may live long; only the process that asked for LocalStack keeps it alive.
os.register_at_fork(after_in_child=_forget_leases)


# --- Words ------------------------------------------------------------------------------------


def _taken(url: str, how: str) -> LabError:
    return LabError(
        f"Another program listens at {url}; {how}.\n"
        "Stop that program and run this cell again. Or leave it alone and use another port: run "
        "`make emulator PORT=4567` in a terminal, and set the variable "
        "LOCALSTACK_ENDPOINT=http://127.0.0.1:4567 where you start Jupyter."
    )


def _or_docker() -> str:
    return ", or `docker compose up --build`" if shutil.which("docker") else ""


def _tail(log: Path | None, lines: int = 10) -> str:
    """The end of the log, as a further part of a message."""
    if log is None or not log.exists():
        return ""
    with log.open(errors="replace") as file:
        last = "".join(f"  {line}" for line in deque(file, lines)).rstrip()
    return f"\nThe end of its log ({os.path.relpath(log, ROOT)}):\n{last}" if last else ""
