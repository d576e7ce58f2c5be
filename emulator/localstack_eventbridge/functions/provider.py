"""LocalStack's Lambda provider, refusing what a process of this Python cannot be."""

from __future__ import annotations

import io
from typing import Any

from localstack.aws.api import RequestContext, handler
from localstack.aws.api.lambda_ import (
    CreateFunctionRequest,
    FunctionConfiguration,
    InvalidParameterValueException,
    InvocationResponse,
    InvocationType,
    RequestTooLargeException,
    UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
)
from localstack.services.lambda_.provider import LambdaProvider

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


class ProcessLambdaProvider(LambdaProvider):
    @handler(operation="CreateFunction", expand=False)
    def create_function(
        self, context: RequestContext, request: CreateFunctionRequest
    ) -> FunctionConfiguration:
        if request.get("PackageType") == "Image" or request.get("Code", {}).get("ImageUri"):
            raise _refusal("PackageType Image")
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
        payload: Any = None,
        **kwargs: Any,
    ) -> InvocationResponse:
        kind = invocation_type or InvocationType.RequestResponse
        body = payload.read() if hasattr(payload, "read") else payload
        limit = MAX_PAYLOAD.get(kind)
        if body and limit and len(body) > limit:
            raise RequestTooLargeException(_too_large(kind, len(body), limit), Type="User")
        return super().invoke(
            context,
            function_name=function_name,
            invocation_type=invocation_type,
            payload=io.BytesIO(body) if body else None,
            **kwargs,
        )


def _check_configuration(
    request: CreateFunctionRequest | UpdateFunctionConfigurationRequest,
) -> None:
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


def _too_large(kind: str, size: int, limit: int) -> str:
    if kind == InvocationType.Event:
        return (
            f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        )
    return f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
