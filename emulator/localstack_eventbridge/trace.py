"""What happened to every event of an account, and why: the newest 5,000 records of it.

A record has a `sequence` number that grows over all accounts, a `time` on the account's clock, a
`kind`, the `event_id` it is about, and fields of its kind:

- "entry": an entry of PutEvents was accepted or refused.
- "rule": a rule was tried, with the first reason why it did not match.
- "schedule": a schedule was due.
- "attempt": a target was called, with what came of it.
- "dead-letter": the event went to the dead-letter queue of the target.
- "dropped": the event was lost for the target.
- "pipe": a pipe had the message or record with this id. `stage` says what became of it: received,
  filtered (out), enriched, skipped (the enrichment answered with nothing), delivered, failed, and
  of what a stream gives up, dead-letter or dropped; `execution` is that of the pipe's log.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import count
from typing import Any

from localstack_eventbridge.clock import clock

#: Records kept of one account.
KEPT = 5000

_numbers = count(1)
_rings: dict[str, deque[dict[str, Any]]] = {}
# Or records could stand in the ring in another order than that of their numbers.
_lock = threading.Lock()


def record(account: str, kind: str, event_id: str | None, **fields: Any) -> None:
    """Keep a record; `fields` must be JSON values."""
    with _lock:
        ring = _rings.setdefault(account, deque(maxlen=KEPT))
        head = {"sequence": next(_numbers), "time": clock.now(account).isoformat()}
        ring.append(head | {"kind": kind, "event_id": event_id} | fields)


def entries(account: str, since: int = 0) -> list[dict[str, Any]]:
    """The account's records with a number above `since`, oldest first."""
    with _lock:
        return [entry for entry in _rings.get(account, ()) if entry["sequence"] > since]


def reset(account: str) -> None:
    """Forget the account's records."""
    with _lock:
        _rings.pop(account, None)
