"""No parameter of Pipes is forgotten: each is honoured, or refused, as the table tells.

The parameters are those of AWS's own model, down to the last member.
"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from api_model import enforce_limits, honoured, parameters, set_at, table, untested
from botocore import xform_name
from botocore.exceptions import ClientError
from piping import Piping
from raw import RawRest
from routing import Routing

MODEL = botocore.session.get_session().get_service_model("pipes")
OPERATIONS = MODEL.operation_names


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:111122223333:{resource}"


CREDENTIALS = {"BasicAuth": arn("secretsmanager", "secret:x")}
TIMESTREAM = {
    "TimeValue": "$.t",
    "VersionValue": "1",
    "DimensionMappings": [
        {"DimensionValue": "v", "DimensionValueType": "VARCHAR", "DimensionName": "n"}
    ],
}

#: Parameters that CreatePipe and UpdatePipe refuse, and the source or target that they are for.
REFUSED: dict[str, tuple[Any, dict[str, str]]] = {
    "KmsKeyIdentifier": ("key", {}),
    "LogConfiguration.FirehoseLogDestination": (
        {"DeliveryStreamArn": arn("firehose", "deliverystream/s")},
        {},
    ),
    "LogConfiguration.S3LogDestination": (
        {"BucketName": "bucket", "BucketOwner": "111122223333"},
        {},
    ),
    "SourceParameters.ActiveMQBrokerParameters": (
        {"QueueName": "q", "Credentials": CREDENTIALS},
        {"Source": arn("mq", "broker:b:1")},
    ),
    "SourceParameters.ManagedStreamingKafkaParameters": (
        {"TopicName": "topic"},
        {"Source": arn("kafka", "cluster/c/1")},
    ),
    "SourceParameters.RabbitMQBrokerParameters": (
        {"QueueName": "q", "Credentials": CREDENTIALS},
        {"Source": arn("mq", "broker:b:1")},
    ),
    "SourceParameters.SelfManagedKafkaParameters": (
        {"TopicName": "topic"},
        {"Source": "smk://broker.example:9092"},
    ),
    "TargetParameters.BatchJobParameters": (
        {"JobDefinition": "d", "JobName": "n"},
        {"Target": arn("batch", "job-queue/q")},
    ),
    "TargetParameters.EcsTaskParameters": (
        {"TaskDefinitionArn": arn("ecs", "task-definition/t:1")},
        {"Target": arn("ecs", "cluster/c")},
    ),
    "TargetParameters.EventBridgeEventBusParameters.EndpointId": (
        "abc.def",
        {"Target": arn("events", "event-bus/b")},
    ),
    "TargetParameters.RedshiftDataParameters": (
        {"Database": "d", "Sqls": ["s"]},
        {"Target": arn("redshift", "cluster:c")},
    ),
    "TargetParameters.SageMakerPipelineParameters": (
        {"PipelineParameterList": [{"Name": "n", "Value": "v"}]},
        {"Target": arn("sagemaker", "pipeline/p")},
    ),
    "TargetParameters.TimestreamParameters": (
        TIMESTREAM,
        {"Target": arn("timestream", "database/d/table/t")},
    ),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_tells_of_every_parameter(operation: str) -> None:
    expected = {
        name: "refused" if name in REFUSED else "honoured"
        for name in parameters(MODEL.operation_model(operation).input_shape, REFUSED)
    }
    assert table("Pipes")[operation] == expected


def test_the_table_tells_of_no_other_operation() -> None:
    assert table("Pipes").keys() == set(OPERATIONS)


@pytest.fixture
def pipe(piping: Piping, routing: Routing) -> dict[str, Any]:
    """A pipe that is there; what CreatePipe needs for another one like it."""
    more = {
        "Source": routing.queue("source").arn,
        "Target": routing.queue("target").arn,
        "RoleArn": piping.role(),
    }
    piping.create(more["Source"], more["Target"], RoleArn=more["RoleArn"], DesiredState="STOPPED")
    return more


@pytest.mark.parametrize("operation", ["CreatePipe", "UpdatePipe"])
def test_what_the_table_calls_refused_is_refused(
    piping: Piping, pipe: dict[str, Any], operation: str
) -> None:
    """With its own kind of source or target, too; the message names the parameter or that."""
    model = MODEL.operation_model(operation).input_shape
    call = getattr(piping.pipes, xform_name(operation))
    for path, (value, others) in REFUSED.items():
        for more in ({}, others):
            request = {**pipe, **more, "Name": "other" if operation == "CreatePipe" else "pipe"}
            request = {name: part for name, part in request.items() if name in model.members}
            shape: Any = model
            for name in path.split("."):
                shape = shape.members[name]
            if path.startswith("LogConfiguration"):
                request["LogConfiguration"] = {"Level": "INFO"}
            # A topic or a queue of a source cannot be changed, and is no parameter of UpdatePipe.
            given = value
            if isinstance(value, dict):
                given = {name: part for name, part in value.items() if name in shape.members}
            set_at(request, path, given)
            with pytest.raises(ClientError) as caught:
                call(**request)
            error = caught.value.response["Error"]
            assert error["Code"] == "ValidationException", path
            named = [path.rpartition(".")[2], *(f"Parameter {name}" for name in more)]
            assert any(name in error["Message"] for name in named), (path, error)


def test_what_no_model_knows_is_refused(endpoint: str, account: str, pipe: dict[str, Any]) -> None:
    """A parameter that AWS may add one day would do nothing here."""
    raw = RawRest(endpoint, account, "pipes")
    model = MODEL.operation_model("CreatePipe")
    for path in ("New", "TargetParameters.New", "SourceParameters.SqsQueueParameters.New"):
        request = {**pipe, "Name": "other"}
        set_at(request, path, 1)
        status, code, answer = raw.call(model, request)
        assert (status, code) == (400, "ValidationException")
        assert f"Parameter {path} is not valid" in answer["message"]


def test_each_honoured_parameter_is_looked_at_in_a_test() -> None:
    """By its last name, in the other modules of tests of Pipes."""
    assert not untested(honoured(MODEL, REFUSED), "test_pipes_*.py", but=__file__)


def test_every_constraint_of_the_model_is_enforced(endpoint: str, account: str) -> None:
    """A value beyond a limit is refused with ValidationException that names where it is."""
    in_paths = {"Name": "n", "resourceArn": arn("pipes", "pipe/n")}
    enforce_limits(RawRest(endpoint, account, "pipes"), MODEL, REFUSED, in_paths)
