"""What several modules of tests need of a LocalStack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from endpoint import Endpoint
from piping import Piping
from routing import Clients, Routing

from helpers import emulator


@pytest.fixture
def routing(client: Clients, account: str) -> Routing:
    return Routing(client, account)


@pytest.fixture
def piping(routing: Routing, endpoint: str) -> Piping:
    return Piping(routing, endpoint)


@pytest.fixture
def webhook(localstack: emulator.Endpoint) -> Iterator[Endpoint]:
    """An HTTP endpoint on this computer."""
    if localstack.lease is None:
        pytest.skip("a LocalStack in a container cannot call an endpoint on this computer")
    webhook = Endpoint()
    yield webhook
    webhook.close()
