"""The process of an execution environment, with all its children, from start to certain end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

#: Its value is unique to an environment, and children inherit it: what has it belongs to us.
MARKER = "AWS_LAMBDA_LOG_STREAM_NAME"

#: How much of what a function printed is kept per invocation, in bytes.
MAX_LOG = 10 * 1024 * 1024

_running: set[RuntimeProcess] = set()
_is_ending = threading.Event()


class Exit(NamedTuple):
    """How a process ended: its exit code, or minus the signal that ended it."""

    code: int


class RuntimeProcess:
    """One run of a command in a session of its own; what it prints goes to `log`."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        folder: Path,
        log: Path,
        on_exit: Callable[[Exit], None],
    ) -> None:
        if _is_ending.is_set():
            raise RuntimeError("LocalStack is ending: no function is started any more")
        self._marker = environment[MARKER]
        read_end, self._lifeline = os.pipe()
        try:
            # Opened once for each side: one open file has one position, for both to move.
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    env={**environment, "_EVENTBRIDGE_LIFELINE": str(read_end)},
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[read_end],
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read_end)
        self._log = log.open("rb")
        _running.add(self)
        threading.Thread(
            target=self._wait, args=(on_exit,), name="lambda-process", daemon=True
        ).start()

    def _wait(self, on_exit: Callable[[Exit], None]) -> None:
        on_exit(Exit(self._process.wait()))

    def memory(self) -> int:
        """Its size at this moment, in bytes; 0 when it has ended."""
        try:
            return psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            return 0

    def printed(self) -> str:
        """What it has printed since this was asked last."""
        data = self._log.read()
        if len(data) > MAX_LOG:
            left_out = len(data) - MAX_LOG
            data = data[:MAX_LOG] + f"\n... {left_out} more bytes are left out\n".encode()
        return data.decode("utf-8", errors="replace")

    def end(self) -> None:
        """Kill it and every process that it has started. Returns when it is gone."""
        if self not in _running:
            return
        _running.discard(self)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        _kill_marked({self._marker})
        self._process.wait()
        os.close(self._lifeline)

    def close(self) -> None:
        """Let its log go; `printed` cannot be asked any more."""
        self._log.close()


def end_all() -> None:
    """Kill the processes of all environments and let no new one start: LocalStack ends."""
    _is_ending.set()
    processes = list(_running)
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process._process.pid, signal.SIGKILL)
    _kill_marked({process._marker for process in processes})


def _kill_marked(markers: set[str]) -> None:
    """Kill the children that left the session (daemons do): they still carry the variable."""
    if not markers:
        return
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARKER) in markers:
                process.kill()
