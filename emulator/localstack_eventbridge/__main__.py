"""Run LocalStack with the plug-in on this computer, without Docker.

    python -m localstack_eventbridge [--port 4566] [--data DIR] [--stop-when-unused]

In the foreground, on 127.0.0.1 only, until Ctrl-C or SIGTERM. Exit code 0 after a clean end,
1 when it cannot start (the reason is printed), 2 when the arguments make no sense.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType

from localstack_eventbridge import VERSION

#: Variables of the caller that LocalStack or boto3 inside it would heed, to no good: they name the
#: real cloud, a proxy, or another LocalStack.
HOSTILE = ("AWS_", "BOTO_", "LOCALSTACK_", "MOTO_")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    arguments = _arguments()
    if sys.version_info[:2] != (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"LocalStack 4.14 needs Python 3.13, and this is {version}: run `make emulator`.")
        return 1
    if obstacle := _obstacle(arguments.port):
        print(obstacle)
        return 1
    if arguments.data:
        return _run(arguments, arguments.data.resolve())
    with tempfile.TemporaryDirectory(prefix="localstack-") as folder:
        return _run(arguments, Path(folder))


def _end(number: int, frame: FrameType | None) -> None:
    """End before LocalStack has come so far as to do it itself."""
    raise SystemExit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localstack_eventbridge", description=__doc__)
    parser.add_argument(
        "--port", type=_port, default=os.environ.get("PORT") or "4566", help="default: 4566"
    )
    parser.add_argument(
        "--data", type=Path, help="folder for its files; default: a new one, removed at the end"
    )
    parser.add_argument(
        "--stop-when-unused", action="store_true", help="end when the last lease has gone"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535")
    return int(text)


def _obstacle(port: int) -> str | None:
    """Why LocalStack cannot listen there, and what to do; None when it can."""
    try:
        # As LocalStack will bind: a port whose last connections are still closing is free.
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return f"Port {port} cannot be used ({error.strerror}): choose one above 1023."
        return (
            f"Port {port} is taken by another program. End that program, or choose another port: "
            f"make emulator PORT={port + 1}"
        )
    return None


def _run(arguments: argparse.Namespace, folder: Path) -> int:
    for name in list(os.environ):
        if name.startswith(HOSTILE) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.pop("TMPDIR", None)
    os.environ.update(_environment(arguments, folder))
    for name in ("TEMP", "XDG_CACHE_HOME", "HOME"):
        Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
    # Or it would go on to name the folder that it has found before.
    tempfile.tempdir = None
    print(
        f"LocalStack 4.14.0 with the EventBridge plug-in {VERSION} starts at "
        f"http://127.0.0.1:{arguments.port}; Ctrl-C ends it.",
        flush=True,
    )
    from localstack.runtime.main import main as run_localstack

    run_localstack()
    return 0


def _environment(arguments: argparse.Namespace, folder: Path) -> dict[str, str]:
    return {
        "GATEWAY_LISTEN": f"127.0.0.1:{arguments.port}",
        "EVENTBRIDGE_STOP_WHEN_UNUSED": "1" if arguments.stop_when_unused else "0",
        # LocalStack empties its tmp folder at both ends of its life: it must be nobody else's.
        "FILESYSTEM_ROOT": str(folder),
        "TEMP": str(folder / "temp"),
        # plux keeps the entry points that it found, and may not notice that they have changed.
        "XDG_CACHE_HOME": str(folder / "cache"),
        # No ~/.aws.
        "HOME": str(folder / "home"),
        "OVERRIDE_IN_DOCKER": "0",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "LS_LOG": os.environ.get("LS_LOG", "warning"),
    }


if __name__ == "__main__":
    try:
        code = main()
    except SystemExit as end:
        code = int(end.code or 0)
    sys.stdout.flush()
    # Python would wait for the threads of LocalStack's pools.
    os._exit(code)
