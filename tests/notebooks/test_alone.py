"""Every notebook stands alone: twice in a row, beside a copy of itself, nothing left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def run(path: Path, account: str | None) -> list[Any]:
    """Run the notebook in a kernel of its own; its cells. An error in a cell is raised here."""
    notebook = nbformat.read(path, as_version=4)
    environment = {**os.environ}
    environment.pop("LAB_ACCOUNT", None)
    if account:
        environment["LAB_ACCOUNT"] = account
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": path.parent}})
    client.execute(env=environment)
    return notebook.cells


def left_behind(client: Callable[..., Any]) -> list[str]:
    """What an account holds that a notebook can have made, asked of the services themselves."""
    events, awslambda = client("events"), client("lambda")
    buses = [bus["Name"] for bus in events.list_event_buses()["EventBuses"]]
    rules = [rule["Name"] for bus in buses for rule in events.list_rules(EventBusName=bus)["Rules"]]
    return [
        *(bus for bus in buses if bus != "default"),
        *rules,
        *client("sqs").list_queues().get("QueueUrls", []),
        *(topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]),
        *(function["FunctionName"] for function in awslambda.list_functions()["Functions"]),
        *(m["UUID"] for m in awslambda.list_event_source_mappings()["EventSourceMappings"]),
        *client("dynamodb").list_tables()["TableNames"],
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(role["RoleName"] for role in client("iam").list_roles()["Roles"]),
        *(group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]),
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_twice_in_a_row_and_leaves_nothing(
    path: Path, account: str, client: Callable[..., Any]
) -> None:
    for _ in range(2):
        run(path, account)
        assert left_behind(client) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_beside_a_copy_of_itself(path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        copies = list(pool.map(lambda _: run(path, None), range(2)))
    assert len(copies) == 2
    first_lines = [json.dumps(cells) for cells in copies]
    assert any("copy 2" in text for text in first_lines)
