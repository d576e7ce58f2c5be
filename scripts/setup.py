"""Build the two environments of this repository, whenever their locks have changed.

    python3 -E -s scripts/setup.py

.venv holds JupyterLab, the helpers and the tests (Python 3.11 or later), .venv-localstack the
emulator (Python 3.13 exactly). Standard library only, and at home on any Python from 3.8 on: the
one that a machine calls python3 need not be the one that an environment is built with.

Exit code: 0 ready, 1 failed (the reason is printed), 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pythons import NotUsable, child_environment, find_python

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent

#: On a terminal the progress of a step rewrites one line; in a log every look at it adds a line.
TERMINAL = sys.stdout.isatty()
SECONDS_BETWEEN_LOOKS = 0.3 if TERMINAL else 2.0

NETWORK_ERRORS = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "No matching distribution found",
)


class SetupError(Exception):
    """What to tell the reader, complete."""


class Environment(NamedTuple):
    """A virtual environment, the lock and the project that go into it, the Pythons it may have."""

    folder: Path
    lock: Path
    project: Path
    versions: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


ENVIRONMENTS = (
    Environment(
        folder=ROOT / ".venv",
        lock=ROOT / "requirements.lock",
        project=ROOT / "pyproject.toml",
        # Those that every package of the lock has wheels for.
        versions=("3.13", "3.12", "3.11", "3.14", "3.15"),
    ),
    Environment(
        folder=ROOT / ".venv-localstack",
        lock=ROOT / "emulator" / "requirements.lock",
        project=ROOT / "emulator" / "pyproject.toml",
        # LocalStack 4.14 starts on others too, and then fails call by call.
        versions=("3.13",),
    ),
)


def stamp(environment: Environment, source: Path) -> Path:
    """The file that tells for which content of `source` the environment was completed."""
    return environment.folder / f".{source.name}.sha256"


def digest(source: Path) -> str:
    # With its place: an environment that was moved or copied along does not work.
    return hashlib.sha256(f"{source}\n".encode() + source.read_bytes()).hexdigest()


def is_current(environment: Environment, source: Path) -> bool:
    try:
        # The link to the Python that built it dangles when that Python was removed.
        return environment.python.exists() and stamp(environment, source).read_text() == digest(
            source
        )
    except FileNotFoundError:
        return False


def is_ready(environment: Environment) -> bool:
    return is_current(environment, environment.lock) and is_current(
        environment, environment.project
    )


def say(text: str) -> None:
    print(f"\r\033[K{text}" if TERMINAL else text, flush=True)


def show_progress(text: str) -> None:
    print(f"\r\033[K  {text}" if TERMINAL else f"  {text}\n", end="", flush=True)


def run(command: list[str], lock: int, describe: Callable[[str], str]) -> str:
    """Run `command` to its end and return what it printed; show how far it is meanwhile.

    `describe` makes a line for the screen of what was printed so far. The command inherits the
    descriptor `lock`: should we be killed, the lock holds until the command has ended too.

    Raises SetupError with the end of its output when it fails.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:

        def printed() -> str:
            # pread, because the command writes at the same offset that we would move.
            size = os.fstat(output.fileno()).st_size
            return os.pread(output.fileno(), size, 0).decode(errors="replace")

        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=child_environment(),
            pass_fds=[lock],
        )
        try:
            while process.returncode is None:
                try:
                    process.wait(SECONDS_BETWEEN_LOOKS)
                except subprocess.TimeoutExpired:
                    show_progress(f"{describe(printed())}, {time.monotonic() - started:.0f} s")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.returncode:
            raise SetupError(failure(command, printed()))
        return printed()


def failure(command: list[str], printed: str) -> str:
    tail = "\n".join(f"  {line}" for line in printed.strip().splitlines()[-12:])
    reason = "Set-up stopped."
    if any(sign in printed for sign in NETWORK_ERRORS):
        reason = "No packages could be fetched: is this machine online, or is a proxy to be set?"
    return (
        f"{' '.join(command)}\n{tail}\n{reason} "
        "When that is mended, run the same command again: it finishes the set-up."
    )


def pip_install(environment: Environment, *arguments: str) -> list[str]:
    return [
        *(str(environment.python), "-I", "-m", "pip", "install", "--no-deps", "--no-user"),
        *("--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *arguments,
    ]


def install_packages(environment: Environment, lock: int) -> None:
    """Make the environment anew, with exactly the packages of its lock."""
    python = find_python(environment.versions)
    say(f"{environment.folder.name}, with {python}")
    for source in (environment.lock, environment.project):
        if stamp(environment, source).exists():
            stamp(environment, source).unlink()
    run(
        [str(python), "-I", "-m", "venv", "--clear", str(environment.folder)],
        lock,
        lambda printed: "making the environment",
    )
    (site_packages,) = environment.folder.glob("lib/python*/site-packages")
    at_first = set(site_packages.glob("*.dist-info"))
    listed = [line for line in environment.lock.read_text().splitlines() if line[:1].isalnum()]

    def count(printed: str) -> str:
        total = len(listed) - printed.count("Ignoring ")
        if "Installing collected packages" not in printed:
            return f"{printed.count('Collecting ')} of {total} packages fetched"
        # pip says nothing while it installs.
        done = len(set(site_packages.glob("*.dist-info")) - at_first)
        return f"{done} of {total} packages installed"

    say(f"  {count(run(pip_install(environment, '-r', str(environment.lock)), lock, count))}")
    stamp(environment, environment.lock).write_text(digest(environment.lock))


def install_project(environment: Environment, lock: int) -> None:
    """Install the repository's own package, in a way that shows every edit at once.

    Nothing is fetched: the setuptools of the notebooks' environment builds both. The one beside
    LocalStack will not do, because plux hooks into it and fails on a fresh checkout.
    """
    folder = environment.project.parent
    with tempfile.TemporaryDirectory() as wheels:
        build = "import os, sys, setuptools.build_meta as backend; os.chdir(sys.argv[1]); "
        build += "backend.build_editable(sys.argv[2])"
        setuptools = ENVIRONMENTS[0].python
        run(
            [str(setuptools), "-I", "-c", build, str(folder), wheels],
            lock,
            lambda printed: f"building {folder.name}",
        )
        (wheel,) = Path(wheels).glob("*.whl")
        run(
            pip_install(environment, "--no-index", "--force-reinstall", str(wheel)),
            lock,
            lambda printed: f"installing {folder.name}",
        )
    stamp(environment, environment.project).write_text(digest(environment.project))


def set_up() -> None:
    """Build what is missing of the environments. Raises SetupError, NotUsable."""
    if all(map(is_ready, ENVIRONMENTS)):
        return
    # This file is the lock: it is always there, and there is nothing to clear away.
    with Path(__file__).open() as this_file:
        try:
            fcntl.flock(this_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is running here: waiting until it ends.")
            fcntl.flock(this_file, fcntl.LOCK_EX)
        missing = [environment for environment in ENVIRONMENTS if not is_ready(environment)]
        # First of all both Pythons: nobody waits for one environment to hear of the other.
        for environment in missing:
            find_python(environment.versions)
        if missing:
            say("Setting up; this takes a minute or two, and only now.")
        for environment in missing:
            if not is_current(environment, environment.lock):
                install_packages(environment, this_file.fileno())
            install_project(environment, this_file.fileno())


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        set_up()
    except KeyboardInterrupt:
        say("Set-up interrupted: the next run finishes it.")
        return 130
    except (NotUsable, SetupError) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
