"""What is kept of pipes, and how to find it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localstack.aws.api import RequestContext
from localstack.aws.api.pipes import NotFoundException, PipeState
from localstack.services.stores import AccountRegionBundle, BaseStore, LocalAttribute

if TYPE_CHECKING:
    from localstack_eventbridge.pipes.runner import Runner


@dataclass
class Position:
    """How far a shard has been read: where to go on, or else after which record."""

    iterator: str | None = None
    sequence_number: str | None = None
    #: The shard was split or merged, and has been read to its end.
    is_over: bool = False


@dataclass
class Pipe:
    """A pipe. `settings` are the parameters of CreatePipe that describe its way, as given."""

    name: str
    account: str
    region: str
    settings: dict[str, Any]
    desired_state: str
    created: datetime
    modified: datetime
    tags: dict[str, str] = field(default_factory=dict)
    current_state: str = PipeState.CREATING
    state_reason: str | None = None
    positions: dict[str, Position] = field(default_factory=dict)
    runner: Runner | None = None
    #: Held while the pipe goes from one state to another.
    changing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def arn(self) -> str:
        return f"arn:aws:pipes:{self.region}:{self.account}:pipe/{self.name}"


class PipesStore(BaseStore):
    pipes: dict[str, Pipe] = LocalAttribute(default=dict)


pipes_stores = AccountRegionBundle("pipes", PipesStore)


def store_of(context: RequestContext) -> PipesStore:
    """The caller's store."""
    return pipes_stores[context.account_id][context.region]


def find(context: RequestContext, name: str) -> Pipe:
    """A pipe of the caller. Raises NotFoundException."""
    if pipe := store_of(context).pipes.get(name):
        return pipe
    raise NotFoundException(f"Pipe {name} does not exist.")


def find_by_arn(context: RequestContext, arn: str) -> Pipe:
    """A pipe of the caller. Raises NotFoundException."""
    pipe = store_of(context).pipes.get(arn.rpartition("/")[2])
    if pipe and pipe.arn == arn:
        return pipe
    raise NotFoundException(f"Resource {arn} does not exist.")


def of_account(account: str) -> list[Pipe]:
    """All pipes of an account, in all its regions."""
    if account not in pipes_stores:
        return []
    return [pipe for store in pipes_stores[account].values() for pipe in store.pipes.values()]
