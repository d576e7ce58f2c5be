"""The operations of Pipes; each test is named after AWS's rule.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Operations.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from piping import Piping
from plugin_http import call
from routing import Clients, Routing

from helpers import emulator, lab

MODEL = botocore.session.get_session().get_service_model("pipes")


@pytest.fixture
def arns(routing: Routing) -> tuple[str, str]:
    return routing.queue("source").arn, routing.queue("target").arn


@pytest.fixture
def refused(piping: Piping, arns: tuple[str, str]) -> Callable[..., str]:
    """refused(**parameters) is the message with which CreatePipe refuses them."""
    role = piping.role("refused")

    def create(**parameters: Any) -> str:
        given = {"Name": "pipe", "Source": arns[0], "Target": arns[1], "RoleArn": role}
        with pytest.raises(ClientError) as caught:
            piping.pipes.create_pipe(**given | parameters)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return caught.value.response["Error"]["Message"]

    return create


def test_a_pipe_is_created_and_then_runs(piping: Piping, arns: tuple[str, str]) -> None:
    """CreatePipe answers while the pipe is CREATING; it settles by itself."""
    source, target = arns
    told = piping.pipes.create_pipe(
        Name="orders", Source=source, Target=target, RoleArn=piping.role(), Description="d"
    )
    assert told["CurrentState"] == "CREATING"
    assert told["DesiredState"] == "RUNNING"
    assert told["Arn"] == piping.routing.arn("pipes", "pipe/orders")
    described = piping.settle("orders", "RUNNING")
    assert described["Source"] == source
    assert described["Target"] == target
    assert described["Description"] == "d"
    assert described["CreationTime"] == told["CreationTime"]
    assert "StateReason" not in described
    # What was not chosen is not told.
    assert not described.keys() & {"SourceParameters", "Enrichment", "TargetParameters", "Tags"}


def test_a_pipe_can_be_created_stopped(piping: Piping, arns: tuple[str, str]) -> None:
    piping.create(*arns, DesiredState="STOPPED")
    assert piping.settle()["CurrentState"] == "STOPPED"


def test_stop_and_start_are_idempotent(piping: Piping, arns: tuple[str, str]) -> None:
    pipes, name = piping.pipes, {"Name": "pipe"}
    piping.create(*arns)
    assert pipes.start_pipe(**name)["CurrentState"] == "RUNNING"
    assert pipes.stop_pipe(**name)["CurrentState"] == "STOPPING"
    assert pipes.stop_pipe(**name)["CurrentState"] in ("STOPPING", "STOPPED")
    stopped = piping.settle(state="STOPPED")
    assert (stopped["DesiredState"], stopped["StateReason"]) == ("STOPPED", "USER_INITIATED")
    assert pipes.stop_pipe(**name)["CurrentState"] == "STOPPED"
    assert pipes.start_pipe(**name)["CurrentState"] == "STARTING"
    assert piping.settle(state="RUNNING")["DesiredState"] == "RUNNING"


def test_a_deleted_pipe_is_gone(piping: Piping, arns: tuple[str, str]) -> None:
    piping.create(*arns)
    told = piping.pipes.delete_pipe(Name="pipe")
    assert (told["CurrentState"], told["DesiredState"]) == ("DELETING", "DELETED")
    piping.gone()
    for operation in ("describe_pipe", "start_pipe", "stop_pipe", "delete_pipe"):
        with pytest.raises(piping.pipes.exceptions.NotFoundException):
            getattr(piping.pipes, operation)(Name="pipe")


def test_a_pipe_that_changes_cannot_be_changed(piping: Piping, arns: tuple[str, str]) -> None:
    role = piping.role()
    given = {"Name": "pipe", "Source": arns[0], "Target": arns[1], "RoleArn": role}
    piping.create(*arns, RoleArn=role)
    with pytest.raises(piping.pipes.exceptions.ConflictException) as caught:
        piping.pipes.create_pipe(**given)
    assert caught.value.response["resourceId"] == "pipe"
    piping.pipes.stop_pipe(Name="pipe")
    # It long-polls, and so takes a moment to stop.
    with pytest.raises(piping.pipes.exceptions.ConflictException):
        piping.pipes.delete_pipe(Name="pipe")
    piping.settle(state="STOPPED")


def test_update_replaces_what_is_given_only(piping: Piping, arns: tuple[str, str]) -> None:
    """Parameters of one service are replaced together, all else stays as it was.

    https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_UpdatePipe.html
    """
    role = piping.role()
    window = {"BatchSize": 5, "MaximumBatchingWindowInSeconds": 1}
    filters = {"Filters": [{"Pattern": '{"body": ["a"]}'}]}
    piping.create(
        *arns,
        RoleArn=role,
        Description="old",
        SourceParameters={"SqsQueueParameters": window, "FilterCriteria": filters},
        TargetParameters={"InputTemplate": "old", "SqsQueueParameters": {"MessageGroupId": "g"}},
    )
    told = piping.pipes.update_pipe(
        Name="pipe",
        RoleArn=role,
        SourceParameters={"SqsQueueParameters": {"BatchSize": 1}},
        TargetParameters={"InputTemplate": "new"},
    )
    assert told["CurrentState"] == "UPDATING"
    described = piping.settle(state="RUNNING")
    assert described["Description"] == "old"
    assert described["SourceParameters"] == {
        "SqsQueueParameters": {"BatchSize": 1},
        "FilterCriteria": filters,
    }
    assert described["TargetParameters"]["InputTemplate"] == "new"
    assert described["LastModifiedTime"] > described["CreationTime"]


def test_lists_are_filtered_and_paged(piping: Piping, routing: Routing) -> None:
    role = piping.role()
    queues = [routing.queue(name).arn for name in ("one", "two", "other")]
    for name, source, target, state in (
        ("a-1", 0, 1, "STOPPED"),
        ("a-2", 1, 2, "STOPPED"),
        ("b-1", 2, 0, "RUNNING"),
    ):
        more = {"DesiredState": state, "RoleArn": role}
        piping.create(queues[source], queues[target], name=name, **more)

    def listed(**filters: Any) -> list[str]:
        return [pipe["Name"] for pipe in piping.pipes.list_pipes(**filters)["Pipes"]]

    assert listed() == ["a-1", "a-2", "b-1"]
    assert listed(NamePrefix="a-") == ["a-1", "a-2"]
    assert listed(SourcePrefix=queues[2][:-2]) == ["b-1"]
    assert listed(TargetPrefix=queues[0]) == ["b-1"]
    assert listed(DesiredState="RUNNING") == ["b-1"]
    assert listed(CurrentState="STOPPED") == ["a-1", "a-2"]
    assert listed(CurrentState="CREATE_FAILED") == []
    first = piping.pipes.list_pipes(Limit=2)
    assert [pipe["Name"] for pipe in first["Pipes"]] == ["a-1", "a-2"]
    assert first["Pipes"][0]["Source"] == queues[0]
    rest = piping.pipes.list_pipes(Limit=2, NextToken=first["NextToken"])
    assert [pipe["Name"] for pipe in rest["Pipes"]] == ["b-1"]
    assert "NextToken" not in rest
    with pytest.raises(ClientError, match="NextToken"):
        piping.pipes.list_pipes(NextToken="nonsense")


def test_tags(piping: Piping, arns: tuple[str, str]) -> None:
    arn = piping.create(*arns, Tags={"team": "shop"}, DesiredState="STOPPED")
    pipes = piping.pipes
    pipes.tag_resource(resourceArn=arn, tags={"stage": "test", "team": "sales"})
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {
        "team": "sales",
        "stage": "test",
    }
    pipes.untag_resource(resourceArn=arn, tagKeys=["team", "nothing"])
    assert pipes.describe_pipe(Name="pipe")["Tags"] == {"stage": "test"}
    with pytest.raises(ClientError, match="aws:"):
        pipes.tag_resource(resourceArn=arn, tags={"aws:x": "y"})
    with pytest.raises(ClientError, match="50"):
        pipes.tag_resource(resourceArn=arn, tags={str(n): "" for n in range(50)})
    with pytest.raises(pipes.exceptions.NotFoundException):
        pipes.list_tags_for_resource(resourceArn=arn + "x")


def test_an_account_and_a_region_see_their_own(
    piping: Piping, arns: tuple[str, str], client: Clients
) -> None:
    piping.create(*arns)
    assert client("pipes", account="999999999999").list_pipes()["Pipes"] == []
    assert client("pipes", region="eu-west-1").list_pipes()["Pipes"] == []


def test_a_reset_ends_pipes(
    piping: Piping, arns: tuple[str, str], localstack: emulator.Endpoint, endpoint: str
) -> None:
    piping.create(*arns)
    account = piping.routing.account
    status, told = call(endpoint, "POST", f"reset?account={account}")
    assert (status, told["removed"]["pipe"]) == (200, 1)
    assert piping.pipes.list_pipes()["Pipes"] == []
    lab.reset(localstack, account)


# --- the role -------------------------------------------------------------------------------------


def test_the_role_must_exist_and_trust_pipes(
    piping: Piping, routing: Routing, refused: Callable[..., str]
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html"""
    missing = f"arn:aws:iam::{routing.account}:role/missing"
    assert "cannot be assumed" in refused(RoleArn=missing)
    assert "cannot be assumed" in refused(RoleArn=routing.role("of-lambda", "*"))


def test_the_role_must_allow_to_read_the_source(piping: Piping, arns: tuple[str, str]) -> None:
    """AWS's reason: github.com/terraform-aws-modules/terraform-aws-eventbridge/pull/133."""
    role = piping.role("reads-nothing", "sqs:SendMessage", "sqs:DeleteMessage")
    piping.create(*arns, RoleArn=role)
    assert piping.settle(state="CREATE_FAILED")["StateReason"] == (
        "Input parameter is invalid from the request due to : The provided customer role does not "
        "have permissions to call ReceiveMessage on SQS"
    )
    # When it may, the pipe can be started.
    piping.pipes.update_pipe(Name="pipe", RoleArn=piping.role("reads"))
    piping.settle(state="RUNNING")


def test_a_source_that_is_missing_fails_the_creation(piping: Piping, routing: Routing) -> None:
    queue = routing.queue("target")
    piping.create(routing.arn("sqs", "missing"), queue.arn)
    told = piping.settle(state="CREATE_FAILED")
    assert "does not exist" in told["StateReason"]
    piping.pipes.start_pipe(Name="pipe")
    piping.settle(state="START_FAILED")
    piping.pipes.update_pipe(Name="pipe", RoleArn=piping.role("other"))
    piping.settle(state="UPDATE_FAILED")
    routing.queue("missing")
    piping.pipes.start_pipe(Name="pipe")
    piping.settle(state="RUNNING")


# --- what is refused ------------------------------------------------------------------------------


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:111122223333:{resource}"


TABLE = arn("dynamodb", "table/t/stream/2026-01-01T00:00:00.000")
FROM_START = {"StartingPosition": "TRIM_HORIZON"}
CREDENTIALS = {"BasicAuth": arn("secretsmanager", "secret:x")}
DESTINATION = arn("events", "api-destination/x/1")
ECS = {"TaskDefinitionArn": arn("ecs", "task-definition/x:1")}
TIMESTREAM = {
    "TimeValue": "$.t",
    "VersionValue": "1",
    "DimensionMappings": [
        {"DimensionValue": "v", "DimensionValueType": "VARCHAR", "DimensionName": "n"}
    ],
}
BROKER = {"QueueName": "q", "Credentials": CREDENTIALS}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Source": arn("kafka", "cluster/x/1")}, "Source"),
    ({"Source": arn("mq", "broker:x:1")}, "Source"),
    ({"Source": "smk://broker.example:9092"}, "Source"),
    ({"Source": "arn:aws:sqs:eu-west-1:111122223333:q"}, "Source"),
    ({"Source": TABLE}, "DynamoDBStreamParameters.StartingPosition"),
    ({"SourceParameters": {"DynamoDBStreamParameters": FROM_START}}, "DynamoDBStreamParameters"),
    ({"SourceParameters": {"ActiveMQBrokerParameters": BROKER}}, "ActiveMQBrokerParameters"),
    ({"SourceParameters": {"RabbitMQBrokerParameters": BROKER}}, "RabbitMQBrokerParameters"),
    (
        {"SourceParameters": {"ManagedStreamingKafkaParameters": {"TopicName": "topic"}}},
        "ManagedStreamingKafkaParameters",
    ),
    (
        {"SourceParameters": {"SelfManagedKafkaParameters": {"TopicName": "topic"}}},
        "SelfManagedKafkaParameters",
    ),
    ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "BatchSize"),
    ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}}, "Event pattern"),
    (
        {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": '{"a": 1}'}]}}},
        "Event pattern",
    ),
    (
        {
            "SourceParameters": {
                "FilterCriteria": {"Filters": [{"Pattern": '{"a": [{"wildcard": "*b"}]}'}]}
            }
        },
        "pipes have no wildcard",
    ),
    (
        {
            "SourceParameters": {
                "FilterCriteria": {
                    "Filters": [{"Pattern": '{"a": [{"anything-but": {"prefix": "b"}}]}'}]
                }
            }
        },
        "anything-but",
    ),
    (
        {
            "Source": TABLE,
            "SourceParameters": {
                "DynamoDBStreamParameters": FROM_START,
                "FilterCriteria": {"Filters": [{"Pattern": '{"dynamodb": ["x"]}'}]},
            },
        },
        "must be an object",
    ),
    (
        {
            "Source": TABLE,
            "SourceParameters": {
                "DynamoDBStreamParameters": {
                    **FROM_START,
                    "DeadLetterConfig": {"Arn": arn("sqs", "letters.fifo")},
                }
            },
        },
        "DeadLetterConfig",
    ),
    (
        {
            "Source": TABLE,
            "SourceParameters": {
                "DynamoDBStreamParameters": {**FROM_START, "MaximumRecordAgeInSeconds": 59}
            },
        },
        "MaximumRecordAgeInSeconds",
    ),
    (
        {
            "Source": arn("kinesis", "stream/s"),
            "SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "AT_TIMESTAMP"}},
        },
        "StartingPositionTimestamp",
    ),
    (
        {
            "Source": arn("sqs", "q.fifo"),
            "SourceParameters": {"SqsQueueParameters": {"MaximumBatchingWindowInSeconds": 1}},
        },
        "MaximumBatchingWindowInSeconds",
    ),
    (
        {
            "Source": arn("sqs", "q.fifo"),
            "Target": arn("logs", "log-group:g"),
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}},
        },
        "BatchSize",
    ),
    ({"Enrichment": arn("execute-api", "api/prod/GET/")}, "API Gateway"),
    ({"Enrichment": arn("sqs", "q")}, "Enrichment"),
    ({"EnrichmentParameters": {"InputTemplate": "x"}}, "EnrichmentParameters"),
    (
        {"Enrichment": DESTINATION, "SourceParameters": {"SqsQueueParameters": {"BatchSize": 2}}},
        "BatchSize",
    ),
    (
        {"Enrichment": arn("lambda", "function:f"), "EnrichmentParameters": {"HttpParameters": {}}},
        "EnrichmentParameters.HttpParameters",
    ),
    ({"Target": arn("ecs", "cluster/x")}, "Target"),
    ({"Target": arn("s3", "bucket")}, "Target"),
    ({"Target": arn("kinesis", "stream/s")}, "PartitionKey"),
    ({"Target": arn("sqs", "q.fifo")}, "MessageGroupId"),
    ({"TargetParameters": {"InputTemplate": "<aws.pipes.nothing>"}}, "aws.pipes.nothing"),
    ({"TargetParameters": {"LambdaFunctionParameters": {}}}, "LambdaFunctionParameters"),
    ({"TargetParameters": {"HttpParameters": {}}}, "HttpParameters"),
    ({"TargetParameters": {"EcsTaskParameters": ECS}}, "EcsTaskParameters"),
    (
        {"TargetParameters": {"BatchJobParameters": {"JobDefinition": "d", "JobName": "n"}}},
        "BatchJobParameters",
    ),
    (
        {"TargetParameters": {"RedshiftDataParameters": {"Database": "d", "Sqls": ["s"]}}},
        "RedshiftDataParameters",
    ),
    ({"TargetParameters": {"SageMakerPipelineParameters": {}}}, "SageMakerPipelineParameters"),
    ({"TargetParameters": {"TimestreamParameters": TIMESTREAM}}, "TimestreamParameters"),
    (
        {
            "Target": arn("events", "event-bus/b"),
            "TargetParameters": {"EventBridgeEventBusParameters": {"EndpointId": "a.b"}},
        },
        "EndpointId",
    ),
    ({"KmsKeyIdentifier": "key"}, "KmsKeyIdentifier"),
    ({"LogConfiguration": {"Level": "INFO"}}, "CloudwatchLogsLogDestination"),
    (
        {
            "LogConfiguration": {
                "Level": "INFO",
                "FirehoseLogDestination": {
                    "DeliveryStreamArn": arn("firehose", "deliverystream/s")
                },
            }
        },
        "FirehoseLogDestination",
    ),
    (
        {
            "LogConfiguration": {
                "Level": "INFO",
                "S3LogDestination": {"BucketName": "bucket", "BucketOwner": "111122223333"},
            }
        },
        "S3LogDestination",
    ),
    ({"Tags": {"aws:x": "y"}}, "aws:"),
]


@pytest.mark.parametrize(("parameters", "names"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_not_emulated_or_wrong_is_refused(
    refused: Callable[..., str], parameters: dict[str, Any], names: str
) -> None:
    assert names in refused(**parameters)


MODEL_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"Name": "a b"}, "'name' failed to satisfy constraint"),
    ({"Name": "n" * 65}, "length less than or equal to 64"),
    ({"DesiredState": "DELETED"}, "enum value set: [RUNNING, STOPPED]"),
    ({"Source": "queue"}, "'source' failed to satisfy constraint"),
    ({"RoleArn": "arn:aws:iam::1:role/x"}, "'roleArn' failed to satisfy constraint"),
    ({"Description": "d" * 513}, "length less than or equal to 512"),
    (
        {"SourceParameters": {"SqsQueueParameters": {"BatchSize": 10_001}}},
        "'sourceParameters.sqsQueueParameters.batchSize'",
    ),
    (
        {"SourceParameters": {"FilterCriteria": {"Filters": [{}] * 6}}},
        "length less than or equal to 5",
    ),
    ({"TargetParameters": {"InputTemplate": "x" * 8193}}, "length less than or equal to 8192"),
]


@pytest.mark.parametrize(("parameters", "message"), MODEL_ERRORS, ids=lambda v: str(v)[:50])
def test_the_constraints_of_the_model_hold(
    refused: Callable[..., str], parameters: dict[str, Any], message: str
) -> None:
    assert message in refused(**parameters)
