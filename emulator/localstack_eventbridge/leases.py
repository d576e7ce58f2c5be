"""End the emulator when nobody uses it any more.

A lease is an open TCP connection to a port of its own. However its holder ends, even by kill -9,
the operating system closes the connection, so nothing has to be asked or timed.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading

LOG = logging.getLogger(__name__)

#: Seconds that the first holder has to come, and that a next one has after the last has gone.
FIRST_HOLDER_WITHIN = 60.0
NEXT_HOLDER_WITHIN = 5.0

_port: int | None = None


def port() -> int | None:
    """The port to connect to for a lease; None when the emulator does not end by itself."""
    return _port


def watch() -> None:
    """Open the lease port, and end LocalStack when it is no longer used."""
    global _port
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    _port = server.getsockname()[1]
    threading.Thread(target=_serve, args=(server,), name="leases", daemon=True).start()


def _serve(server: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        patience: float | None = FIRST_HOLDER_WITHIN
        while ready := selector.select(patience):
            for key, _ in ready:
                _accept(server, selector) if key.fileobj is server else _look(key, selector)
            # The server's own entry is the one that is always there.
            patience = None if len(selector.get_map()) > 1 else NEXT_HOLDER_WITHIN
    server.close()
    _end()


def _accept(server: socket.socket, selector: selectors.BaseSelector) -> None:
    try:
        connection, _ = server.accept()
    except OSError:
        # Its holder has ended in between.
        return
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ)


def _look(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
    connection: socket.socket = key.fileobj  # type: ignore[assignment]
    try:
        # Nothing is ever said on a lease; what can be read is its end.
        over = connection.recv(1024) == b""
    except OSError:
        over = True
    if over:
        selector.unregister(connection)
        connection.close()


def _end() -> None:
    from localstack.runtime import get_current_runtime

    LOG.info("nobody uses this LocalStack any more: it ends")
    get_current_runtime().exit(0)
