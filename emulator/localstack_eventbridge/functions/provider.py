"""LocalStack's Lambda provider, refusing what a process of this Python cannot be."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.lambda_ import (
    CreateFunctionRequest,
    FunctionConfiguration,
    InvalidParameterValueException,
    InvalidRequestContentException,
    InvocationResponse,
    InvocationType,
    RequestTooLargeException,
    UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
)
from localstack.services.lambda_.provider import LambdaProvider

from localstack_eventbridge.functions.executor import client_contexts

#: Bytes that a payload may have
#: (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_PAYLOAD = {InvocationType.RequestResponse: 6 * 1024 * 1024, InvocationType.Event: 1024 * 1024}

#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}

#: Parameters that would change what a function does or sees, and that this emulator cannot honour.
NOT_EMULATED = ("CapacityProviderConfig", "DurableConfig", "FileSystemConfigs", "TenancyConfig")


class ProcessLambdaProvider(LambdaProvider):
    @handler(operation="CreateFunction", expand=False)
    def create_function(
        self, context: RequestContext, request: CreateFunctionRequest
    ) -> FunctionConfiguration:
        if request.get("PackageType") == "Image" or request.get("Code", {}).get("ImageUri"):
            raise _refusal("PackageType Image")
        if not (request.get("Runtime") and request.get("Handler")):
            raise InvalidParameterValueException(
                "Runtime and Handler are mandatory parameters for functions created with "
                "deployment packages.",
                Type="User",
            )
        _check_configuration(request)
        return super().create_function(context, request)

    @handler(operation="UpdateFunctionCode", expand=False)
    def update_function_code(
        self, context: RequestContext, request: UpdateFunctionCodeRequest
    ) -> FunctionConfiguration:
        if request.get("ImageUri"):
            raise _refusal("ImageUri")
        return super().update_function_code(context, request)

    @handler(operation="UpdateFunctionConfiguration", expand=False)
    def update_function_configuration(
        self, context: RequestContext, request: UpdateFunctionConfigurationRequest
    ) -> FunctionConfiguration:
        _check_configuration(request)
        return super().update_function_configuration(context, request)

    def invoke(
        self,
        context: RequestContext,
        function_name: str,
        invocation_type: InvocationType | None = None,
        client_context: str | None = None,
        payload: Any = None,
        **kwargs: Any,
    ) -> InvocationResponse:
        body = payload.read() if payload else b""
        _check_payload(invocation_type or InvocationType.RequestResponse, body)
        if client_context:
            client_contexts[context.request_id] = _client_context(client_context)
        try:
            return super().invoke(
                context,
                function_name=function_name,
                invocation_type=invocation_type,
                client_context=client_context,
                payload=io.BytesIO(body) if body else None,
                **kwargs,
            )
        finally:
            client_contexts.pop(context.request_id, None)


def _check_payload(kind: InvocationType, body: bytes) -> None:
    limit = MAX_PAYLOAD.get(kind)
    if limit and len(body) > limit:
        raise RequestTooLargeException(_too_large(kind, len(body), limit), Type="User")
    try:
        json.loads(body or b"null", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: Could not parse payload into json: {error}",
            Type="User",
        ) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _client_context(encoded: str) -> str:
    """The JSON text, in ASCII, as it has to go through a header."""
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        context = None
    if not isinstance(context, dict):
        raise InvalidRequestContentException(
            "Client context must be a valid Base64-encoded JSON object.", Type="User"
        )
    return json.dumps(context)


def _check_configuration(
    request: CreateFunctionRequest | UpdateFunctionConfigurationRequest,
) -> None:
    for name in NOT_EMULATED:
        if request.get(name):
            raise _not_emulated(name)
    logging = request.get("LoggingConfig") or {}
    for name in ("LogGroup", "ApplicationLogLevel", "SystemLogLevel"):
        if logging.get(name):
            raise _not_emulated(f"LoggingConfig.{name}")
    if logging.get("LogFormat", "Text") != "Text":
        raise _not_emulated("LoggingConfig.LogFormat other than Text")
    if (request.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise _not_emulated("SnapStart")
    runtime = request.get("Runtime")
    if runtime and not runtime.startswith("python3."):
        raise _refusal(f"Runtime {runtime}")
    variables = (request.get("Environment") or {}).get("Variables") or {}
    if reserved := sorted(RESERVED & set(variables)):
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}",
            Type="User",
        )


def _refusal(what: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"{what} cannot run here: this emulator runs functions as Python processes, without "
        "Docker. Use PackageType Zip with a Python runtime, such as python3.13.",
        Type="User",
    )


def _not_emulated(parameter: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"{parameter} is not emulated here: leave it out of the request.", Type="User"
    )


def _too_large(kind: str, size: int, limit: int) -> str:
    if kind == InvocationType.Event:
        return (
            f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        )
    return f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
