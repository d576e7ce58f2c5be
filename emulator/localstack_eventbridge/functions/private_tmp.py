"""/tmp for an environment alone, as on AWS, although all environments share one computer.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html

The Python code of a function finds its own folder under the name /tmp. Programs that it starts,
and C libraries that open files by themselves, see the computer's /tmp: TMPDIR leads them here.
Standard library only, because it runs in the function's process.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

TMP = "/tmp"

#: Functions of `os` whose first argument is a path, and those whose first two are.
ONE_PATH = (
    *("access", "chdir", "chmod", "chown", "getxattr", "lchown", "listdir", "listxattr", "lstat"),
    *("mkdir", "mkfifo", "mknod", "open", "pathconf", "readlink", "remove", "removexattr"),
    *("rmdir", "scandir", "setxattr", "stat", "statvfs", "truncate", "unlink", "utime"),
)
TWO_PATHS = ("link", "rename", "replace", "symlink")

#: The names under which the same arguments may be given.
KEYWORDS = ("path", "src", "dst", "file")

#: Where `os` says which of its functions take which optional arguments.
ABILITIES = (
    os.supports_dir_fd,
    os.supports_effective_ids,
    os.supports_fd,
    os.supports_follow_symlinks,
)


def install(folder: str) -> None:
    """From now on, /tmp means `folder` (the folder `tmp` of an environment) to Python code.

    What lies in the computer's /tmp and belongs to the environment or to Python is found there.
    """
    kept = (folder.removesuffix(TMP), sys.base_prefix, sys.prefix)
    place = functools.partial(_place, folder=folder, kept=kept)
    for name in (*ONE_PATH, *TWO_PATHS):
        # Not all of them are on every system.
        if original := getattr(os, name, None):
            changed = _with_places(original, place, 2 if name in TWO_PATHS else 1)
            setattr(os, name, changed)
            for able in ABILITIES:
                if original in able:
                    able.add(changed)
    io.open = builtins.open = _with_places(open, place, 1)


def _place(path: Any, *, folder: str, kept: Iterable[str]) -> Any:
    """Where a path leads. What is none (a file descriptor) is returned as it is."""
    if not (isinstance(path, str | bytes) or hasattr(path, "__fspath__")):
        return path
    text = os.fsdecode(path)
    if not _is_in(TMP, text) or any(_is_in(other, text) for other in kept):
        return path
    moved = folder + text.removeprefix(TMP)
    return os.fsencode(moved) if isinstance(path, bytes) else moved


def _is_in(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _with_places(
    function: Callable[..., Any], place: Callable[[Any], Any], paths: int
) -> Callable[..., Any]:
    @functools.wraps(function)
    def changed(*arguments: Any, **keywords: Any) -> Any:
        places = [place(path) for path in arguments[:paths]]
        named = {k: place(v) if k in KEYWORDS else v for k, v in keywords.items()}
        try:
            return function(*places, *arguments[paths:], **named)
        except OSError as error:
            # It names the paths that the function has given.
            given = [*zip(places, arguments, strict=False)]
            given += [(named[key], keywords[key]) for key in KEYWORDS if key in keywords]
            meant = {place: os.fspath(path) for place, path in given if place is not path}
            for name in ("filename", "filename2"):
                if (found := getattr(error, name)) in meant:
                    setattr(error, name, meant[found])
            raise

    return changed
