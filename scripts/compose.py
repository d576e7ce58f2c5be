"""Run Docker Compose on docker-compose.yml: the plug-in or the older docker-compose, as installed.

python3 -E -s scripts/compose.py up --build

Standard library only, on any Python from 3.8 on. The notebooks are mounted into the container, so
JupyterLab runs there under the id of their owner: what the reader saves belongs to the reader.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def owner() -> tuple[int, int]:
    """User and group id of whoever owns the notebooks; root's are replaced by the image's own."""
    notebooks = (ROOT / "notebooks").stat()
    return (notebooks.st_uid, notebooks.st_gid) if notebooks.st_uid else (1000, 1000)


def command() -> list[str]:
    """Exits with what to tell the reader when there is no Docker to be had."""
    for compose in (["docker", "compose"], ["docker-compose"]):
        if works(*compose, "version"):
            break
    else:
        sys.exit("Docker Compose was not found. Install Docker, or run without it: make lab")
    if not works("docker", "info"):
        sys.exit("Docker is installed but does not answer: start it. Or run without it: make lab")
    return compose


if __name__ == "__main__":
    compose = command()
    user, group = owner()
    os.environ.update(LAB_UID=str(user), LAB_GID=str(group))
    os.chdir(ROOT)
    os.execvp(compose[0], [*compose, *sys.argv[1:]])
