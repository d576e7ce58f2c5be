"""DynamoDB Streams of the tables that live in moto."""

from __future__ import annotations

from typing import Any

from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor
from moto.dynamodbstreams import models
from moto.dynamodbstreams.models import ShardIterator, dynamodbstreams_backends


class EmbeddedDynamoDBStreamsProvider(DynamodbstreamsApi, ServiceLifecycleHook):
    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(dynamodbstreams_backends)


class Iterator(ShardIterator):
    """Moto keeps each iterator for ever, and whoever waits for records asks several times a second.

    So an iterator that has nothing to tell is followed by itself.
    """

    def get(self, limit: int = 1000) -> dict[str, Any]:
        if self.stream_shard.get(self.sequence_number, 1):
            return super().get(limit)
        return {"NextShardIterator": self.arn, "Records": []}


def service() -> Service:
    # A patch, because moto names its class nowhere but in the module that uses it.
    models.ShardIterator = Iterator  # type: ignore[misc]
    return Service.for_provider(
        EmbeddedDynamoDBStreamsProvider(), dispatch_table_factory=MotoFallbackDispatcher
    )
