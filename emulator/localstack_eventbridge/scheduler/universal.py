"""Universal targets: any operation of the services that LocalStack has, by its API model.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html

The names in Input begin with a capital letter, whatever the service's own model says.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.config import Config
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator
from localstack.aws.connect import connect_to
from localstack.aws.spec import load_service
from localstack.services.plugins import SERVICE_PLUGINS

from localstack_eventbridge.delivery.job import Job

#: In place of the service of an ARN, which cannot have a colon.
SERVICE = "scheduler:aws-sdk"

#: Operations that only read are refused: those whose names begin so.
READING = (
    "get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read",
    "lookup", "discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet",
    "adminGet", "adminList", "testMigration", "retrieve", "testConnection", "translateDocument",
    "isAuthorized", "invokeModel",
)  # fmt: skip

#: Actions in policies that are not called like the operation.
PERMISSIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeAsync": "lambda:InvokeFunction",
    "s3:CopyObject": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "dynamodb:TransactWriteItems": "dynamodb:PutItem",
}

#: Parameters that name what is acted upon, and the ARN of it.
RESOURCES = {
    "dynamodb": ("TableName", "arn:aws:dynamodb:{region}:{account}:table/{value}"),
    "firehose": (
        "DeliveryStreamName",
        "arn:aws:firehose:{region}:{account}:deliverystream/{value}",
    ),
    "kinesis": ("StreamName", "arn:aws:kinesis:{region}:{account}:stream/{value}"),
    "lambda": ("FunctionName", "arn:aws:lambda:{region}:{account}:function:{value}"),
    "sns": ("TopicArn", "{value}"),
    "stepfunctions": ("stateMachineArn", "{value}"),
}

# It is the schedule's retry policy that says when to try again.
_AT_ONCE = Config(retries={"total_max_attempts": 1})

_ARN = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)")


class NotSupported(ValueError):
    """A universal target that cannot be called; the text says why."""


class InvalidInput(ValueError):
    """An Input that does not fit the operation; the text is what AWS's message says of it."""


class Call(NamedTuple):
    """An operation, and the LocalStack service that has it."""

    service: str
    operation: OperationModel

    @property
    def permission(self) -> str:
        """What the policy of the role must allow."""
        action = f"{self.operation.service_model.signing_name}:{self.operation.name}"
        return PERMISSIONS.get(action, action)


def is_universal(arn: str) -> bool:
    """Whether it is the ARN of a universal target, of whatever form."""
    return arn.startswith("arn:aws:scheduler:::aws-sdk:")


@functools.cache
def find(arn: str) -> Call:
    """What a universal target calls. Raises NotSupported."""
    found = _ARN.fullmatch(arn)
    if not found:
        raise NotSupported("Provided Arn is not in correct format.")
    service, action = found.groups()
    if action.startswith(READING):
        raise NotSupported(f"{arn} is not supported: {action} only reads.")
    name = _services().get(service)
    model = load_service(name) if name else None
    operation = action[0].upper() + action[1:]
    if name is None or model is None:
        raise NotSupported(f"{service} is not a supported service for a target.")
    if operation not in model.operation_names:
        raise NotSupported(f"{action} is not an operation of {service}.")
    return Call(name, model.operation_model(operation))


@functools.cache
def _services() -> dict[str, str]:
    """The services of LocalStack by their names in AWS's SDKs."""
    names = SERVICE_PLUGINS.list_available()
    return {re.sub("[ -]", "", load_service(name).service_id.lower()): name for name in names}


def arguments(call: Call, text: str) -> dict[str, Any]:
    """The parameters of the operation that an Input describes.

    Raises InvalidInput if they are not there, or not as the model says.
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("Request payload is not well-formed JSON.") from None
    if not isinstance(given, dict):
        raise InvalidInput("Request payload is not a JSON object.")
    shape = call.operation.input_shape
    if shape is None:
        return {}
    _demand_required(shape, given)
    found = _own(shape, given)
    if report := ParamValidator().validate(found, shape).generate_report():
        raise InvalidInput(" ".join(report.split()))
    return found


def _demand_required(shape: StructureShape, given: Mapping[str, Any]) -> None:
    missing = [_capital(name) for name in shape.required_members if _capital(name) not in given]
    if missing:
        names = ", ".join(missing)
        raise InvalidInput(f"Request payload is missing the following field(s): {names}.")


def _own(shape: Shape, value: Any) -> Any:
    """The value with the member names and types of the model."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {_capital(name): name for name in shape.members}
        if unknown := sorted(value.keys() - names.keys()):
            fields = ", ".join(unknown)
            raise InvalidInput(f"Request payload has the following unknown field(s): {fields}.")
        return {names[key]: _own(shape.members[names[key]], v) for key, v in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_own(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _own(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob" and isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def client(arn: str, account: str, region: str) -> Any:
    """The client for a universal target of the account; it is made once."""
    factory = connect_to(aws_access_key_id=account, region_name=region, config=_AT_ONCE)
    return factory.get_client(find(arn).service)


def send(job: Job) -> None:
    """Call the operation as the account of the schedule. Raises botocore's errors."""
    call = find(job.arn)
    given = arguments(call, job.payload)
    client(job.arn, job.account, job.region)._make_api_call(call.operation.name, given)


def resource(job: Job) -> str | None:
    """The ARN of what the operation acts upon, if the parameters tell."""
    call = find(job.arn)
    given = arguments(call, job.payload)
    place = {"region": job.region, "account": job.account}
    if call.service == "sqs" and (url := given.get("QueueUrl")):
        account, name = url.rsplit("/", 2)[-2:] if url.count("/") > 1 else (job.account, url)
        return f"arn:aws:sqs:{job.region}:{account}:{name}"
    if call.service == "s3" and (bucket := given.get("Bucket")):
        key = given.get("Key")
        return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    parameter, arn = RESOURCES.get(call.service, ("", ""))
    value = given.get(parameter)
    if not value:
        return None
    return value if value.startswith("arn:") else arn.format(value=value, **place)
