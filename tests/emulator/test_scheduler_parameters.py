"""No parameter of Scheduler is forgotten: each is honoured, or refused, as the table tells.

The parameters are those of AWS's own model, down to the last member.
"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from api_model import enforce_limits, honoured, parameters, table, untested
from botocore import xform_name
from botocore.exceptions import ClientError
from raw import RawRest
from scheduling import Scheduling

MODEL = botocore.session.get_session().get_service_model("scheduler")
OPERATIONS = MODEL.operation_names

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


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_tells_of_every_parameter(operation: str) -> None:
    expected = {
        name: "refused" if name in REFUSED else "honoured"
        for name in parameters(MODEL.operation_model(operation).input_shape, REFUSED)
    }
    assert table("Scheduler")[operation] == expected


def test_the_table_tells_of_no_other_operation() -> None:
    assert table("Scheduler").keys() == set(OPERATIONS)


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
    status, code, answer = RawRest(endpoint, account, "scheduler").call(
        model, {"Name": "g", "New": 1}
    )
    assert (status, code) == (400, "ValidationException")
    assert "Parameter New is not valid" in answer["Message"]


def test_each_honoured_parameter_is_looked_at_in_a_test() -> None:
    """By its last name, in the other modules of tests of Scheduler."""
    assert not untested(honoured(MODEL, REFUSED), "test_scheduler_*.py", but=__file__)


def test_every_constraint_of_the_model_is_enforced(endpoint: str, account: str) -> None:
    """A value beyond a limit is refused with ValidationException that names where it is."""
    group = f"arn:aws:scheduler:us-east-1:{account}:schedule-group/default"
    in_paths = {"Name": "n", "ResourceArn": group}
    enforce_limits(RawRest(endpoint, account, "scheduler"), MODEL, REFUSED, in_paths)
