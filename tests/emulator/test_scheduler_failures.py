"""What happens when a schedule cannot call its target; each test is named after AWS's rule.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import handlers
import pytest
from botocore.exceptions import ClientError
from plugin_http import trace
from routing import Queue
from scheduling import TIME, Scheduling

from helpers import functions

INVOKE = "arn:aws:scheduler:::aws-sdk:lambda:invoke"


@pytest.fixture
def dead(scheduling: Scheduling) -> Queue:
    """A dead-letter queue without a policy: the role of the schedule must allow it."""
    return scheduling.standard("dead")


def soon(scheduling: Scheduling) -> str:
    """An expression for a moment that comes within the next minute, and not while a test runs."""
    when = scheduling.now().replace(microsecond=0) + timedelta(minutes=1)
    return f"at({when:%Y-%m-%dT%H:%M:%S})"


def attempts(scheduling: Scheduling) -> list[dict[str, Any]]:
    return trace(scheduling.endpoint, scheduling.account, "attempt")


def failing(
    scheduling: Scheduling,
    dead: Queue | None,
    text: str = "<aws.scheduler.attempt-number>",
    **policy: int,
) -> None:
    """A schedule that invokes a throttled function, once."""
    functions.deploy(scheduling.client("lambda"), scheduling.client("iam"), "busy", handlers.tells)
    throttle(scheduling)
    more: dict[str, Any] = {"RetryPolicy": policy} if policy else {}
    if dead:
        more["DeadLetterConfig"] = {"Arn": dead.arn}
    request = {"FunctionName": "busy", "Payload": json.dumps(text)}
    scheduling.schedule(INVOKE, soon(scheduling), Input=json.dumps(request), **more)


def throttle(scheduling: Scheduling) -> None:
    scheduling.client("lambda").put_function_concurrency(
        FunctionName="busy", ReservedConcurrentExecutions=0
    )


def test_the_dead_letter_tells_of_the_invocation(scheduling: Scheduling, dead: Queue) -> None:
    """Its body is what was sent, and its attributes are those of AWS's example.

    What the target answered is told in its own words.
    """
    missing, when = scheduling.arn("sqs", "missing"), soon(scheduling)
    arn = scheduling.schedule(missing, when, Input=TIME, DeadLetterConfig={"Arn": dead.arn})
    scheduling.advance("PT70S")
    body, attributes = scheduling.dead_letter(dead)
    assert attributes.pop("ERROR_MESSAGE").startswith("The specified queue does not exist")
    assert len(attributes.pop("EXECUTION_ID")) == 16
    assert attributes == {
        "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": when[3:-1] + "Z",
        "SCHEDULE_ARN": arn,
        "TARGET_ARN": missing,
    }
    assert body == {"time": when[3:-1] + "Z"}
    (letter,) = trace(scheduling.endpoint, scheduling.account, "dead-letter")
    assert (letter["schedule"], letter["queue"]) == (arn, dead.arn)


def test_the_dead_letter_of_a_universal_target_is_its_request(
    scheduling: Scheduling, dead: Queue
) -> None:
    """AWS's own example: a message for a queue that does not exist."""
    url = f"{scheduling.endpoint}/{scheduling.account}/does-not-exist"
    request = {"MessageBody": "Hello, world!", "QueueUrl": url}
    target = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    more = {"Input": json.dumps(request), "DeadLetterConfig": {"Arn": dead.arn}}
    scheduling.schedule(target, soon(scheduling), **more)
    scheduling.advance("PT70S")
    body, attributes = scheduling.dead_letter(dead)
    assert body == request
    assert attributes["TARGET_ARN"] == target
    assert attributes["ERROR_CODE"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_retry_is_an_attempt_of_its_own(scheduling: Scheduling) -> None:
    """Its number grows, and its execution id is another; the scheduled time stays."""
    failing(scheduling, None, "<aws.scheduler.attempt-number> <aws.scheduler.scheduled-time>")
    scheduling.advance("PT65S")
    scheduling.client("lambda").delete_function_concurrency(FunctionName="busy")
    scheduling.advance("PT1H")
    records = attempts(scheduling)
    assert [record["result"] for record in records[-2:]] == ["failed", "delivered"]
    assert {r["error_code"] for r in records[:-1]} == {"THROTTLING"}
    assert len({record["execution_id"] for record in records}) == len(records)
    (run,) = functions.runs(scheduling.client("logs"), "busy")
    scheduled = scheduling.scheduler.get_schedule(Name="s")["ScheduleExpression"][3:-1]
    assert run.lines == (f"event {len(records)} {scheduled}Z",)


def test_maximum_retry_attempts_ends_the_retries(scheduling: Scheduling, dead: Queue) -> None:
    failing(scheduling, dead, MaximumRetryAttempts=3)
    scheduling.advance("P1D")
    body, attributes = scheduling.dead_letter(dead)
    assert body["Payload"] == '"4"'
    assert attributes["ERROR_CODE"] == "TooManyRequestsException"
    assert attributes["RETRY_ATTEMPTS"] == "3"
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert len(attempts(scheduling)) == 4


def test_maximum_event_age_ends_the_retries(scheduling: Scheduling, dead: Queue) -> None:
    failing(scheduling, dead, MaximumEventAgeInSeconds=60)
    start = scheduling.now()
    scheduling.advance("P1D")
    _, attributes = scheduling.dead_letter(dead)
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert int(attributes["RETRY_ATTEMPTS"]) == len(attempts(scheduling)) - 1 > 2
    last = datetime.fromisoformat(attempts(scheduling)[-1]["time"])
    assert last - start < timedelta(seconds=130)


def test_by_default_185_retries_within_24_hours(scheduling: Scheduling, dead: Queue) -> None:
    failing(scheduling, dead)
    scheduling.advance("P2D")
    _, attributes = scheduling.dead_letter(dead)
    retries = len(attempts(scheduling)) - 1
    assert attributes["RETRY_ATTEMPTS"] == str(retries)
    assert 100 < retries <= 185


def test_without_a_dead_letter_queue_the_invocation_is_dropped(scheduling: Scheduling) -> None:
    scheduling.schedule(scheduling.arn("sqs", "missing"), soon(scheduling))
    scheduling.advance("PT70S")
    (dropped,) = trace(scheduling.endpoint, scheduling.account, "dropped")
    assert dropped["reason"] == "the target has no dead-letter queue"


def test_a_deleted_schedule_does_not_take_back_what_is_under_way(
    scheduling: Scheduling, dead: Queue
) -> None:
    failing(scheduling, dead, MaximumRetryAttempts=3)
    scheduling.advance("PT64S")
    scheduling.scheduler.delete_schedule(Name="s")
    scheduling.advance("P1D")
    assert scheduling.dead_letter(dead)


# --- The role -------------------------------------------------------------------------------------

REFUSED = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."


def refusal(scheduling: Scheduling, role: str) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        scheduling.schedule(scheduling.standard().arn, RoleArn=role)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_role_must_exist(scheduling: Scheduling) -> None:
    role = f"arn:aws:iam::{scheduling.account}:role/missing"
    assert refusal(scheduling, role) == ("ValidationException", REFUSED)


def test_the_role_must_trust_scheduler_and_not_only_events(scheduling: Scheduling) -> None:
    role = scheduling.role("send", "sqs:SendMessage", trusts="events.amazonaws.com")
    assert refusal(scheduling, role) == ("ValidationException", REFUSED)


def test_the_role_must_belong_to_the_account(scheduling: Scheduling) -> None:
    code, message = refusal(scheduling, "arn:aws:iam::111111111111:role/r")
    assert (code, message) == ("AccessDeniedException", "Cross-account pass role is not allowed.")


@pytest.mark.parametrize(
    ("resource", "is_good"), [("schedule-group/default", True), ("schedule/default/s", False)]
)
def test_a_trust_policy_names_the_schedule_group(
    scheduling: Scheduling, resource: str, is_good: bool
) -> None:
    """aws:SourceArn is the ARN of the group, not that of the schedule."""
    condition = {"ArnLike": {"aws:SourceArn": scheduling.arn("scheduler", resource)}}
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    role = scheduling.role("send", "sqs:SendMessage")
    scheduling.client("iam").update_assume_role_policy(
        RoleName="send",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    if is_good:
        queue = scheduling.standard()
        scheduling.schedule(queue.arn, RoleArn=role)
        assert scheduling.receive(queue)
    else:
        assert refusal(scheduling, role) == ("ValidationException", REFUSED)


def dead_letter_of(
    scheduling: Scheduling, dead: Queue, arn: str, *actions: str, resource: str = "*", **more: Any
) -> dict[str, str]:
    """Attributes of the dead letter of a schedule with a role that allows just this."""
    role = scheduling.role("just", "sqs:SendMessage", resource=dead.arn)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    scheduling.client("iam").put_role_policy(
        RoleName="just",
        PolicyName="more",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    scheduling.schedule(arn, RoleArn=role, DeadLetterConfig={"Arn": dead.arn}, **more)
    return scheduling.dead_letter(dead)[1]


def test_the_role_must_allow_the_action(scheduling: Scheduling, dead: Queue) -> None:
    """That is found out when the target is called. It is not tried again."""
    queue = scheduling.standard()
    attributes = dead_letter_of(scheduling, dead, queue.arn, "sqs:ReceiveMessage")
    assert attributes["ERROR_CODE"] == "AccessDeniedException"
    assert "sqs:SendMessage" in attributes["ERROR_MESSAGE"]
    assert attributes["RETRY_ATTEMPTS"] == "0"


@pytest.mark.parametrize(
    ("actions", "resource"),
    [
        (["sqs:ReceiveMessage"], "*"),
        (["sqs:SendMessage"], "arn:aws:sqs:us-east-1:*:another"),
    ],
)
def test_the_role_must_allow_the_action_of_a_universal_target(
    scheduling: Scheduling, dead: Queue, actions: list[str], resource: str
) -> None:
    queue = scheduling.standard()
    attributes = dead_letter_of(
        scheduling,
        dead,
        "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        *actions,
        resource=resource,
        Input=json.dumps({"QueueUrl": queue.url, "MessageBody": "m"}),
    )
    assert attributes["ERROR_CODE"] == "AccessDeniedException"
    assert scheduling.messages(queue) == []


def test_the_role_must_allow_to_send_to_the_dead_letter_queue(
    scheduling: Scheduling, dead: Queue
) -> None:
    """The queue's own policy does not count."""
    role = scheduling.role("other", "sqs:SendMessage", resource="arn:aws:sqs:*:*:other")
    missing = scheduling.arn("sqs", "missing")
    scheduling.schedule(missing, soon(scheduling), RoleArn=role, DeadLetterConfig={"Arn": dead.arn})
    scheduling.advance("PT70S")
    (dropped,) = trace(scheduling.endpoint, scheduling.account, "dropped")
    assert dead.arn in dropped["reason"]
    assert scheduling.messages(dead) == []


def test_a_role_that_no_longer_trusts_scheduler_cannot_be_used(
    scheduling: Scheduling, dead: Queue
) -> None:
    queue = scheduling.standard()
    scheduling.schedule(
        queue.arn,
        soon(scheduling),
        RoleArn=scheduling.role("gone", "sqs:SendMessage"),
    )
    iam = scheduling.client("iam")
    iam.delete_role_policy(RoleName="gone", PolicyName="allow")
    iam.delete_role(RoleName="gone")
    scheduling.advance("PT70S")
    (record,) = attempts(scheduling)
    assert record["error_code"] == "FAILED_TO_ASSUME_ROLE"
    assert scheduling.messages(queue) == []
