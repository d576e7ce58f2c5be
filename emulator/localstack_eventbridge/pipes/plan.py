"""What a pipe does, read once from its settings: what runs does not look at requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from localstack_eventbridge.delivery.job import Job, service_of
from localstack_eventbridge.pipes.filters import Filter
from localstack_eventbridge.pipes.store import Pipe

SERVICE = "pipes.amazonaws.com"

Event = dict[str, Any]


class Kind(NamedTuple):
    """A kind of source: its parameters, its batch size, and what reading it takes."""

    parameters: str
    name: str
    batch_size: int
    actions: tuple[str, ...]


#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html
SOURCES = {
    "sqs": Kind(
        "SqsQueueParameters",
        "SQS",
        10,
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    ),
    "kinesis": Kind(
        "KinesisStreamParameters",
        "Kinesis",
        100,
        ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"),
    ),
    "dynamodb": Kind(
        "DynamoDBStreamParameters",
        "DynamoDB",
        100,
        ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"),
    ),
}

#: Events that one call of a target or enrichment takes; Lambda and Step Functions take any number.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
MOST = {
    "api-destination": 1,
    "events": 10,
    "firehose": 500,
    "kinesis": 500,
    "logs": 10_000,
    "sns": 10,
    "sqs": 10,
}


def most(arn: str) -> int:
    """How many events a target or enrichment takes at once."""
    return MOST.get(service_of(arn), 10_000)


class Plan:
    """The way of events through a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        settings = pipe.settings
        self.name, self.arn = pipe.name, pipe.arn
        self.account, self.region = pipe.account, pipe.region
        self.role: str = settings["RoleArn"]
        self.source: str = settings["Source"]
        self.kind = SOURCES[service_of(self.source)]
        source: Mapping[str, Any] = settings.get("SourceParameters") or {}
        self.source_parameters: Mapping[str, Any] = source.get(self.kind.parameters) or {}
        filters = (source.get("FilterCriteria") or {}).get("Filters") or []
        self.filter = Filter(filters, service_of(self.source))
        self.enrichment: str = settings.get("Enrichment") or ""
        self.enrichment_parameters: Mapping[str, Any] = settings.get("EnrichmentParameters") or {}
        self.target: str = settings["Target"]
        self.target_parameters: Mapping[str, Any] = settings.get("TargetParameters") or {}
        self.log: Mapping[str, Any] = settings.get("LogConfiguration") or {"Level": "OFF"}

    @property
    def batch_size(self) -> int:
        """As chosen, else what the source has and the target takes."""
        default = min(self.kind.batch_size, most(self.target))
        if self.enrichment:
            default = min(default, most(self.enrichment))
        return self.source_parameters.get("BatchSize") or default

    @property
    def window(self) -> int:
        return self.source_parameters.get("MaximumBatchingWindowInSeconds") or 0

    def job(self, arn: str, payload: str = "", **parameters: Any) -> Job:
        """A call of `arn` with the role of the pipe, for what is shared with rules."""
        return Job(
            account=self.account,
            region=self.region,
            target={"Arn": arn, "RoleArn": self.role, **parameters},
            payload=payload,
            event={},
            rule_arn=self.arn,
            rule_name=self.name,
            bus_name=None,
            source_service=SERVICE,
        )
