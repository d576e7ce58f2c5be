"""The steps of an execution that a pipe logs: at which level, and how large.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs.html
Pure Python: it knows nothing of LocalStack.
"""

from __future__ import annotations

import json
from typing import Any

#: Each has what the ones before it have, and more.
LEVELS = ("OFF", "ERROR", "INFO", "TRACE")

#: Bytes of a record.
LONGEST = 256 * 1024

#: Execution data, in the order in which it is truncated when a record is too long.
DATA = ("payload", "awsRequest", "awsResponse")

_INFO = {
    "ExecutionStarted",
    "ExecutionSucceeded",
    "EnrichmentInvocationSkipped",
    "EnrichmentStageEntered",
    "EnrichmentStageSucceeded",
    "TargetStageEntered",
    "TargetStageSucceeded",
}


def level_of(step: str) -> str:
    """The level at which a step is logged, as the page above lists them."""
    if step.endswith(("Failed", "Throttled", "Timeout")):
        return "ERROR"
    return "INFO" if step in _INFO else "TRACE"


def is_logged(step: str, level: str) -> bool:
    """Whether a pipe that logs at `level` logs the step."""
    return LEVELS.index(level_of(step)) <= LEVELS.index(level)


def as_text(record: dict[str, Any]) -> str:
    """The record as JSON; of data that is too long the end is left out, and the record says so."""
    text = json.dumps(record, ensure_ascii=False)
    for name in DATA:
        if len(text.encode(errors="replace")) <= LONGEST:
            break
        if name in record:
            record["truncatedFields"].append(name)
            whole = json.dumps(record, ensure_ascii=False).encode(errors="replace")
            # A character less is a byte less, at least.
            kept = max(0, len(record[name]) - (len(whole) - LONGEST))
            record[name] = record[name][:kept]
            text = json.dumps(record, ensure_ascii=False)
    return text
