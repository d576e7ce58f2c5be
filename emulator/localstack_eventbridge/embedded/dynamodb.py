"""DynamoDB on moto, in place of DynamoDB Local (which is a Java program)."""

from __future__ import annotations

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor
from moto.dynamodb.models import dynamodb_backends


class EmbeddedDynamoDBProvider(DynamodbApi, ServiceLifecycleHook):
    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(dynamodb_backends)


def service() -> Service:
    return Service.for_provider(
        EmbeddedDynamoDBProvider(), dispatch_table_factory=MotoFallbackDispatcher
    )
