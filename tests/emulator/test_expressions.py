"""Schedule expressions: AWS's documented examples and refusals, and every minute of a year.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.events.expressions import Cron, InvalidExpression, Rate, parse

MINUTE = timedelta(minutes=1)
# A leap year, which begins on a Saturday.
YEAR = [datetime(2028, 1, 1, tzinfo=UTC) + number * MINUTE for number in range(366 * 24 * 60)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(fields: str) -> Cron:
    parsed = parse(f"cron({fields})")
    assert isinstance(parsed, Cron)
    return parsed


def firings(schedule: Cron | Rate, moment: datetime) -> Iterator[datetime]:
    start = moment
    while found := schedule.next_after(moment, start=start):
        assert found > moment
        assert found.tzinfo is UTC
        yield found
        moment = found


# --- Which expressions PutRule takes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(12 hours)", timedelta(hours=12)),
        ("rate(1 day)", timedelta(days=1)),
        ("rate(7 days)", timedelta(days=7)),
    ],
)
def test_a_rate_has_a_value_and_a_unit(text: str, interval: timedelta) -> None:
    assert parse(text) == Rate(interval)


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate(5 hour)",
        "rate(10 day)",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate(1.5 hours)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(10 minutes)\n",
        "rate(٣ minutes)",
        f"rate({'9' * 200} days)",
    ],
)
def test_the_unit_is_singular_with_1_only_and_nothing_else_is_a_rate(text: str) -> None:
    with pytest.raises(InvalidExpression, match=r"^Parameter ScheduleExpression is not valid\.$"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "cron(0 2 ? * SAT *)",
        "cron(0 12 * * ? *)",
        "cron(15 10 ? * 6L 2002-2005)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(* * ? * SAT#3 *)",
        "cron(0/5 5 ? JAN 1-5 2022)",
        "cron(0/30 20-23 ? * MON-FRI *)",
        "cron(0 8 1 * ? 1970-2199)",
        "cron(0 8 31W * ? */4)",
        "cron(0 8 L-30 JAN,FEB,MAR ? *)",
    ],
)
def test_a_cron_expression_has_six_fields_and_may_lie_in_the_past(text: str) -> None:
    assert isinstance(parse(text), Cron)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 12 * * ? *",
        "at(2026-11-24T12:00:00)",
        "cron()",
        "cron(INVALID)",
        "cron(0 12 * * ?)",
        "cron(0 0 12 * * ? *)",
        " cron(0 12 * * ? *)",
        "CRON(0 12 * * ? *)",
        # One of the two day fields is "?", and only one.
        "cron(0 1 * * * *)",
        "cron(0 1 1 * MON *)",
        "cron(0 1 ? * ? *)",
        "cron(? 1 * * ? *)",
        "cron(0 1 ?,1 * ? *)",
        # Values and names outside of their field.
        "cron(60 8 1 * ? *)",
        "cron(0 24 1 * ? *)",
        "cron(0 8 0 * ? *)",
        "cron(0 8 32 * ? *)",
        "cron(0 8 1 13 ? *)",
        "cron(0 8 ? * 0 *)",
        "cron(0 8 ? * 8 *)",
        "cron(0 8 1 * ? 1969)",
        "cron(0 8 1 * ? 2200)",
        "cron(7 20 ? * NOT *)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(0 8 MON * ? *)",
        "cron(0 8 1 MON ? *)",
        # Lists, ranges and steps that are none.
        "cron(0,, 8 1 * ? *)",
        "cron(5- 8 1 * ? *)",
        "cron(-5 8 1 * ? *)",
        "cron(0/0 8 1 * ? *)",
        "cron(/5 8 1 * ? *)",
        "cron(0/5/5 8 1 * ? *)",
        "cron(0-5-9 8 1 * ? *)",
        "cron(*-5 8 1 * ? *)",
        "cron(0 8 1 * ? 2030-2020)",
        "cron(0 8 ? * 2/2 *)",
        # L, W and # belong to one field each, and to no list.
        "cron(L 8 1 * ? *)",
        "cron(0 8 0W * ? *)",
        "cron(0 8 32W * ? *)",
        "cron(0 8 1W,15W * ? *)",
        "cron(0 8 L-31 * ? *)",
        "cron(0 8 ? * 3#6 *)",
        "cron(0 8 ? * 3#0 *)",
        "cron(0 8 ? * 3#1,6#3 *)",
        "cron(0 8 ? * 3W *)",
        "cron(0 8 1#1 * ? *)",
        f"cron({'9' * 200} 8 1 * ? *)",
    ],
)
def test_what_is_no_schedule_of_a_rule_is_refused(text: str) -> None:
    with pytest.raises(InvalidExpression, match=r"^Parameter ScheduleExpression is not valid\.$"):
        parse(text)


@given(st.text("cronate()0123456789*/?-,#LW SUNJ", max_size=40).map(lambda text: f"cron({text})"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidExpression:
        return


# --- When a rate fires ----------------------------------------------------------------------------


def test_a_rate_counts_from_its_start() -> None:
    every, start = parse("rate(5 minutes)"), at("2026-11-23T12:00:30.5")
    five = timedelta(minutes=5)
    assert every.next_after(start, start=start) == start + five
    assert every.next_after(start + five - timedelta(microseconds=1), start=start) == start + five
    assert every.next_after(start + five, start=start) == start + 2 * five
    assert every.next_after(start + 1000.5 * five, start=start) == start + 1001 * five


def test_a_rate_whose_start_is_still_to_come_fires_at_its_start() -> None:
    start = at("2026-11-23T12:00:00")
    assert parse("rate(1 day)").next_after(start - timedelta(days=9), start=start) == start


def test_a_rate_beyond_the_calendar_never_fires() -> None:
    start = at("2026-11-23T12:00:00")
    assert parse("rate(999999999 days)").next_after(start, start=start) is None


# --- When a cron expression fires -----------------------------------------------------------------


MONDAY = at("2026-11-23T00:00")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # AWS's table of examples.
        ("0 10 * * ? *", "2026-11-23T10:00 2026-11-24T10:00"),
        ("15 12 * * ? *", "2026-11-23T12:15 2026-11-24T12:15"),
        ("0 18 ? * MON-FRI 2026", "2026-11-23T18:00 2026-11-24T18:00 2026-11-25T18:00"),
        ("0 8 1 * ? *", "2026-12-01T08:00 2027-01-01T08:00"),
        ("0/15 * * * ? *", "2026-11-23T00:00 2026-11-23T00:15 2026-11-23T00:30"),
        ("0/10 * ? * MON-FRI *", "2026-11-23T00:00 2026-11-23T00:10"),
        ("0/5 8-17 ? * MON-FRI *", "2026-11-23T08:00 2026-11-23T08:05"),
        ("5,35 14 * * ? *", "2026-11-23T14:05 2026-11-23T14:35 2026-11-24T14:05"),
        ("15 10 ? * 6L 2026-2027", "2026-11-27T10:15 2026-12-25T10:15 2027-01-29T10:15"),
        ("15 10 ? * 6L 2019-2022", ""),
        # Every tenth minute, from the first one on.
        ("1/10 0 * * ? *", "2026-11-23T00:01 2026-11-23T00:11 2026-11-23T00:21"),
        # 3 is the third day of the week, Tuesday; 2 is the second of the month.
        ("0 2 ? * 3#2 *", "2026-12-08T02:00 2027-01-12T02:00"),
        ("0 2 ? * tue#5 *", "2026-12-29T02:00 2027-03-30T02:00 2027-06-29T02:00"),
        # These thirds are Sundays: the nearest weekday is Monday.
        ("0 0 3W 1,10 ? 2027", "2027-01-04T00:00 2027-10-04T00:00"),
        # A Saturday and a Sunday whose nearest weekdays are in another month.
        ("0 0 1W 5 ? 2027", "2027-05-03T00:00"),
        ("0 0 31W 10-11 ? 2027", "2027-10-29T00:00"),
        ("0 0 L 1-3 ? *", "2027-01-31T00:00 2027-02-28T00:00 2027-03-31T00:00 2028-01-31T00:00"),
        ("0 0 L-3 2 ? *", "2027-02-25T00:00 2028-02-26T00:00"),
        ("0 0 L-30 1-4 ? 2027", "2027-01-01T00:00 2027-03-01T00:00"),
        ("0 0 LW 1,2 ? 2027", "2027-01-29T00:00 2027-02-26T00:00"),
        # The last day of a week is Saturday.
        ("0 0 ? * L *", "2026-11-28T00:00 2026-12-05T00:00"),
        # Ranges go on from the beginning of the field.
        ("0 20-2/2 * * ? *", "2026-11-23T00:00 2026-11-23T02:00 2026-11-23T20:00"),
        ("0 0 ? * SAT-MON *", "2026-11-23T00:00 2026-11-28T00:00 2026-11-29T00:00"),
        ("0 0 1 NOV-FEB ? *", "2026-12-01T00:00 2027-01-01T00:00 2027-02-01T00:00"),
        ("0 0 29 2 ? *", "2028-02-29T00:00 2032-02-29T00:00"),
        # The year 2100 is no leap year.
        ("0 0 29 2 ? 2097-2103", ""),
        ("0 0 1 1 ? 2024/2", "2028-01-01T00:00 2030-01-01T00:00"),
        ("59 23 31 12 ? 2199", "2199-12-31T23:59"),
    ],
)
def test_a_cron_expression_fires_at_the_documented_times(fields: str, expected: str) -> None:
    wanted = [at(text) for text in expected.split()]
    found = firings(cron(fields), MONDAY - timedelta(seconds=1))
    assert list(islice(found, len(wanted) or 1)) == wanted


def test_a_time_that_has_come_has_fired() -> None:
    daily = cron("0 0 * * ? *")
    assert daily.next_after(MONDAY, start=MONDAY) == MONDAY + timedelta(days=1)
    before = MONDAY - timedelta(microseconds=1)
    assert daily.next_after(before, start=before) == MONDAY


def is_last_of_month(moment: datetime) -> bool:
    return (moment + timedelta(days=1)).day == 1


def is_last_sunday(moment: datetime) -> bool:
    return moment.isoweekday() == 7 and (moment + timedelta(days=7)).month != moment.month


def is_first_monday(moment: datetime) -> bool:
    return moment.isoweekday() == 1 and moment.day <= 7


def is_weekday_nearest_to_15(moment: datetime) -> bool:
    place = (moment.day, moment.isoweekday())
    return place in {(14, 5), (16, 1), *((15, weekday) for weekday in range(1, 6))}


@pytest.mark.parametrize(
    ("fields", "minutes", "hours", "is_day"),
    [
        ("*/7 3-5 * * ? *", range(0, 60, 7), range(3, 6), lambda day: True),
        ("50-10/20 22-1 ? * SAT-SUN *", {50, 10}, {22, 23, 0, 1}, lambda d: d.isoweekday() > 5),
        ("0 12 L * ? *", {0}, {12}, is_last_of_month),
        ("30 6 15W * ? *", {30}, {6}, is_weekday_nearest_to_15),
        ("5 5 ? * SUNL *", {5}, {5}, is_last_sunday),
        ("0,1 0 ? FEB-APR MON#1 *", {0, 1}, {0}, lambda d: is_first_monday(d) and 1 < d.month < 5),
        ("* 0 29-2 * ? *", range(60), {0}, lambda day: day.day in {29, 30, 31, 1, 2}),
        ("0 0 31 */2 ? 2028", {0}, {0}, lambda day: day.day == 31 and day.month % 2 == 1),
    ],
)
def test_every_minute_of_a_year_fires_or_does_not(
    fields: str,
    minutes: Container[int],
    hours: Container[int],
    is_day: Callable[[datetime], bool],
) -> None:
    expected = [m for m in YEAR[1:] if m.minute in minutes and m.hour in hours and is_day(m)]
    assert expected
    found = firings(cron(fields), YEAR[0])
    assert list(islice(found, len(expected))) == expected
    following = next(found, None)
    assert following is None or following.year > 2028


NUMBERS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (1, 7)}


@st.composite
def crons(draw: st.DrawFn) -> tuple[str, dict[str, list[int]]]:
    """Six fields, and the values that five of them have, found by counting round the field."""
    fields, values = {}, {}
    unused = draw(st.sampled_from(["day", "weekday"]))
    for name, (low, high) in NUMBERS.items():
        first = draw(st.integers(low, high))
        length = draw(st.integers(1, high - low + 1))
        step = draw(st.integers(1, high)) if name != "weekday" else 1
        around = [low + (first - low + count) % (high - low + 1) for count in range(length)]
        text = f"{first}-{around[-1]}" if length > 1 else f"{first}"
        if length > 1 and step > 1:
            text += f"/{step}"
            around = around[::step]
        fields[name], values[name] = text, around
        if name == unused:
            fields[name], values[name] = "?", list(range(low, high + 1))
    text = " ".join([fields[name] for name in NUMBERS] + ["*"])
    return text, values


def is_due(moment: datetime, values: dict[str, list[int]]) -> bool:
    parts = (moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7 + 1)
    return all(part in values[name] for name, part in zip(NUMBERS, parts, strict=True))


@given(crons(), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_the_next_firing_is_due_and_none_is_left_out(
    generated: tuple[str, dict[str, list[int]]], moment: datetime
) -> None:
    fields, values = generated
    moment = moment.replace(tzinfo=UTC)
    found = cron(fields).next_after(moment, start=moment)
    if found:
        assert is_due(found, values)
        assert (found.second, found.microsecond) == (0, 0)
    # The minutes just after the moment, and just before the firing.
    first = moment.replace(second=0, microsecond=0)
    near = [first + number * MINUTE for number in range(1, 1500)]
    near += [found - number * MINUTE for number in range(1, 1500)] if found else []
    end = found or datetime.max.replace(tzinfo=UTC)
    assert not [minute for minute in near if moment < minute < end and is_due(minute, values)]


def test_nothing_fires_before_the_start() -> None:
    start = at("2026-12-01T10:00:00")
    daily = cron("0 10 * * ? *")
    assert daily.next_after(at("2026-11-23T00:00:00"), start=start) == start
    assert daily.next_after(start, start=start) == start + timedelta(days=1)
    just_after = start + timedelta(seconds=1)
    assert daily.next_after(at("2026-11-23T00:00:00"), start=just_after) == start + timedelta(
        days=1
    )


@pytest.mark.parametrize("fields", ["0 0 30 2 ? *", "* * 31 4,6,9,11 ? *", "0 0 ? 2 1#5 2027"])
def test_an_expression_that_never_fires_says_so_at_once(fields: str) -> None:
    started = time.perf_counter()
    moment = at("1970-01-01T00:00:00")
    assert cron(fields).next_after(moment, start=moment) is None
    assert time.perf_counter() - started < 0.1


# --- In a time zone, for EventBridge Scheduler ----------------------------------------------------


def berlin(fields: str) -> Cron:
    return dataclasses.replace(cron(fields), zone=ZoneInfo("Europe/Berlin"))


def test_a_time_that_summer_time_skips_is_skipped() -> None:
    found = firings(berlin("30 2 * * ? *"), at("2026-03-28T00:00"))
    # On March 29 the clock goes from 02:00 to 03:00.
    assert list(islice(found, 2)) == [at("2026-03-28T01:30"), at("2026-03-30T00:30")]


def test_a_time_that_comes_twice_fires_once() -> None:
    found = firings(berlin("30 2 * * ? *"), at("2026-10-24T12:00"))
    # On October 25 the clock goes from 03:00 back to 02:00.
    assert list(islice(found, 2)) == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]
    in_second_pass = at("2026-10-25T01:10")
    following = berlin("0/15 * * * ? *").next_after(in_second_pass, start=in_second_pass)
    assert following == at("2026-10-25T02:00")
