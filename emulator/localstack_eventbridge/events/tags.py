"""Tags of rules and event buses.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-tagging.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localstack.aws.api import RequestContext
from localstack.aws.api.events import ResourceNotFoundException
from localstack.services.events.models import EventsStore, ValidationException

from localstack_eventbridge.events.operations import Request, Response, operation
from localstack_eventbridge.events.store import store_of

MOST = 50

Tags = Sequence[dict[str, str]]


@operation("ListTagsForResource")
def list_tags_for_resource(context: RequestContext, request: Request) -> Response:
    store, arn = _find(context, request)
    return store.TAGS.list_tags_for_resource(arn)


@operation("TagResource")
def tag_resource(context: RequestContext, request: Request) -> None:
    store, arn = _find(context, request)
    check(request["Tags"], already=store.TAGS.tags.get(arn, {}))
    put(store, arn, request["Tags"])


@operation("UntagResource")
def untag_resource(context: RequestContext, request: Request) -> None:
    store, arn = _find(context, request)
    store.TAGS.untag_resource(arn, request["TagKeys"])


def check(tags: Tags, *, already: Any = ()) -> None:
    """Raise ValidationException if a key is there twice, or if there are too many."""
    keys = {tag["Key"] for tag in tags}
    if len(keys) < len(tags):
        raise ValidationException("Invalid parameter: Duplicated keys are not allowed.")
    if len(keys.union(already)) > MOST:
        raise ValidationException(f"Invalid parameter: more than {MOST} tags are not allowed.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise ValidationException("Invalid parameter: keys must not begin with aws:.")


def put(store: EventsStore, arn: str, tags: Tags) -> None:
    """Add the tags to what has the ARN."""
    store.TAGS.tag_resource(arn, list(tags))


def forget(store: EventsStore, arn: str) -> None:
    """Remove all tags of what had the ARN."""
    store.TAGS.del_resource(arn)


def _find(context: RequestContext, request: Request) -> tuple[EventsStore, str]:
    """The store, and the ARN of a rule or bus in it. Raises ResourceNotFoundException."""
    store, arn = store_of(context), request["ResourceARN"]
    buses = list(store.event_buses.values())
    if not any(arn in (bus.arn, *(rule.arn for rule in bus.rules.values())) for bus in buses):
        raise ResourceNotFoundException(f"Resource {arn} does not exist.")
    return store, arn
