"""Listen where LocalStack was told to, and nowhere else."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

from localstack import config
from localstack.runtime.server import twisted
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from twisted.internet.endpoints import TCP4ServerEndpoint


class BoundRuntimeServer(TwistedRuntimeServer):
    """LocalStack's server, bound to the hosts of GATEWAY_LISTEN.

    LocalStack 4.14 opens an IPv4 port on all interfaces, whatever host it was told.
    """

    def register(
        self,
        gateway: Gateway,
        listen: list[config.HostAndPort],
        ssl_creds: tuple[str, str] | None = None,
    ) -> None:
        for host_and_port in listen:
            bound = partial(TCP4ServerEndpoint, interface=host_and_port.host)
            # Only while it registers: TCP4ServerEndpoint is the one place that knows no host.
            with patch.object(twisted.endpoints, "TCP4ServerEndpoint", bound):
                super().register(gateway, [host_and_port], ssl_creds)
