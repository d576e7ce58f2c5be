"""AWS's Lambda Runtime API for one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; standard library only.
"""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

API = "/2018-06-01/runtime"

#: What a synchronous response may hold, in bytes: 6 MB and some room for the envelope
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


class Said(NamedTuple):
    """One thing that a runtime said: "ready", "response", "error" or "init error"."""

    what: str
    request_id: str = ""
    body: bytes = b""
    error_type: str = ""


class RuntimeApi:
    """Serves one runtime at a time on a loopback port of its own.

    What the runtime says is put into `said`, where others may put their own news of it.
    """

    def __init__(self, said: queue.Queue[Said]) -> None:
        self.said = said
        self.invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.api = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            # The server looks for its end this often; a shutdown must not wait for it.
            target=lambda: self._server.serve_forever(poll_interval=0.05),
            name="lambda-runtime-api",
            daemon=True,
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """HOST:PORT, as AWS_LAMBDA_RUNTIME_API has it."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two small packets would wait for the other side's delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: ThreadingHTTPServer

    @property
    def api(self) -> RuntimeApi:
        return self.server.api  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        if self.path != f"{API}/invocation/next":
            return self._answer(HTTPStatus.NOT_FOUND, {"errorType": "NotFound"})
        self.api.said.put(Said("ready"))
        invocation = self.api.invocations.get()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        }
        if invocation.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace_id
        return self._send(HTTPStatus.OK, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        error_type = self.headers.get("Lambda-Runtime-Function-Error-Type") or ""
        if self.path == f"{API}/init/error":
            return self._accept(Said("init error", "", body, error_type))
        prefix, _, what = self.path.rpartition("/")
        if not prefix.startswith(f"{API}/invocation/") or what not in ("response", "error"):
            return self._answer(HTTPStatus.NOT_FOUND, {"errorType": "NotFound"})
        said = Said(what, prefix.rpartition("/")[2], body, error_type)
        if what == "response" and len(body) > MAX_RESPONSE:
            reason = f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
            self.api.said.put(_too_large(said))
            refusal = {"errorType": "RequestEntityTooLarge", "errorMessage": reason}
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refusal)
        return self._accept(said)

    def _accept(self, said: Said) -> None:
        self._answer(HTTPStatus.ACCEPTED, {"status": "OK"})
        self.api.said.put(said)

    def _answer(self, status: HTTPStatus, body: dict[str, str]) -> None:
        self._send(status, json.dumps(body).encode(), {})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the function's log is the user's."""


def _too_large(said: Said) -> Said:
    kind = "Function.ResponseSizeTooLarge"
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return Said("error", said.request_id, body, kind)
