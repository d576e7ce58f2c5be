"""HTTP requests to endpoints that the reader names, none of which leaves this machine."""

from __future__ import annotations

import ipaddress
import re
import socket
import warnings
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3
from localstack import config

from localstack_eventbridge.delivery.job import DeliveryError

#: Seconds within which an endpoint must answer.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
TIMEOUT = 5.0

#: So much of an answer's body is read.
MOST = 1024 * 1024

#: Names of containers of the same network, as docker compose gives them.
_CONTAINER = re.compile(r"[a-z][a-z0-9_-]*|host\.docker\.internal", re.IGNORECASE)

# No certificate of a public authority can name this machine.
_pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False)


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def request(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
    """The answer of `url`, whatever its status; a redirect is not followed.

    Raises DeliveryError: not retryable if the URL is not of this machine, retryable if nothing
    answered within 5 seconds.
    """
    host = urlsplit(url).hostname or ""
    if not is_local(host):
        raise DeliveryError(
            "SDK_CLIENT_ERROR",
            f"{host or url} was not called: it is not on this machine, and the lab calls nothing "
            "else. Name an endpoint at 127.0.0.1 instead.",
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            answer = _pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                timeout=urllib3.Timeout(total=TIMEOUT),
                redirect=False,
                preload_content=False,
            )
        try:
            return Answer(answer.status, answer.headers, answer.read(MOST))
        finally:
            answer.close()
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _failure(error) from None


def _failure(error: Exception) -> DeliveryError:
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    if isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
        message = "Timeout calling endpoint for API Destination: socket closed."
        return DeliveryError("UNKNOWN", message, retryable=True)
    message = "API destination endpoint cannot be reached."
    return DeliveryError("SDK_CLIENT_ERROR", message, retryable=True)


def is_local(host: str) -> bool:
    """Whether `host` is this machine, or a neighbour in the network of its containers."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    if host == "localhost":
        return True
    return config.is_in_docker and bool(_CONTAINER.fullmatch(host)) and _is_private(host)


def _is_private(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(address[0]).is_private for *_, address in found)
