"""Calls of the plug-in's own HTTP resources."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(endpoint: str, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    """Status and JSON of the answer to a request for /_eventbridge/`path`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}/_eventbridge/{path}", data, method=method)
    try:
        with _opener.open(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def advance(endpoint: str, account: str, duration: str) -> None:
    """Move the account's clock; all that was due has happened when this returns."""
    status, told = call(endpoint, "POST", f"clock?account={account}", {"advance": duration})
    assert status == 200, told


def trace(endpoint: str, account: str, *kinds: str) -> list[dict[str, Any]]:
    """The account's trace, or the records of these kinds only."""
    status, told = call(endpoint, "GET", f"trace?account={account}")
    assert status == 200, told
    return [entry for entry in told["entries"] if not kinds or entry["kind"] in kinds]
