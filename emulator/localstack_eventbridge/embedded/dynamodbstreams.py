"""DynamoDB Streams of the tables that live in moto."""

from __future__ import annotations

from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor
from moto.dynamodbstreams.models import dynamodbstreams_backends


class EmbeddedDynamoDBStreamsProvider(DynamodbstreamsApi, ServiceLifecycleHook):
    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(dynamodbstreams_backends)


def service() -> Service:
    return Service.for_provider(
        EmbeddedDynamoDBStreamsProvider(), dispatch_table_factory=MotoFallbackDispatcher
    )
