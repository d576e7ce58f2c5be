"""Run a Python handler as AWS's runtime does: fetch an invocation, answer it, fetch the next.

    python runtime_client.py EPHEMERAL_STORAGE_MB SDK_FOLDER

Executed as a script, by the process of one execution environment. It imports the standard library
only, and speaks AWS's Runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) over a plain socket: http.client
would take more time to import than all the rest of a cold start.
"""

from __future__ import annotations

import contextlib
import decimal
import importlib
import json
import logging
import math
import os
import re
import resource
import site
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

# A neighbour: the folder of a script is where Python looks first.
import private_tmp

API = "/2018-06-01/runtime"

#: AWS indents the lines of a traceback with no-break spaces, so that log viewers keep them.
INDENT = "\u00a0"

#: Stands before a number that JSON must have as it is, and before nothing else.
VERBATIM = "\0verbatim:"

Headers = dict[str, str]
JSON: Headers = {"Content-Type": "application/json"}


class Fault(Exception):
    """An error that is not the handler's own, under the name that AWS gives it."""

    def __init__(self, kind: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.stack = stack or []


class RuntimeApi:
    """The client's side of the Runtime API, on one connection that stays open."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = address
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def next(self) -> tuple[Headers, bytes]:
        _, headers, body = self._call("GET", "invocation/next")
        return headers, body

    def post(self, path: str, body: bytes, headers: Headers | None = None) -> int:
        """Returns the status."""
        status, *_ = self._call("POST", path, body, headers)
        return status

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: Headers | None = None
    ) -> tuple[int, Headers, bytes]:
        fields = {"Host": self._address, "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"{method} {API}/{path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        self._socket.sendall("\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace") + body)
        status = self._answers.readline().split()
        if not status:
            # The other side is gone: so is all that this process is for.
            os._exit(1)
        answered: Headers = {}
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            answered[name.strip().lower()] = value.strip()
        return int(status[1]), answered, self._answers.read(int(answered["content-length"]))


class Record:
    """An object with the fields of its `__slots__`; what is not given is None."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, values: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(Record):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(Record):
    __slots__ = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(Record):
    __slots__ = ("custom", "env", "client")


class LambdaContext:
    """What the handler gets as its second argument.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    def __init__(self, headers: Headers) -> None:
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = _client_context(headers.get("lambda-runtime-client-context"))
        self.identity = CognitoIdentity({})
        self._epoch_deadline_time_in_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out, never below zero."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log, without a line end."""
        write_log(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb "
            "function_version invoked_function_arn client_context identity tenant_id"
        )
        fields = ",".join(f"{name}={getattr(self, name)}" for name in names.split())
        return f"LambdaContext([{fields}])"


def _client_context(header: str | None) -> ClientContext | None:
    if not header:
        return None
    try:
        values = json.loads(header)
    except ValueError as error:
        kind = "Runtime.LambdaContextUnmarshalError"
        raise Fault(kind, f"Unable to parse Client Context JSON: {error}") from None
    context = ClientContext(values)
    if context.client is not None:
        context.client = Client(context.client)
    return context


class LogHandler(logging.Handler):
    """Log records as AWS's runtime prints them.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """

    request_id = ""

    def __init__(self) -> None:
        super().__init__()
        form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = self.request_id
        write_log(self.format(record))


#: The log, even when the function closes its standard output, or puts another one in its place.
_log = os.dup(1)


def write_log(text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    # Only a full disk stops it, and there is nobody else to tell that.
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(_log, data) :]


def main() -> None:
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    prepare(int(sys.argv[1]), sys.argv[2:])
    log_handler = LogHandler()
    logging.getLogger().addHandler(log_handler)
    try:
        handler = find_handler(os.environ["_HANDLER"])
    except Exception as error:
        failure = describe(error, "")
        log_error(failure)
        kind = {"Lambda-Runtime-Function-Error-Type": failure["errorType"]}
        api.post("init/error", json.dumps(failure).encode(), {**JSON, **kind})
        sys.exit(1)
    while True:
        serve_one(api, handler, log_handler)


def prepare(storage: int, sdk: list[str]) -> None:
    """What a process on AWS finds: the function's code first, the SDK last, and a full disk.

    `storage` is the size that a file may have, in MB: that of /tmp
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html).
    """
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.extend(sdk)
    del sys.argv[1:]
    if os.environ.get("LC_CTYPE") == "C.UTF-8":
        # Python has set it, because this computer lacks the locale of LANG.
        del os.environ["LC_CTYPE"]
    # exit() and quit(): all else that Python's `site` does would only find LocalStack's packages.
    site.setquit()
    private_tmp.install(os.environ["TMPDIR"])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (storage * 2**20, hard))


def find_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
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
        where = f'  File "{on_aws(error.filename)}" Line {error.lineno}\n    {error.text}'
        reason = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", reason, [where]) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        reason = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", reason) from None


def serve_one(
    api: RuntimeApi, handler: Callable[[Any, LambdaContext], Any], log_handler: LogHandler
) -> None:
    headers, body = api.next()
    log_handler.request_id = request_id = headers["lambda-runtime-aws-request-id"]
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    if trace_id := headers.get("lambda-runtime-trace-id"):
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    try:
        context = LambdaContext(headers)
        result, content_type = marshal(handler(unmarshal(body), context))
    except Exception as error:
        failure = describe(error, request_id)
        log_error(failure)
        status = api.post(f"invocation/{request_id}/error", json.dumps(failure).encode(), JSON)
    else:
        status = api.post(f"invocation/{request_id}/response", result, content_type)
    if status != 202:
        # Refused, such as one that is too large: then AWS's runtime ends, with these words.
        reason = f"Failed to post handler success response. Http response code: {status}."
        write_log(f"[ERROR] [{time.time_ns() // 10**6}] LAMBDA_RUNTIME {reason}\n")
        sys.exit(1)


def unmarshal(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def marshal(result: Any) -> tuple[bytes, Headers]:
    """The body of a response and its type: bytes go out as they are, all else as JSON."""
    if isinstance(result, bytes):
        return result, {"Content-Type": "application/unknown"}
    try:
        return to_json(result), JSON
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def to_json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=ENSURE_ASCII, default=_beyond_json)
    if VERBATIM_JSON in text:
        text = re.sub(f'"{re.escape(VERBATIM_JSON)}([^"]*)"', r"\1", text)
    return text.encode()


def _beyond_json(value: Any) -> Any:
    """Decimals are numbers, as precise as they are; bytes are text."""
    if isinstance(value, decimal.Decimal):
        return math.nan if value.is_nan() else f"{VERBATIM}{value}"
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


#: AWS's runtimes up to Python 3.11 escape what is not ASCII.
ENSURE_ASCII = os.environ.get("AWS_EXECUTION_ENV", "") in {
    f"AWS_Lambda_python3.{minor}" for minor in range(12)
}
VERBATIM_JSON = json.dumps(VERBATIM)[1:-1]


def describe(error: Exception, request_id: str) -> dict[str, Any]:
    """The body of an error answer (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html)."""
    if isinstance(error, Fault):
        kind, stack = error.kind, error.stack
    else:
        kind, stack = type(error).__name__, frames(error.__traceback__)
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": stack,
    }


def frames(trace: TracebackType | None) -> list[str]:
    """The frames of a traceback, from where it leaves this file."""
    found = [f for f in traceback.extract_tb(trace) if f.filename != private_tmp.__file__]
    while found and found[0].filename == __file__:
        found.pop(0)
    return traceback.format_list([(on_aws(f.filename), f.lineno, f.name, f.line) for f in found])


def on_aws(filename: str | None) -> str:
    """Where a file of this environment lies on AWS: so tracebacks are the same on any computer."""
    folder = os.environ["LAMBDA_TASK_ROOT"].removesuffix("/var/task")
    return (filename or "").removeprefix(folder)


def log_error(failure: dict[str, Any]) -> None:
    kind, message = failure["errorType"], failure["errorMessage"]
    lines = [f"[ERROR] {kind}: {message}" if message else f"[ERROR] {kind}"]
    lines.append("Traceback (most recent call last):")
    for line in "".join(failure["stackTrace"]).splitlines():
        text = line.lstrip(" ")
        lines.append(INDENT * (len(line) - len(text)) + text)
    write_log("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
