"""Schedule expressions of Scheduler: at(), rate() and cron(), in a time zone.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
Pure Python: it knows nothing of LocalStack.

The cron expressions are those of rules. Where AWS's page is silent:

- the unit of a rate may be singular or plural, whatever its value;
- a rate with a StartDate in the past keeps the pace that it would have had since then;
- an at() whose time a change to summer time skips never fires, as with cron; of a time that comes
  twice, the first counts;
- an at() that lies in the past when the schedule is made never fires.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from localstack_eventbridge.events import expressions
from localstack_eventbridge.events.expressions import Cron, InvalidExpression, Rate

#: Before every moment that is looked at, by the least that a datetime can tell.
_TICK = timedelta(microseconds=1)

_AT = re.compile(r"at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)")
_RATE = re.compile(r"rate\(([0-9]{1,9})\s+(minute|hour|day)s?\)")


@dataclass(frozen=True)
class At:
    """Fires once, at a wall-clock time of `zone`."""

    wall: datetime
    zone: tzinfo = UTC

    def next_after(self, moment: datetime, *, start: datetime) -> datetime | None:
        """The firing in UTC, if it is later than `moment`; None otherwise. `start` counts not."""
        try:
            found = self.wall.replace(tzinfo=self.zone).astimezone(UTC)
            is_skipped = found.astimezone(self.zone).replace(tzinfo=None) != self.wall
        except OverflowError:
            return None
        return found if found > moment and not is_skipped else None


Expression = At | Rate | Cron


def is_zone(name: str) -> bool:
    """Whether there is an IANA time zone of this name."""
    return name in _zones()


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


# Schedules keep the text: what 100,000 of them would hold otherwise is more than all else.
@functools.lru_cache(maxsize=1024)
def parse(text: str, zone: str = "UTC") -> Expression:
    """Read at(...), rate(...) or cron(...). Raises InvalidExpression."""
    place = ZoneInfo(zone)
    if found := _AT.fullmatch(text):
        try:
            return At(datetime.fromisoformat(found[1]), place)
        except ValueError:
            raise InvalidExpression from None
    if found := _RATE.fullmatch(text):
        if not int(found[1]):
            raise InvalidExpression
        return Rate(timedelta(**{f"{found[2]}s": int(found[1])}))
    if text.startswith("cron("):
        parsed = expressions.parse(text)
        assert isinstance(parsed, Cron)
        return replace(parsed, zone=place)
    raise InvalidExpression


@dataclass(frozen=True, slots=True)
class Plan:
    """When a schedule fires: its expression, and the dates that bound a recurring one.

    `since` is when the schedule was made, or changed to this plan; all times are aware.
    """

    text: str
    zone: str
    start_date: datetime | None
    end_date: datetime | None
    since: datetime

    @property
    def is_one_time(self) -> bool:
        return self.text.startswith("at(")

    def first(self, now: datetime) -> datetime | None:
        """The first firing from `now` on. A rate without StartDate fires as soon as it is made."""
        if self.is_one_time:
            # The expression knows no fractions of a second.
            now = now.replace(microsecond=0)
        return self.next_after(now - _TICK)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing later than `moment`, in UTC; None if there is none any more.

        StartDate and EndDate do not bound a one-time schedule.
        """
        expression = parse(self.text, self.zone)
        if self.is_one_time:
            return expression.next_after(moment, start=self.since)
        start = self.start_date or self.since
        try:
            found = expression.next_after(max(moment, self.since - _TICK), start=start)
        except OverflowError:
            # A zone's wall clock would be beyond the calendar.
            return None
        return found if found and (self.end_date is None or found <= self.end_date) else None
