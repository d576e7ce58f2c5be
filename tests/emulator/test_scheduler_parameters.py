"""No parameter of Scheduler is forgotten: each is honoured, or refused, as the table tells.

The parameters are those of AWS's own model, down to the last member.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from raw import RawScheduler
from scheduling import Scheduling

MODEL = botocore.session.get_session().get_service_model("scheduler")
OPERATIONS = MODEL.operation_names
README = (Path(__file__).parents[2] / "emulator" / "README.md").read_text()

#: Operations that describe a schedule, and its name: one that is there can be updated.
NAMES = {"CreateSchedule": "other", "UpdateSchedule": "s"}

#: Parameters that CreateSchedule and UpdateSchedule refuse, and what else the request then has.
REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "KmsKeyArn": ("arn:aws:kms:us-east-1:000000000000:key/k", {}),
    "Target.EcsParameters": (
        {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/t"},
        {"Arn": "arn:aws:ecs:us-east-1:000000000000:cluster/c"},
    ),
    # They belong to the second kind of custom event bus, of 2026.
    "Target.EventBridgePutEventsV2Parameters": (
        {"DetailType": "d", "Source": "s"},
        {"Arn": "arn:aws:events:us-east-1:000000000000:event-bus/b"},
    ),
    "Target.EventBridgePutRawEventsParameters": (
        {},
        {"Arn": "arn:aws:events:us-east-1:000000000000:event-bus/b"},
    ),
    "Target.SageMakerPipelineParameters": (
        {"PipelineParameterList": [{"Name": "n", "Value": "v"}]},
        {"Arn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p"},
    ),
}


def parameters(shape: Shape, path: str = "") -> Iterator[str]:
    """All parameters with dotted names; what is within a refused one is refused with it."""
    if path in REFUSED or not isinstance(shape, StructureShape):
        yield path
    else:
        for name, member in shape.members.items():
            inner = member.member if isinstance(member, ListShape) else member
            yield from parameters(inner, f"{path}.{name}".lstrip("."))


def table() -> dict[str, dict[str, str]]:
    """By operation, what the table in the README says of each parameter."""
    section = README.partition("### Parameters of Scheduler")[2].partition("\n#")[0]
    found: dict[str, dict[str, str]] = {}
    for operations, names, verdict in re.findall(
        r"^\| (.+?) \| (.+?) \| (honoured|refused)[^|]*\|$", section, re.MULTILINE
    ):
        for operation in re.findall(r"`(\w+)`", operations):
            told = found.setdefault(operation, {})
            told |= dict.fromkeys(re.findall(r"`([\w.]+)`", names), verdict)
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_tells_of_every_parameter(operation: str) -> None:
    expected = {
        name: "refused" if name in REFUSED else "honoured"
        for name in parameters(MODEL.operation_model(operation).input_shape)
    }
    assert table()[operation] == expected


def test_the_table_tells_of_no_other_operation() -> None:
    assert table().keys() == set(OPERATIONS)


@pytest.mark.parametrize("operation", NAMES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_the_table_calls_refused_is_refused(
    scheduling: Scheduling, operation: str, name: str
) -> None:
    """With its own kind of target, too; the message names the parameter or the target."""
    queue = scheduling.arn("sqs", "q")
    scheduling.schedule(queue, "at(2099-01-01T00:00:00)")
    value, others = REFUSED[name]
    call = getattr(scheduling.scheduler, xform_name(operation))
    for more in ({}, others):
        request = scheduling.request(queue, "rate(1 day)", name=NAMES[operation])
        request["Target"] |= more
        if name.startswith("Target."):
            request["Target"][name.partition(".")[2]] = value
        else:
            request[name] = value
        with pytest.raises(ClientError) as caught:
            call(**request)
        error = caught.value.response["Error"]
        assert error["Code"] == "ValidationException"
        assert name.rpartition(".")[2] in error["Message"] or "Target.Arn" in error["Message"]


def test_what_no_model_knows_is_refused(endpoint: str, account: str) -> None:
    """A parameter that AWS may add one day would do nothing here."""
    model = MODEL.operation_model("CreateScheduleGroup")
    status, code, answer = RawScheduler(endpoint, account).call(model, {"Name": "g", "New": 1})
    assert (status, code) == (400, "ValidationException")
    assert "Parameter New is not valid" in answer["Message"]


HONOURED = sorted(
    {
        name
        for operation in OPERATIONS
        for name in parameters(MODEL.operation_model(operation).input_shape)
    }
    - REFUSED.keys()
)


def test_each_honoured_parameter_is_looked_at_in_a_test() -> None:
    """By its last name, in the other modules of tests of Scheduler."""
    modules = Path(__file__).parent.glob("test_scheduler_*.py")
    text = "".join(path.read_text() for path in modules if path != Path(__file__))
    unseen = [name for name in HONOURED if name.rpartition(".")[2] not in text]
    assert not unseen


def constrained(
    shape: Shape, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Where in a request the model limits a value, and how."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if ".".join((*path, name)) not in REFUSED:
                yield from constrained(member, (*path, name))
    elif not isinstance(shape, MapShape) and shape.metadata.keys() & {
        "max",
        "min",
        "enum",
        "pattern",
    }:
        yield path, shape


def beyond(shape: Shape) -> Iterator[Any]:
    """Values that the constraints of the shape do not allow."""
    limits = shape.metadata
    if shape.type_name == "integer":
        yield from (limits["max"] + 1, limits["min"] - 1)
    elif shape.type_name == "string":
        if "max" in limits:
            yield "x" * (limits["max"] + 1)
        if limits.get("min"):
            yield ""
        if "enum" in limits or "pattern" in limits:
            yield "☃"
    elif isinstance(shape, ListShape) and "max" in limits:
        yield [None] * (limits["max"] + 1)


LIMITS = [
    (operation, path, value)
    for operation in OPERATIONS
    for path, shape in constrained(MODEL.operation_model(operation).input_shape)
    for value in beyond(shape)
]


def test_every_constraint_of_the_model_is_enforced(endpoint: str, account: str) -> None:
    """A value beyond a limit is refused with ValidationException that names where it is."""
    assert len(LIMITS) > 100
    raw = RawScheduler(endpoint, account)
    for operation, path, value in LIMITS:
        model = MODEL.operation_model(operation)
        in_path = model.input_shape.members[path[0]].serialization.get("location") == "uri"
        if in_path and value == "":
            # Then it is another path.
            continue
        group = f"arn:aws:scheduler:us-east-1:{account}:schedule-group/default"
        in_paths = {"Name": "n", "ResourceArn": group}
        request: dict[str, Any] = {
            name: text for name, text in in_paths.items() if name in model.input_shape.members
        }
        inner = request
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
        status, code, answer = raw.call(model, request)
        assert (status, code) == (400, "ValidationException"), (operation, path, value, answer)
        where = ".".join(name[:1].lower() + name[1:] for name in path)
        assert f"'{where}'" in answer["Message"], (operation, path, value, answer)
