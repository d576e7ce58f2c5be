"""What tests of Scheduler need: a role that it may assume, schedules, and the clock."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from plugin_http import advance, call
from routing import Clients, Queue, Routing

SERVICE = "scheduler.amazonaws.com"


class Scheduling(Routing):
    """The resources of one account in one region, with schedules among them."""

    def __init__(
        self, client: Clients, account: str, endpoint: str, region: str = "us-east-1"
    ) -> None:
        super().__init__(client, account, region)
        self.endpoint = endpoint
        self.scheduler = self.client("scheduler")
        self._role: str | None = None

    def role(self, name: str, action: str, *, resource: str = "*", trusts: str = SERVICE) -> str:
        """A role that Scheduler can assume, unless told otherwise."""
        return super().role(name, action, resource=resource, trusts=trusts)

    @property
    def anything(self) -> str:
        """A role that allows everything."""
        if self._role is None:
            self._role = self.role("anything", "*")
        return self._role

    def schedule(
        self, arn: str, expression: str = "rate(1 minute)", *, name: str = "s", **more: Any
    ) -> str:
        """Create a schedule; what is no parameter of CreateSchedule is one of its target."""
        return self.scheduler.create_schedule(**self.request(arn, expression, name=name, **more))[
            "ScheduleArn"
        ]

    def request(
        self, arn: str, expression: str = "rate(1 minute)", *, name: str = "s", **more: Any
    ) -> dict[str, Any]:
        """The parameters of CreateSchedule."""
        own = self.scheduler.meta.service_model.operation_model("CreateSchedule").input_shape
        target = {key: more.pop(key) for key in [key for key in more if key not in own.members]}
        role = {} if "RoleArn" in target else {"RoleArn": self.anything}
        return {
            "Name": name,
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": arn, **role, **target},
            **more,
        }

    def standard(self, name: str = "q", **attributes: str) -> Queue:
        """A queue without a policy: it is the role that Scheduler sends by."""
        return self.queue(name, policy=None, **attributes)

    def now(self) -> datetime:
        """The account's time."""
        told = call(self.endpoint, "GET", f"clock?account={self.account}")[1]
        return datetime.fromisoformat(told["now"])

    def advance(self, duration: str | timedelta) -> None:
        """Move the account's clock."""
        if isinstance(duration, timedelta):
            duration = f"PT{duration.total_seconds():f}S"
        advance(self.endpoint, self.account, duration)

    def messages(self, queue: Queue) -> list[str]:
        """The bodies of all messages that wait in the queue."""
        found: list[str] = []
        while answer := self.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [message["Body"] for message in answer]
            for message in answer:
                self.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def fired(self, queue: Queue, duration: str | timedelta) -> list[datetime]:
        """Scheduled times of what the queue got while the clock moved, in order.

        The Input of the schedule must be `TIME`, or nothing.
        """
        self.advance(duration)
        bodies = [json.loads(body) for body in self.messages(queue)]
        return sorted(datetime.fromisoformat(body["time"]) for body in bodies)


TIME = json.dumps({"time": "<aws.scheduler.scheduled-time>"})
