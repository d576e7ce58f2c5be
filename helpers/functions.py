"""Deploy a handler that stands in a notebook cell, and read what its runs logged."""

from __future__ import annotations

import inspect
import io
import json
import linecache
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.errors import TimedOut
from helpers.waiting import until

#: The notebooks use one runtime, the one that the emulator really runs (Python 3.13).
RUNTIME = "python3.13"

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

_WRITE_LOGS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "*",
        }
    ],
}

_REPORT = re.compile(
    r"REPORT RequestId: (?P<request_id>\S+)\s+Duration: (?P<duration>[\d.]+) ms"
    r"(?:.*?Init Duration: (?P<init>[\d.]+) ms)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Run:
    """One run of a function, as its log tells it.

    `started` and `ended` are seconds since the epoch; `duration` and `init` are seconds, and `init`
    is None when the run found a warm environment. `lines` is what the function itself wrote.
    """

    request_id: str
    environment: str
    started: float
    ended: float
    duration: float
    init: float | None
    lines: tuple[str, ...]

    def since(self, moment: float) -> tuple[float, float]:
        """Start and end of the run in seconds after `moment` (seconds since the epoch)."""
        return self.started - moment, self.ended - moment


def package(handler: Callable[..., Any]) -> bytes:
    """Zip the cell (or the file) in which `handler` is defined, as `app.py`.

    The whole cell goes along, so imports and module-level state that stand above the handler are
    deployed with it.

    Raises ValueError when Python has no source text for `handler`.
    """
    try:
        source = "".join(linecache.getlines(inspect.getfile(handler)))
    except TypeError as error:
        raise ValueError(f"{handler!r} is not a Python function") from error
    if not source:
        hint = "define it with `def` in a cell and run that cell"
        raise ValueError(f"no source text for {handler.__name__}: {hint}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date makes the same source give the same bytes, and so the same CodeSha256.
        archive.writestr(zipfile.ZipInfo("app.py", (1980, 1, 1, 0, 0, 0)), source)
    return buffer.getvalue()


def execution_role(iam: Any, name: str) -> str:
    """Create (or find) a role that Lambda may assume and that may write logs; return its ARN.

    It allows what AWS's managed policy AWSLambdaBasicExecutionRole allows
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html). What else a
    function may do is added in the notebook, where the lesson needs it.
    """
    try:
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        answer = iam.get_role(RoleName=name)
    iam.put_role_policy(
        RoleName=name, PolicyName="write-logs", PolicyDocument=json.dumps(_WRITE_LOGS)
    )
    return answer["Role"]["Arn"]


def deploy(
    awslambda: Any, iam: Any, name: str, handler: Callable[..., Any], **settings: Any
) -> str:
    """Create the function `name` from `handler`, or replace it, and wait until it can be invoked.

    `settings` go to CreateFunction as they are (`Timeout=3`, `MemorySize=128`, `Environment=...`).
    Returns the function's ARN.
    """
    code = package(handler)
    configuration = {"Handler": f"app.{handler.__name__}", "Runtime": RUNTIME, **settings}
    configuration.setdefault("Role", execution_role(iam, f"{name}-role"))
    try:
        answer = awslambda.create_function(
            FunctionName=name, Code={"ZipFile": code}, **configuration
        )
    except awslambda.exceptions.ResourceConflictException:
        awslambda.delete_function(FunctionName=name)
        answer = awslambda.create_function(
            FunctionName=name, Code={"ZipFile": code}, **configuration
        )
    awslambda.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    return answer["FunctionArn"]


def runs(
    logs: Any, name: str, *, at_least: int = 1, since: float = 0.0, timeout: float = 20.0
) -> list[Run]:
    """Wait until the log of the function `name` tells of `at_least` finished runs.

    Returns them all, oldest first; of those that ended before `since` (seconds since the epoch) it
    knows nothing. Raises TimedOut, which tells how many there are, when there are fewer after
    `timeout` seconds.
    """
    found: list[Run] = []

    def finished() -> bool:
        read = _read_runs(logs, f"/aws/lambda/{name}")
        # The log counts in milliseconds.
        found[:] = [run for run in read if run.ended >= since - 0.001]
        return len(found) >= at_least

    what = f"{at_least} finished run{'s' if at_least > 1 else ''} of {name}"
    try:
        until(finished, timeout=timeout, what=what)
    except TimedOut:
        raise TimedOut(
            f"Waited {timeout:g} s for {what}; there are {len(found) or 'none'}. If a cell above "
            "was left out, or the kernel was started anew, run the notebook from its top."
        ) from None
    return sorted(found, key=lambda run: run.started)


def _read_runs(logs: Any, group: str) -> list[Run]:
    try:
        pages = list(logs.get_paginator("describe_log_streams").paginate(logGroupName=group))
    except logs.exceptions.ResourceNotFoundException:
        return []
    names = [stream["logStreamName"] for page in pages for stream in page["logStreams"]]
    return [run for stream in names for run in _runs_of_stream(logs, group, stream)]


def _runs_of_stream(logs: Any, group: str, stream: str) -> list[Run]:
    found, lines = [], []
    for event in _events(logs, group, stream):
        text = event["message"].rstrip("\n")
        if text.startswith("START RequestId:"):
            lines = []
        elif report := _REPORT.match(text):
            found.append(_run(report, stream, event["timestamp"] / 1000, lines))
        elif not text.startswith("END RequestId:"):
            lines.append(text)
    return found


def _events(logs: Any, group: str, stream: str) -> list[dict[str, Any]]:
    events, token = [], {}
    while True:
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **token
        )
        events += page["events"]
        if not page["events"] or page["nextForwardToken"] == token.get("nextToken"):
            return events
        token = {"nextToken": page["nextForwardToken"]}


def _run(report: re.Match[str], stream: str, ended: float, lines: list[str]) -> Run:
    duration = float(report["duration"]) / 1000
    return Run(
        request_id=report["request_id"],
        environment=stream.rpartition("]")[2],
        # The log knows when a run ended; its start follows from the measured duration.
        started=ended - duration,
        ended=ended,
        duration=duration,
        init=float(report["init"]) / 1000 if report["init"] else None,
        lines=tuple(lines),
    )
