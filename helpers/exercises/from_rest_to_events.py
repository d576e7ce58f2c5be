"""The exercises of 11-from-rest-to-events."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from helpers.exercises import Verdict, exercise, listed, right, wrong

#: What a rule does unless told otherwise, in the words of a subscriber.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
_CLASSIC = {"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 86_400}

_WAYS = {
    "price": ("call", "the customer looks at the page and needs the answer now"),
    "loyalty": ("rule", "one more team wants to hear of a fact, and others hear it, too"),
    "invoices": ("pipe", "it is one queue and one target, point to point"),
    "reminder": ("schedule", "it is a matter of time"),
}


@exercise("put the parameters of CreateSubscriber in the cell above.")
def subscriber(answer: Any) -> Verdict:
    """Validates the request against AWS's model, and compares what a rule would do."""
    if not isinstance(answer, dict):
        return wrong("Answer with a dictionary.")
    model = botocore.session.get_session().get_service_model("eventbridgev2")
    shape = model.operation_model("CreateSubscriber").input_shape
    if report := ParamValidator().validate(answer, shape).generate_report():
        return wrong(report)
    invoke = answer["InvokeConfiguration"]
    if not invoke["TargetArn"].endswith(":function:shipping"):
        return wrong("Keep the target: it is the function shipping.")
    if not invoke["RoleArn"].endswith(":role/deliver"):
        return wrong("Use the role deliver, by its whole ARN.")
    filters = answer.get("FilterConfiguration", {}).get("Filters", [])
    if [entry["Scope"] for entry in filters] != ["DATA"]:
        return wrong("Keep the one filter, whose scope is DATA.")
    if json.loads(filters[0]["Pattern"]) != {"detail-type": ["OrderPlaced"]}:
        return wrong("Keep the pattern of the rule.")
    if answer.get("BatchConfiguration", {}).get("MaxBatchSize", 10) != 1:
        return wrong("The function would get up to ten events in one call.")
    policy = {"MaxRetryAttempts": 5, "MaxEventAgeInSeconds": 300} | answer.get("RetryPolicy", {})
    if less := [f"{n} is {policy[n]}, not {v}" for n, v in _CLASSIC.items() if policy[n] != v]:
        return wrong(f"{listed(less)}.")
    if not answer.get("OnFailureConfiguration", {}).get("Arn", "").endswith(":undelivered"):
        return wrong("What cannot be delivered is to go to the queue undelivered.")
    return right("It has the right form, and would deliver as the rule does.")


@exercise("put a dictionary with four answers in the cell above.")
def choose(answer: Any) -> Verdict:
    """Which of the four ways is meant for which task."""
    if not isinstance(answer, dict) or set(answer) != set(_WAYS):
        return wrong(f"Answer with a dictionary that has the keys {listed(_WAYS)}.")
    ways = listed(way for way, _ in _WAYS.values())
    for task, (way, reason) in _WAYS.items():
        chosen = str(answer[task]).strip().lower()
        if chosen not in ways.split(", "):
            return wrong(f"{task}: choose one of {ways}.")
        if chosen != way:
            return wrong(f"{task} should be something other than a {chosen}: {reason}.")
    return right("A call for an answer, a rule for listeners, a pipe for two ends, and time.")
