"""Empty one account, in all its regions, and leave all others as they are."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from localstack.aws.connect import connect_to
from localstack.services.plugins import SERVICE_PLUGINS, Service
from localstack.services.stores import AccountRegionBundle
from moto.core.base_backend import BackendDict

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock

LOG = logging.getLogger(__name__)

#: What is counted, by service and by the attribute in which LocalStack or moto keeps it.
KINDS = {
    ("dynamodb", "tables"): "table",
    ("events", "archives"): "archive",
    ("events", "event_buses"): "event bus",
    ("iam", "roles"): "role",
    ("lambda", "event_source_mappings"): "event source mapping",
    ("lambda", "functions"): "function",
    ("logs", "groups"): "log group",
    ("pipes", "pipes"): "pipe",
    ("s3", "buckets"): "bucket",
    ("scheduler", "groups"): "schedule group",
    ("scheduler", "schedules"): "schedule",
    ("sns", "topics"): "topic",
    ("sqs", "queues"): "queue",
    ("stepfunctions", "state_machines"): "state machine",
}

#: Seconds that one function may take to stop writing its log.
PATIENCE = 2.0

_forgetting: list[Callable[[str], None]] = []

# Two resets of one account at once would trip over each other's half-deleted things.
_lock = threading.Lock()


def register(forget: Callable[[str], None]) -> None:
    """Have `forget(account)` called first of all when an account is emptied.

    For what the plug-in itself keeps of an account, and for what it is about to do in it.
    """
    _forgetting.append(forget)


def empty(account: str) -> dict[str, int]:
    """Delete all that `account` holds; how many of each kind were there, such as {"queue": 2}.

    What runs (functions, pollers, executions, schedules) is ended first, through the API, and is
    counted before that.
    """
    with _lock:
        for forget in (*_forgetting, clock.reset, trace.reset):
            forget(account)
        services = list(_loaded())
        removed = _count(account, services)
        for name, end in ENDINGS.items():
            if any(service.name() == name for service in services):
                for region in _regions(account, services, name):
                    end(account, region)
        for service in services:
            for state in _states(service):
                _drop(service, state, account)
            if service.name() == "cloudwatch":
                _drop_metrics(service, account)
            elif service.name() == "kinesis":
                _drop_streams(service, account)
    return {kind: removed[kind] for kind in sorted(removed) if removed[kind]}


def _loaded() -> Iterator[Service]:
    """The services that have been used; asking for another one would load it."""
    for container in list(SERVICE_PLUGINS._services.values()):
        yield container.service


def _states(service: Service) -> list[Any]:
    states: list[Any] = []

    class Collect:
        def visit(self, state: Any) -> None:
            states.append(state)

    service.accept_state_visitor(Collect())
    return states


def _stores(account: str, state: Any) -> dict[str, Any]:
    """The stores of the account by region; both kinds make an account when asked for it."""
    is_kept_by_account = isinstance(state, AccountRegionBundle | BackendDict)
    return state[account] if is_kept_by_account and account in state else {}


def _regions(account: str, services: list[Service], name: str) -> set[str]:
    states = [s for service in services if service.name() == name for s in _states(service)]
    return {region for state in states for region in list(_stores(account, state))}


def _count(account: str, services: list[Service]) -> Counter[str]:
    found: Counter[str] = Counter()
    for service in services:
        # What is not bound to a region hangs on the store of each region.
        seen: set[int] = set()
        for state in _states(service):
            for store in list(_stores(account, state).values()):
                for (name, attribute), kind in KINDS.items():
                    kept = getattr(store, attribute, None) if name == service.name() else None
                    if kept and id(kept) not in seen:
                        seen.add(id(kept))
                        found[kind] += len(kept)
                        if kind == "event bus":
                            found["rule"] += sum(len(bus.rules) for bus in kept.values())
                        if kind in ("event bus", "schedule group"):
                            found[kind] -= "default" in kept
    return found


def _drop(service: Service, state: Any, account: str) -> None:
    if isinstance(state, BackendDict):
        # Not reset, which leaves it without its parts while others may be using it.
        state.pop(account, None)
    elif isinstance(state, AccountRegionBundle) and account in state:
        if service.name() == "s3":
            _drop_buckets(service, state[account])
        with state.lock:
            state.pop(account).reset()


def _drop_buckets(service: Service, regions: dict[str, Any]) -> None:
    """Bucket names belong to all accounts together, and objects lie outside the store."""
    provider = service._provider
    for store in regions.values():
        for name in list(store.buckets):
            store.global_bucket_map.pop(name, None)
            provider._storage_backend.delete_bucket(name)
    provider._cors_handler.invalidate_cache()


def _drop_metrics(service: Service, account: str) -> None:
    """Metrics of all accounts lie in one database."""
    database = service._provider.cloudwatch_database
    with database.DATABASE_LOCK, closing(sqlite3.connect(database.METRICS_DB)) as connection:
        for table in (database.TABLE_SINGLE_METRICS, database.TABLE_AGGREGATED_METRICS):
            connection.execute(f"DELETE FROM {table} WHERE account_id = ?", (account,))
        connection.commit()


def _drop_streams(service: Service, account: str) -> None:
    """Streams live in a program of their own for each account. They are not counted."""
    servers = service._provider.server_manager
    if account not in servers._servers:
        # The lock is held while Kinesis is fetched, which may take minutes.
        return
    with servers._lock:
        if server := servers._servers.pop(account, None):
            server.shutdown()


def _client(account: str, region: str) -> Any:
    return connect_to(aws_access_key_id=account, region_name=region)


def _all(client: Any, operation: str, kind: str, **arguments: Any) -> list[Any]:
    """The things of that kind on all pages of what the operation lists."""
    pages = client.get_paginator(operation).paginate(**arguments)
    return [thing for page in pages for thing in page[kind]]


def _end_functions(account: str, region: str) -> None:
    awslambda = _client(account, region).lambda_
    writers = _log_writers(account, region)
    for mapping in _all(awslambda, "list_event_source_mappings", "EventSourceMappings"):
        _quietly(awslambda.delete_event_source_mapping, UUID=mapping["UUID"])
    for function in _all(awslambda, "list_functions", "Functions"):
        _quietly(awslambda.delete_function, FunctionName=function["FunctionName"])
    # They stop in the background; what they still write would make a log group again.
    for writer in writers:
        writer.join(PATIENCE)


def _log_writers(account: str, region: str) -> list[threading.Thread]:
    provider = SERVICE_PLUGINS.get_service("lambda")._provider
    versions = dict(provider.lambda_service.lambda_running_versions)
    place = f":{region}:{account}:"
    threads = [version.log_handler._thread for arn, version in versions.items() if place in arn]
    return [thread for thread in threads if thread]


def _end_executions(account: str, region: str) -> None:
    stepfunctions = _client(account, region).stepfunctions
    for machine in _all(stepfunctions, "list_state_machines", "stateMachines"):
        if machine["type"] == "EXPRESS":
            continue
        running = {"stateMachineArn": machine["stateMachineArn"], "statusFilter": "RUNNING"}
        for execution in _all(stepfunctions, "list_executions", "executions", **running):
            _quietly(stepfunctions.stop_execution, executionArn=execution["executionArn"])


def _end_rules(account: str, region: str) -> None:
    """A scheduled rule goes on firing until it is deleted."""
    events = _client(account, region).events
    for bus in events.list_event_buses()["EventBuses"]:
        at = {"EventBusName": bus["Name"]}
        for rule in _all(events, "list_rules", "Rules", **at):
            targets = _all(events, "list_targets_by_rule", "Targets", Rule=rule["Name"], **at)
            if targets:
                ids = [target["Id"] for target in targets]
                _quietly(events.remove_targets, Rule=rule["Name"], Ids=ids, Force=True, **at)
            _quietly(events.delete_rule, Name=rule["Name"], Force=True, **at)


def _end_alarms(account: str, region: str) -> None:
    """An alarm goes on looking at its metric until it is deleted."""
    cloudwatch = _client(account, region).cloudwatch
    for alarm in _all(cloudwatch, "describe_alarms", "MetricAlarms"):
        _quietly(cloudwatch.delete_alarms, AlarmNames=[alarm["AlarmName"]])


def _quietly(delete: Callable[..., Any], **arguments: Any) -> None:
    try:
        delete(**arguments)
    except Exception as error:
        LOG.info("while an account is emptied, %s: %s", arguments, error)


#: Ended in this order: what calls comes before what is called.
ENDINGS: dict[str, Callable[[str, str], None]] = {
    "events": _end_rules,
    "stepfunctions": _end_executions,
    "lambda": _end_functions,
    "cloudwatch": _end_alarms,
}
