"""Find a Python that really works, to build an environment with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path.home()

#: What a Python must be able to do before an environment is built with it. It prints its version,
#: its kind (free-threaded and debug builds have wheels of their own, or none) and its real
#: executable: the one that runs may be a shim, or belong to an environment itself.
PROBE = (
    "import ensurepip, ssl, sys, venv; print('%d.%d' % sys.version_info[:2], "
    "sys.implementation.name + sys.abiflags, sys._base_executable)"
)

#: pip's settings for where packages come from. Its settings for where they go are left out.
PIP_SETTINGS = (
    "PIP_CACHE_DIR",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_KEYRING_PROVIDER",
    "PIP_NO_INDEX",
    "PIP_PROXY",
    "PIP_RETRIES",
    "PIP_TIMEOUT",
    "PIP_TRUSTED_HOST",
)


class NotUsable(Exception):
    """Why a Python, or every Python of this machine, will not do."""


def child_environment() -> dict[str, str]:
    """The caller's environment variables without those that would lead Python or pip astray."""
    return {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith(("PIP_", "PYTHON", "CONDA_")) or name in PIP_SETTINGS)
        and name not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }


def find_python(versions: tuple[str, ...]) -> Path:
    """Return the executable of a Python of one of `versions` ("3.13") that really runs.

    The Python that runs this comes first, then the versions in the order given. Raises NotUsable
    with three lines that say what is missing and how to get it.
    """
    seen = set()
    rejected = []
    for candidate in candidates(versions):
        if candidate in seen or not candidate.exists():
            continue
        seen.add(candidate)
        try:
            return probe(candidate, versions)
        except NotUsable as reason:
            if candidate.name in [f"python{version}" for version in versions]:
                rejected.append(str(reason))
    wanted = versions[0] if len(versions) == 1 else "3.11 or later"
    raise NotUsable(
        f"Python {wanted} is needed, and none that works was found"
        + (f" ({'; '.join(rejected)})" if rejected else "")
        + ".\nInstall Python 3.13, then run the same command again: brew install python@3.13, or "
        "sudo apt install python3.13-venv, or uv python install 3.13, or pyenv install 3.13."
        "\nOr use Docker instead, which needs no Python: docker compose up --build"
    )


def candidates(versions: tuple[str, ...]) -> Iterator[Path]:
    """Where a Python of one of `versions` may be, the likeliest first; it need not exist."""
    yield Path(sys.executable)
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    folders += [Path("/opt/homebrew/bin"), Path("/usr/local/bin"), Path("/opt/local/bin")]
    folders += [Path("/home/linuxbrew/.linuxbrew/bin"), HOME / ".local" / "bin"]
    for version in versions:
        yield from (folder / f"python{version}" for folder in folders)
    for version in versions:
        yield from installed(version)
    yield from (folder / name for name in ("python3", "python") for folder in folders)


def installed(version: str) -> Iterator[Path]:
    """Where version managers and installers keep a Python of `version`, the newest patch first."""
    data = Path(os.environ.get("XDG_DATA_HOME") or HOME / ".local" / "share")
    pyenv = Path(os.environ.get("PYENV_ROOT") or HOME / ".pyenv")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    mise = Path(os.environ.get("MISE_DATA_DIR") or data / "mise")
    asdf = Path(os.environ.get("ASDF_DATA_DIR") or HOME / ".asdf")
    for folder, pattern in (
        (pyenv / "versions", f"{version}*"),
        (uv, f"cpython-{version}*"),
        (mise / "installs" / "python", f"{version}*"),
        (asdf / "installs" / "python", f"{version}*"),
        (Path("/opt/homebrew/opt"), f"python@{version}"),
        (Path("/usr/local/opt"), f"python@{version}"),
        (Path("/Library/Frameworks/Python.framework/Versions"), version),
    ):
        for found in sorted(folder.glob(pattern), key=patch_release, reverse=True):
            yield found / "bin" / f"python{version}"
    for program in ("uv", str(HOME / ".local" / "bin" / "uv")):
        yield from asked_of_uv(program, version)


def patch_release(folder: Path) -> list[int]:
    digits = "".join(c if c.isdigit() else " " for c in folder.name)
    return [int(number) for number in digits.split()[:3]]


def asked_of_uv(program: str, version: str) -> Iterator[Path]:
    try:
        yield Path(answer([program, "python", "find", "--system", version]))
    except NotUsable:
        return


def probe(candidate: Path, versions: tuple[str, ...]) -> Path:
    """Return the real executable behind `candidate`. Raises NotUsable with the reason if not.

    Only running it tells: a pyenv shim exists for versions that are installed but not chosen, and
    a system's Python may come without venv.
    """
    version, kind, executable = answer([str(candidate), "-I", "-c", PROBE]).split(" ", 2)
    if version not in versions or kind != "cpython":
        raise NotUsable(f"{candidate} is {kind} {version}")
    return Path(executable) if Path(executable).exists() else candidate


def answer(command: list[str]) -> str:
    """What `command` prints. Raises NotUsable when it does not run, or not for 20 seconds."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            env=child_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotUsable(f"{command[0]} does not run: {error}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        # Python explains itself in its last line, a shim in its first.
        reason = lines[-1] if lines[0].startswith("Traceback") else lines[0]
        raise NotUsable(f"{command[0]} does not run: {reason}")
    return done.stdout.strip()
