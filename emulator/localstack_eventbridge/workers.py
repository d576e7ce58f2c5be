"""Threads for work that must not wait for other work."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import count

LOG = logging.getLogger(__name__)

Action = Callable[[], None]


class Workers:
    """Daemon threads, as many as there is work for at once, which end when there is none.

    `name` is how the threads are called; `most` limits their number (what is above waits for one
    to be free); `idle` is how many seconds a thread waits for more before it ends.
    """

    def __init__(self, name: str, *, most: int = 500, idle: float = 10) -> None:
        self._name = name
        self._most = most
        self._idle_seconds = idle
        self._numbers = count(1)
        self._actions: deque[Action] = deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, action: Action) -> None:
        """Run `action` soon, and return at once. What it raises is logged."""
        with self._changed:
            self._actions.append(action)
            if len(self._actions) > self._idle and self._threads < self._most:
                self._threads += 1
                name = f"{self._name}-{next(self._numbers)}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
            else:
                self._changed.notify()

    def _work(self) -> None:
        while action := self._next():
            try:
                action()
            except Exception:
                LOG.exception("%s", action)

    def _next(self) -> Action | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._actions, self._idle_seconds)
            self._idle -= 1
            if self._actions:
                return self._actions.popleft()
            self._threads -= 1
            return None
