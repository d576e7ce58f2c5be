"""When the emulator ends because nobody uses it; with real processes in test_host_mode.py."""

from __future__ import annotations

import socket
import threading

import pytest
from localstack_eventbridge import leases


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the emulator would end; the waits are a tenth of a second and one second."""
    event = threading.Event()
    monkeypatch.setattr(leases, "_end", event.set)
    monkeypatch.setattr(leases, "FIRST_HOLDER_WITHIN", 0.1)
    monkeypatch.setattr(leases, "NEXT_HOLDER_WITHIN", 1.0)
    return event


def hold() -> socket.socket:
    return socket.create_connection(("127.0.0.1", leases.port() or 0), timeout=5)


def test_ends_when_nobody_comes(ended: threading.Event) -> None:
    leases.watch()
    assert ended.wait(5)
    with pytest.raises(OSError):
        hold()


def test_goes_on_while_there_is_a_holder_whatever_it_says(ended: threading.Event) -> None:
    leases.watch()
    with hold() as holder:
        holder.sendall(b"GET / HTTP/1.1\r\n\r\n" * 1000)
        assert not ended.wait(1.5)
    assert ended.wait(5)


def test_goes_on_when_a_next_holder_comes_in_time(ended: threading.Event) -> None:
    leases.watch()
    hold().close()
    with hold():
        assert not ended.wait(1.5)
    assert ended.wait(5)
