"""The lab in a real browser: `make lab`, notebook 00, Run All, and a look at the page."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from test_setup import SCRIPTS, read_until
from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")

#: Runs in the page; what it returns is what the test looks at.
RUN_ALL = """
(async () => {
  const until = async (probe, what) => {
    for (let n = 0; n < 600; n++) {
      const seen = await probe();
      if (seen) return seen;
      await new Promise(done => setTimeout(done, 100));
    }
    throw new Error(`waited in vain for ${what}`);
  };
  const app = await until(() => window.jupyterapp, 'JupyterLab');
  const opened = () => [...app.shell.widgets('main')].find(widget => widget.content?.model?.cells);
  const panel = await until(opened, 'the notebook');
  app.shell.activateById(panel.id);
  await until(() => app.shell.currentWidget === panel, 'the notebook to be the current one');
  await panel.context.ready;
  await until(() => panel.sessionContext.session?.kernel?.status === 'idle', 'the kernel');
  await app.commands.execute('notebook:run-all-cells');
  const cells = panel.model.toJSON().cells.filter(cell => cell.cell_type === 'code');
  const outputs = cells.flatMap(cell => cell.outputs);
  const index = panel.model.toJSON().cells.findIndex(cell =>
    (cell.outputs || []).some(output => output.data?.['image/png']));
  await panel.content.scrollToItem(index);
  const image = await until(() => panel.node.querySelector('.jp-OutputArea img'), 'the picture');
  await image.decode();
  return {
    counts: cells.map(cell => cell.execution_count),
    errors: outputs.filter(output => output.output_type === 'error'),
    stderr: outputs.filter(output => output.name === 'stderr'),
    width: image.naturalWidth,
    last: JSON.stringify(cells[cells.length - 1].outputs),
    page: document.body.innerText,
  };
})()
"""


@pytest.fixture
def lab(endpoint: str, account: str, tmp_path: Path) -> Iterator[str]:
    """The address that `make lab` prints, for a copy of the notebooks without their outputs."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, path)
    process = subprocess.Popen(
        [
            sys.executable,
            str(SCRIPTS / "lab.py"),
            "--no-browser",
            f"--ServerApp.root_dir={tmp_path}",
            "--LabApp.expose_app_in_browser=True",
        ],
        env={**os.environ, "LOCALSTACK_ENDPOINT": endpoint, "LAB_ACCOUNT": account},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield re.search(r"JupyterLab: (\S+)", read_until(process, "Ctrl-C"))[1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[str]:
    """A headless Chromium; where its DevTools listen."""
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--remote-debugging-port=0", "--window-size=1400,1000"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "DevTools listening" in line)
        # Or its messages would fill the pipe, and stop it.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield re.search(r"ws://([^/]+)/", line)[1]
    finally:
        process.terminate()
        process.wait(20)


async def in_page(browser: str, url: str, script: str) -> Any:
    """What the script returns in the page of that address."""
    told = await AsyncHTTPClient().fetch(f"http://{browser}/json/list")
    (page,) = (tab for tab in json.loads(told.body) if tab["type"] == "page")
    socket = await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=2**26)

    async def call(number: int, method: str, **parameters: Any) -> dict[str, Any]:
        await socket.write_message(
            json.dumps({"id": number, "method": method, "params": parameters})
        )
        while (answer := json.loads(await socket.read_message())).get("id") != number:
            pass
        return answer["result"]

    # Without a window, no page has the focus that JupyterLab wants for its current notebook.
    await call(1, "Emulation.setFocusEmulationEnabled", enabled=True)
    await call(2, "Page.navigate", url=url)
    answer = await call(
        3, "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
    )
    assert "exceptionDetails" not in answer, answer
    return answer["result"]["value"]


def test_notebook_00_runs_from_top_to_bottom(
    lab: str, browser: str, client: Callable[..., Any]
) -> None:
    seen = asyncio.run(asyncio.wait_for(in_page(browser, lab, RUN_ALL), 120))
    assert seen["counts"] == list(range(1, len(seen["counts"]) + 1))
    assert (seen["errors"], seen["stderr"]) == ([], [])
    assert seen["width"] > 300
    assert "Deleted: 1 event bus" in seen["last"]
    assert "00-start-here.ipynb" in seen["page"]
    assert not re.search(r"Traceback|Error:|Failed to|Waited", seen["page"])
    assert client("events").list_event_buses()["EventBuses"][1:] == []
