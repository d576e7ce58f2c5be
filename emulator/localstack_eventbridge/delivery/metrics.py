"""The metrics of EventBridge in CloudWatch, namespace AWS/Events.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from functools import partial

from localstack.aws.connect import connect_to

from localstack_eventbridge.clock import clock

#: Seconds from the first count until all that were counted meanwhile are sent. A minute on AWS.
INTERVAL = 1.0

#: In place of an account, for time that nobody moves: CloudWatch knows only real time.
NOBODY = ""

#: Data that one call of PutMetricData takes.
MOST = 1000

#: The dimensions of each metric, one datum for each of these.
DIMENSIONS = {
    "DeadLetterInvocations": ("RuleName",),
    "FailedInvocations": ("RuleName",),
    "InvocationAttempts": ("EventBusName", None, "RuleName"),
    "Invocations": (None, "RuleName"),
    "InvocationsFailedToBeSentToDlq": ("RuleName",),
    "InvocationsSentToDlq": ("RuleName",),
    "MatchedEvents": ("EventBusName", "RuleName"),
    "RetryInvocationAttempts": ("EventBusName", None, "RuleName"),
    "SuccessfulInvocationAttempts": ("EventBusName", None, "RuleName"),
    "TriggeredRules": ("EventBusName", None, "RuleName"),
}

Dimensions = tuple[tuple[str, str], ...]

_counts: dict[tuple[str, str], Counter[tuple[str, Dimensions]]] = {}
_lock = threading.Lock()
# Held while counts are on their way, or a reset could overtake them.
_sending = threading.Lock()


def count(
    account: str, region: str, name: str, rule_name: str | None, bus_name: str | None
) -> None:
    """Add 1 to a metric of a rule; it is in CloudWatch about a second later.

    A metric of a rule of a custom bus has the dimension EventBusName beside RuleName.
    """
    place = account, region
    with _lock:
        if place not in _counts:
            _counts[place] = Counter()
            clock.call_later(NOBODY, INTERVAL, partial(_send, place))
        for kind in DIMENSIONS[name]:
            if dimensions := _dimensions(kind, rule_name, bus_name):
                _counts[place][name, dimensions] += 1
            elif kind is None:
                _counts[place][name, ()] += 1


def reset(account: str) -> None:
    """Forget what was counted and not yet sent; what is on its way arrives before this returns."""
    with _sending, _lock:
        for place in [place for place in _counts if place[0] == account]:
            del _counts[place]


def _dimensions(kind: str | None, rule_name: str | None, bus_name: str | None) -> Dimensions:
    bus = (("EventBusName", bus_name),) if bus_name else ()
    if kind == "EventBusName":
        return bus
    if kind == "RuleName" and rule_name:
        return (*(bus if bus_name != "default" else ()), ("RuleName", rule_name))
    return ()


def _send(place: tuple[str, str]) -> None:
    with _sending:
        with _lock:
            counts = _counts.pop(place, Counter())
        _put(place, counts)


def _put(place: tuple[str, str], counts: Counter[tuple[str, Dimensions]]) -> None:
    account, region = place
    cloudwatch = connect_to(aws_access_key_id=account, region_name=region).cloudwatch
    now = datetime.now(UTC)
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
            "Timestamp": now,
            "Unit": "Count",
            "StatisticValues": {"SampleCount": n, "Sum": n, "Minimum": 1, "Maximum": 1},
        }
        for (name, dimensions), n in counts.items()
    ]
    for start in range(0, len(data), MOST):
        cloudwatch.put_metric_data(Namespace="AWS/Events", MetricData=data[start : start + MOST])
