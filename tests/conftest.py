"""Two LocalStacks for the whole run, and an empty account for every test.

The process that runs pytest starts them, embedded, on free ports; its xdist workers share them, and
the kernels of the notebooks find them through LOCALSTACK_ENDPOINT. If that variable is set already,
the tests use the LocalStack it names: so the same tests run against the container.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from helpers import clients, emulator, lab
from helpers.errors import LabError

# A busy computer is slow, and that is no fault of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_LOGS = pytest.StashKey[dict[str, Path]]()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Not a fixture, because the cells of notebooks know no fixtures."""
    config = session.config
    if hasattr(config, "workerinput"):
        _choose(config.workerinput["workerid"])
        return
    if config.option.collectonly:
        return
    # An account that the caller has chosen would be shared by all notebooks.
    os.environ.pop("LAB_ACCOUNT", None)
    os.environ["LAB_PROGRESS_AFTER"] = "60"
    # No test looks at them, and they would take a third of LocalStack's time.
    os.environ["SQS_DISABLE_CLOUDWATCH_METRICS"] = "1"
    if os.environ.get("LOCALSTACK_ENDPOINT"):
        return
    # One LocalStack keeps one processor busy, and no more.
    count = 2 if config.option.numprocesses else 1
    config.stash[_LOGS] = logs = {}
    config.add_cleanup(lambda: _stop(logs))
    with ThreadPoolExecutor(count) as pool:
        for url, log in pool.map(lambda _: _start(), range(count)):
            logs[url] = log
    os.environ["LOCALSTACK_ENDPOINT"] = " ".join(logs)
    if not config.option.numprocesses:
        _choose("gw0")


def _choose(worker: str) -> None:
    """Of the LocalStacks of this run, the one that this process uses."""
    urls = os.environ["LOCALSTACK_ENDPOINT"].split()
    os.environ["LOCALSTACK_ENDPOINT"] = urls[int(worker.removeprefix("gw")) % len(urls)]


def _start() -> tuple[str, Path]:
    """The URL of a new LocalStack, and its log."""
    folder = Path(tempfile.mkdtemp(prefix="eventbridge-tests-"))
    try:
        endpoint = emulator.start(free_port(), folder)
    except LabError as error:
        # The message holds the end of the log.
        shutil.rmtree(folder, ignore_errors=True)
        pytest.exit(str(error), returncode=1)
    return endpoint.url, folder / "emulator.log"


def _stop(logs: dict[str, Path]) -> None:
    """Runs after an interrupt, too. What a LocalStack that died has written is kept."""
    os.environ.pop("LOCALSTACK_ENDPOINT", None)
    for url, log in logs.items():
        if code := emulator.stop(url):
            print(f"LocalStack did not end well (exit code {code}): {log}")
        else:
            shutil.rmtree(log.parent, ignore_errors=True)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for url, log in config.stash.get(_LOGS, {}).items():
        if emulator.has_died(url):
            terminalreporter.section("LocalStack died during the run", red=True)
            terminalreporter.write_line(f"Its log is kept: {log}")
            last = log.read_text(errors="replace").splitlines()[-20:]
            terminalreporter.write_line("\n".join(last))


class _Scheduling(LoadFileScheduling):
    """One process per file, and per notebook: its cells, and then its runs beside a copy."""

    def _split_scope(self, nodeid: str) -> str:
        return _notebook(nodeid) or super()._split_scope(nodeid)


def _notebook(nodeid: str) -> str | None:
    """The notebook that the test runs, if it runs one."""
    found = re.match(r"notebooks/(.+)\.ipynb::|.*test_again_and_beside_a_copy\[(.+)\]", nodeid)
    return found and (found[1] or found[2])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _spread(items)
    for item in items:
        if hasattr(item, "output_timeout"):
            # How long nbval waits for the outputs of a cell that has run: 5 s unless told.
            item.output_timeout = 30


def _spread(items: list[pytest.Item]) -> None:
    """Notebooks wait more than they work: put them between tests that work, the longest first."""
    notebooks: dict[str, list[pytest.Item]] = {}
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        name = _notebook(item.nodeid)
        (notebooks.setdefault(name, []) if name else files.setdefault(item.path, [])).append(item)
    groups = list(files.values())
    runs = sorted(notebooks.values(), key=len, reverse=True)
    for number, run in enumerate(runs):
        # What its cells leave behind, the runs that follow would find.
        run.sort(key=lambda item: item.path.suffix != ".ipynb")
        groups.insert(number * (len(files) // len(runs) + 1), run)
    items[:] = [item for group in groups for item in group]


@pytest.fixture(scope="session")
def localstack() -> emulator.Endpoint:
    """The LocalStack of this run."""
    return emulator.ensure()


@pytest.fixture(scope="session")
def endpoint(localstack: emulator.Endpoint) -> str:
    """The URL of the LocalStack of this run."""
    return localstack.url


@pytest.fixture
def account(localstack: emulator.Endpoint) -> Iterator[str]:
    """An account of the test's own, emptied afterwards."""
    account = str(random.randrange(2 * 10**11, 10**12))
    yield account
    lab.reset(localstack, account)


@pytest.fixture
def client(localstack: emulator.Endpoint, account: str) -> Callable[..., Any]:
    """client(service, account=..., region=...) gives a boto3 client, for the test's account."""

    @cache
    def session(account: str, region: str) -> clients.Session:
        return clients.Session(localstack.url, account, region=region, lost=localstack.lost)

    @cache
    def make(service: str, *, account: str = account, region: str = clients.REGION) -> Any:
        return session(account, region).client(service)

    return make
