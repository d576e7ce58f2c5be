"""What is to be delivered, and how it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """One event for one target.

    `target` is the entry of PutTargets, `payload` the text that the target receives, and `event`
    the original event, which goes to the dead-letter queue. `account` and `region` are those of
    the rule. `event_id` is that of the event, unless given. `forwarded` says that another bus has
    sent the event here.
    """

    account: str
    region: str
    target: Mapping[str, Any]
    payload: str
    event: Mapping[str, Any]
    rule_arn: str | None
    rule_name: str | None
    bus_name: str | None
    source_service: str = "events.amazonaws.com"
    event_id: str | None = None
    forwarded: bool = False

    def __post_init__(self) -> None:
        if self.event_id is None:
            object.__setattr__(self, "event_id", self.event.get("id"))

    @property
    def arn(self) -> str:
        """The ARN of the target."""
        return self.target["Arn"]

    @property
    def service(self) -> str:
        """The service in the ARN of the target, or "api-destination"."""
        return service_of(self.arn)


class DeliveryError(Exception):
    """The target could not be called, or refused.

    `code` is one of the error codes that EventBridge writes to a dead-letter queue
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html); `reason` is what
    the log and the trace say when `message`, which is AWS's, hides the cause. An error that is
    retryable is tried again, not before `retry_after` seconds if these are given.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.reason = reason or message


class NotYet(Exception):
    """The target may be called in so many seconds, when others that came first have been there."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def service_of(arn: str) -> str:
    """The service that an ARN names, such as "sqs"; "api-destination" for these; "" if none."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return ""
    is_destination = parts[2] == "events" and parts[5].startswith("api-destination/")
    return "api-destination" if is_destination else parts[2]


def place_of(arn: str) -> tuple[str, str, str]:
    """Region, account and resource of an ARN."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return region, account, resource
