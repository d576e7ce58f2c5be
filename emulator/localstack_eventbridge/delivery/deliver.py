"""Hand events to targets: at once and apart from each other, again if need be, or to a queue.

Retries: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
Dead letters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery import (
    api_destinations,
    authorization,
    errors,
    metrics,
    permissions,
    senders,
)
from localstack_eventbridge.delivery.job import DeliveryError, Job, NotYet
from localstack_eventbridge.reset import register

LOG = logging.getLogger(__name__)

#: The retry policy of a target that has none, or half of one.
MAXIMUM_RETRY_ATTEMPTS = 185
MAXIMUM_EVENT_AGE_IN_SECONDS = 86_400

#: Seconds before the first retry, and the most there are between two. AWS tells neither; with
#: these, 185 attempts take most of a day, as they do there.
FIRST_WAIT = 1.0
LONGEST_WAIT = 600.0

#: How many calls of one target there are at once; the others wait for their turn. Calls inside
#: LocalStack are quick and only get in each other's way; an endpoint outside may be slow.
AT_ONCE = 8
AT_ONCE_OUTSIDE = 50


class Delivery:
    """A job on its way."""

    def __init__(self, job: Job, generation: int) -> None:
        self.job = job
        self.generation = generation
        self.began = clock.now(job.account)
        self.retries = 0
        #: Whether it has waited for its turn at an API destination.
        self.has_turn = False


class Lane:
    """The deliveries to one target that are to be tried now, in order, some at a time."""

    def __init__(self, account: str, key: tuple[str, ...], at_once: int) -> None:
        self.account = account
        self.key = key
        self.at_once = at_once
        self.waiting: deque[Delivery] = deque()
        self.working = 0


_lock = threading.Lock()
_lanes: dict[tuple[str, ...], Lane] = {}
#: Grows with each reset of an account: what was under way before it is forgotten.
_generations: dict[str, int] = {}


def submit(job: Job) -> None:
    """Deliver, soon and on another thread; returns at once and raises nothing.

    Order is kept for one message group of a FIFO queue, as long as nothing has to be tried again.
    """
    _enqueue(Delivery(job, _generations.get(job.account, 0)))


def reset(account: str) -> None:
    """Forget what waits to be delivered or tried again; what has begun ends without a trace."""
    with _lock:
        _generations[account] = _generations.get(account, 0) + 1
        for lane in _lanes.values():
            if lane.account == account:
                lane.waiting.clear()
    for part in (api_destinations, authorization, metrics):
        part.reset(account)


def _enqueue(delivery: Delivery) -> None:
    key, at_once = _place(delivery.job)
    with _lock:
        lane = _lanes.setdefault(key, Lane(delivery.job.account, key, at_once))
        lane.waiting.append(delivery)
        if lane.working == lane.at_once:
            return
        lane.working += 1
    clock.run(lane.account, partial(_work, lane))


def _place(job: Job) -> tuple[tuple[str, ...], int]:
    group = job.target.get("SqsParameters", {}).get("MessageGroupId")
    if group and job.arn.endswith(".fifo"):
        return (job.account, job.arn, group), 1
    key = (job.account, job.rule_arn or "", job.target.get("Id", ""), job.arn)
    return key, AT_ONCE_OUTSIDE if job.service == "api-destination" else AT_ONCE


def _work(lane: Lane) -> None:
    while delivery := _next(lane):
        try:
            _try(delivery)
        except Exception:
            LOG.exception("delivery to %s", delivery.job.arn)


def _next(lane: Lane) -> Delivery | None:
    with _lock:
        if lane.waiting:
            return lane.waiting.popleft()
        lane.working -= 1
        if not lane.working:
            _lanes.pop(lane.key, None)
        return None


def _try(delivery: Delivery) -> None:
    job = delivery.job = delivery.job.attempt(delivery.retries + 1)
    started = clock.now(job.account)
    error: DeliveryError | None = None
    try:
        permissions.check(job)
        senders.send(job, has_turn=delivery.has_turn)
    except NotYet as turn:
        _hold(delivery, turn.seconds)
        return
    except DeliveryError as refusal:
        error = refusal
    except (ClientError, BotoCoreError) as failure:
        error = errors.from_botocore(failure, job.service)
    except Exception as defect:
        LOG.exception("calling %s", job.arn)
        error = DeliveryError("INTERNAL_ERROR", f"{type(defect).__name__}: {defect}")
    if delivery.generation != _generations.get(job.account, 0):
        return
    _count(job, "InvocationAttempts", *(["RetryInvocationAttempts"] if delivery.retries else []))
    if error is None:
        _count(job, "SuccessfulInvocationAttempts", "Invocations")
        _record(delivery, "attempt", started=started.isoformat(), result="delivered")
    else:
        _failed(delivery, error, started)


def _hold(delivery: Delivery, seconds: float) -> None:
    """Let it wait for its turn at an API destination, unless it is too old by then."""
    left, delivery.has_turn = _left(delivery), True
    if seconds < left:
        clock.call_later(delivery.job.account, seconds, partial(_enqueue, delivery))
    else:
        error = DeliveryError("THROTTLING", "The API destination has had too many invocations.")
        clock.call_later(delivery.job.account, left, partial(_expire, delivery, error))


def _failed(delivery: Delivery, error: DeliveryError, started: datetime) -> None:
    """Try again later, unless the error or the retry policy ends it here."""
    policy = delivery.job.target.get("RetryPolicy", {})
    most = policy.get("MaximumRetryAttempts", MAXIMUM_RETRY_ATTEMPTS)
    left = _left(delivery)
    ends = not error.retryable or delivery.retries >= most
    wait = None if ends else min(_wait(delivery.retries, error.retry_after), left)
    _record(
        delivery,
        "attempt",
        started=started.isoformat(),
        result="failed",
        error_code=error.code,
        error_message=error.message,
        reason=error.reason,
        retry_in=wait,
    )
    if wait is None:
        _give_up(delivery, error, "MaximumRetryAttempts" if error.retryable else None)
    else:
        follow = _retry if wait < left else _expire
        clock.call_later(delivery.job.account, wait, partial(follow, delivery, error))


def _left(delivery: Delivery) -> float:
    """Seconds until the event is too old."""
    policy = delivery.job.target.get("RetryPolicy", {})
    most = policy.get("MaximumEventAgeInSeconds", MAXIMUM_EVENT_AGE_IN_SECONDS)
    age = (clock.now(delivery.job.account) - delivery.began).total_seconds()
    return max(most - age, 0.0)


def _retry(delivery: Delivery, _: DeliveryError) -> None:
    delivery.retries += 1
    delivery.has_turn = False
    _enqueue(delivery)


def _expire(delivery: Delivery, error: DeliveryError) -> None:
    _give_up(delivery, error, "MaximumEventAgeInSeconds")


def _wait(retries: int, retry_after: float | None) -> float:
    """Exponential with jitter, and not shorter than the endpoint asks for."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(retries, 20))
    return max(longest * random.uniform(0.5, 1), retry_after or 0)


def _give_up(delivery: Delivery, error: DeliveryError, condition: str | None) -> None:
    """Send the event to the dead-letter queue of the target, or drop it."""
    job = delivery.job
    if delivery.generation != _generations.get(job.account, 0):
        return
    is_loop = error.code.startswith("THIRD_")
    _count(job, *(["DeadLetterInvocations"] if is_loop else ["Invocations", "FailedInvocations"]))
    queue = job.target.get("DeadLetterConfig", {}).get("Arn")
    lost = (
        _bury(delivery, error, condition, queue) if queue else "the target has no dead-letter queue"
    )
    if lost:
        _record(delivery, "dropped", reason=lost, condition=condition)
    else:
        _record(delivery, "dead-letter", queue=queue, condition=condition)
    _log(delivery, error, condition, lost or f"it went to {queue}")


def _bury(delivery: Delivery, error: DeliveryError, condition: str | None, queue: str) -> str:
    """Send the event to the queue; the reason if that was in vain, or nothing."""
    job = delivery.job
    try:
        permissions.check_queue(job, queue)
        attributes = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in job.dead_letter_attributes(
                error, condition, delivery.retries
            ).items()
            if value
        }
        senders.send_message(queue, job.dead_letter(), MessageAttributes=attributes)
    except (DeliveryError, ClientError, BotoCoreError, ValueError) as failure:
        _count(job, "InvocationsFailedToBeSentToDlq")
        reason = failure.reason if isinstance(failure, DeliveryError) else str(failure)
        return f"the dead-letter queue {queue} did not take it: {reason}"
    _count(job, "InvocationsSentToDlq")
    return ""


def _log(delivery: Delivery, error: DeliveryError, condition: str | None, end: str) -> None:
    job = delivery.job
    LOG.warning(
        "EventBridge: %s could not deliver event %s to %s: %s, %s (%s retries%s); %s",
        job.origin,
        job.event_id,
        job.arn,
        error.code,
        error.reason,
        delivery.retries,
        f", {condition} reached" if condition else "",
        end,
    )


def _record(delivery: Delivery, kind: str, **fields: Any) -> None:
    job = delivery.job
    trace.record(
        job.account,
        kind,
        job.event_id,
        **job.labels,
        arn=job.arn,
        attempt=delivery.retries + 1,
        **fields,
    )


def _count(job: Job, *names: str) -> None:
    """In the metrics of the rule; what is not a rule has none of these."""
    for name in names if job.rule_name else ():
        metrics.count(job.account, job.region, name, job.rule_name, job.bus_name)


register(reset)
