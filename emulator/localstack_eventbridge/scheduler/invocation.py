"""One invocation of the target of a schedule, as `delivery` takes it.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from localstack_eventbridge.delivery.job import DeliveryError, Job
from localstack_eventbridge.events.routing import time_text
from localstack_eventbridge.scheduler import universal
from localstack_eventbridge.scheduler.store import Schedule

SERVICE = "scheduler.amazonaws.com"

#: What the dead letter says when it was EventBridge Scheduler itself that the role did not allow.
REFUSED = "AccessDeniedException"

_ATTRIBUTE = re.compile(
    r"<aws\.scheduler\.(schedule-arn|scheduled-time|execution-id|attempt-number)>"
)


@dataclass(frozen=True)
class Invocation(Job):
    """`input` is what the target gets, with context attributes that are not yet filled in."""

    schedule_arn: str = ""
    group_arn: str = ""
    time: str = ""
    input: str = ""
    execution_id: str = ""

    @property
    def service(self) -> str:
        return universal.SERVICE if self.actions else super().service

    @property
    def resource(self) -> str | None:
        return universal.resource(self) if self.actions else self.arn

    @property
    def source_arn(self) -> str:
        """It is the group that a trust policy can name.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        return self.group_arn

    @property
    def origin(self) -> str:
        return f"schedule {self.schedule_arn}"

    @property
    def labels(self) -> dict[str, Any]:
        return {"schedule": self.schedule_arn, "execution_id": self.execution_id}

    def attempt(self, number: int) -> Invocation:
        """Each attempt has an execution id of its own."""
        values = {
            "schedule-arn": self.schedule_arn,
            "scheduled-time": self.time,
            "execution-id": secrets.token_hex(8),
            "attempt-number": str(number),
        }
        payload = _ATTRIBUTE.sub(lambda found: values[found[1]], self.input)
        return replace(self, payload=payload, execution_id=values["execution-id"])

    def dead_letter(self) -> str:
        return self.payload

    def dead_letter_attributes(
        self, error: DeliveryError, condition: str | None, retries: int
    ) -> dict[str, str | None]:
        """Code and message are those of the target.

        AWS's example names a condition although nothing was tried again, so there always is one.
        """
        ours = {"NO_PERMISSIONS": REFUSED, "FAILED_TO_ASSUME_ROLE": REFUSED}
        code, message = error.told or (ours.get(error.code, error.code), error.message)
        return {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message,
            "EXECUTION_ID": self.execution_id,
            "EXHAUSTED_RETRY_CONDITION": condition or "MaximumRetryAttempts",
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(retries),
            "SCHEDULED_TIME": self.time,
            "SCHEDULE_ARN": self.schedule_arn,
            "TARGET_ARN": self.arn,
        }


def invocation(schedule: Schedule, due: datetime) -> Invocation:
    """What is to be delivered when the schedule is due."""
    target = schedule.target
    is_universal = universal.is_universal(target["Arn"])
    event_id, time = str(uuid.uuid4()), time_text(due)
    event = target.get("EventBridgeParameters", {})
    text = target.get("Input")
    if text is None:
        text = "{}" if is_universal else _notification(schedule, event_id, time)
    return Invocation(
        account=schedule.account,
        region=schedule.region,
        target=target,
        payload="",
        event={"source": event.get("Source"), "detail-type": event.get("DetailType")},
        rule_arn=None,
        rule_name=None,
        bus_name=None,
        source_service=SERVICE,
        event_id=event_id,
        actions=(universal.find(target["Arn"]).permission,) if is_universal else (),
        schedule_arn=schedule.arn,
        group_arn=schedule.group_arn,
        time=time,
        input=text,
    )


def _notification(schedule: Schedule, event_id: str, time: str) -> str:
    """What a target gets if the schedule has no Input. Its detail is a text, as on AWS."""
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": schedule.account,
        "time": time,
        "region": schedule.region,
        "resources": [schedule.arn],
        "detail": "{}",
    }
    return json.dumps(event, separators=(",", ":"))
