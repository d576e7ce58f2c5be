"""DynamoDB on moto, in place of DynamoDB Local (which is a Java program)."""

from __future__ import annotations

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.skeleton import DispatchTable
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, ServiceLifecycleHook
from localstack.state import StateVisitor
from moto.dynamodb.models import dynamodb_backends

from localstack_eventbridge.embedded import changes


class EmbeddedDynamoDBProvider(DynamodbApi, ServiceLifecycleHook):
    def accept_state_visitor(self, visitor: StateVisitor) -> None:
        visitor.visit(dynamodb_backends)


def service() -> Service:
    changes.install()
    return Service.for_provider(EmbeddedDynamoDBProvider(), dispatch_table_factory=_dispatch_table)


def _dispatch_table(provider: object) -> DispatchTable:
    operations = MotoFallbackDispatcher(provider)
    return {name: changes.recorded(operation) for name, operation in operations.items()}
