"""LocalStack's runtime executor `process`: an execution environment is a process, not a container.

What it imitates: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import json
import logging
import math
import queue
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack_eventbridge.functions import runtime_client
from localstack_eventbridge.functions.processes import Exit, RuntimeProcess
from localstack_eventbridge.functions.runtime_api import Invocation, RuntimeApi, Said

LOG = logging.getLogger(__name__)

#: Seconds that a function has to initialize before that counts towards its time-out
#: (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
INIT_LIMIT = 10.0

#: Variables of LocalStack's containers that AWS does not have, by the beginning of their names.
NOT_ON_AWS = ("AWS_LAMBDA_FUNCTION_TIMEOUT", "EDGE_PORT", "LOCALSTACK_")

#: What Lambda calls the signals that end a process.
SIGNALS = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
}


class Outcome(NamedTuple):
    """What came of an invocation. `status` and `error_type` stand in the REPORT line, if any."""

    body: bytes
    is_error: bool
    status: str = ""
    error_type: str = ""
    log_line: str = ""


class ProcessRuntimeExecutor(RuntimeExecutor):
    """One execution environment. LocalStack invokes it once at a time."""

    _environment: dict[str, str]
    _process: RuntimeProcess | None = None

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._folder = Path(tempfile.mkdtemp(prefix="lambda-"))
        self._said: queue.Queue[Said | Exit] = queue.Queue()
        self._api: RuntimeApi | None = None
        self._init_started = 0.0
        self._max_memory = 0
        self._is_stopped = False

    # --- What LocalStack asks of an executor ---------------------------------------------------

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        for code in _codes(function_version):
            code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        if function_version.config.code:
            function_version.config.code.destroy_cached()

    def start(self, env_vars: dict[str, str]) -> None:
        self._environment = self._make_environment(env_vars)
        self._spawn()

    def stop(self) -> None:
        self._is_stopped = True
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        if self._process is None:
            # It ended in the invocation before: this one starts cold.
            self._spawn()
        init, failure = self._wait_for_init(request_id)
        init_log = self._printed()
        started = time.perf_counter()
        outcome = failure or self._run(payload)
        duration = time.perf_counter() - started
        output = self._printed()
        self._look_at_memory()
        if outcome.status:
            self._end()
        lines = [
            init_log,
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n",
            output,
            outcome.log_line,
            f"END RequestId: {request_id}\n",
            self._report(request_id, outcome, duration, init),
        ]
        return InvocationResult(
            request_id=request_id,
            payload=outcome.body,
            is_error=outcome.is_error,
            logs="".join(_whole_lines(line) for line in lines),
        )

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return self._api.address if self._api else ""

    def get_logs(self) -> str:
        return self._printed()

    # --- The process --------------------------------------------------------------------------

    def _spawn(self) -> None:
        self._said = queue.Queue()
        self._api = RuntimeApi(self._said)
        self._init_started = time.perf_counter()
        self._max_memory = 0
        self._process = RuntimeProcess(
            [sys.executable, "-u", runtime_client.__file__],
            {**self._environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            Path(self._environment["LAMBDA_TASK_ROOT"]),
            self._folder / "log",
            self._said.put,
        )
        if self._is_stopped:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process and self._api:
            process.end()
            process.close()
            self._api.close()

    def _printed(self) -> str:
        return self._process.printed() if self._process else ""

    def _look_at_memory(self) -> None:
        if self._process:
            self._max_memory = max(self._max_memory, self._process.memory())

    def _next(self, timeout: float) -> Said | Exit | None:
        """The next thing that the process says, or how it ended; None after `timeout` seconds."""
        try:
            return self._said.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None

    # --- One invocation -----------------------------------------------------------------------

    def _wait_for_init(self, request_id: str) -> tuple[float | None, Outcome | None]:
        """How long the init took, in seconds; None when the environment was warm.

        An init of over 10 s goes on in the time of the invocation, as on AWS.
        """
        if self._init_started == 0.0:
            return None, None
        said = self._next(INIT_LIMIT)
        init = time.perf_counter() - self._init_started
        self._init_started = 0.0
        self._look_at_memory()
        match said:
            case Said("init error"):
                # It ends by itself now, and says so.
                self._next(1.0)
                return init, Outcome(said.body, True, "error", said.error_type)
            case Exit():
                return init, _exited(said, request_id)
            case None:
                self._init_started = time.perf_counter()
        return init, None

    def _run(self, payload: dict[str, str]) -> Outcome:
        request_id, limit = payload["invoke-id"], self.function_version.config.timeout
        started = time.perf_counter()
        self._api.invocations.put(  # type: ignore[union-attr]
            Invocation(
                request_id=request_id,
                function_arn=payload["invoked-function-arn"],
                payload=payload["payload"].encode(),
                deadline=int((time.time() + limit) * 1000),
                trace_id=payload["trace-id"],
            )
        )
        while True:
            match self._next(started + limit - time.perf_counter()):
                case None:
                    return _timed_out(request_id, limit)
                case Exit() as end:
                    return _exited(end, request_id)
                case Said("init error") as said:
                    return Outcome(said.body, True, "error", said.error_type)
                case Said("response", said_of, body) if said_of == request_id:
                    return Outcome(body, False)
                case Said("error", said_of, body) if said_of == request_id:
                    return Outcome(body, True)
                case Said("ready"):
                    # Of an init that took long, or of the invocation before.
                    self._init_started = 0.0

    def _report(
        self, request_id: str, outcome: Outcome, duration: float, init: float | None
    ) -> str:
        """The REPORT line. The init is billed, too.

        https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
        """
        billed = math.ceil((duration + (init or 0)) * 1000)
        fields = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {duration * 1000:.2f} ms",
            f"Billed Duration: {billed} ms",
            f"Memory Size: {self.function_version.config.memory_size} MB",
            f"Max Memory Used: {math.ceil(self._max_memory / 2**20)} MB",
        ]
        if init is not None:
            fields.append(f"Init Duration: {init * 1000:.2f} ms")
        if outcome.status:
            fields.append(f"Status: {outcome.status}")
        if outcome.error_type:
            fields.append(f"Error Type: {outcome.error_type}")
        return "\t".join(fields) + "\n"

    # --- Environment variables ----------------------------------------------------------------

    def _make_environment(self, env_vars: dict[str, Any]) -> dict[str, str]:
        """AWS's variables and the function's own; nothing of LocalStack's own environment.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        home = self._folder / "home"
        home.mkdir()
        config = self.function_version.config
        code, *layers = (str(c.get_unzipped_code_location()) for c in _codes(self.function_version))
        environment = {
            "LANG": "en_US.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            # Neither the settings of ~/.aws nor the temporary files of others.
            "HOME": str(home),
            "TMPDIR": str(home),
            # LocalStack has no hosts such as sync-states.*
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            **{n: str(value) for n, value in env_vars.items() if not n.startswith(NOT_ON_AWS)},
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.runtime}",
            "LAMBDA_TASK_ROOT": code,
            "LAMBDA_RUNTIME_DIR": str(Path(runtime_client.__file__).parent),
        }
        # Of two layers with the same file, the later one counts.
        paths = [f"{layer}/python" for layer in reversed(layers)]
        if own := environment.get("PYTHONPATH"):
            paths.insert(0, own)
        return {**environment, "PYTHONPATH": ":".join(paths)} if paths else environment


def _codes(function_version: FunctionVersion) -> list[Any]:
    """The code of the function and that of its layers."""
    config = function_version.config
    return [config.code, *(layer.code for layer in config.layers)]


def _whole_lines(text: str) -> str:
    return f"{text}\n" if text and not text.endswith("\n") else text


def _timed_out(request_id: str, limit: int) -> Outcome:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    message = f"Task timed out after {limit:.2f} seconds"
    return Outcome(
        _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {message}"),
        True,
        "timeout",
        log_line=f"{stamp} {request_id} {message}\n",
    )


def _exited(end: Exit, request_id: str) -> Outcome:
    if end.code == 0:
        reason = "Runtime exited without providing a reason"
    elif end.code > 0:
        reason = f"Runtime exited with error: exit status {end.code}"
    else:
        name = SIGNALS.get(signal.Signals(-end.code), str(-end.code))
        reason = f"Runtime exited with error: signal: {name}"
    message = f"RequestId: {request_id} Error: {reason}"
    kind = "Runtime.ExitError"
    return Outcome(_error(kind, message), True, "error", kind, f"{message}\n{kind}\n")


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
