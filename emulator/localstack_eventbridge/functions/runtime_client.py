"""Run a Python handler as AWS's runtime does: fetch an invocation, answer it, fetch the next.

Executed as a script, in the environment of a function, by that function's own process. It knows
only the standard library and AWS's Runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), and imports nothing beside it.
"""

from __future__ import annotations

import decimal
import http.client
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace, TracebackType
from typing import Any

API = "/2018-06-01/runtime"

#: AWS indents the lines of a traceback with no-break spaces, so that log viewers keep them.
INDENT = "\u00a0"

request_id = ""


class Fault(Exception):
    """An error that is not the handler's own, under the name that AWS gives it."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.stack = stack or []


class Context:
    """What the handler gets as its second argument.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out, never below zero."""
        return max(0, self._deadline - int(time.time() * 1000))


class RuntimeApi:
    """The client's side of the Runtime API, on one connection that stays open."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[http.client.HTTPMessage, bytes]:
        self._connection.request("GET", f"{API}/invocation/next")
        answer = self._connection.getresponse()
        return answer.headers, answer.read()

    def post(self, path: str, body: bytes, error_type: str | None = None) -> None:
        headers = {"Content-Type": "application/json"}
        if error_type:
            headers["Lambda-Runtime-Function-Error-Type"] = error_type
        self._connection.request("POST", f"{API}/{path}", body, headers)
        self._connection.getresponse().read()


class LogHandler(logging.Handler):
    """Log records as AWS's runtime prints them."""

    def __init__(self) -> None:
        super().__init__()
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
        formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = request_id
        sys.stdout.write(self.format(record) + "\n")


def main() -> None:
    _die_with_the_emulator()
    # This script's own folder is no place to import from; the function's code is.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    logging.getLogger().addHandler(LogHandler())
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Exception as error:
        body = describe(error, "")
        log_error(body)
        api.post("init/error", to_json(body), body["errorType"])
        sys.exit(1)
    while True:
        serve_one(api, handler)


def _die_with_the_emulator() -> None:
    """End with all children when the emulator is gone, however it went, even in mid-handler."""
    lifeline = os.environ.pop("_EVENTBRIDGE_LIFELINE", None)
    if lifeline is None:
        return

    def watch() -> None:
        os.read(int(lifeline), 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    os.set_inheritable(int(lifeline), False)
    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def find_handler(name: str) -> Callable[[Any, Context], Any]:
    """Import what `_HANDLER` names ("app.handler", "package/app.handler").

    Raises Fault, or what the module itself raises while it is imported.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {reason}")
    if module_name.partition(".")[0] in sys.builtin_module_names:
        reason = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", reason)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        reason = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", reason) from None
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        reason = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", reason, [where]) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        reason = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", reason) from None


def serve_one(api: RuntimeApi, handler: Callable[[Any, Context], Any]) -> None:
    global request_id
    headers, body = api.next()
    context = Context(headers)
    request_id = context.aws_request_id
    if trace_id := headers["Lambda-Runtime-Trace-Id"]:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    path = f"invocation/{request_id}"
    try:
        result = marshal(handler(unmarshal(body), context))
    except Exception as error:
        failure = describe(error, request_id)
        log_error(failure)
        api.post(f"{path}/error", to_json(failure), failure["errorType"])
    else:
        api.post(f"{path}/response", result)


def unmarshal(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def marshal(result: Any) -> bytes:
    try:
        return to_json(result)
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def to_json(value: Any) -> bytes:
    # Lone surrogates have no UTF-8 form; every other text goes out unescaped, as on AWS.
    text = json.dumps(value, ensure_ascii=False, default=_decimals)
    return text.encode("utf-8", errors="surrogatepass")


def _decimals(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def describe(error: Exception, invocation: str) -> dict[str, Any]:
    """The body of an error answer, with the frames of the function's own code."""
    if isinstance(error, Fault):
        kind, stack = error.kind, error.stack
    else:
        kind, stack = type(error).__name__, own_frames(error.__traceback__)
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": invocation,
        "stackTrace": stack,
    }


def own_frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    while frames and (frames[0].filename == __file__ or "importlib" in frames[0].filename):
        frames.pop(0)
    return [
        f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n'
        + (f"    {frame.line}\n" if frame.line else "")
        for frame in frames
    ]


def log_error(body: dict[str, Any]) -> None:
    lines = [f"[ERROR] {body['errorType']}: {body['errorMessage']}"]
    lines.append("Traceback (most recent call last):")
    for line in "".join(body["stackTrace"]).splitlines():
        text = line.lstrip(" ")
        lines.append(INDENT * (len(line) - len(text)) + text)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
