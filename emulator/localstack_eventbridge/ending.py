"""End LocalStack in a few seconds, whatever it waits for."""

from __future__ import annotations

import contextlib
import threading

#: Seconds that services and open requests have to end.
PATIENCE = 4.0


def end_in_time() -> None:
    """Stop serving after PATIENCE seconds at the latest.

    LocalStack would wait for each open long poll, and half a minute for a call to a service that
    has begun to end. What it holds is in memory and goes with it: there is nothing to wait for.
    """
    timer = threading.Timer(PATIENCE, _stop_serving)
    timer.daemon = True
    timer.start()


def _stop_serving() -> None:
    from twisted.internet import reactor
    from twisted.internet.error import ReactorNotRunning

    def stop() -> None:
        with contextlib.suppress(ReactorNotRunning):
            reactor.stop()

    reactor.callFromThread(stop)
