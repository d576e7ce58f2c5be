"""One batch of events on its way through enrichment and target.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-logs-execution-steps.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from localstack.services.lambda_.event_source_mapping.pollers.poller import (
    get_batch_item_failures,
)

from localstack_eventbridge import trace
from localstack_eventbridge.clock import clock
from localstack_eventbridge.delivery.templates import to_json
from localstack_eventbridge.pipes import calls, inputs
from localstack_eventbridge.pipes.filters import decoded
from localstack_eventbridge.pipes.logs import Log
from localstack_eventbridge.pipes.plan import Event, Plan, most

LOG = logging.getLogger(__name__)

#: What an enrichment answers when nothing is to go on; [{}] is not among them.
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-enrichment.html
NOTHING: tuple[Any, ...] = (None, "", {}, [])

Failed = dict[int, str]

T = TypeVar("T")


def identifier(event: Event) -> str:
    """By what an event is known: the id of its message or record."""
    return event.get("messageId") or event["eventID"]


def tell(
    plan: Plan, events: Collection[Event], stage: str, execution: str | None = None, **fields: Any
) -> None:
    """Have the trace say what has become of each event."""
    for event in events:
        place = {"pipe": plan.name, "stage": stage, "execution": execution}
        trace.record(plan.account, "pipe", identifier(event), **place, **fields)


class Execution:
    """Runs one batch; `run` may be called once."""

    def __init__(self, plan: Plan, log: Log, events: Sequence[Event]) -> None:
        self._plan, self._events = plan, events
        self._log = log.execution()
        self._variables = {
            "aws.pipes.pipe-arn": plan.arn,
            "aws.pipes.pipe-name": plan.name,
            "aws.pipes.source-arn": plan.source,
            "aws.pipes.enrichment-arn": plan.enrichment,
            "aws.pipes.target-arn": plan.target,
            "aws.pipes.event.ingestion-time": clock.now(plan.account)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }

    def run(self) -> Failed:
        """The events that have failed, by position, and why."""
        try:
            self._log.step("ExecutionStarted", payload=self._events)
            return self._end(self._run())
        finally:
            self._log.end()

    def _run(self) -> Failed:
        events: list[Any] = list(self._events)
        try:
            if self._plan.enrichment:
                events = self._enrich()
                if not events:
                    return {}
            return self._deliver(events)
        except (calls.CallFailed, inputs.InputError) as error:
            return dict.fromkeys(range(len(self._events)), str(error))
        except Exception as defect:
            LOG.exception("pipe %s", self._plan.arn)
            return dict.fromkeys(range(len(self._events)), f"{type(defect).__name__}: {defect}")

    def _end(self, failed: Failed) -> Failed:
        if not failed:
            self._log.step("ExecutionSucceeded")
            return failed
        is_partial = len(failed) < len(self._events)
        reason = next(iter(failed.values()))
        step = "ExecutionPartiallyFailed" if is_partial else "ExecutionFailed"
        self._log.step(step, error={"message": reason})
        for number, why in failed.items():
            tell(self._plan, [self._events[number]], "failed", self._log.id, reason=why)
        return failed

    def _enrich(self) -> list[Any]:
        """The events that the enrichment makes of the batch, none if the target is not called."""
        parameters = self._plan.enrichment_parameters
        self._log.step("EnrichmentStageEntered")
        try:
            items = self._items("Enrichment", parameters, self._events)
            answer = self._call("Enrichment", calls.enrich, items)
        except (calls.CallFailed, inputs.InputError) as error:
            self._log.step("EnrichmentStageFailed", error=_told(error))
            raise
        self._log.step(
            "EnrichmentInvocationSucceeded", awsRequest=_texts(items), awsResponse=answer
        )
        enriched = [] if answer in NOTHING else answer if isinstance(answer, list) else [answer]
        self._log.step("EnrichmentStageSucceeded", payload=enriched)
        tell(self._plan, self._events, "enriched", self._log.id, answered=len(enriched))
        if not enriched:
            self._log.step("TargetStageSkipped")
            reason = "the enrichment has answered with nothing"
            tell(self._plan, self._events, "skipped", self._log.id, reason=reason)
        return enriched

    def _deliver(self, events: list[Any]) -> Failed:
        self._log.step("TargetStageEntered")
        try:
            self._demand_room(len(events))
            items = self._items("Target", self._plan.target_parameters, events)
            answer = self._call("Target", calls.deliver, items)
        except (calls.CallFailed, inputs.InputError) as error:
            self._log.step("TargetStageFailed", error=_told(error))
            raise
        failed = self._failed(answer, len(events))
        self._log_answer(items, answer, failed)
        done = [event for number, event in enumerate(self._events) if number not in failed]
        tell(self._plan, done, "delivered", self._log.id, arn=self._plan.target)
        return failed

    def _call(
        self, stage: str, call: Callable[[Plan, Sequence[calls.Item]], T], items: list[calls.Item]
    ) -> T:
        self._log.step(f"{stage}InvocationStarted")
        try:
            return call(self._plan, items)
        except (calls.CallFailed, inputs.InputError) as error:
            request = _texts(items)
            self._log.step(f"{stage}InvocationFailed", error=_told(error), awsRequest=request)
            raise

    def _demand_room(self, count: int) -> None:
        limit = most(self._plan.target)
        if count > limit:
            raise inputs.InputError(
                f"the enrichment has answered with {count} events, the target takes {limit}"
            )

    def _items(
        self, stage: str, parameters: Mapping[str, Any], events: Sequence[Any]
    ) -> list[calls.Item]:
        template = parameters.get("InputTemplate")
        if not template:
            return [calls.Item(_as_text(event), _shown(event)) for event in events]
        self._log.step(f"{stage}TransformationStarted")
        items = []
        try:
            for event in events:
                shown = _shown(event)
                text = inputs.shape(template, event, shown, self._variables)
                items.append(calls.Item(text, shown))
        except inputs.InputError as error:
            self._log.step(f"{stage}TransformationFailed", error={"message": str(error)})
            raise
        self._log.step(f"{stage}TransformationSucceeded", payload=_texts(items))
        return items

    def _log_answer(self, items: list[calls.Item], answer: calls.Answer, failed: Failed) -> None:
        request, response = _texts(items), answer.response
        how, error = "Succeeded", None
        if failed:
            how = "PartiallyFailed" if len(failed) < len(self._events) else "Failed"
            error = {"message": next(iter(failed.values()))}
        self._log.step(
            f"TargetInvocation{how}", error=error, awsRequest=request, awsResponse=response
        )
        self._log.step(f"TargetStage{how}", error=error, payload=None if failed else request)

    def _failed(self, answer: calls.Answer, sent: int) -> Failed:
        """The events of the source that have failed; all, if it is not known which."""
        everything = range(len(self._events))
        if answer.failed:
            if sent == len(self._events):
                return answer.failed
            return dict.fromkeys(everything, next(iter(answer.failed.values())))
        if not isinstance(answer.response, dict) or "batchItemFailures" not in answer.response:
            return {}
        known = {identifier(event): number for number, event in enumerate(self._events)}
        for number, event in enumerate(self._events):
            known[sequence_number(event)] = number
        reason = "the target has named it in batchItemFailures"
        try:
            ids = get_batch_item_failures(answer.response, set(known))
        except (TypeError, AttributeError):
            ids = None
        if ids is None:
            return dict.fromkeys(everything, "the target has answered with wrong batchItemFailures")
        return {known[name]: reason for name in ids}


def sequence_number(event: Event) -> str:
    """That of a record of a stream; the id of a message."""
    found = event.get("sequenceNumber") or event.get("dynamodb", {}).get("SequenceNumber")
    return found or identifier(event)


def _told(error: calls.CallFailed | inputs.InputError) -> dict[str, Any]:
    """An error as the log has it."""
    return error.error if isinstance(error, calls.CallFailed) else {"message": str(error)}


def _shown(event: Any) -> Any:
    return decoded(event) if isinstance(event, dict) else event


def _as_text(event: Any) -> str:
    """Text that an enrichment has answered with is no JSON any more."""
    return event if isinstance(event, str) else to_json(event)


def _texts(items: Sequence[calls.Item]) -> list[str]:
    return [item.text for item in items]
