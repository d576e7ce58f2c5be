"""Versions of a function that are replaced while they run.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

import threading

from localstack.services.lambda_.invocation import lambda_service
from localstack.services.lambda_.invocation.lambda_models import Invocation, InvocationResult
from localstack.services.lambda_.invocation.models import lambda_stores
from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager


class VersionManager(LambdaVersionManager):
    """LocalStack's, which lets an update wait until the invocations that run have ended.

    LocalStack ends them, and drops what they logged.
    """

    _running = 0

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]
        self._change = threading.Condition()

    def invoke(self, *, invocation: Invocation) -> InvocationResult:
        with self._change:
            self._running += 1
        try:
            return super().invoke(invocation=invocation)
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def stop(self) -> None:
        if self._running and self._is_updated():
            name = f"lambda-update-{self.function_version.id.function_name}"
            threading.Thread(target=self._stop_when_idle, name=name, daemon=True).start()
        else:
            super().stop()

    def _is_updated(self) -> bool:
        """Whether there is a newer one in its place; a deleted function ends at once."""
        identity = self.function_version.id
        functions = lambda_stores[identity.account][identity.region].functions
        function = functions.get(identity.function_name)
        version = function and function.versions.get(identity.qualifier)
        return version is not None and version.config.internal_revision != (
            self.function_version.config.internal_revision
        )

    def _stop_when_idle(self) -> None:
        with self._change:
            self._change.wait_for(lambda: not self._running)
        super().stop()


def install() -> None:
    # A patch, because LocalStack names its class nowhere but in the module that uses it.
    lambda_service.LambdaVersionManager = VersionManager  # type: ignore[misc]
