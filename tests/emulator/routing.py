"""What tests of rules and targets need: resources that allow EventBridge, rules, and events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from helpers.waiting import receive

Clients = Callable[..., Any]

SERVICE = "events.amazonaws.com"


def refused(code: str, match: str = "") -> Any:
    """Expects an error with this code; `match` is part of its message."""
    return pytest.raises(ClientError, match=rf"(?s)\({code}\).*{match}")


class Queue(NamedTuple):
    url: str
    arn: str


def allow(action: str, resource: str, *, service: str = SERVICE, **condition: Any) -> str:
    """A resource policy that lets a service do one thing."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": action,
        "Resource": resource,
    }
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Routing:
    """The resources of one account in one region."""

    def __init__(self, client: Clients, account: str, region: str = "us-east-1") -> None:
        self._client, self.account, self.region = client, account, region
        self.events, self.sqs = self.client("events"), self.client("sqs")

    def client(self, service: str) -> Any:
        return self._client(service, account=self.account, region=self.region)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def queue(self, name: str, *, policy: str | None = "", **attributes: str) -> Queue:
        """A queue that EventBridge may send to; `policy` is another policy, or None for none."""
        arn = self.arn("sqs", name)
        if policy is not None:
            attributes["Policy"] = policy or allow("sqs:SendMessage", arn)
        return Queue(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn)

    def role(self, name: str, action: str, *, resource: str = "*", trusts: str = SERVICE) -> str:
        """A role that `trusts` can assume, and that allows one action."""
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": trusts}, "Action": "sts:AssumeRole"}
            ],
        }
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="allow", PolicyDocument=policy)
        return arn["Role"]["Arn"]

    def rule(
        self,
        *targets: dict[str, Any],
        name: str = "all",
        bus: str = "default",
        source: str = "shop",
    ) -> str:
        """A rule for events of one source; targets are numbered. Returns its ARN."""
        pattern = json.dumps({"source": [source]})
        arn = self.events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
        numbered = [{"Id": str(n), **target} for n, target in enumerate(targets, 1)]
        answer = self.events.put_targets(Rule=name, EventBusName=bus, Targets=numbered)
        assert answer["FailedEntryCount"] == 0, answer["FailedEntries"]
        return arn

    def put(
        self, *details: dict[str, Any], bus: str = "default", source: str = "shop", **entry: Any
    ) -> list[str]:
        """Put events with these details (one without any, if none is given); their ids."""
        entries = [
            {
                "EventBusName": bus,
                "Source": source,
                "DetailType": "order",
                "Detail": json.dumps(detail),
                **entry,
            }
            for detail in details or ({},)
        ]
        answer = self.events.put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0, answer["Entries"]
        return [told["EventId"] for told in answer["Entries"]]

    def receive(self, queue: Queue, n: int = 1, **options: Any) -> list[Any]:
        """Bodies of the next messages of a queue."""
        return receive(self.sqs, queue.url, n, **options)

    def dead_letter(self, queue: Queue, *, timeout: int = 15) -> tuple[Any, dict[str, str]]:
        """Body and attributes of the next message of a dead-letter queue."""
        messages = self.sqs.receive_message(
            QueueUrl=queue.url, MessageAttributeNames=["All"], WaitTimeSeconds=timeout
        ).get("Messages")
        assert messages, "no dead letter"
        self.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=messages[0]["ReceiptHandle"])
        attributes = messages[0]["MessageAttributes"]
        assert {value["DataType"] for value in attributes.values()} == {"String"}
        body = json.loads(messages[0]["Body"])
        return body, {name: value["StringValue"] for name, value in attributes.items()}

    def waiting(self, queue: Queue) -> int:
        """How many messages a queue holds."""
        names = ["ApproximateNumberOfMessages"]
        told = self.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)
        return int(told["Attributes"][names[0]])

    def destination(
        self, url: str, *, method: str = "POST", auth: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """A target that calls a URL: an API destination, its connection, and a role.

        `auth` is AuthorizationType and AuthParameters of the connection; an API key by default.
        """
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
        auth = auth or {"AuthorizationType": "API_KEY", "AuthParameters": key}
        connection = self.events.create_connection(Name="webhook", **auth)["ConnectionArn"]
        arn = self.events.create_api_destination(
            Name="webhook",
            ConnectionArn=connection,
            InvocationEndpoint=url,
            HttpMethod=method,
            **more,
        )["ApiDestinationArn"]
        return {"Arn": arn, "RoleArn": self.role("call", "events:InvokeApiDestination")}
