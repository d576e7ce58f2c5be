"""Schedule expressions of rules: rate(value unit), and cron() with its six fields.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
Pure Python: it knows nothing of LocalStack.

Where AWS's page is silent, the older scheduler that AWS's dialect comes from (Quartz) is followed:
names in any case, ranges that wrap around (20-2, FRI-MON), L-3 for the third day before the last
of a month, LW for its last weekday, steps no longer than the field, and L, W and # not in lists.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MESSAGE = "Parameter ScheduleExpression is not valid."

#: The days of a month on which a schedule fires; given the year and the month.
Days = Callable[[int, int], list[int]]

# Nine digits are what a timedelta can hold in days.
_RATE = re.compile(r"rate\(([0-9]{1,9})\s+(minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class InvalidExpression(ValueError):
    """An expression that PutRule refuses; its text is AWS's message."""

    def __init__(self) -> None:
        super().__init__(MESSAGE)


@dataclass(frozen=True)
class Rate:
    """Fires at `start` and then at every `interval`."""

    interval: timedelta

    def next_after(self, moment: datetime, *, start: datetime) -> datetime | None:
        """The first firing later than `moment`; both times are aware, the answer is in UTC.

        None if there is none before the calendar ends.
        """
        number = max((moment - start) // self.interval + 1, 0)
        try:
            return start.astimezone(UTC) + number * self.interval
        except OverflowError:
            return None


@dataclass(frozen=True)
class Cron:
    """Fires on the minute, at the wall-clock times of `zone` that all fields allow.

    A time that the change to summer time skips is skipped, and one that the change back repeats
    counts once
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
    Rules know no zone but UTC.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]
    zone: tzinfo = UTC

    def next_after(self, moment: datetime, *, start: datetime) -> datetime | None:
        """The first firing later than `moment`, and not before `start`, in UTC; None if none comes.

        Both times are aware.
        """
        first = max(moment, start).astimezone(self.zone).replace(tzinfo=None)
        for wall in self._walls(first.replace(second=0, microsecond=0)):
            found = wall.replace(tzinfo=self.zone).astimezone(UTC)
            is_skipped = found.astimezone(self.zone).replace(tzinfo=None) != wall
            if found > moment and found >= start and not is_skipped:
                return found
        return None

    def _walls(self, first: datetime) -> Iterator[datetime]:
        """The wall-clock times of the expression, from `first` on."""
        for day in self._dates(first.date()):
            is_first = day == first.date()
            hours = self.hours[bisect_left(self.hours, first.hour) :] if is_first else self.hours
            for hour in hours:
                for minute in self.minutes:
                    wall = datetime(day.year, day.month, day.day, hour, minute)
                    if wall >= first:
                        yield wall

    def _dates(self, first: date) -> Iterator[date]:
        for year in self.years[bisect_left(self.years, first.year) :]:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    days = (date(year, month, day) for day in self.days(year, month))
                    yield from (day for day in days if day >= first)


def parse(text: str) -> Rate | Cron:
    """Read rate(...) or cron(...). Raises InvalidExpression, as at(), which only Scheduler has."""
    if found := _RATE.fullmatch(text):
        value, unit, plural = int(found[1]), found[2], bool(found[3])
        # "minute" goes with 1, and "minutes" with everything else.
        if value == 0 or plural is (value == 1):
            raise InvalidExpression
        return Rate(timedelta(**{f"{unit}s": value}))
    if found := _CRON.fullmatch(text):
        minutes, hours, day, month, weekday, year = found.groups()
        return Cron(
            minutes=_numbers(minutes, 0, 59),
            hours=_numbers(hours, 0, 23),
            days=_days(day.upper(), weekday.upper()),
            months=_numbers(month.upper(), 1, 12, _MONTHS),
            years=_numbers(year, 1970, 2199, wraps=False),
        )
    raise InvalidExpression


def _numbers(
    text: str,
    low: int,
    high: int,
    names: tuple[str, ...] = (),
    *,
    wraps: bool = True,
    steps: bool = True,
) -> tuple[int, ...]:
    """The numbers of a field, in order: a list of *, a value, or a range, each with a step."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        begin, dash, end = span.partition("-")
        if span == "*":
            values = list(range(low, high + 1))
        elif dash or slash:
            first = _number(begin, low, high, names)
            last = _number(end, low, high, names) if dash else high
            if first > last and not wraps:
                raise InvalidExpression
            around = list(range(first, high + 1)) + list(range(low, last + 1))
            values = list(range(first, last + 1)) if first <= last else around
        else:
            values = [_number(begin, low, high, names)]
        if slash and not steps:
            raise InvalidExpression
        found.update(values[:: _number(step, 1, high) if slash else 1])
    return tuple(sorted(found))


def _number(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> int:
    if text in names:
        return names.index(text) + 1
    if not re.fullmatch("[0-9]{1,4}", text) or not low <= int(text) <= high:
        raise InvalidExpression
    return int(text)


def _days(day: str, weekday: str) -> Days:
    """Exactly one of the two fields must be "?"."""
    if (day == "?") is (weekday == "?"):
        raise InvalidExpression
    return _days_of_month(day) if weekday == "?" else _days_of_week(weekday)


def _days_of_month(text: str) -> Days:
    if found := re.fullmatch("L(?:-([0-9]+))?", text):
        before = _number(found[1], 1, 30) if found[1] else 0
        return lambda year, month: [d for d in [_last(year, month) - before] if d > 0]
    if text == "LW":
        return lambda year, month: [_nearest_weekday(year, month, _last(year, month))]
    if found := re.fullmatch("([0-9]+)W", text):
        near = _number(found[1], 1, 31)
        return lambda year, month: (
            [_nearest_weekday(year, month, near)] if near <= _last(year, month) else []
        )
    days = _numbers(text, 1, 31)
    return lambda year, month: [day for day in days if day <= _last(year, month)]


def _days_of_week(text: str) -> Days:
    if found := re.fullmatch("(.+)#([1-5])", text):
        weekday, week = _number(found[1], 1, 7, _WEEKDAYS), int(found[2])
        return lambda year, month: _on(year, month, (weekday,))[week - 1 : week]
    if found := re.fullmatch("(.+)L", text):
        weekday = _number(found[1], 1, 7, _WEEKDAYS)
        return lambda year, month: _on(year, month, (weekday,))[-1:]
    # The last day of a week is Saturday. AWS lists no steps for this field.
    weekdays = (7,) if text == "L" else _numbers(text, 1, 7, _WEEKDAYS, steps=False)
    return lambda year, month: _on(year, month, weekdays)


def _on(year: int, month: int, weekdays: tuple[int, ...]) -> list[int]:
    """The days of the month on these days of the week; 1 is Sunday."""
    first = date(year, month, 1).isoweekday()
    return [
        day for day in range(1, _last(year, month) + 1) if (first + day - 1) % 7 + 1 in weekdays
    ]


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """The day from Monday to Friday that is nearest, in the same month."""
    weekday = date(year, month, day).isoweekday()
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 7:
        return day + 1 if day < _last(year, month) else day - 2
    return day


def _last(year: int, month: int) -> int:
    return monthrange(year, month)[1]
