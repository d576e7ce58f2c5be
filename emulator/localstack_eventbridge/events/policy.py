"""Who may put events on a bus: its resource policy.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
"""

from __future__ import annotations

from localstack_eventbridge import settings
from localstack_eventbridge.delivery.policies import Decision, evaluate
from localstack_eventbridge.events.store import BusName, bus_at

#: The caller's own permission to use its own buses. Who calls without a role may do all.
OWN = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def may_put(account: str, place: BusName, source: str, detail_type: str) -> Decision:
    """Whether the account may put such an event on a bus: its own, unless the policy denies it.

    The bus of another account must allow it, and so one that does not exist refuses.
    """
    bus = bus_at(*place)
    statements = bus.policy["Statement"] if bus and bus.policy else []
    is_own = account == place.account
    if not settings.ENFORCE_PERMISSIONS or (is_own and not statements):
        return Decision(True, "nothing forbids it")
    if is_own:
        statements = [*statements, OWN]
    return evaluate(
        {"Statement": statements},
        action="events:PutEvents",
        resource=place.arn,
        account=account,
        context={"events:source": source, "events:detail-type": detail_type},
    )
