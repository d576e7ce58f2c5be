"""An HTTP endpoint for API destinations to call, with answers as the experiment wants them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request that the endpoint has had; `at` is when, in seconds of a monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


#: Status, headers and body of an answer.
Answer = tuple[int, dict[str, str], bytes]


class Webhook:
    """A server on a free port of this machine, until the process ends.

    `url` is its address, `calls` what it has been asked so far, and `answer` tells what to answer
    to a call and its number (from 1): a status, or status, headers and body. It may take its time.
    `name` is what the caller knows this machine by.
    """

    def __init__(self, name: str = "127.0.0.1") -> None:
        self.calls: list[Call] = []
        self.answer: Callable[[Call, int], Answer | int] = lambda call, number: 200
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((name, 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://{name}:{self._server.server_port}"
        # Its argument is how often it looks whether it is to end, in seconds.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def statuses(self, *statuses: int) -> None:
        """Answer with one status after the other, and with the last one from then on."""
        self.answer = lambda call, number: statuses[min(number, len(statuses)) - 1]

    def _take(self, call: Call) -> int:
        with self._lock:
            self.calls.append(call)
            return len(self.calls)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = Call(self.command, self.path, dict(self.headers), body, time.monotonic())
                answer = webhook.answer(call, webhook._take(call))
                status, headers, text = (answer, {}, b"") if isinstance(answer, int) else answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler
