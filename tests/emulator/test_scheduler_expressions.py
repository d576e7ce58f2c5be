"""When a schedule fires: AWS's documented examples, and every minute of a year.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.events.expressions import InvalidExpression
from localstack_eventbridge.scheduler.expressions import Plan, is_zone, parse

MINUTE = timedelta(minutes=1)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def plan(
    text: str,
    zone: str = "UTC",
    *,
    since: str = "2026-01-01T00:00:00",
    start: str | None = None,
    end: str | None = None,
) -> Plan:
    dates = [moment and at(moment) for moment in (start, end)]
    return Plan(text, zone, *dates, since=at(since))


def firings(made: Plan) -> Iterator[datetime]:
    found = made.first(made.since)
    while found:
        assert found.utcoffset() == timedelta(0)
        yield found
        later = made.next_after(found)
        assert later is None or later > found
        found = later


def walls(made: Plan, number: int) -> list[str]:
    """The first firings as the clocks on the walls of the plan's zone show them."""
    zone = ZoneInfo(made.zone)
    return [f"{found.astimezone(zone):%m-%d %H:%M}" for found in islice(firings(made), number)]


# --- Which expressions CreateSchedule takes -------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "at(2022-11-20T13:00:00)",
        "at(2024-02-29T23:59:59)",
        "rate(5 minutes)",
        "rate(1 minute)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(12 hours)",
        "cron(15 10 ? * 6L 2022-2023)",
        "cron(0 12 * * ? *)",
        "cron(0 8 1 * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
    ],
)
def test_expressions_that_are_taken(text: str) -> None:
    parse(text, "America/New_York")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "at()",
        "at(2022-11-20)",
        "at(2022-11-20T13:00)",
        "at(2022-11-20 13:00:00)",
        "at(2022-11-20T13:00:00Z)",
        "at(2022-11-20T13:00:00+01:00)",
        "at(2022-11-20T13:00:00.5)",
        "at(2022-11-31T13:00:00)",
        "at(2022-13-01T13:00:00)",
        "at(2022-11-20T24:00:00)",
        "at(0000-01-01T00:00:00)",
        "AT(2022-11-20T13:00:00)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1.5 hours)",
        "rate(10 seconds)",
        "rate(1 week)",
        "rate(5)",
        "rate(5 minutes)\n",
        "rate(٣ minutes)",
        "cron(0 12 * * *)",
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 12 * * ? *",
        "every(5 minutes)",
        "5 minutes",
    ],
)
def test_expressions_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidExpression):
        parse(text)


@given(st.text(max_size=40) | st.from_regex(r"(at|rate|cron)\([0-9T:*?/# LW,-]*\)", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, "Europe/Berlin")
    except InvalidExpression:
        return
    list(islice(firings(plan(text, "Europe/Berlin")), 3))


def test_zones_are_those_of_iana() -> None:
    assert all(map(is_zone, ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "GMT")))
    assert not any(
        map(is_zone, ("", "Europe/Nowhere", "+01:00", "../../etc/passwd", "europe/berlin"))
    )


# --- One-time schedules ---------------------------------------------------------------------------


def test_an_at_fires_once_at_the_wall_clock_time_of_its_zone() -> None:
    made = plan("at(2026-07-01T13:00:00)", "America/New_York")
    assert list(firings(made)) == [at("2026-07-01T17:00:00")]


def test_start_and_end_date_do_not_bound_an_at() -> None:
    made = plan("at(2026-07-01T13:00:00)", start="2026-08-01T00:00:00", end="2026-06-01T00:00:00")
    assert list(firings(made)) == [at("2026-07-01T13:00:00")]


def test_an_at_in_the_past_never_fires() -> None:
    assert list(firings(plan("at(2025-12-31T23:59:59)"))) == []


def test_an_at_of_the_second_in_which_it_is_made_fires() -> None:
    now = at("2026-01-01T12:00:00") + timedelta(milliseconds=700)
    made = Plan("at(2026-01-01T12:00:00)", "UTC", None, None, since=now)
    assert made.first(now) == at("2026-01-01T12:00:00")
    assert made.next_after(at("2026-01-01T12:00:00")) is None


def test_an_at_that_summer_time_skips_never_fires_and_one_that_comes_twice_fires_once() -> None:
    assert list(firings(plan("at(2026-03-29T02:30:00)", "Europe/Berlin"))) == []
    twice = plan("at(2026-10-25T02:30:00)", "Europe/Berlin")
    assert list(firings(twice)) == [at("2026-10-25T00:30:00")]


# --- Rates ----------------------------------------------------------------------------------------


def test_a_rate_without_start_date_fires_right_away() -> None:
    made = plan("rate(5 minutes)", since="2026-01-01T10:03:07")
    assert list(islice(firings(made), 3)) == [
        at("2026-01-01T10:03:07") + n * 5 * MINUTE for n in range(3)
    ]


def test_the_start_date_of_a_rate_is_its_first_firing() -> None:
    made = plan("rate(2 hours)", start="2026-01-05T08:30:00")
    found = list(islice(firings(made), 3))
    assert found == [at(f"2026-01-05T{hour}:30:00") for hour in ("08", "10", "12")]


def test_a_rate_whose_start_date_has_just_passed_keeps_the_pace_of_it() -> None:
    made = plan("rate(5 minutes)", since="2026-01-01T10:02:00", start="2026-01-01T10:00:00")
    assert made.first(made.since) == at("2026-01-01T10:05:00")


def test_a_rate_does_not_fire_after_its_end_date() -> None:
    made = plan("rate(1 hour)", end="2026-01-01T03:30:00")
    assert len(list(firings(made))) == 4


def test_a_day_of_a_rate_has_24_hours_whatever_the_clocks_say() -> None:
    made = plan("rate(1 days)", "Europe/Berlin", since="2026-03-28T11:00:00")
    assert walls(made, 3) == ["03-28 12:00", "03-29 13:00", "03-30 13:00"]


# --- Cron -----------------------------------------------------------------------------------------


def test_a_cron_fires_at_the_wall_clock_time_of_its_zone() -> None:
    made = plan("cron(0 9 * * ? *)", "Asia/Tokyo")
    assert list(islice(firings(made), 2)) == [at("2026-01-01T00:00:00"), at("2026-01-02T00:00:00")]


def test_start_and_end_date_bound_a_cron() -> None:
    made = plan("cron(0 9 * * ? *)", start="2026-01-05T09:00:00", end="2026-01-07T09:00:00")
    assert walls(made, 9) == ["01-05 09:00", "01-06 09:00", "01-07 09:00"]


@pytest.mark.parametrize(
    ("zone", "since", "expected"),
    [
        ("America/New_York", "2026-03-07T12:00:00", ["03-09 02:30", "03-10 02:30"]),
        ("Europe/Berlin", "2026-03-28T12:00:00", ["03-30 02:30", "03-31 02:30"]),
        ("Australia/Lord_Howe", "2026-10-03T00:00:00", ["10-04 02:30", "10-05 02:30"]),
    ],
)
def test_a_time_that_summer_time_skips_is_skipped(
    zone: str, since: str, expected: list[str]
) -> None:
    """Where the clock jumps over the time, nothing is invoked.

    On Lord Howe it jumps by half an hour only, to the very time.
    """
    assert walls(plan("cron(30 2 * * ? *)", zone, since=since), 2) == expected


@pytest.mark.parametrize(
    ("zone", "since", "first", "second"),
    [
        ("America/New_York", "2026-11-01T04:00:00", "2026-11-01T05:30:00", "2026-11-02T06:30:00"),
        ("Europe/London", "2026-10-24T23:00:00", "2026-10-25T00:30:00", "2026-10-26T01:30:00"),
    ],
)
def test_a_time_that_comes_twice_fires_once(zone: str, since: str, first: str, second: str) -> None:
    made = plan("cron(30 1 * * ? *)", zone, since=since)
    assert list(islice(firings(made), 2)) == [at(first), at(second)]


# --- Every minute ---------------------------------------------------------------------------------

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def is_due(wall: datetime, minute: int, hour: str, weekday: str | None) -> bool:
    """cron(minute hour ? * weekday *), read by hand."""
    return (
        wall.minute == minute
        and hour in ("*", str(wall.hour))
        and weekday in (None, WEEKDAYS[wall.weekday()])
    )


@functools.lru_cache(maxsize=1)
def minutes(zone: str) -> list[tuple[datetime, datetime]]:
    """All minutes of 2026 in UTC, and what a wall clock shows then."""
    place, first = ZoneInfo(zone), at("2026-01-01T00:00:00")
    moments = [first + n * MINUTE for n in range(365 * 24 * 60)]
    return [(moment, moment.astimezone(place).replace(tzinfo=None)) for moment in moments]


@pytest.mark.parametrize(
    ("minute", "hour", "weekday"),
    [(30, "*", None), (30, "2", None), (15, "1", "SUN"), (0, "0", "MON")],
)
@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/St_Johns",
    ],
)
def test_every_minute_of_a_year_fires_or_does_not(
    zone: str, minute: int, hour: str, weekday: str | None
) -> None:
    """Of all minutes of 2026: what is due fires when a wall clock shows it for the first time."""
    expected, seen = [], set()
    for moment, wall in minutes(zone):
        if is_due(wall, minute, hour, weekday) and wall not in seen:
            seen.add(wall)
            expected.append(moment)
    days = f"? * {weekday}" if weekday else "* * ?"
    made = plan(f"cron({minute} {hour} {days} *)", zone, end="2026-12-31T23:59:59")
    assert list(firings(made)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_the_next_firing_does_not_depend_on_where_one_looks_from(seed: int) -> None:
    """From any moment between two firings, the next one is the same."""
    chance = random.Random(seed)
    zone = chance.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
    minute, hour = chance.randrange(60), chance.choice(["*", "1", "2", "0/3"])
    made = plan(f"cron({minute} {hour} * * ? *)", zone)
    known = list(islice(firings(made), 3000))
    for _ in range(200):
        place = chance.randrange(len(known) - 1)
        gap = known[place + 1] - known[place]
        assert made.next_after(known[place] + chance.random() * gap) == known[place + 1]
