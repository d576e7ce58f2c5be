"""AWS's Lambda Runtime API for one runtime process.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; standard library only.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

API = "/2018-06-01/runtime"

#: What a response may hold, in bytes: 6 MB and some room for the envelope
#: (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_RESPONSE = 6 * 1024 * 1024 + 100


@dataclass(frozen=True)
class Invocation:
    """What a runtime gets from `next`. `deadline` is in milliseconds since the epoch."""

    request_id: str
    function_arn: str
    payload: bytes
    deadline: int
    trace_id: str = ""
    client_context: str = ""


class Said(NamedTuple):
    """One thing that a runtime said: "ready", "response", "error" or "init error"."""

    what: str
    body: bytes = b""
    error_type: str = ""


class RuntimeApi:
    """Serves one runtime on a loopback port of its own, one invocation after the other.

    `hear` is called with each thing that the runtime says, before the runtime gets its answer. The
    caller may then `give` the next invocation: once after each "ready".
    """

    def __init__(self, hear: Callable[[Said], None]) -> None:
        self.hear = hear
        self.invocation: Invocation | None = None
        self._next: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, name="lambda-runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """HOST:PORT, as AWS_LAMBDA_RUNTIME_API has it."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def give(self, invocation: Invocation) -> None:
        self._next.put(invocation)

    def wait_for_invocation(self) -> Invocation | None:
        """The next one that is given; None at the end."""
        self.invocation = self._next.get()
        return self.invocation

    def close(self) -> None:
        self._is_closed = True
        self._next.put(None)
        # It wakes the thread that accepts: closing its socket would not, on every system.
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()

    def _serve(self) -> None:
        with self._listener:
            while True:
                connection, address = self._listener.accept()
                if self._is_closed:
                    return connection.close()
                threading.Thread(
                    target=self._serve_connection,
                    args=(connection, address),
                    name="lambda-runtime-connection",
                    daemon=True,
                ).start()

    def _serve_connection(self, connection: socket.socket, address: tuple[str, int]) -> None:
        # A runtime that dies lets its connection drop: whoever watches the process sees that.
        with connection, contextlib.suppress(OSError):
            _Handler(connection, address, self)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two small packets would wait for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: RuntimeApi  # type: ignore[assignment]

    def do_GET(self) -> None:
        if self.path != f"{API}/invocation/next":
            return self._refuse(HTTPStatus.NOT_FOUND, "NotFound", "No such resource")
        self.server.hear(Said("ready"))
        invocation = self.server.wait_for_invocation()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
            "Lambda-Runtime-Client-Context": invocation.client_context,
        }
        given = {name: value for name, value in headers.items() if value}
        return self._send(HTTPStatus.OK, invocation.payload, given)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            # It was killed in the middle of its answer.
            self.close_connection = True
            return
        error_type = self.headers.get("Lambda-Runtime-Function-Error-Type") or ""
        match self.path.removeprefix(f"{API}/").split("/"):
            case ["init", "error"]:
                self._accept(Said("init error", body, error_type))
            case ["invocation", request_id, "response" | "error" as what]:
                self._take_answer(request_id, Said(what, body, error_type))
            case _:
                self._refuse(HTTPStatus.NOT_FOUND, "NotFound", "No such resource")

    def _take_answer(self, request_id: str, said: Said) -> None:
        invocation = self.server.invocation
        if invocation is None or invocation.request_id != request_id:
            return self._refuse(HTTPStatus.BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        self.server.invocation = None
        if len(said.body) > MAX_RESPONSE:
            self.server.hear(_too_large())
            reason = f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return self._refuse(status, "RequestEntityTooLarge", reason)
        return self._accept(said)

    def _accept(self, said: Said) -> None:
        self.server.hear(said)
        self._send(HTTPStatus.ACCEPTED, b'{"status":"OK"}', {})

    def _refuse(self, status: HTTPStatus, kind: str, message: str) -> None:
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self._send(status, body, {})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the function's log is the user's."""


def _too_large() -> Said:
    kind = "Function.ResponseSizeTooLarge"
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return Said("error", body, kind)
