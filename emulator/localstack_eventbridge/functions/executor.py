"""LocalStack's runtime executor `process`: an execution environment is a process, not a container.

What it imitates: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import (
    FunctionVersion,
    InitializationType,
    InvocationResult,
)
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack_eventbridge.functions import processes
from localstack_eventbridge.functions.processes import Exit
from localstack_eventbridge.functions.runtime import Runtime
from localstack_eventbridge.functions.runtime_api import Invocation, Said

#: Seconds that a function has to initialize before its first invocation, and those that it has
#: with provisioned concurrency
#: (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
INIT_LIMIT = 10.0
PROVISIONED_INIT_LIMIT = 130.0

#: What AWS's Python runtimes bring along beside the standard library.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

#: Variables of LocalStack's containers that AWS does not have, by the beginning of their names.
NOT_ON_AWS = ("AWS_LAMBDA_FUNCTION_TIMEOUT", "EDGE_PORT", "LOCALSTACK_")

#: The client contexts of the invocations that run, as JSON text by request id: LocalStack takes
#: them from the caller, but does not hand them on.
client_contexts: dict[str, str] = {}


class Outcome(NamedTuple):
    """What came of an invocation. `status` and `error_type` stand in the REPORT line, if any."""

    body: bytes
    is_error: bool
    status: str = ""
    error_type: str = ""
    log_line: str = ""


class ProcessRuntimeExecutor(RuntimeExecutor):
    """One execution environment; LocalStack gives it one invocation at a time.

    Its folder has what an environment on AWS has for itself: /var/task, /var/runtime, /opt, /tmp.
    """

    _folder: Path
    _variables: dict[str, str]
    _runtime: Runtime | None = None

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._lock = threading.Lock()
        self._is_stopped = False

    # --- What LocalStack asks of an executor ---------------------------------------------------

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        for code in _codes(function_version):
            code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing to do: LocalStack deletes the code that no version uses any more."""

    def start(self, env_vars: dict[str, Any]) -> None:
        self._folder = processes.new_folder(self.id)
        self._variables = self._make_variables(env_vars)
        runtime = self._spawn()
        if env_vars["AWS_LAMBDA_INITIALIZATION_TYPE"] == InitializationType.provisioned_concurrency:
            deadline = runtime.started + PROVISIONED_INIT_LIMIT
            if failure := self._wait_until_ready(runtime, deadline, request_id=""):
                raise RuntimeError(f"the init failed: {failure.body.decode()}")

    def stop(self) -> None:
        self._is_stopped = True
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        runtime, init, log = self._initialize(request_id)
        started = time.perf_counter()
        deadline = started + self.function_version.config.timeout
        failure = self._wait_until_ready(runtime, deadline, request_id)
        log.append(runtime.printed())
        if failure:
            log.append(_init_report("invoke", runtime, failure))
        log.append(f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}")
        outcome = failure or self._run(runtime, payload, deadline)
        duration = time.perf_counter() - started
        runtime.look_at_memory()
        if outcome.status:
            # Dead or not, nothing of it may go on; the next invocation starts cold.
            self._end()
            if processes.are_ending():
                # As an answer it would be counted in CloudWatch, which would be loaded for that,
                # and LocalStack would wait for it.
                raise RuntimeError("LocalStack is ending, and the function was ended with it")
        log += [runtime.printed(), outcome.log_line, f"END RequestId: {request_id}"]
        log.append(self._report(request_id, outcome, duration, init, runtime))
        return InvocationResult(
            request_id=request_id,
            payload=outcome.body,
            is_error=outcome.is_error,
            logs="".join(text if text.endswith("\n") else f"{text}\n" for text in log if text),
        )

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        host = config.GATEWAY_LISTEN[0].host
        return "127.0.0.1" if host in ("0.0.0.0", "::") else host

    def get_runtime_endpoint(self) -> str:
        """For a variable that functions do not get."""
        return ""

    def get_logs(self) -> str:
        """LocalStack asks when an invocation had none, and each has some."""
        return ""

    # --- The runtime --------------------------------------------------------------------------

    def _spawn(self) -> Runtime:
        """A new runtime on fresh copies of the code and of the layers, as nobody can change those
        on AWS; /tmp stays."""
        code, *layers = (c.get_unzipped_code_location() for c in _codes(self.function_version))
        with self._lock:
            if self._is_stopped:
                raise RuntimeError("the environment is stopped")
            for place, sources in (("var/task", [code]), ("opt", layers)):
                shutil.rmtree(self._folder / place, ignore_errors=True)
                for source in sources:
                    shutil.copytree(source, self._folder / place, symlinks=True, dirs_exist_ok=True)
            storage = self.function_version.config.ephemeral_storage.size
            self._runtime = Runtime(self._folder, self._variables, storage)
            return self._runtime

    def _end(self) -> None:
        """End the runtime and all that it has started."""
        with self._lock:
            runtime, self._runtime = self._runtime, None
            if runtime:
                runtime.end()
                processes.kill_marked(self._folder)

    def _initialize(self, request_id: str) -> tuple[Runtime, float | None, list[str]]:
        """The runtime for an invocation, the seconds of its init if it was cold, and the log of it.

        An init that fails or takes too long is done again, in the time of the invocation.
        """
        runtime = self._runtime
        if runtime and runtime.was_used:
            if not self._wait_until_ready(runtime, time.perf_counter() + INIT_LIMIT, request_id):
                return runtime, None, []
            # It ended after its last answer.
            self._end()
            runtime = None
        runtime = runtime or self._spawn()
        failure = self._wait_until_ready(runtime, runtime.started + INIT_LIMIT, request_id)
        log = [runtime.printed()]
        if not failure:
            return runtime, runtime.init_seconds, log
        log.append(_init_report("init", runtime, failure))
        self._end()
        return self._spawn(), None, log

    def _wait_until_ready(
        self, runtime: Runtime, deadline: float, request_id: str
    ) -> Outcome | None:
        """None when it waits for an invocation; otherwise what the invocation comes to."""
        if runtime.is_ready:
            return None
        said = runtime.listen(deadline)
        runtime.is_ready = said == Said("ready")
        runtime.look_at_memory()
        return None if runtime.is_ready else self._outcome(said, request_id)

    def _run(self, runtime: Runtime, payload: dict[str, str], deadline: float) -> Outcome:
        request_id = payload["invoke-id"]
        left = deadline - time.perf_counter()
        runtime.give(
            Invocation(
                request_id=request_id,
                function_arn=payload["invoked-function-arn"],
                payload=payload["payload"].encode(),
                deadline=int((time.time() + left) * 1000),
                trace_id=payload["trace-id"],
                client_context=client_contexts.get(request_id, ""),
            )
        )
        return self._outcome(runtime.listen(deadline), request_id)

    def _outcome(self, said: Said | Exit | None, request_id: str) -> Outcome:
        match said:
            case Said("response", body):
                return Outcome(body, is_error=False)
            case Said("error", body):
                return Outcome(body, is_error=True)
            case Said("init error", body, error_type):
                return Outcome(body, True, "error", error_type)
            case Exit(code):
                return _exited(code, request_id)
            case _:
                return _timed_out(request_id, self.function_version.config.timeout)

    def _report(
        self,
        request_id: str,
        outcome: Outcome,
        duration: float,
        init: float | None,
        runtime: Runtime,
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
            f"Max Memory Used: {math.ceil(runtime.max_memory / 2**20)} MB",
        ]
        if init is not None:
            fields.append(f"Init Duration: {init * 1000:.2f} ms")
        return "\t".join([*fields, *_status_fields(outcome)])

    # --- Environment variables ----------------------------------------------------------------

    def _make_variables(self, env_vars: dict[str, Any]) -> dict[str, str]:
        """AWS's variables and the function's own; nothing of LocalStack's own environment.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        folder, runtime = self._folder, self.function_version.config.runtime
        for name in ("tmp", "var"):
            (folder / name).mkdir()
        _link_sdk(folder / "var" / "runtime")
        given = {n: str(value) for n, value in env_vars.items() if not n.startswith(NOT_ON_AWS)}
        own = self.function_version.config.environment or {}
        variables = {
            "LANG": "en_US.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:{folder}/opt/bin",
            # Neither the settings of ~/.aws nor the temporary files of others.
            "HOME": str(folder / "tmp"),
            "TMPDIR": str(folder / "tmp"),
            # LocalStack has no hosts such as sync-states.*
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            **given,
            **own,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
            "LAMBDA_TASK_ROOT": str(folder / "var" / "task"),
            "LAMBDA_RUNTIME_DIR": str(folder / "var" / "runtime"),
        }
        if self.function_version.config.layers:
            opt = f"{folder}/opt/python"
            paths = [variables.get("PYTHONPATH"), f"{opt}/lib/{runtime}/site-packages", opt]
            variables["PYTHONPATH"] = ":".join(path for path in paths if path)
        return variables


def _codes(function_version: FunctionVersion) -> list[Any]:
    """The code of the function and that of its layers; of a file in both, the last one counts."""
    config = function_version.config
    return [config.code, *(layer.code for layer in config.layers)]


def _link_sdk(folder: Path) -> None:
    """Offer the AWS SDK that LocalStack has, and no other of its packages."""
    folder.mkdir()
    for name in SDK:
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin, f"{name} comes with LocalStack"
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)


def _init_report(phase: str, runtime: Runtime, failure: Outcome) -> str:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    seconds = time.perf_counter() - runtime.started
    fields = [f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms", f"Phase: {phase}"]
    return "\t".join([*fields, *_status_fields(failure)])


def _status_fields(outcome: Outcome) -> list[str]:
    fields = {"Status": outcome.status, "Error Type": outcome.error_type}
    return [f"{name}: {value}" for name, value in fields.items() if value]


def _timed_out(request_id: str, limit: int) -> Outcome:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    message = f"Task timed out after {limit:.2f} seconds"
    return Outcome(
        _error("Sandbox.Timedout", f"RequestId: {request_id} Error: {message}"),
        True,
        "timeout",
        log_line=f"{stamp} {request_id} {message}",
    )


def _exited(code: int, request_id: str) -> Outcome:
    if code == 0:
        reason = "Runtime exited without providing a reason"
    elif code > 0:
        reason = f"Runtime exited with error: exit status {code}"
    else:
        # macOS adds the number: "Killed: 9".
        name = (signal.strsignal(-code) or str(-code)).partition(":")[0].lower()
        reason = f"Runtime exited with error: signal: {name}"
    message = f"RequestId: {request_id} Error: {reason}"
    kind = "Runtime.ExitError"
    return Outcome(_error(kind, message), True, "error", kind, f"{message}\n{kind}")


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
