"""How long an invocation takes, cold and warm, beside MiniStack in the same run."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.servers import Server, localstack, ministack, tell

COLD = 20
WARM = 100

#: What may be needed at most, as a part of MiniStack's time.
LIMITS = {"cold": 0.5, "warm": 0.25}

HANDLER = "def handler(event, context):\n    return event\n"


@dataclass
class Emulator:
    """One running emulator and the times measured with it, in milliseconds."""

    name: str
    awslambda: Any
    role: str
    times: dict[str, list[float]] = field(default_factory=lambda: {"cold": [], "warm": []})

    def deploy(self, function: str) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", HANDLER)
        self.awslambda.create_function(
            FunctionName=function,
            Code={"ZipFile": buffer.getvalue()},
            Handler="app.handler",
            Runtime="python3.13",
            Role=self.role,
        )
        self.awslambda.get_waiter("function_active_v2").wait(
            FunctionName=function, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )

    def measure(self, kind: str, function: str) -> None:
        started = time.perf_counter()
        answer = self.awslambda.invoke(FunctionName=function, Payload=b'{"n": 1}')
        payload = answer["Payload"].read()
        self.times[kind].append((time.perf_counter() - started) * 1000)
        if payload.replace(b" ", b"") != b'{"n":1}':
            raise SystemExit(f"{self.name} answered {payload!r}")


def connect(server: Server) -> Emulator:
    trust = '{"Version": "2012-10-17", "Statement": []}'
    role = server.client("iam").create_role(RoleName="benchmark", AssumeRolePolicyDocument=trust)
    return Emulator(server.name, server.client("lambda"), role["Role"]["Arn"])


def main() -> bool:
    """Measure, print a table, and tell whether the limits are kept."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        localstack(Path(folder)) as first,
        ministack(Path(folder)) as second,
    ):
        both = ours, theirs = connect(first), connect(second)
        tell(f"cold: {COLD} new functions each, invoked once")
        for number in range(COLD):
            for emulator in both:
                emulator.deploy(f"cold-{number}")
                emulator.measure("cold", f"cold-{number}")
        tell(f"warm: {WARM} invocations of one function each")
        # The last one that was deployed is warm by now.
        for _ in range(WARM):
            for emulator in both:
                emulator.measure("warm", f"cold-{COLD - 1}")
    return report(ours, theirs)


def report(ours: Emulator, theirs: Emulator) -> bool:
    print(f"\n{'milliseconds':<12} {ours.name:>17} {theirs.name:>17}   ratio of medians")
    print(f"{'':<12} {'median':>8} {'p90':>8} {'median':>8} {'p90':>8}")
    is_good = True
    for kind, limit in LIMITS.items():
        numbers = [number for e in (ours, theirs) for number in summary(e.times[kind])]
        ratio = numbers[0] / numbers[2]
        is_good &= ratio <= limit
        verdict = "" if ratio <= limit else ", TOO SLOW"
        row = " ".join(f"{number:>8.1f}" for number in numbers)
        print(f"{kind:<12} {row}   {ratio:.2f} (at most {limit}{verdict})")
    return is_good


def summary(times: list[float]) -> tuple[float, float]:
    """Median and 90th percentile."""
    return statistics.median(times), statistics.quantiles(times, n=10)[-1]
