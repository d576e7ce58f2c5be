"""The time that retries and schedules live by: real time, plus what an account has skipped.

Each account has a clock of its own, which can be moved forward and never back. Tests and readers
play a day of retries in a second with it; other accounts do not notice.
"""

from __future__ import annotations

import heapq
import logging
import re
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

from localstack_eventbridge.workers import Action, Workers

LOG = logging.getLogger(__name__)

#: How far a clock can be moved at once.
MOST = timedelta(days=366)

#: Seconds that `advance` waits for work that has begun, before it goes on without.
PATIENCE = 60.0

#: So many cancelled timers are kept before they are cleared away.
CANCELLED_KEPT = 100

_NONE = timedelta(0)


class Timer:
    """An action that waits for its time."""

    __slots__ = ("_account", "_action", "_clock", "when")

    def __init__(self, clock: Clock, account: _Account, when: datetime, action: Action) -> None:
        self.when = when
        self._clock = clock
        self._account = account
        self._action: Action | None = action

    def cancel(self) -> None:
        """The action will not begin any more; nothing happens if it already has."""
        self._clock._cancel(self)

    def _take(self) -> Action | None:
        action, self._action = self._action, None
        return action


class _Account:
    def __init__(self) -> None:
        self.offset = _NONE
        #: When, in real time, the clock was moved, and its offset from then on.
        self.moves: list[tuple[datetime, timedelta]] = []
        #: The time at which the clock stands while it is moved.
        self.standing: datetime | None = None
        self.moving = threading.Lock()
        self.timers: list[tuple[datetime, int, Timer]] = []
        self.cancelled = 0
        self.working = 0

    def now(self) -> datetime:
        return self.standing or datetime.now(UTC) + self.offset


class Clock:
    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._numbers = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._workers = Workers("eventbridge-worker")

    def now(self, account: str) -> datetime:
        """The account's time, in UTC."""
        return self._get(account).now()

    def at(self, account: str, real: datetime) -> datetime:
        """What the account's clock showed at a real time, which is past."""
        offset = _NONE
        for moved, following in self._get(account).moves:
            if moved <= real:
                offset = following
        return real + offset

    def offset(self, account: str) -> timedelta:
        """How far the account's clock has been moved."""
        return self._get(account).offset

    def call_at(self, account: str, when: datetime, action: Action) -> Timer:
        """Run `action` on a thread when the account's time is `when` (aware), or soon after."""
        state = self._get(account)
        timer = Timer(self, state, when, action)
        with self._changed:
            heapq.heappush(state.timers, (when, next(self._numbers), timer))
            if state.timers[0][2] is timer:
                self._watch()
        return timer

    def call_later(self, account: str, seconds: float, action: Action) -> Timer:
        """Run `action` on a thread after so many seconds of the account's time."""
        return self.call_at(account, self.now(account) + timedelta(seconds=seconds), action)

    def run(self, account: str, action: Action) -> None:
        """Run `action` on a thread now. `advance` waits for it before it moves the time on."""
        state = self._get(account)
        with self._changed:
            state.working += 1
        self._workers.submit(partial(self._work, state, action))

    def advance(self, account: str, delta: timedelta) -> None:
        """Move the account's clock forward by `delta`.

        What is due on the way happens before this returns, in the order of its time, and what
        that schedules within the time, too; meanwhile the clock stands at the time of each action.
        Raises ValueError if `delta` is negative or longer than 366 days.
        """
        if not _NONE <= delta <= MOST:
            raise ValueError(f"a clock moves by 0 seconds to {MOST.days} days at a time")
        state = self._get(account)
        with state.moving:
            with self._changed:
                before = state.offset
                state.standing = state.now()
            end = state.standing + delta
            try:
                self._play(state, end)
            finally:
                with self._changed:
                    state.standing = None
                    state.offset = before + delta
                    state.moves.append((datetime.now(UTC), state.offset))
                    self._watch()

    def reset(self, account: str) -> None:
        """Forget the account's timers, and go back to real time."""
        state = self._get(account)
        self._clear(state)
        with state.moving:
            self._clear(state)
            state.offset = _NONE
            state.moves.clear()

    def _get(self, account: str) -> _Account:
        state = self._accounts.get(account)
        return state or self._accounts.setdefault(account, _Account())

    def _play(self, state: _Account, end: datetime) -> None:
        self._wait_for_work(state)
        while timer := self._next_until(state, end):
            state.standing = max(timer.when, state.standing or timer.when)
            if action := timer._take():
                _safely(action)
            self._wait_for_work(state)

    def _next_until(self, state: _Account, end: datetime) -> Timer | None:
        with self._changed:
            if state.timers and state.timers[0][0] <= end:
                return heapq.heappop(state.timers)[2]
            return None

    def _wait_for_work(self, state: _Account) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not state.working, PATIENCE):
                LOG.warning("the clock moves on, though work of its account has not ended")

    def _work(self, state: _Account, action: Action) -> None:
        _safely(action)
        with self._changed:
            state.working -= 1
            if not state.working:
                self._changed.notify_all()

    def _cancel(self, timer: Timer) -> None:
        state = timer._account
        with self._changed:
            if timer._take() is None:
                return
            state.cancelled += 1
            if state.cancelled > max(CANCELLED_KEPT, len(state.timers) // 2):
                state.timers = [entry for entry in state.timers if entry[2]._action]
                heapq.heapify(state.timers)
                state.cancelled = 0

    def _clear(self, state: _Account) -> None:
        with self._changed:
            for _, _, timer in state.timers:
                timer._take()
            state.timers.clear()
            state.cancelled = 0

    def _watch(self) -> None:
        """Have the thread look again at what comes next; the lock is held."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._tick, name="eventbridge-clock", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _tick(self) -> None:
        with self._changed:
            while True:
                self._changed.wait(self._start_due())

    def _start_due(self) -> float | None:
        """Start all that is due; the seconds until something else will be."""
        waits = []
        for state in list(self._accounts.values()):
            if state.standing:
                continue
            now = state.now()
            while state.timers and state.timers[0][0] <= now:
                action = heapq.heappop(state.timers)[2]._take()
                if action:
                    state.working += 1
                    self._workers.submit(partial(self._work, state, action))
            if state.timers:
                waits.append((state.timers[0][0] - now).total_seconds())
        # What is due in three centuries is more than a lock can wait for.
        return min(waits + [threading.TIMEOUT_MAX]) if waits else None


def _safely(action: Action) -> None:
    try:
        action()
    except Exception:
        LOG.exception("%s", action)


clock = Clock()

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def parse_duration(text: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds, such as PT1H30M.

    Raises ValueError if it is anything else; months and years have no fixed length.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    parts = {name: value for name, value in match.groupdict().items() if value} if match else {}
    if not parts or str(text).endswith("T"):
        raise ValueError(f"not an ISO 8601 duration such as PT1H or P1DT12H: {text!r}")
    try:
        return timedelta(**{name: float(value) for name, value in parts.items()})
    except OverflowError:
        raise ValueError(f"{text} is too long") from None
