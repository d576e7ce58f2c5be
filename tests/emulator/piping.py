"""What tests of pipes need: pipes with a role that may do everything, and what came of them."""

from __future__ import annotations

import json
from typing import Any

from plugin_http import trace
from routing import Queue, Routing

from helpers.waiting import until

SERVICE = "pipes.amazonaws.com"


class Piping:
    """Pipes of one account in one region."""

    def __init__(self, routing: Routing, endpoint: str) -> None:
        self.routing, self._endpoint = routing, endpoint
        self.pipes, self.sqs = routing.client("pipes"), routing.sqs

    def role(self, name: str = "pipe", *actions: str) -> str:
        """A role that pipes can assume, and that may do what is said, or everything."""
        return self.routing.role(name, list(actions) or "*", trusts=SERVICE)  # type: ignore[arg-type]

    def create(self, source: str, target: str, *, name: str = "pipe", **more: Any) -> str:
        """A pipe that has settled; its ARN."""
        more.setdefault("RoleArn", None)
        more["RoleArn"] = more["RoleArn"] or self.role(f"role-{name}")
        arn = self.pipes.create_pipe(Name=name, Source=source, Target=target, **more)["Arn"]
        self.settle(name)
        return arn

    def settle(self, name: str = "pipe", state: str | None = None) -> dict[str, Any]:
        """The pipe when it changes no more (and is in a state)."""

        def settled() -> Any:
            told = self.pipes.describe_pipe(Name=name)
            is_settled = (
                not told["CurrentState"].endswith("ING") or told["CurrentState"] == "RUNNING"
            )
            return is_settled and told

        told = until(settled, what=f"pipe {name} to settle")
        assert state in (None, told["CurrentState"]), told
        return told

    def gone(self, name: str = "pipe") -> None:
        """Wait until the pipe is deleted."""
        until(
            lambda: all(pipe["Name"] != name for pipe in self.pipes.list_pipes()["Pipes"]),
            what="the pipe to be deleted",
        )

    def send(self, queue: Queue, *bodies: Any, **options: Any) -> list[str]:
        """Messages with these bodies; their ids."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        return [
            self.sqs.send_message(QueueUrl=queue.url, MessageBody=text, **options)["MessageId"]
            for text in texts
        ]

    def stages(self, name: str = "pipe", *, of: str | None = None) -> list[str]:
        """What the trace tells of a pipe, or of one event in it."""
        found = trace(self._endpoint, self.routing.account, "pipe")
        return [e["stage"] for e in found if e["pipe"] == name and of in (None, e["event_id"])]

    def reasons(self, name: str = "pipe") -> list[str]:
        """Why events failed."""
        found = trace(self._endpoint, self.routing.account, "pipe")
        return [e["reason"] for e in found if e["pipe"] == name and e["stage"] == "failed"]

    def empty(self, queue: Queue) -> None:
        """Wait until a queue holds nothing, visible or not."""
        until(lambda: self.left(queue) == 0, what=f"{queue.arn} to be empty")

    def left(self, queue: Queue) -> int:
        """How many messages a queue holds, those that are not visible included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)
        return sum(int(told["Attributes"][name]) for name in names)
