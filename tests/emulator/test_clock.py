"""The clock that retries and schedules live by: in this process, and over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.clock import Clock, parse_duration
from localstack_eventbridge.workers import Workers
from plugin_http import advance, call

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.reset("a")


def test_an_account_starts_at_real_time(clock: Clock) -> None:
    before = datetime.now(UTC)
    assert before <= clock.now("a") <= datetime.now(UTC)
    assert clock.offset("a") == timedelta(0)


def test_advance_moves_one_account_and_no_other(clock: Clock) -> None:
    clock.advance("a", HOUR)
    clock.advance("a", HOUR)
    assert clock.offset("a") == 2 * HOUR
    assert abs(clock.now("a") - datetime.now(UTC) - 2 * HOUR) < timedelta(seconds=1)
    assert clock.offset("b") == timedelta(0)


def test_what_a_clock_showed_at_a_real_time(clock: Clock) -> None:
    """Of an hour ago it is known that the clock had not been moved yet."""
    before = datetime.now(UTC) - HOUR
    clock.advance("a", HOUR)
    between = datetime.now(UTC)
    clock.advance("a", 2 * HOUR)
    now = datetime.now(UTC)
    assert clock.at("a", before) == before
    assert clock.at("a", between) == between + HOUR
    assert clock.at("a", now) == now + 3 * HOUR
    assert clock.at("b", now) == now
    clock.reset("a")
    assert clock.at("a", now) == now


@pytest.mark.parametrize("delta", [-HOUR, timedelta(days=367)])
def test_a_clock_moves_neither_back_nor_for_ever(clock: Clock, delta: timedelta) -> None:
    with pytest.raises(ValueError, match="0 seconds to 366 days"):
        clock.advance("a", delta)


def test_a_timer_runs_in_real_time_by_itself(clock: Clock) -> None:
    done = threading.Event()
    started = time.monotonic()
    clock.call_later("a", 0.2, done.set)
    assert done.wait(5)
    assert 0.19 <= time.monotonic() - started < 2


def test_an_earlier_timer_does_not_wait_for_a_later_one(clock: Clock) -> None:
    done = threading.Event()
    clock.call_later("a", 3600, lambda: None)
    clock.call_later("b", 60, lambda: None)
    clock.call_later("a", 0.05, done.set)
    assert done.wait(2)


def test_a_timer_in_thousands_of_years_delays_no_other(clock: Clock) -> None:
    ran = threading.Event()
    clock.call_at("1", datetime.max.replace(tzinfo=UTC), lambda: None)
    clock.call_later("1", 0.05, ran.set)
    assert ran.wait(5)


def test_a_slow_timer_delays_no_other(clock: Clock) -> None:
    release, done = threading.Event(), threading.Event()
    clock.call_later("a", 0, partial(release.wait, 10))
    clock.call_later("a", 0.01, done.set)
    assert done.wait(2)
    release.set()


def test_everything_due_has_happened_in_order_when_advance_returns(clock: Clock) -> None:
    start, seen = clock.now("a"), []
    for minutes in (50, 10, 30, 61):
        when = start + timedelta(minutes=minutes)
        clock.call_at("a", when, lambda m=minutes: seen.append((m, clock.now("a"))))
    clock.advance("a", HOUR)
    assert [minutes for minutes, _ in seen] == [10, 30, 50]
    assert [now for _, now in seen] == [start + timedelta(minutes=m) for m in (10, 30, 50)]
    clock.advance("a", timedelta(minutes=2))
    assert [minutes for minutes, _ in seen] == [10, 30, 50, 61]


def test_what_an_action_schedules_within_the_time_happens_too(clock: Clock) -> None:
    seen: list[datetime] = []

    def tick() -> None:
        seen.append(clock.now("a"))
        clock.call_later("a", 60, tick)

    start = clock.now("a")
    clock.call_at("a", start + timedelta(seconds=60), tick)
    clock.advance("a", timedelta(minutes=10))
    assert seen == [start + timedelta(minutes=n) for n in range(1, 11)]


def test_work_that_an_action_starts_is_done_before_the_next_action(clock: Clock) -> None:
    seen: list[tuple[str, int]] = []

    def work(name: str) -> None:
        time.sleep(0.05)
        seen.append((name, (clock.now("a") - start) // HOUR))

    start = clock.now("a")
    for hours in (1, 2):
        when = start + hours * HOUR
        clock.call_at("a", when, lambda h=hours: clock.run("a", lambda: work(f"work {h}")))
    clock.run("a", lambda: work("before"))
    clock.advance("a", 3 * HOUR)
    assert seen == [("before", 0), ("work 1", 1), ("work 2", 2)]


def test_an_action_that_fails_stops_neither_the_clock_nor_the_others(clock: Clock) -> None:
    seen: list[int] = []
    clock.call_later("a", 1, lambda: seen.append(1 // 0))
    clock.call_later("a", 2, lambda: seen.append(2))
    clock.advance("a", HOUR)
    assert seen == [2]
    done = threading.Event()
    clock.call_later("a", 0, done.set)
    assert done.wait(2)


def test_a_cancelled_timer_does_not_run(clock: Clock) -> None:
    seen: list[str] = []
    timer = clock.call_later("a", 60, lambda: seen.append("cancelled"))
    clock.call_later("a", 60, lambda: seen.append("kept"))
    timer.cancel()
    timer.cancel()
    clock.advance("a", HOUR)
    assert seen == ["kept"]


def test_reset_forgets_timers_and_goes_back_to_real_time(clock: Clock) -> None:
    seen: list[str] = []
    clock.call_later("a", 60, lambda: seen.append("a"))
    clock.call_later("b", 60, lambda: seen.append("b"))
    clock.advance("a", timedelta(seconds=30))
    clock.reset("a")
    assert clock.offset("a") == timedelta(0)
    clock.advance("a", HOUR)
    clock.advance("b", HOUR)
    assert seen == ["b"]


def test_two_advances_at_once_add_up(clock: Clock) -> None:
    threads = [threading.Thread(target=clock.advance, args=("a", HOUR)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert clock.offset("a") == 8 * HOUR


def test_a_hundred_thousand_timers_are_cheap(clock: Clock) -> None:
    started = time.monotonic()
    seen: list[int] = []
    timers = [clock.call_later("a", 60 + n, partial(seen.append, n)) for n in range(100_000)]
    for timer in timers[1000:]:
        timer.cancel()
    clock.advance("a", timedelta(days=3))
    assert seen == list(range(1000))
    assert time.monotonic() - started < 5


def test_workers_run_at_once_and_end_when_there_is_no_work() -> None:
    workers = Workers("probe", idle=0.1)
    together = threading.Barrier(6)
    for _ in range(5):
        workers.submit(lambda: together.wait(5))
    together.wait(5)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("probe-")]
    assert all(thread.daemon for thread in threads)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    done = threading.Event()
    workers.submit(done.set)
    assert done.wait(5)


def test_workers_are_never_more_than_allowed() -> None:
    workers = Workers("few", most=2)
    release, started = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        started.release()
        release.wait(5)

    for _ in range(5):
        workers.submit(work)
    assert started.acquire(timeout=5)
    assert started.acquire(timeout=5)
    assert not started.acquire(timeout=0.1)
    release.set()
    assert all(started.acquire(timeout=5) for _ in range(3))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H", 3600),
        ("PT90S", 90),
        ("PT0.5S", 0.5),
        ("P1DT12H30M1.25S", 131401.25),
        ("P2W", 1209600),
        ("PT0S", 0),
    ],
)
def test_durations_are_those_of_iso_8601(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


WRONG = [
    "",
    "P",
    "PT",
    "P1DT",
    "1H",
    "PT1",
    "-PT1H",
    "PT-1H",
    "P1M",
    "P1Y",
    "pt1h",
    "PT1H ",
    "PT½H",
]


@pytest.mark.parametrize("text", [*WRONG, None, 3600, ["PT1H"]])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@given(st.integers(0, 10**6), st.integers(0, 23), st.integers(0, 59))
def test_each_part_of_a_duration_counts(days: int, hours: int, minutes: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes)
    assert parse_duration(f"P{days}DT{hours}H{minutes}M") == expected


def test_get_tells_the_time_of_an_account(endpoint: str, account: str) -> None:
    status, told = call(endpoint, "GET", f"clock?account={account}")
    assert status == 200
    assert set(told) == {"account", "now", "offset_seconds"}
    assert (told["account"], told["offset_seconds"]) == (account, 0)
    now = datetime.fromisoformat(told["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_post_moves_the_clock_and_tells_the_new_time(endpoint: str, account: str) -> None:
    status, told = call(endpoint, "POST", f"clock?account={account}", {"advance": "P1DT1H"})
    assert (status, told["offset_seconds"]) == (200, 90000)
    now = datetime.fromisoformat(told["now"])
    assert abs(now - datetime.now(UTC) - timedelta(hours=25)) < timedelta(seconds=5)
    other = str(int(account) - 1)
    assert call(endpoint, "GET", f"clock?account={other}")[1]["offset_seconds"] == 0


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"advance": None}, {"advance": 60}, {"advance": "-PT1H"}, {"advance": "P9W9"}],
)
def test_post_refuses_what_is_no_way_forward(endpoint: str, account: str, body: Any) -> None:
    status, told = call(endpoint, "POST", f"clock?account={account}", body)
    assert status == 400
    assert "advance" in told["message"]


def test_post_refuses_a_jump_that_is_too_long(endpoint: str, account: str) -> None:
    status, told = call(endpoint, "POST", f"clock?account={account}", {"advance": "P999999999D"})
    assert status == 400
    assert "366 days" in told["message"]


@pytest.mark.parametrize("query", ["", "?account=12", "?account=abcdefghijkl"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_account_must_be_given_in_full(endpoint: str, method: str, query: str) -> None:
    status, told = call(endpoint, method, f"clock{query}", {"advance": "PT1H"})
    assert status == 400
    assert "12 digits" in told["message"]


def test_the_reset_of_the_account_resets_its_clock(endpoint: str, account: str) -> None:
    advance(endpoint, account, "PT1H")
    call(endpoint, "POST", f"reset?account={account}")
    assert call(endpoint, "GET", f"clock?account={account}")[1]["offset_seconds"] == 0
