"""What several modules of tests need of a LocalStack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from piping import Piping
from routing import Clients, Routing
from scheduling import Scheduling

from helpers import emulator
from helpers.webhook import Webhook


@pytest.fixture
def routing(client: Clients, account: str) -> Routing:
    return Routing(client, account)


@pytest.fixture
def piping(routing: Routing, endpoint: str) -> Piping:
    return Piping(routing, endpoint)


@pytest.fixture
def scheduling(client: Clients, account: str, endpoint: str) -> Scheduling:
    return Scheduling(client, account, endpoint)


@pytest.fixture
def webhook(localstack: emulator.Endpoint) -> Iterator[Webhook]:
    """An HTTP endpoint on this computer."""
    if localstack.lease is None:
        pytest.skip("a LocalStack in a container cannot call an endpoint on this computer")
    webhook = Webhook()
    yield webhook
    webhook.close()
