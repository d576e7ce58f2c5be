"""EventBridge Scheduler that fires, in place of LocalStack's own: `scheduler:firing`."""

from __future__ import annotations

from localstack.aws.api.scheduler import SchedulerApi
from localstack.aws.handlers import run_custom_response_handlers
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor

from localstack_eventbridge import rest
from localstack_eventbridge.delivery import senders
from localstack_eventbridge.reset import register
from localstack_eventbridge.scheduler import (  # noqa: F401 (they register their operations)
    firing,
    groups,
    operations,
    schedules,
    universal,
)
from localstack_eventbridge.scheduler.store import scheduler_stores


class FiringSchedulerProvider(SchedulerApi, ServiceLifecycleHook):
    """Names what is kept, so that an account can be emptied; its operations are functions."""

    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(scheduler_stores)


def provide() -> Service:
    """The service, with all that belongs to it set up."""
    senders.SENDERS[universal.SERVICE] = universal.send
    run_custom_response_handlers.append(rest.refuse_unreadable("scheduler"))
    register(firing.forget)
    return Service.for_provider(
        FiringSchedulerProvider(), dispatch_table_factory=lambda provider: operations.table()
    )
