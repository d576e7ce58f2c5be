"""A runtime process together with the Runtime API that it speaks to."""

from __future__ import annotations

import queue
import sys
import threading
import time
from pathlib import Path

from localstack_eventbridge.functions.processes import Exit, RuntimeProcess
from localstack_eventbridge.functions.runtime_api import Invocation, RuntimeApi, Said

RUNTIME_CLIENT = Path(__file__).with_name("runtime_client.py")


class Runtime:
    """One runtime, from its start on. It runs only while it initializes or has an invocation.

    `folder` is that of its environment, with the code in `var/task`; `variables` are those of its
    process, `storage` is the size that a file may have, in MB.
    """

    #: The largest size that it was seen with, in bytes.
    max_memory = 0
    #: How long its init took, in seconds; until that is known, None.
    init_seconds: float | None = None
    #: Whether it waits for an invocation.
    is_ready = False
    #: Whether it has had an invocation.
    was_used = False

    def __init__(self, folder: Path, variables: dict[str, str], storage: int) -> None:
        self.started = time.perf_counter()
        self._heard: queue.SimpleQueue[Said | Exit] = queue.SimpleQueue()
        self._api = RuntimeApi(self._hear)
        # No bytecode is written, no package of LocalStack is found, nothing is buffered.
        command = [sys.executable, "-BSsu", str(RUNTIME_CLIENT)]
        self._starting = threading.Lock()
        with self._starting:
            self._process = RuntimeProcess(
                [*command, str(storage), str(folder / "var" / "runtime")],
                {**variables, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                folder / "var" / "task",
                folder / "log",
                self._hear_end,
            )

    def _hear(self, said: Said) -> None:
        self._note_init()
        with self._starting:
            if said.what == "ready":
                # On AWS, an environment that waits is frozen, with all its threads and children.
                self._process.freeze()
        self._heard.put(said)

    def _hear_end(self, end: Exit) -> None:
        self._note_init()
        self._heard.put(end)

    def _note_init(self) -> None:
        if self.init_seconds is None:
            self.init_seconds = time.perf_counter() - self.started

    def listen(self, deadline: float) -> Said | Exit | None:
        """The next thing that it says, or how it ended; None when the deadline has passed."""
        try:
            return self._heard.get(timeout=max(0.0, deadline - time.perf_counter()))
        except queue.Empty:
            return None

    def give(self, invocation: Invocation) -> None:
        """Hand over an invocation; only after it said "ready"."""
        self.is_ready, self.was_used = False, True
        self._process.thaw()
        self._api.give(invocation)

    def look_at_memory(self) -> None:
        self.max_memory = max(self.max_memory, self._process.memory())

    def printed(self) -> str:
        """What it has printed since this was asked last."""
        return self._process.printed()

    def end(self) -> None:
        """Kill it, with its process group. Returns when it is gone."""
        self._process.end()
        self._api.close()
