"""The settings of the plug-in and those of LocalStack that it changes, in one place.

Each is an environment variable. What the reader of a notebook should know of is in `told()`.
"""

from __future__ import annotations

import os

from localstack import config

#: End when nobody holds a lease any more (leases.py); set by `--stop-when-unused`.
STOP_WHEN_UNUSED = os.environ.get("EVENTBRIDGE_STOP_WHEN_UNUSED") == "1"

#: Seconds before the first retry of a failed asynchronous invocation; the second wait is twice
#: that. 60 on AWS (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
LAMBDA_RETRY_BASE_DELAY = int(os.environ.get("LAMBDA_RETRY_BASE_DELAY") or 1)

#: Whether rules need the permission of a target to call it; "0" lets them call everything.
ENFORCE_PERMISSIONS = os.environ.get("EVENTBRIDGE_ENFORCE_PERMISSIONS") != "0"


def apply() -> None:
    """Set LocalStack's configuration, except where an environment variable already has."""
    config.GATEWAY_SERVER = os.environ.get("GATEWAY_SERVER") or "bound"
    config.LAMBDA_RUNTIME_EXECUTOR = os.environ.get("LAMBDA_RUNTIME_EXECUTOR") or "process"
    config.LAMBDA_RETRY_BASE_DELAY_SECONDS = LAMBDA_RETRY_BASE_DELAY
    # Pollers of event source mappings fall asleep for up to a minute otherwise.
    for name in ("ERROR", "EMPTY_POLL"):
        variable = f"LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_{name}_SEC"
        if variable not in os.environ:
            setattr(config, variable, 1.0)
    # Queue URLs name the host that the caller used: they work without a name server.
    config.SQS_ENDPOINT_STRATEGY = os.environ.get("SQS_ENDPOINT_STRATEGY") or "dynamic"
    # The clients in LocalStack would look for hosts such as sync-localhost.
    os.environ["AWS_DISABLE_HOST_PREFIX_INJECTION"] = "true"


def told() -> dict[str, int | bool]:
    """What the lab does in other proportions than AWS, or not at all."""
    return {
        "lambda_retry_base_delay_seconds": LAMBDA_RETRY_BASE_DELAY,
        "enforce_permissions": ENFORCE_PERMISSIONS,
    }
