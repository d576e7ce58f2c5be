"""EventBridge Pipes, which LocalStack's free edition has not: `pipes:default`."""

from __future__ import annotations

from localstack.aws.api.pipes import PipesApi
from localstack.aws.handlers import run_custom_response_handlers
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor

from localstack_eventbridge import rest
from localstack_eventbridge.pipes import lifecycle, operations
from localstack_eventbridge.pipes.store import pipes_stores
from localstack_eventbridge.reset import register


class PipesProvider(PipesApi, ServiceLifecycleHook):
    """Names what is kept, so that an account can be emptied; its operations are functions."""

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(pipes_stores)

    def on_before_stop(self) -> None:
        lifecycle.end_all()


def provide() -> Service:
    """The service, with all that belongs to it set up."""
    run_custom_response_handlers.append(rest.refuse_unreadable("pipes"))
    register(lifecycle.reset)
    return Service.for_provider(
        PipesProvider(), dispatch_table_factory=lambda provider: operations.table()
    )
