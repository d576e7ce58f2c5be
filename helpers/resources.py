"""What an account holds and what leads where, asked of the account itself, for a picture of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from helpers.lab import Lab

#: What a resource is called, by service and the first part of the resource in its ARN.
_KINDS = {
    ("events", "event-bus"): "event bus",
    ("events", "rule"): "rule",
    ("events", "api-destination"): "API destination",
    ("lambda", "function"): "function",
    ("pipes", "pipe"): "pipe",
    ("scheduler", "schedule"): "schedule",
    ("states", "stateMachine"): "state machine",
    ("dynamodb", "table"): "table",
    ("kinesis", "stream"): "stream",
    ("logs", "log-group"): "log group",
    ("firehose", "deliverystream"): "delivery stream",
    ("sqs", ""): "queue",
    ("sns", ""): "topic",
    ("s3", ""): "bucket",
}

#: Kinds of which the account is asked for all: one that is only named does not exist.
_LISTED = ("event bus", "function", "queue", "topic", "table")


class Node(NamedTuple):
    """A resource. `state` is "", "disabled", "missing", or what AWS says of a failure."""

    kind: str
    name: str
    state: str = ""


class Edge(NamedTuple):
    """Where events go; `label` says on what condition, "" if they always do."""

    start: str
    end: str
    label: str = ""


class Graph:
    """Nodes by ARN, and the edges between them."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def add(self, arn: str, state: str = "") -> str:
        """Know a resource; the ARN that it is known by."""
        arn = _without_version(arn)
        known = self.nodes.get(arn)
        if known is None or state:
            self.nodes[arn] = Node(*kind_and_name(arn), state)
        return arn

    def lead(self, start: str, end: str, label: str = "") -> None:
        """Know that events go from one resource to another."""
        edge = Edge(self.add(start), self.add(end), label)
        if edge not in self.edges:
            self.edges.append(edge)

    def leads(self, start: str, end: str) -> bool:
        """Whether there is an edge between the two."""
        return any(edge[:2] == (start, end) for edge in self.edges)

    def around(self, name: str) -> Graph:
        """Only what events reach from the resource of that name, or come to it from.

        Raises KeyError if there is no such resource.
        """
        starts = {arn for arn, node in self.nodes.items() if node.name == name}
        if not starts:
            raise KeyError(f"The account holds nothing that is called {name!r}.")
        forth = _closure(starts, {(edge.start, edge.end) for edge in self.edges})
        back = _closure(starts, {(edge.end, edge.start) for edge in self.edges})
        part = Graph()
        part.nodes = {arn: node for arn, node in self.nodes.items() if arn in forth | back}
        part.edges = [e for e in self.edges if e.start in part.nodes and e.end in part.nodes]
        return part


def read(lab: Lab) -> Graph:
    """The resources of the lab's account, as they are now."""
    graph = Graph()
    listed = _listed(lab, graph)
    for reader in (_buses, _pipes, _schedules, _functions, _queues, _topics, _buckets):
        reader(lab, graph)
    for arn, node in graph.nodes.items():
        if node.kind in _LISTED and arn not in listed and f":{lab.account}:" in arn:
            graph.nodes[arn] = node._replace(state="missing")
    # The default bus is in every account; it is part of the picture if something uses it.
    default = lab.arn("events", "event-bus/default")
    if not any(default in edge[:2] for edge in graph.edges):
        graph.nodes.pop(default, None)
    return graph


def _listed(lab: Lab, graph: Graph) -> set[str]:
    """All queues, functions and so on that exist, whether events come to them or not."""
    buses = lab.client("events").list_event_buses()["EventBuses"]
    tables = _all(lab.client("dynamodb"), "list_tables", "TableNames")
    arns = [
        *(bus["Arn"] for bus in buses),
        *(function["FunctionArn"] for function in _functions_of(lab)),
        *(_queue_arn(lab, url) for url in _queues_of(lab)),
        *(topic["TopicArn"] for topic in _all(lab.client("sns"), "list_topics", "Topics")),
        *(lab.arn("dynamodb", f"table/{name}") for name in tables),
    ]
    return {graph.add(arn) for arn in arns}


def _buses(lab: Lab, graph: Graph) -> None:
    events = lab.client("events")
    for bus in events.list_event_buses()["EventBuses"]:
        at = {"EventBusName": bus["Name"]}
        for rule in _all(events, "list_rules", "Rules", **at):
            # The rule of an archive belongs to AWS.
            if rule.get("ManagedBy"):
                continue
            graph.add(rule["Arn"], "" if rule["State"].startswith("ENABLED") else "disabled")
            if "EventPattern" in rule:
                graph.lead(bus["Arn"], rule["Arn"])
            for target in events.list_targets_by_rule(Rule=rule["Name"], **at)["Targets"]:
                _lead_on(graph, rule["Arn"], target)


def _pipes(lab: Lab, graph: Graph) -> None:
    for pipe in _all(lab.client("pipes"), "list_pipes", "Pipes"):
        state = pipe["CurrentState"]
        shown = {"RUNNING": "", "STOPPED": "disabled"}.get(state, state.lower())
        graph.add(pipe["Arn"], shown.replace("_", " "))
        graph.lead(pipe["Source"], pipe["Arn"])
        graph.lead(pipe["Arn"], pipe["Target"])
        if enrichment := pipe.get("Enrichment"):
            graph.lead(pipe["Arn"], enrichment, "enrichment")


def _schedules(lab: Lab, graph: Graph) -> None:
    scheduler = lab.client("scheduler")
    for told in _all(scheduler, "list_schedules", "Schedules"):
        found = scheduler.get_schedule(Name=told["Name"], GroupName=told["GroupName"])
        graph.add(found["Arn"], "" if found["State"] == "ENABLED" else "disabled")
        _lead_on(graph, found["Arn"], found["Target"])


def _lead_on(graph: Graph, start: str, target: Mapping[str, Any]) -> None:
    """From a rule or schedule to its target, and to the dead-letter queue of that."""
    if not target["Arn"].startswith("arn:aws:scheduler:::"):
        graph.lead(start, target["Arn"])
    if queue := target.get("DeadLetterConfig", {}).get("Arn"):
        graph.lead(start, queue, "dead letters")


def _functions(lab: Lab, graph: Graph) -> None:
    awslambda = lab.client("lambda")
    for mapping in _all(awslambda, "list_event_source_mappings", "EventSourceMappings"):
        graph.lead(mapping["EventSourceArn"], mapping["FunctionArn"])
    for function in _functions_of(lab):
        arn = function["FunctionArn"]
        if queue := function.get("DeadLetterConfig", {}).get("TargetArn"):
            graph.lead(arn, queue, "dead letters")
        configs = awslambda.list_function_event_invoke_configs(
            FunctionName=function["FunctionName"]
        )
        for config in configs["FunctionEventInvokeConfigs"]:
            for when, end in config.get("DestinationConfig", {}).items():
                if end.get("Destination"):
                    label = {"OnFailure": "on failure", "OnSuccess": "on success"}[when]
                    graph.lead(arn, end["Destination"], label)
        for resource in _may_use(lab, function):
            if resource in graph.nodes and not graph.leads(arn, resource):
                graph.lead(arn, resource)


def _may_use(lab: Lab, function: Mapping[str, Any]) -> Iterator[str]:
    """What the execution role of the function names: its code does not tell what it calls."""
    iam, role = lab.client("iam"), function["Role"].rpartition("/")[2]
    try:
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    except iam.exceptions.NoSuchEntityException:
        return
    for name in names:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in _list(document["Statement"]):
            yield from _list(statement.get("Resource", []))


def _queues(lab: Lab, graph: Graph) -> None:
    sqs = lab.client("sqs")
    for url in _queues_of(lab):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if policy := answer.get("RedrivePolicy"):
            graph.lead(answer["QueueArn"], json.loads(policy)["deadLetterTargetArn"], "redrive")


def _topics(lab: Lab, graph: Graph) -> None:
    for told in _all(lab.client("sns"), "list_subscriptions", "Subscriptions"):
        if told["Endpoint"].startswith("arn:"):
            graph.lead(told["TopicArn"], told["Endpoint"])


def _buckets(lab: Lab, graph: Graph) -> None:
    s3 = lab.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        arn = graph.add(f"arn:aws:s3:::{bucket['Name']}")
        with contextlib.suppress(ClientError):
            told = s3.get_bucket_notification_configuration(Bucket=bucket["Name"])
            if "EventBridgeConfiguration" in told:
                graph.lead(arn, lab.arn("events", "event-bus/default"))
            for kind in ("LambdaFunction", "Queue", "Topic"):
                key = "LambdaFunctionArn" if kind == "LambdaFunction" else f"{kind}Arn"
                for config in told.get(f"{kind}Configurations", []):
                    graph.lead(arn, config[key])


def _functions_of(lab: Lab) -> list[dict[str, Any]]:
    return _all(lab.client("lambda"), "list_functions", "Functions")


def _queues_of(lab: Lab) -> list[str]:
    return _all(lab.client("sqs"), "list_queues", "QueueUrls")


def _all(client: Any, operation: str, key: str, **parameters: Any) -> list[Any]:
    """What an operation lists, over all its pages."""
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page.get(key, [])]


def _list(value: Any) -> list[Any]:
    """In a policy, a list of one may stand without its brackets."""
    return value if isinstance(value, list) else [value]


def _queue_arn(lab: Lab, url: str) -> str:
    return lab.arn("sqs", url.rpartition("/")[2])


def _without_version(arn: str) -> str:
    """The ARN of a function without its version, of a table without its stream."""
    parts = arn.split(":")
    if parts[2] == "lambda":
        return ":".join(parts[:7])
    if parts[2] == "dynamodb":
        return arn.partition("/stream/")[0]
    if parts[2] == "logs":
        return arn.removesuffix(":*")
    return arn


def kind_and_name(arn: str) -> tuple[str, str]:
    """What the resource of an ARN is, and what it is called."""
    _, _, service, _, _, resource = arn.split(":", 5)
    first, _, rest = resource.replace(":", "/").partition("/")
    kind = _KINDS.get((service, first)) or _KINDS.get((service, ""), service)
    # An API destination's name stands before its id, all others stand last.
    name = rest.partition("/")[0] if kind == "API destination" else rest.rpartition("/")[2]
    return kind, name or first


def _closure(starts: set[str], steps: set[tuple[str, str]]) -> set[str]:
    reached, new = set(starts), set(starts)
    while new:
        new = {end for start, end in steps if start in new} - reached
        reached |= new
    return reached
