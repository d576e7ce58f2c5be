"""The trace of events: in this process, and over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from plugin_http import call


@pytest.fixture
def a() -> Iterator[str]:
    yield "a"
    trace.reset("a")
    clock.reset("a")


def test_a_record_has_number_time_kind_event_and_its_own_fields(a: str) -> None:
    trace.record(a, "entry", "id-1", accepted=True)
    (entry,) = trace.entries(a)
    now = datetime.fromisoformat(entry.pop("time"))
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
    assert entry.pop("sequence") > 0
    assert entry == {"kind": "entry", "event_id": "id-1", "accepted": True}


def test_time_is_that_of_the_accounts_clock(a: str) -> None:
    clock.advance(a, timedelta(hours=5))
    trace.record(a, "entry", "id-1")
    now = datetime.fromisoformat(trace.entries(a)[0]["time"])
    assert now - datetime.now(UTC) > timedelta(hours=4)


def test_only_what_came_after_is_told(a: str) -> None:
    for n in range(3):
        trace.record(a, "rule", str(n))
    first, *rest = trace.entries(a)
    assert trace.entries(a, first["sequence"]) == rest
    assert trace.entries(a, rest[-1]["sequence"]) == []


def test_the_newest_5000_records_are_kept(a: str) -> None:
    for n in range(trace.KEPT + 10):
        trace.record(a, "rule", str(n))
    kept = trace.entries(a)
    assert len(kept) == trace.KEPT == 5000
    assert (kept[0]["event_id"], kept[-1]["event_id"]) == ("10", "5009")


def test_accounts_see_only_their_own(a: str) -> None:
    trace.record(a, "rule", "1")
    assert trace.entries("b") == []
    trace.reset("b")
    assert len(trace.entries(a)) == 1


def test_numbers_grow_even_when_threads_write_at_once(a: str) -> None:
    def write() -> None:
        for _ in range(200):
            trace.record(a, "rule", None)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [entry["sequence"] for entry in trace.entries(a)]
    assert len(numbers) == 1600
    assert numbers == sorted(set(numbers))


def test_http_tells_nothing_of_an_account_where_nothing_happened(
    endpoint: str, account: str
) -> None:
    told = call(endpoint, "GET", f"trace?account={account}&since=7")
    assert told == (200, {"entries": [], "next": 7})


@pytest.mark.parametrize("query", ["", "account=12", "account=123456789012&since=x"])
def test_http_refuses_a_wrong_question(endpoint: str, query: str) -> None:
    status, told = call(endpoint, "GET", f"trace?{query}")
    assert status == 400
    assert "account" in told["message"] or "since" in told["message"]
