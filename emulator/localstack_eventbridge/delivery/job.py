"""What is to be delivered, and how it can fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The service that rules call targets as.
RULES = "events.amazonaws.com"


@dataclass(frozen=True)
class Job:
    """One event for one target.

    `target` is the entry of PutTargets, `payload` the text that the target receives, and `event`
    the original event, which goes to the dead-letter queue. `account` and `region` are those of
    the rule. `event_id` is that of the event, unless given. `forwarded` says that another bus has
    sent the event here. `actions` are what a role must allow if the kind of target does not tell.

    What is not made by a rule says so in a class of its own.
    """

    account: str
    region: str
    target: Mapping[str, Any]
    payload: str
    event: Mapping[str, Any]
    rule_arn: str | None
    rule_name: str | None
    bus_name: str | None
    source_service: str = RULES
    event_id: str | None = None
    forwarded: bool = False
    actions: tuple[str, ...] = ()

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

    @property
    def resource(self) -> str | None:
        """The ARN that a role must allow to act on; None if it cannot be told."""
        return self.arn

    @property
    def source_arn(self) -> str:
        """The condition key aws:SourceArn of the call."""
        return self.rule_arn or ""

    @property
    def origin(self) -> str:
        """What has made the job, in words."""
        return f"rule {self.rule_name}"

    @property
    def labels(self) -> dict[str, Any]:
        """What the trace tells of the origin."""
        return {"bus": self.bus_name, "rule": self.rule_name, "target": self.target.get("Id")}

    def attempt(self, number: int) -> Job:
        """The job as it is at this attempt, from 1."""
        return self

    def dead_letter(self) -> str:
        """The body of the message for the dead-letter queue."""
        return json.dumps(self.event, separators=(",", ":"), ensure_ascii=False)

    def dead_letter_attributes(
        self, error: DeliveryError, condition: str | None, retries: int
    ) -> dict[str, str | None]:
        """Its message attributes: six, or five if no limit of the retry policy was met."""
        return {
            "RULE_ARN": self.rule_arn,
            "TARGET_ARN": self.arn,
            "ERROR_CODE": error.code,
            "ERROR_MESSAGE": error.message,
            "EXHAUSTED_RETRY_CONDITION": condition,
            "RETRY_ATTEMPTS": str(retries),
        }


class DeliveryError(Exception):
    """The target could not be called, or refused.

    `code` is one of the error codes that EventBridge writes to a dead-letter queue
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html); `reason` is what
    the log and the trace say when `message`, which is AWS's, hides the cause. An error that is
    retryable is tried again, not before `retry_after` seconds if these are given. `told` is code
    and message as the target itself has told them, if it has.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        reason: str | None = None,
        told: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.reason = reason or message
        self.told = told


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
