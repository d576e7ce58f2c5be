"""The separate process that takes asynchronous events out of Lambda's queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localstack.services.lambda_.invocation import event_manager

LOG = logging.getLogger(__name__)

#: How many events of one function run at once before others wait, the default quota of an account
#: (https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html).
CONCURRENCY = 1000


class EventPoller(event_manager.Poller):
    """LocalStack's poller, which runs as many events at once as Lambda, and loses none."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # LocalStack has as many threads as this computer has processors, and four more.
        self.invoker_pool = ThreadPoolExecutor(
            max_workers=CONCURRENCY, thread_name_prefix="lambda-invoker"
        )

    def run(self, *_: Any) -> None:
        version = self.version_manager.function_version
        sqs = event_manager.get_sqs_client(version, client_config=event_manager.CLIENT_CONFIG)
        while not self._shutdown_event.is_set():
            try:
                self._poll(sqs, hidden_for=version.config.timeout + 60)
            except Exception as error:
                if not self._shutdown_event.is_set():
                    LOG.error("events of %s cannot be fetched: %s", version.qualified_arn, error)
                # The queue is not there, or LocalStack is ending.
                self._shutdown_event.wait(1)

    def _poll(self, sqs: Any, hidden_for: int) -> None:
        answer = sqs.receive_message(
            QueueUrl=self.event_queue_url,
            WaitTimeSeconds=2,
            MaxNumberOfMessages=10,
            VisibilityTimeout=hidden_for,
        )
        for message in answer.get("Messages") or []:
            try:
                self.invoker_pool.submit(self.handle_message, message)
            except RuntimeError:
                self._give_back(sqs, message)

    def _give_back(self, sqs: Any, message: dict[str, Any]) -> None:
        """The function was updated while we polled: the event is for its new version's poller.

        LocalStack leaves the event hidden, for a minute and more.
        """
        sqs.send_message(QueueUrl=self.event_queue_url, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=self.event_queue_url, ReceiptHandle=message["ReceiptHandle"])


def install() -> None:
    # A patch, because LocalStack names its poller nowhere but in the module that uses it.
    event_manager.Poller = EventPoller
