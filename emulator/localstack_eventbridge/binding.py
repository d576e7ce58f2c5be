"""Listen where LocalStack was told to, and nowhere else."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from unittest.mock import patch

from localstack import config
from localstack.runtime.server import twisted
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint

KINESIS = Path(__file__).with_name("kinesis.cjs")


def bind_kinesis() -> None:
    """Keep Kinesis, a Node program that LocalStack starts, to loopback and to LocalStack's life."""
    options = os.environ.get("NODE_OPTIONS", "")
    os.environ["NODE_OPTIONS"] = f'{options} --require "{KINESIS}"'.strip()


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

    def shutdown(self) -> None:
        if reactor.running:
            super().shutdown()
        else:
            # A signal may come before the server runs; LocalStack would miss it.
            reactor.callFromThread(reactor.stop)
