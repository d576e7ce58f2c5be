"""A class on one computer: 20 learners run notebook 04 at once, each in an account of its own.

Each gets what the committed notebook shows in the cells that are checked: had anything crossed
over from another account, the counts in them would differ.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient

from benchmarks.scheduler import megabytes
from benchmarks.servers import ROOT, Server, localstack, tell

LEARNERS = 20
NOTEBOOK = ROOT / "notebooks" / "04-event-sources.ipynb"
FIRST_ACCOUNT = 200_000_000_001

#: Seconds that the last one may take.
LONGEST = 180.0


class Run(NamedTuple):
    """Seconds that it took, and the checked cells that differ."""

    seconds: float
    different: list[str]


def main() -> bool:
    """Measure, print a table, and tell whether all saw what they should, in time."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        localstack(Path(folder)) as server,
    ):
        tell("one learner")
        alone = learn(server, 0)
        before = megabytes(server.pid)
        tell(f"{LEARNERS} learners at once")
        with ThreadPoolExecutor(LEARNERS) as pool:
            runs = list(pool.map(lambda n: learn(server, n), range(LEARNERS)))
        return report(alone, runs, before, megabytes(server.pid))


def learn(server: Server, number: int) -> Run:
    """Run the notebook from the top to the bottom in a kernel of its own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    expected = checked(notebook)
    client = NotebookClient(
        notebook,
        timeout=int(LONGEST),
        startup_timeout=int(LONGEST),
        resources={"metadata": {"path": NOTEBOOK.parent}},
    )
    lab = {
        "LOCALSTACK_ENDPOINT": server.url,
        "LAB_ACCOUNT": str(FIRST_ACCOUNT + number),
        "LAB_PROGRESS_AFTER": "600",
    }
    started = time.perf_counter()
    client.execute(env={**os.environ, **lab})
    found = checked(notebook)
    different = [name for name in expected if found[name] != expected[name]]
    return Run(time.perf_counter() - started, different)


def checked(notebook: Any) -> dict[str, str]:
    """What the checked cells show, by cell."""
    return {
        cell.id: "".join(
            output.get("text", "") + output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        )
        for cell in notebook.cells
        if "nbval-check-output" in cell.metadata.get("tags", [])
    }


def report(alone: Run, runs: list[Run], before: float, after: float) -> bool:
    seconds = [run.seconds for run in runs]
    print(f"\n{'learners':>8} {'median s':>9} {'last s':>9} {'differing cells':>16}")
    print(f"{1:>8} {alone.seconds:>9.1f} {alone.seconds:>9.1f} {len(alone.different):>16}")
    different = sorted({name for run in runs for name in run.different})
    median = statistics.median(seconds)
    print(f"{len(runs):>8} {median:>9.1f} {max(seconds):>9.1f} {len(different):>16}")
    print(f"LocalStack: {before:.0f} MB with one learner, {after:.0f} MB after {len(runs)}")
    is_good = not different and max(seconds) <= LONGEST
    print("each saw what it should" if is_good else f"NOT GOOD ENOUGH {different}")
    return is_good
