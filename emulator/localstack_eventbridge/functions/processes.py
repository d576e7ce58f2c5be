"""The processes of execution environments, with all their children: from start to certain end.

Run as a script, it is the watcher that ends them when the emulator cannot:

    python -m localstack_eventbridge.functions.processes FOLDER
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import psutil

#: Its value lies in the folder of an environment, children inherit it, and no function can set it:
#: a process that has it belongs to that environment.
MARKER = "LAMBDA_TASK_ROOT"

#: How much of what a function printed is kept per invocation, in bytes.
MAX_LOG = 10 * 1024 * 1024

#: Seconds that processes have to go away once they are killed.
END_WITHIN = 5.0


class Exit(NamedTuple):
    """How a process ended: its exit code, or minus the signal that ended it."""

    code: int


class RuntimeProcess:
    """One run of a command in a session of its own; what it prints goes to `log`.

    `on_exit` is called when it has ended by itself or was killed.
    """

    def __init__(
        self,
        command: list[str],
        variables: dict[str, str],
        folder: Path,
        log: Path,
        on_exit: Callable[[Exit], None],
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = psutil.Popen(
                command,
                env=variables,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watching = threading.Thread(
            target=self._watch, args=(on_exit,), name="lambda-process", daemon=True
        )
        self._watching.start()

    def _watch(self, on_exit: Callable[[Exit], None]) -> None:
        # It stays a zombie until `end`: so nobody else gets the number of its process group.
        how = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        assert how, "waitid waits, unless WNOHANG is given"
        on_exit(Exit(how.si_status if how.si_code == os.CLD_EXITED else -how.si_status))

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it and its children. Returns when it is gone."""
        children = _children(self._process)
        self._signal(signal.SIGKILL)
        _kill(children)
        self._watching.join()
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # On macOS a group that has only a zombie left may not be signalled.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def memory(self) -> int:
        """Its size at this moment, in bytes; 0 when it has ended."""
        try:
            return self._process.memory_info().rss
        except psutil.Error:
            return 0

    def printed(self) -> str:
        """What it has printed since this was asked last."""
        try:
            with self._log.open("r+b") as log:
                data = log.read(MAX_LOG)
                left_out = os.fstat(log.fileno()).st_size - len(data)
                # The process appends, so it goes on at the new end.
                log.truncate(0)
        except FileNotFoundError:
            # Its environment was stopped meanwhile.
            return ""
        if left_out:
            data += f"\n... {left_out} more bytes are left out\n".encode()
        return data.decode("utf-8", errors="replace")


_lock = threading.Lock()
_folder: Path | None = None
_watcher: subprocess.Popen[bytes] | None = None
_is_ending = False


def new_folder(name: str) -> Path:
    """A folder for an environment. The watcher starts with the first one."""
    global _folder, _watcher
    with _lock:
        if _is_ending:
            raise RuntimeError("LocalStack is ending")
        if _folder is None:
            _folder = Path(tempfile.mkdtemp(prefix="lambda-")).resolve()
            _watcher = subprocess.Popen(
                [sys.executable, "-m", __name__, str(_folder)],
                # When this side of the pipe closes, the emulator has ended, in whatever way.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        folder = _folder / name
        folder.mkdir()
        return folder


def are_ending() -> bool:
    """Whether LocalStack is ending, and with it every function."""
    return _is_ending


def end_all() -> None:
    """Kill the processes of all environments and remove their files; the end of LocalStack."""
    global _is_ending
    with _lock:
        _is_ending = True
        if _watcher and _watcher.stdin:
            _watcher.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                _watcher.wait(2 * END_WITHIN)


def kill_marked(folder: Path) -> None:
    """Kill the processes that belong to an environment in this folder, or to the one of it.

    Daemons leave the process group of their function; the variable stays with them.
    """
    deadline = time.monotonic() + END_WITHIN
    while (marked := list(_marked(folder))) and time.monotonic() < deadline:
        _kill([child for process in marked for child in _children(process)])
        _kill(marked)
        psutil.wait_procs(marked, timeout=0.2)


def _marked(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            root = process.environ().get(MARKER)
            if root and Path(root).is_relative_to(folder):
                yield process


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _kill(victims: list[psutil.Process]) -> None:
    for process in victims:
        with contextlib.suppress(psutil.Error):
            process.kill()


def watch(emulator: IO[bytes], folder: Path) -> None:
    """Wait for the end of the emulator; then leave nothing of its functions behind."""
    emulator.read()
    kill_marked(folder)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.stdin.buffer, Path(sys.argv[1]))
