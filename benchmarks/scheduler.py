"""How late schedules fire, beside MiniStack in the same run, and what many of them cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.servers import ACCOUNT, Server, localstack, ministack, tell

#: One-time schedules whose lateness is measured, and how many are due in each second.
SCHEDULES = 200
PER_SECOND = 5

#: Seconds to wait for the last ones.
PATIENCE = 90

#: Enabled schedules that are kept at once, and seconds for which the CPU is watched.
NUMBERS = (0, 10_000, 100_000)
WATCHED = 20.0
CLIENTS = 8

#: What may be needed at most: milliseconds of lateness, MB for all schedules, and how much more of
#: a CPU than without any, in percent.
LATEST = 100.0
LARGEST = 300.0
BUSIEST = 1.0

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:due"


@dataclass(frozen=True)
class Cost:
    """What so many schedules cost."""

    number: int
    megabytes: float
    percent: float


def main() -> bool:
    """Measure, print two tables, and tell whether the limits are kept."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder)
        with localstack(path) as ours, ministack(path) as theirs:
            late = {server.name: lateness(server) for server in (ours, theirs)}
        with localstack(path, "LocalStack with many") as server:
            costs = [cost(server, number) for number in NUMBERS]
    return report(late) & report_costs(costs)


def lateness(server: Server) -> list[float]:
    """Milliseconds from the time of each schedule to that of its message."""
    tell(f"{SCHEDULES} schedules, {PER_SECOND} in each second, on {server.name}")
    scheduler, sqs = server.client("scheduler"), server.client("sqs")
    queue = sqs.create_queue(QueueName="due")["QueueUrl"]
    target = target_of(server)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=10)
    for number in range(SCHEDULES):
        due = start + timedelta(seconds=number // PER_SECOND)
        create(scheduler, f"s{number}", f"at({due:%Y-%m-%dT%H:%M:%S})", target)
    deadline = time.monotonic() + SCHEDULES / PER_SECOND + PATIENCE
    found: list[float] = []
    while len(found) < SCHEDULES and time.monotonic() < deadline:
        answer = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            AttributeNames=["SentTimestamp"],
        )
        for message in answer.get("Messages", []):
            sent = int(message["Attributes"]["SentTimestamp"])
            number = int(json.loads(message["Body"])["name"][1:])
            due = start + timedelta(seconds=number // PER_SECOND)
            found.append(sent - due.timestamp() * 1000)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def target_of(server: Server) -> dict[str, str]:
    """The queue, and a role that may send to it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}}
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    iam = server.client("iam")
    role = iam.create_role(
        RoleName="send", AssumeRolePolicyDocument=policy(trust | {"Action": "sts:AssumeRole"})
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName="send", PolicyName="send", PolicyDocument=policy(allow))
    return {"Arn": QUEUE, "RoleArn": role}


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def create(scheduler: Any, name: str, expression: str, target: dict[str, str]) -> None:
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target | {"Input": json.dumps({"name": name})},
    )


def cost(server: Server, number: int) -> Cost:
    """Of so many enabled schedules of all kinds, none of which is due soon."""
    tell(f"{number:,} schedules on {server.name}")
    scheduler, iam = server.client("scheduler"), server.client("iam")
    target = {"Arn": QUEUE, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/send"}
    if not number:
        # Services are loaded when they are first used.
        target_of(server)
        scheduler.list_schedules()
        iam.list_roles()
    there = max((n for n in NUMBERS if n < number), default=0)
    expressions: tuple[Callable[[int], str], ...] = (
        lambda n: f"at(2090-01-01T00:{n // 60 % 60:02}:{n % 60:02})",
        lambda n: f"cron({n % 60} {n // 60 % 24} 1 1 ? 2090)",
        lambda n: f"cron({n % 60} {n // 60 % 24} 31 12 ? *)",
    )

    def add(n: int) -> None:
        create(scheduler, f"many-{n}", expressions[n % 3](n), target)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(add, range(there, number)):
            pass
    time.sleep(2)
    before, started = cpu_seconds(server.pid), time.monotonic()
    time.sleep(WATCHED)
    used = (cpu_seconds(server.pid) - before) / (time.monotonic() - started)
    return Cost(number, megabytes(server.pid), used * 100)


def megabytes(pid: int) -> float:
    return float(ps(pid, "rss")) / 1024


def cpu_seconds(pid: int) -> float:
    """To the hundredth where there is /proc, to the second elsewhere."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
    parts = ps(pid, "time").replace("-", ":").split(":")
    return sum(float(part) * 60**place for place, part in enumerate(reversed(parts)))


def ps(pid: int, column: str) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def report(late: dict[str, list[float]]) -> bool:
    print(f"\n{'milliseconds late':<18} {'median':>8} {'p99':>8} {'most':>8} {'fired':>6}")
    for name, found in late.items():
        if len(found) < 2:
            print(f"{name:<18} {'-':>8} {'-':>8} {'-':>8} {len(found):>6}")
            continue
        p99 = statistics.quantiles(found, n=100)[-1]
        numbers = f"{statistics.median(found):>8.1f} {p99:>8.1f} {max(found):>8.1f}"
        print(f"{name:<18} {numbers} {len(found):>6}")
    ours, _ = late.values()
    is_good = (
        len(ours) == SCHEDULES
        and min(ours) >= 0
        and statistics.quantiles(ours, n=100)[-1] <= LATEST
    )
    print(f"at most {LATEST:g} ms late (p99), all fired" if is_good else "NOT GOOD ENOUGH")
    return is_good


def report_costs(costs: list[Cost]) -> bool:
    print(f"\n{'schedules':>10} {'MB':>8} {'more':>8} {'CPU':>7}")
    first = costs[0]
    for one in costs:
        more = one.megabytes - first.megabytes
        print(f"{one.number:>10,} {one.megabytes:>8.0f} {more:>8.0f} {one.percent:>6.1f}%")
    last = costs[-1]
    is_good = (
        last.megabytes - first.megabytes <= LARGEST and last.percent - first.percent <= BUSIEST
    )
    limits = f"at most {LARGEST:g} MB and {BUSIEST:g} % of a CPU more"
    print(limits if is_good else "NOT GOOD ENOUGH")
    return is_good
