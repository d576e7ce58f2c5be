"""What an error of a target means for the delivery: AWS's code for it, and whether to try again.

EventBridge retries when it was throttled, when the target was not available, and when it could not
be reached; not when it may not call the target, when there is no target, or when the call is wrong
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html).
"""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)

from localstack_eventbridge.delivery.job import DeliveryError

#: By what the error code of the target contains; the first that fits counts.
CODES = (
    ("NonExistent", "NO_RESOURCE"),
    ("DoesNotExist", "NO_RESOURCE"),
    ("NotFound", "NO_RESOURCE"),
    ("AccessDenied", "NO_PERMISSIONS"),
    ("AuthorizationError", "NO_PERMISSIONS"),
    ("Unauthorized", "NO_PERMISSIONS"),
    ("Throttl", "THROTTLING"),
    ("TooManyRequests", "THROTTLING"),
    ("ProvisionedThroughputExceeded", "THROTTLING"),
    ("RequestLimitExceeded", "THROTTLING"),
    ("LimitExceeded", "RESOURCE_LIMIT_EXCEEDED"),
    ("AlreadyExists", "RESOURCE_ALREADY_EXISTS"),
    # A function that is still being made or changed.
    ("ResourceConflict", "RESOURCE_MODIFICATION_COLLISION"),
    ("InvalidRequestContent", "INVALID_JSON"),
    ("InvalidExecutionInput", "INVALID_JSON"),
    ("Invalid", "INVALID_PARAMETER"),
    ("Validation", "INVALID_PARAMETER"),
    ("MissingParameter", "INVALID_PARAMETER"),
)
RETRIED = {
    "CONNECTION_FAILURE",
    "INTERNAL_ERROR",
    "RESOURCE_LIMIT_EXCEEDED",
    "RESOURCE_MODIFICATION_COLLISION",
    "THROTTLING",
    "TIMEOUT",
}

#: What LocalStack answers when it does not emulate an operation.
NOT_IMPLEMENTED = 501


def from_botocore(error: ClientError | BotoCoreError, service: str) -> DeliveryError:
    """The delivery error for what a call of `service` raised."""
    if isinstance(error, ClientError):
        return _from_answer(error, service)
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        code = "TIMEOUT"
    elif isinstance(error, ConnectionError | HTTPClientError):
        code = "CONNECTION_FAILURE"
    else:
        code = "SDK_CLIENT_ERROR"
    return DeliveryError(code, str(error), retryable=code in RETRIED)


def _from_answer(error: ClientError, service: str) -> DeliveryError:
    told = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    name = told.get("Code", "Unknown")
    code = _code(name, status)
    message = (
        f"{told.get('Message', '')} (Service: {service}; Status Code: {status}; Error Code: {name})"
    )
    own = name, told.get("Message", "")
    return DeliveryError(code, message.strip(), retryable=code in RETRIED, told=own)


def _code(name: str, status: int) -> str:
    for part, code in CODES:
        if part in name:
            return code
    if status == 429:
        return "THROTTLING"
    if status >= 500 and status != NOT_IMPLEMENTED:
        return "INTERNAL_ERROR"
    return "ERROR_FROM_TARGET"
