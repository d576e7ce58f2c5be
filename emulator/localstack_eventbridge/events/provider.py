"""EventBridge as AWS does it, in place of LocalStack's own: `events:faithful`."""

from __future__ import annotations

from localstack.aws.api.events import EventsApi
from localstack.aws.handlers import run_custom_response_handlers
from localstack.services.events.models import events_stores
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor

from localstack_eventbridge.delivery import senders
from localstack_eventbridge.events import (  # noqa: F401 (they register their operations)
    archives,
    buses,
    connections,
    destinations,
    entries,
    operations,
    replays,
    routing,
    rules,
    tags,
    targets,
    validation,
)


class FaithfulEventsProvider(EventsApi, ServiceLifecycleHook):
    """Names what is kept, so that an account can be emptied; its operations are functions."""

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(events_stores)


def provide() -> Service:
    """The service, with all that belongs to it set up."""
    senders.register_receiver(routing.receive)
    run_custom_response_handlers.append(validation.refuse_unreadable)
    return Service.for_provider(
        FaithfulEventsProvider(), dispatch_table_factory=lambda provider: operations.table()
    )
