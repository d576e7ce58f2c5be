"""What a pipe writes to its log group about one execution.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs-schema.html
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from localstack.aws.connect import connect_to

from localstack_eventbridge.delivery.job import place_of
from localstack_eventbridge.delivery.senders import log_group
from localstack_eventbridge.pipes import steps
from localstack_eventbridge.pipes.plan import Plan

LOG = logging.getLogger(__name__)


class Log:
    """The log of a pipe: one stream for each time that the pipe runs."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.level: str = plan.log["Level"]
        self.has_data = "ALL" in (plan.log.get("IncludeExecutionData") or [])
        self._group = (plan.log.get("CloudwatchLogsLogDestination") or {}).get("LogGroupArn", "")
        self._stream = ""

    def execution(self) -> Execution:
        return Execution(self, self._plan.arn)

    def put(self, records: list[tuple[int, str]]) -> None:
        """Write records: time in milliseconds and text. A log that cannot be written to is lost."""
        region, account, _ = place_of(self._group)
        logs = connect_to(aws_access_key_id=account, region_name=region).logs
        group = log_group(self._group)
        try:
            if not self._stream:
                stream = f"{self._plan.name}-{uuid.uuid4()}"
                logs.create_log_stream(logGroupName=group, logStreamName=stream)
                self._stream = stream
            events = [{"timestamp": when, "message": text} for when, text in records]
            logs.put_log_events(logGroupName=group, logStreamName=self._stream, logEvents=events)
        except (ClientError, BotoCoreError) as error:
            self._stream = ""
            LOG.warning("pipe %s cannot write to its log group: %s", self._plan.name, error)


class Execution:
    """The steps of one execution; they are written when it ends."""

    def __init__(self, log: Log, arn: str) -> None:
        self.id = str(uuid.uuid4())
        self._log, self._arn = log, arn
        self._records: list[tuple[int, str]] = []

    def step(self, name: str, *, error: dict[str, Any] | None = None, **data: Any) -> None:
        """Note a step; `data` may be payload, awsRequest and awsResponse."""
        if not steps.is_logged(name, self._log.level):
            return
        when = int(time.time() * 1000)
        record: dict[str, Any] = {
            "resourceArn": self._arn,
            "timestamp": when,
            "executionId": self.id,
            "messageType": name,
            "logLevel": steps.level_of(name),
        }
        if error:
            record["error"] = error
        if self._log.has_data and data:
            record |= {key: _text(value) for key, value in data.items() if value is not None}
            record["truncatedFields"] = []
        self._records.append((when, steps.as_text(record)))

    def end(self) -> None:
        if self._records:
            self._log.put(self._records)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
