"""Run JupyterLab on the notebooks, with LocalStack behind it, until Ctrl-C.

    .venv/bin/python scripts/lab.py [arguments of jupyter lab]

It finds LocalStack as the notebooks do (helpers/emulator.py), and starts the embedded one where
there is none; that one ends by itself soon after the last one who uses it.

Exit code: that of JupyterLab, 1 if there is no LocalStack to be had, 0 after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers import emulator
from helpers.errors import LabError
from helpers.waiting import until

CONFIG = Path(__file__).resolve().parent / "jupyter"
NOTEBOOK = "lab/tree/notebooks/00-start-here.ipynb"


def environment(runtime: str) -> dict[str, str]:
    """The caller's variables, without what could bend this Jupyter or its kernels.

    The reader's own Jupyter and IPython settings stay out of it too: they are written for other
    versions and extensions. What is set in this JupyterLab is kept in .localstack/jupyter.
    """
    ours = emulator.ROOT / ".localstack" / "jupyter"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "IPYTHON", "PYTHON"))
    }
    return {
        **kept,
        "JUPYTER_CONFIG_PATH": str(CONFIG),
        "JUPYTER_CONFIG_DIR": str(ours / "config"),
        "JUPYTER_DATA_DIR": str(ours / "data"),
        "IPYTHONDIR": str(ours / "ipython"),
        "JUPYTER_RUNTIME_DIR": runtime,
        # Known beforehand, and so Jupyter leaves it to us to print it.
        "JUPYTER_TOKEN": secrets.token_hex(24),
    }


def address(runtime: str) -> str | None:
    """Where JupyterLab can be opened; None until it listens."""
    for file in Path(runtime).glob("jpserver-*.json"):
        # It is created empty and then written at once.
        if not (text := file.read_text()):
            continue
        server = json.loads(text)
        home = f"http://127.0.0.1:{server['port']}{server['base_url']}"
        return f"{home}{NOTEBOOK}?token={server['token']}"
    return None


def run(arguments: list[str]) -> int:
    """Run JupyterLab until it ends, or we are told to end; its exit code."""
    with tempfile.TemporaryDirectory() as runtime:
        jupyter = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            env=environment(runtime),
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches us alone: Jupyter shuts its kernels down when it is terminated.
            start_new_session=True,
        )
        try:
            until(
                lambda: jupyter.poll() is not None or address(runtime),
                timeout=120,
                what="JupyterLab to start",
            )
            if url := address(runtime):
                print(f"JupyterLab: {url}\nCtrl-C here ends it.", flush=True)
            return jupyter.wait()
        finally:
            jupyter.terminate()
            jupyter.wait()


def main(arguments: list[str]) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        print("Starting LocalStack and JupyterLab ...", flush=True)
        localstack = emulator.ensure()
        print(f"LocalStack {emulator.VERSION}: {localstack.url}", flush=True)
        return run(arguments)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe lab is closed.")
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
