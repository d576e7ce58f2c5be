"""What runs while a pipe is RUNNING: a thread that reads its source."""

from __future__ import annotations

import logging
import threading

from localstack_eventbridge.delivery.job import service_of
from localstack_eventbridge.pipes.logs import Log
from localstack_eventbridge.pipes.plan import Plan
from localstack_eventbridge.pipes.queue_source import QueueSource
from localstack_eventbridge.pipes.store import Pipe
from localstack_eventbridge.pipes.stream_source import StreamSource

LOG = logging.getLogger(__name__)


class Runner:
    """Reads the source of a pipe, as its settings are now, until it is stopped."""

    def __init__(self, pipe: Pipe) -> None:
        self._stopped = threading.Event()
        plan = Plan(pipe)
        log = Log(plan)
        self._source: QueueSource | StreamSource
        if service_of(plan.source) == "sqs":
            self._source = QueueSource(plan, log, self._stopped)
        else:
            self._source = StreamSource(plan, log, self._stopped, pipe.positions)
        name = f"pipe-{pipe.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read. Raises ClientError if the source cannot be read."""
        self._source.prepare()
        self._thread.start()

    def end(self) -> None:
        """Have it stop soon, and wait for nothing."""
        self._stopped.set()

    def stop(self) -> None:
        """Stop it: when this returns, nothing is under way any more."""
        self.end()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._source.run()
        except Exception:
            LOG.exception("%s", self._thread.name)
