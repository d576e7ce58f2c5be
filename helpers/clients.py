"""boto3 clients that reach LocalStack and nothing else, whatever the reader's AWS settings say."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.client import Config
from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigValueStore,
    ConstantProvider,
)
from botocore.loaders import Loader

from helpers.errors import LabError

REGION = "us-east-1"

#: The name of LocalStack's service in docker-compose.yml.
COMPOSE_SERVICE = "localstack"

#: The name that the container with the notebooks has there.
COMPOSE_NEIGHBOUR = "jupyter"

_CONFIG = Config(
    # An empty mapping means "no proxy"; None would mean "ask the environment".
    proxies={},
    # LocalStack has no name per bucket, and none like sync-states.* that some operations ask for.
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
    ignore_configured_endpoint_urls=True,
    connect_timeout=5,
)

# The default loader would let ~/.aws/models redefine a service. It keeps what it has read: each
# session with one of its own would read for a tenth of a second.
_LOADER = Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def safe(endpoint: str) -> str:
    """`endpoint` in its plain form, http://HOST:PORT, if it cannot be anything but LocalStack.

    HOST is a loopback address, `localhost`, or the service of docker-compose.yml, whose name must
    then lead to a private address.

    Raises LabError for everything else.
    """
    try:
        parts = urlsplit(endpoint.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused(endpoint, "it is not a URL") from None
    if parts.scheme != "http" or port is None or "@" in parts.netloc:
        raise _refused(endpoint, "it has another form")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _refused(endpoint, "it has another form")
    if host == "localhost":
        # Not looked up, so that nobody can make it mean another computer.
        host = "127.0.0.1"
    elif host == COMPOSE_SERVICE:
        _must_be_private(endpoint, host, port)
    elif not _is_loopback(host):
        raise _refused(endpoint, "it may be another computer, even the real AWS")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 4 or str(address) == "::1")


def _must_be_private(endpoint: str, host: str, port: int) -> None:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        return
    if not all(ipaddress.ip_address(address).is_private for address in found):
        raise _refused(endpoint, f"here, the name {host} leads out into the internet")


def _refused(endpoint: str, why: str) -> LabError:
    return LabError(
        f"LOCALSTACK_ENDPOINT is {endpoint!r}, and the lab refuses it: {why}.\n"
        "It only ever speaks to LocalStack on this computer, at an address like "
        "http://127.0.0.1:4566."
    )


def request(
    url: str, method: str, path: str, *, body: bytes | None = None, timeout: float = 5.0
) -> tuple[int, bytes]:
    """One HTTP request straight to `url`, past all proxies; no redirect is followed.

    Returns the status and the first 64 MB of the body, which any program may have sent that listens
    there. `timeout` is in seconds, for each step.

    Raises OSError or http.client.HTTPException.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, path, body, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read(2**26)
    finally:
        connection.close()


class Session:
    """Makes clients for one account of one LocalStack.

    `url` comes from `safe`. `lost` is asked before each call, and with failed=True after each one
    that got no answer; when it returns an error, that one is raised.
    """

    def __init__(
        self,
        url: str,
        account: str,
        *,
        region: str = REGION,
        lost: Callable[..., LabError | None] = lambda failed: None,
    ) -> None:
        self._url = url
        self._region = region
        self._lost = lost
        # In LocalStack, a 12-digit access key id is the account.
        self._boto3 = boto3.Session(account, "test", botocore_session=self._without_settings())

    def client(self, service: str, **overrides: Any) -> Any:
        """A boto3 client; `overrides` are options of `botocore.config.Config`."""
        return self._boto3.client(
            service,
            region_name=self._region,
            endpoint_url=self._url,
            verify=False,
            config=_CONFIG.merge(Config(**overrides)),
        )

    def _without_settings(self) -> botocore.session.Session:
        """A botocore session for which neither environment variables nor ~/.aws exist."""
        session = botocore.session.Session()
        defaults = {name: spec[2] for name, spec in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
        defaults |= {"config_file": os.devnull, "credentials_file": os.devnull}
        store = ConfigValueStore({name: ConstantProvider(v) for name, v in defaults.items()})
        session.register_component("config_store", store)
        session.register_component("data_loader", _LOADER)
        emitter = session.get_component("event_emitter")
        emitter.register_first("before-send", self._refuse_to_leave)
        emitter.register_first("needs-retry", self._after_failure)
        return session

    def _refuse_to_leave(self, request: Any, **_: Any) -> None:
        """The last line of defence: some operations (PutEvents with EndpointId) choose a host."""
        if urlsplit(request.url).netloc != urlsplit(self._url).netloc:
            host = urlsplit(request.url).netloc
            raise LabError(
                f"This call would have gone to {host}, which is not the lab, and was not sent.\n"
                "LocalStack does not emulate what you asked for; leave that parameter out."
            )
        self._raise_if_lost(failed=False)

    def _after_failure(self, caught_exception: Exception | None, **_: Any) -> None:
        if caught_exception is not None:
            self._raise_if_lost(failed=True)

    def _raise_if_lost(self, *, failed: bool) -> None:
        if error := self._lost(failed=failed):
            raise error
