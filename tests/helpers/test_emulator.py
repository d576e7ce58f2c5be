"""Finding, starting, sharing and losing the embedded LocalStack, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from helpers import clients, emulator
from helpers.errors import LabError
from helpers.waiting import until

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether nobody listens there, asked without a connection, which would be a lease."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def processes(port: int) -> list[psutil.Process]:
    """The embedded LocalStacks for `port` that run at this moment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "localstack_eventbridge" in line and str(port) in line:
                found.append(process)
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def kill(port: int) -> None:
    """kill -9, as a memory shortage does it."""
    for process in processes(port):
        process.kill()
    until(lambda: not processes(port), what="LocalStack to be gone")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like the reader's, this folder makes the second start faster than the first."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def number() -> int:
    return free_port()


@pytest.fixture
def port(number: int, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The reader's situation, but for the port: no LOCALSTACK_ENDPOINT, nothing listens."""
    monkeypatch.delenv("LOCALSTACK_ENDPOINT", raising=False)
    monkeypatch.setattr(emulator, "DEFAULT_ENDPOINT", f"http://127.0.0.1:{number}")
    monkeypatch.setattr(emulator, "DATA", data)
    yield number
    kill(number)
    emulator.stop(f"http://127.0.0.1:{number}")


@pytest.fixture
def kernel_setup(port: int, data: Path) -> str:
    """What another process must run to be in the situation of `port`."""
    return (
        "from pathlib import Path\n"
        "from helpers import emulator\n"
        f"emulator.DEFAULT_ENDPOINT = 'http://127.0.0.1:{port}'\n"
        f"emulator.DATA = Path({str(data)!r})\n"
    )


# --- Finding ----------------------------------------------------------------------------------


class Imitation(BaseHTTPRequestHandler):
    """Answers GET with what stands in `answers`, and 404 to everything else."""

    answers: dict[str, str]

    def do_GET(self) -> None:
        body = self.answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write((body or "<p>Nothing here.</p>").encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def imitate(port: int) -> Iterator[Callable[..., None]]:
    """Starts a server of another kind on the lab's port."""
    servers = []

    def start(**answers: str) -> None:
        paths = {f"/_{name}/info": body for name, body in answers.items()}
        handler = type("Handler", (Imitation,), {"answers": paths})
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), handler))
        threading.Thread(target=servers[0].serve_forever, args=(0.05,), daemon=True).start()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_port_taken_by_a_silent_program(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator, "ANSWER_TIMEOUT", 1)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(
            LabError, match=rf"(?s)Another program listens at .*:{port}; .*make emulator"
        ),
    ):
        emulator.ensure()


def test_a_port_taken_by_another_web_server(imitate: Callable[..., None]) -> None:
    imitate()
    with pytest.raises(LabError, match=r"Another program .* not like LocalStack \(status 404\)"):
        emulator.ensure()


def test_a_port_taken_by_a_web_server_that_answers_everything(imitate: Callable[..., None]) -> None:
    imitate(localstack='["a", "list"]')
    with pytest.raises(LabError, match=r"Another program .* not like LocalStack"):
        emulator.ensure()


def test_localstack_of_another_version(imitate: Callable[..., None]) -> None:
    imitate(localstack='{"version": "2026.3.0:abcdef"}')
    with pytest.raises(LabError, match=r"LocalStack 2026\.3\.0 runs at .* need 4\.14\.0"):
        emulator.ensure()


def test_localstack_without_the_plugin(imitate: Callable[..., None]) -> None:
    imitate(localstack='{"version": "4.14.0"}')
    with pytest.raises(LabError, match="without the plug-in"):
        emulator.ensure()


def test_a_localstack_whose_services_do_not_answer(imitate: Callable[..., None]) -> None:
    """Its health page would say that all is well."""
    imitate(localstack='{"version": "4.14.0"}', eventbridge='{"lease_port": null}')
    with pytest.raises(LabError, match="answers, but does not work: .*ListQueues"):
        emulator.ensure()


@pytest.mark.parametrize("docker", [True, False])
def test_nothing_is_set_up(
    docker: bool, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "PYTHON", tmp_path / "missing")
    if docker:
        (tmp_path / "docker").write_text("#!/bin/sh\n")
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="run `make lab`") as caught:
        emulator.ensure()
    assert ("docker compose up --build" in str(caught.value)) is docker


def test_the_named_endpoint_is_not_there(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTACK_ENDPOINT", f"http://localhost:{port}")
    with pytest.raises(LabError, match="nothing answers there") as caught:
        emulator.ensure()
    assert f"make emulator PORT={port}" in str(caught.value)
    assert processes(port) == []


def test_a_localstack_that_dies_while_it_starts(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learner's Python has no LocalStack: a real start that fails with a real message."""
    monkeypatch.setattr(emulator, "PYTHON", Path(sys.executable))
    with pytest.raises(LabError, match=r"exit code 1") as caught:
        emulator.ensure()
    assert "No module named localstack" in str(caught.value)
    assert "make lab" in str(caught.value)


# --- Starting and sharing ---------------------------------------------------------------------


def test_starts_answers_and_stops(port: int) -> None:
    endpoint = emulator.ensure()
    assert endpoint.url == f"http://127.0.0.1:{port}"
    assert endpoint.info["localstack"] == "4.14.0"
    assert endpoint.log is not None
    assert endpoint.log.exists()
    assert emulator.ensure() == endpoint
    assert clients.Session(endpoint.url, "123456789012").client("sqs").list_queues()

    # Jupyter interrupts the whole process group of a kernel.
    [process] = processes(port)
    assert os.getsid(process.pid) == process.pid

    # A forked child holds no lease, and takes none away.
    child = os.fork()
    if not child:
        os._exit(0 if endpoint.lost(failed=False) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert endpoint.lost(failed=False) is None

    assert emulator.stop(endpoint.url) == 0
    assert processes(port) == []
    assert endpoint.lost(failed=False) is not None


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("READY"):
            return line
    raise AssertionError(f"ended with {process.wait()}")


@pytest.fixture
def kernel(kernel_setup: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that use the lab and then sit there, as kernels do."""
    started = []
    code = f"{kernel_setup}print('READY', emulator.ensure().url, flush=True)\ninput()\n"

    def start() -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_kernels_share_one_localstack_which_ends_with_the_last(
    port: int, kernel: Callable[[], subprocess.Popen[str]]
) -> None:
    """Two that start in the same moment get one; it outlives the first, whoever started it."""
    first, second = kernel(), kernel()
    ready(first)
    ready(second)
    [process] = processes(port)
    first.kill()
    # Longer than it takes an unused LocalStack to end itself.
    with pytest.raises(psutil.TimeoutExpired):
        process.wait(6)

    second.kill()
    lease_port = emulator._identify(f"http://127.0.0.1:{port}")["lease_port"]
    until(lambda: is_free(lease_port), what="the lease port to close")
    # One that comes just then waits until it has gone, and starts another.
    assert emulator.ensure().lost(failed=True) is None
    [other] = processes(port)
    assert other.pid != process.pid


def test_an_interrupted_start_leaves_no_process(
    port: int, kernel: Callable[[], subprocess.Popen[str]]
) -> None:
    process = kernel()
    until(lambda: processes(port), what="the start to begin")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert processes(port) == []
    assert emulator.take(emulator.lock(f"start-{port}"))


# --- Losing -----------------------------------------------------------------------------------

START = 'from helpers.lab import start\nlab = start("00-start-here")\nsqs = lab.client("sqs")'


@pytest.fixture
def cell(kernel_setup: str, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A real kernel: cell(source) runs a cell and returns what the reader sees below it."""
    client = NotebookClient(new_notebook(), timeout=60, resources={"metadata": {"path": tmp_path}})
    with client.setup_kernel(env={**os.environ, "LAB_PROGRESS_AFTER": "60"}):

        def run(source: str) -> str:
            code = new_code_cell(source)
            client.nb.cells = [code]
            with contextlib.suppress(CellExecutionError):
                client.execute_cell(code, 0)
            return "".join(
                output.text if output.output_type == "stream" else "\n".join(output.traceback)
                for output in code.outputs
            )

        assert run(kernel_setup) == ""
        yield run


def test_killing_localstack_under_a_notebook_is_told_and_mended(
    port: int, cell: Callable[[str], str]
) -> None:
    ready = f"Lab ready: LocalStack 4.14.0 with the EventBridge plug-in at http://127.0.0.1:{port}"
    lost = f"LabError: LocalStack at http://127.0.0.1:{port} no longer answers"
    assert cell(START).startswith(ready)
    assert cell('queue = sqs.create_queue(QueueName="orders")') == ""

    # Between two cells.
    kill(port)
    started = time.monotonic()
    said = cell("sqs.list_queues()")
    assert time.monotonic() - started < 2
    assert said.startswith(lost)
    assert "Run the set-up cell again" in said
    assert "The end of its log" in said
    assert "Traceback" not in said
    assert cell("lab.cleanup()").startswith(lost)
    assert cell(START).startswith(ready)

    # During a call, which would have gone on for 20 s.
    cell('queue = sqs.create_queue(QueueName="orders")["QueueUrl"]')
    threading.Timer(1, kill, (port,)).start()
    started = time.monotonic()
    assert cell("sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)").startswith(lost)
    assert time.monotonic() - started < 5

    # And when another kernel has started another one meanwhile: what this one made is not there.
    emulator.ensure()
    assert cell("sqs.list_queues()").startswith(lost)
    assert cell(START).startswith(ready)
    assert cell('print(sqs.list_queues().get("QueueUrls"))') == "None\n"
