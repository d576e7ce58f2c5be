"""Which errors of a target are tried again, and what they are called in a dead letter."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from localstack_eventbridge.delivery.errors import from_botocore


def answer(code: str, status: int) -> ClientError:
    told = {
        "Error": {"Code": code, "Message": "why"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(told, "Operation")  # type: ignore[arg-type]


RETRIED = [
    ("ThrottlingException", 400, "THROTTLING"),
    ("TooManyRequestsException", 429, "THROTTLING"),
    ("RequestThrottled", 403, "THROTTLING"),
    ("SlowDown", 429, "THROTTLING"),
    ("ProvisionedThroughputExceededException", 400, "THROTTLING"),
    ("InternalFailure", 500, "INTERNAL_ERROR"),
    ("ServiceUnavailable", 503, "INTERNAL_ERROR"),
    ("ResourceConflictException", 409, "RESOURCE_MODIFICATION_COLLISION"),
    ("ExecutionLimitExceeded", 400, "RESOURCE_LIMIT_EXCEEDED"),
]
NOT_RETRIED = [
    ("AWS.SimpleQueueService.NonExistentQueue", 400, "NO_RESOURCE"),
    ("QueueDoesNotExist", 400, "NO_RESOURCE"),
    ("ResourceNotFoundException", 404, "NO_RESOURCE"),
    ("NotFound", 404, "NO_RESOURCE"),
    ("StateMachineDoesNotExist", 400, "NO_RESOURCE"),
    ("AccessDeniedException", 403, "NO_PERMISSIONS"),
    ("AuthorizationError", 403, "NO_PERMISSIONS"),
    ("InvalidParameterValueException", 400, "INVALID_PARAMETER"),
    ("ValidationException", 400, "INVALID_PARAMETER"),
    ("InvalidRequestContentException", 400, "INVALID_JSON"),
    ("InvalidExecutionInput", 400, "INVALID_JSON"),
    ("SomethingElse", 418, "ERROR_FROM_TARGET"),
    ("InternalFailure", 501, "ERROR_FROM_TARGET"),
]


@pytest.mark.parametrize(("code", "status", "expected"), RETRIED)
def test_throttling_and_faults_of_the_target_are_retried(
    code: str, status: int, expected: str
) -> None:
    error = from_botocore(answer(code, status), "sqs")
    assert (error.code, error.retryable) == (expected, True)


@pytest.mark.parametrize(("code", "status", "expected"), NOT_RETRIED)
def test_what_the_caller_did_wrong_is_not_retried(code: str, status: int, expected: str) -> None:
    error = from_botocore(answer(code, status), "sqs")
    assert (error.code, error.retryable) == (expected, False)


def test_the_message_names_service_status_and_code() -> None:
    error = from_botocore(answer("AccessDenied", 403), "sns")
    assert error.message == "why (Service: sns; Status Code: 403; Error Code: AccessDenied)"


@pytest.mark.parametrize(
    ("failure", "code", "retryable"),
    [
        (EndpointConnectionError(endpoint_url="http://x"), "CONNECTION_FAILURE", True),
        (ConnectTimeoutError(endpoint_url="http://x"), "TIMEOUT", True),
        (ReadTimeoutError(endpoint_url="http://x"), "TIMEOUT", True),
        (ParamValidationError(report="wrong"), "SDK_CLIENT_ERROR", False),
    ],
)
def test_a_target_that_cannot_be_reached_is_retried(
    failure: BotoCoreError, code: str, retryable: bool
) -> None:
    error = from_botocore(failure, "sqs")
    assert (error.code, error.retryable) == (code, retryable)
