"""The exercises of 02-asynchronous-failures."""

from __future__ import annotations

from typing import Any

from helpers.exercises import Verdict, exercise, listed, right, wrong


@exercise("put a dictionary of arguments in the cell above.")
def two_runs_ten_minutes(answer: Any, awslambda: Any, function: str) -> Verdict:
    """Sets the asynchronous configuration of `function` to the answer, and looks at it."""
    if not isinstance(answer, dict):
        return wrong("Answer with a dictionary of arguments.")
    if unknown := set(answer) - {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"}:
        return wrong(f"{listed(map(str, unknown))}: not needed here, or misspelt.")
    if not answer:
        return wrong("Without any argument there is nothing to set.")
    set_up = awslambda.put_function_event_invoke_config(FunctionName=function, **answer)
    retries, age = set_up.get("MaximumRetryAttempts"), set_up.get("MaximumEventAgeInSeconds")
    if retries is None:
        return wrong("Nothing limits the number of runs: by default there may be three.")
    if retries != 1:
        return wrong(f"{retries} retries are {retries + 1} runs at most, and two are allowed.")
    if age is None:
        return wrong("Nothing limits the age: by default an event may become 6 hours old.")
    if age != 600:
        return wrong(f"The age is {age} seconds. How many seconds are ten minutes?")
    return right("One run and one retry; after ten minutes Lambda gives up.")


@exercise("put a function of one argument in the cell above.")
def adds_on_failure(answer: Any, awslambda: Any, queue_arn: str) -> Verdict:
    """Calls the answer, which must add an on-failure destination and keep all other settings."""
    if not callable(answer):
        return wrong("Answer with the function itself: `answer = add`, without brackets.")
    name = "charge-card"
    queue = f"{queue_arn.rpartition(':')[0]}:charge-results"
    before = {
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 3600,
        "DestinationConfig": {"OnSuccess": {"Destination": queue}},
    }
    awslambda.put_function_event_invoke_config(FunctionName=name, **before)
    answer(awslambda)
    config = awslambda.get_function_event_invoke_config(FunctionName=name)
    destinations = config.get("DestinationConfig", {})
    found = destinations.get("OnFailure", {}).get("Destination")
    if found is None:
        return wrong("Failures still have no destination.")
    if found != queue_arn:
        return wrong(f"Failures go to {found}, not to the queue charge-failed.")
    kept = {key: config.get(key) for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
    if lost := [key for key, value in kept.items() if value != before[key]]:
        return wrong(f"{listed(lost)}: changed, though it was to stay. Put wipes what you omit.")
    if destinations.get("OnSuccess", {}).get("Destination") != queue:
        return wrong("The destination of successes is lost: the two are one setting, name both.")
    return right("Failures have a place now, and everything else is as it was.")
