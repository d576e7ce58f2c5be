"""What CreatePipe and UpdatePipe refuse, beyond what the API model says.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_CreatePipe.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from botocore.exceptions import ClientError
from localstack.aws.api.pipes import ValidationException

from localstack_eventbridge.delivery import permissions
from localstack_eventbridge.delivery.job import DeliveryError, place_of, service_of
from localstack_eventbridge.events.patterns import InvalidPattern
from localstack_eventbridge.pipes import inputs
from localstack_eventbridge.pipes.calls import ENRICHMENTS, TARGETS
from localstack_eventbridge.pipes.filters import Filter
from localstack_eventbridge.pipes.plan import SOURCES, Plan, most

Settings = Mapping[str, Any]

#: Parameters of targets that only one kind of target has.
TARGET_PARAMETERS = {
    "CloudWatchLogsParameters": "logs",
    "EventBridgeEventBusParameters": "events",
    "HttpParameters": "api-destination",
    "KinesisStreamParameters": "kinesis",
    "LambdaFunctionParameters": "lambda",
    "SqsQueueParameters": "sqs",
    "StepFunctionStateMachineParameters": "states",
}

#: Parameters of what is not emulated, and why.
NOT_EMULATED = {
    "KmsKeyIdentifier": "pipes are not encrypted here",
    "SourceParameters.ActiveMQBrokerParameters": "there are no message brokers here",
    "SourceParameters.RabbitMQBrokerParameters": "there are no message brokers here",
    "SourceParameters.ManagedStreamingKafkaParameters": "there is no Kafka here",
    "SourceParameters.SelfManagedKafkaParameters": "there is no Kafka here",
    "TargetParameters.BatchJobParameters": "such targets are not emulated",
    "TargetParameters.EcsTaskParameters": "such targets are not emulated",
    "TargetParameters.EventBridgeEventBusParameters.EndpointId": "there is no global endpoint",
    "TargetParameters.RedshiftDataParameters": "such targets are not emulated",
    "TargetParameters.SageMakerPipelineParameters": "such targets are not emulated",
    "TargetParameters.TimestreamParameters": "such targets are not emulated",
    "LogConfiguration.FirehoseLogDestination": "pipes log to CloudWatch Logs only",
    "LogConfiguration.S3LogDestination": "pipes log to CloudWatch Logs only",
}

#: A FIFO queue gives no more at once, and knows no window.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html
MOST_OF_FIFO = 10

_DEAD_LETTERS = re.compile(r"arn:[\w-]+:(sqs|sns):[\w-]+:[0-9]{12}:[\w-]+", re.ASCII)
_SYSTEM = {
    "dynamodb": re.compile(r"table/[^/]+/stream/.+"),
    "events": re.compile(r"event-bus/.+"),
    "kinesis": re.compile(r"stream/[\w.-]+", re.ASCII),
    "lambda": re.compile(r"function:.+"),
    "states": re.compile(r"stateMachine:.+"),
}


def check(settings: Settings, region: str) -> None:
    """Raise ValidationException if a pipe cannot be as it is asked for."""
    for path, why in NOT_EMULATED.items():
        if _at(settings, path) is not None:
            _refuse(path, f"It is not emulated: {why}.")
    _check_source(settings, region)
    _check_enrichment(settings)
    _check_target(settings)
    _check_batch_size(settings)
    _check_log(settings.get("LogConfiguration") or {})


def check_role(plan: Plan) -> None:
    """Raise ValidationException unless the role exists and trusts pipes.amazonaws.com."""
    try:
        permissions.check_role(plan.job(plan.source), ())
    except DeliveryError:
        raise ValidationException(
            f"Provided role '{plan.role}' cannot be assumed by principal 'pipes.amazonaws.com'."
        ) from None


def may_read(plan: Plan) -> str | None:
    """Why the role may not read the source, in AWS's words; None if it may.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html
    """
    for action in plan.kind.actions:
        try:
            permissions.check_role(plan.job(plan.source), [action])
        except DeliveryError:
            return _invalid_input(
                "The provided customer role does not have permissions to call "
                f"{action.partition(':')[2]} on {plan.kind.name}"
            )
    return None


def unreadable(error: ClientError) -> str:
    """The reason why a source cannot be read."""
    return _invalid_input(error.response.get("Error", {}).get("Message") or str(error))


def _invalid_input(why: str) -> str:
    return f"Input parameter is invalid from the request due to : {why}"[:512]


def _refuse(parameter: str, reason: str) -> NoReturn:
    raise ValidationException(f"Parameter {parameter} is not valid. Reason: {reason}")


def _at(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _is_well_formed(arn: str) -> bool:
    """Whether an ARN of a known service has a place and the form of its service."""
    service = service_of(arn)
    _, account, resource = place_of(arn)
    form = _SYSTEM.get(service)
    return bool(account and resource) and (form is None or bool(form.fullmatch(resource)))


def _check_source(settings: Settings, region: str) -> None:
    source = settings["Source"]
    service = service_of(source)
    if service not in SOURCES:
        known = "Amazon SQS queues, Kinesis streams and DynamoDB streams"
        _refuse("Source", f"Such sources are not emulated. There are: {known}.")
    if not _is_well_formed(source) or place_of(source)[0] != region:
        _refuse("Source", f"{source} is not the ARN of a source in {region}.")
    parameters, kind = settings.get("SourceParameters") or {}, SOURCES[service]
    for name in parameters:
        if name not in ("FilterCriteria", kind.parameters):
            _refuse(f"SourceParameters.{name}", f"The source is {kind.name}.")
    chosen = parameters.get(kind.parameters)
    if service != "sqs":
        _check_stream(chosen or {}, f"SourceParameters.{kind.parameters}")
    elif source.endswith(".fifo"):
        _check_fifo(chosen or {})
    try:
        Filter((parameters.get("FilterCriteria") or {}).get("Filters") or [], service)
    except InvalidPattern as error:
        _refuse("SourceParameters.FilterCriteria", error.args[0])


def _check_stream(chosen: Settings, path: str) -> None:
    position = chosen.get("StartingPosition")
    if position is None:
        _refuse(f"{path}.StartingPosition", "It is required.")
    if (position == "AT_TIMESTAMP") != ("StartingPositionTimestamp" in chosen):
        _refuse(
            f"{path}.StartingPositionTimestamp",
            "It is needed with StartingPosition AT_TIMESTAMP, and with no other.",
        )
    queue = (chosen.get("DeadLetterConfig") or {}).get("Arn")
    if queue and not _DEAD_LETTERS.fullmatch(queue):
        _refuse(f"{path}.DeadLetterConfig.Arn", "It must be a standard queue or topic.")
    age = chosen.get("MaximumRecordAgeInSeconds", -1)
    if -1 < age < 60:
        _refuse(f"{path}.MaximumRecordAgeInSeconds", "It must be -1, or 60 to 604800.")


def _check_fifo(chosen: Settings) -> None:
    path = "SourceParameters.SqsQueueParameters"
    if chosen.get("BatchSize", 1) > MOST_OF_FIFO:
        _refuse(f"{path}.BatchSize", f"It is {MOST_OF_FIFO} at most for a FIFO queue.")
    if chosen.get("MaximumBatchingWindowInSeconds"):
        _refuse(f"{path}.MaximumBatchingWindowInSeconds", "A FIFO queue has no window.")


def _check_enrichment(settings: Settings) -> None:
    arn, parameters = settings.get("Enrichment"), settings.get("EnrichmentParameters") or {}
    if not arn:
        if parameters:
            _refuse("EnrichmentParameters", "There is no Enrichment.")
        return
    service = service_of(arn)
    if service == "execute-api":
        _refuse("Enrichment", "API Gateway is not emulated: use an API destination.")
    if service not in ENRICHMENTS or not _is_well_formed(arn):
        _refuse("Enrichment", f"{arn} cannot be an enrichment.")
    if parameters.get("HttpParameters") is not None and service != "api-destination":
        _refuse("EnrichmentParameters.HttpParameters", "The Enrichment is no API destination.")
    _check_template("EnrichmentParameters", parameters)


def _check_target(settings: Settings) -> None:
    arn, parameters = settings["Target"], settings.get("TargetParameters") or {}
    service = service_of(arn)
    if service not in TARGETS or not _is_well_formed(arn):
        _refuse("Target", f"{arn} is no target, or of a kind that is not emulated.")
    for name, owner in TARGET_PARAMETERS.items():
        if parameters.get(name) is not None and service != owner:
            _refuse(f"TargetParameters.{name}", f"The target is not of this kind: {arn}.")
    if service == "kinesis" and "KinesisStreamParameters" not in parameters:
        _refuse("TargetParameters.KinesisStreamParameters", "PartitionKey is required.")
    group = (parameters.get("SqsQueueParameters") or {}).get("MessageGroupId")
    if service == "sqs" and arn.endswith(".fifo") and not group:
        _refuse("TargetParameters.SqsQueueParameters.MessageGroupId", "A FIFO queue requires it.")
    _check_template("TargetParameters", parameters)


def _check_template(path: str, parameters: Settings) -> None:
    try:
        inputs.check(parameters.get("InputTemplate") or "")
    except inputs.InputError as error:
        _refuse(f"{path}.InputTemplate", str(error))


def _check_batch_size(settings: Settings) -> None:
    """A batch of the source must fit into one call of enrichment and target."""
    kind = SOURCES[service_of(settings["Source"])]
    size = ((settings.get("SourceParameters") or {}).get(kind.parameters) or {}).get("BatchSize", 1)
    for name in ("Enrichment", "Target"):
        arn = settings.get(name)
        if arn and size > most(arn):
            _refuse(
                f"SourceParameters.{kind.parameters}.BatchSize",
                f"{size} is more than the {name.lower()} takes at once ({most(arn)}).",
            )


def _check_log(log: Settings) -> None:
    path = "LogConfiguration.CloudwatchLogsLogDestination"
    if log and log["Level"] != "OFF" and not log.get("CloudwatchLogsLogDestination"):
        _refuse(path, f"Level {log['Level']} needs a destination.")
