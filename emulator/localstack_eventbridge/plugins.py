"""The entry points of the plug-in: names and loads, nothing else."""

from __future__ import annotations

import gc

from localstack import config
from localstack.runtime import hooks
from localstack.runtime.server.core import RuntimeServer, RuntimeServerPlugin
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.services.plugins import Service, aws_provider

from localstack_eventbridge import settings

#: Which of our providers serves which service, unless PROVIDER_OVERRIDE_<SERVICE> says otherwise.
PROVIDERS = {
    "dynamodb": "embedded",
    "dynamodbstreams": "embedded",
    "events": "faithful",
    "lambda": "process",
    "s3": "embedded",
    "scheduler": "firing",
}


# Before LocalStack heeds signals: the end of it is a matter of the server that it has chosen.
@hooks.on_runtime_create(name="choose_plugins")
def choose_plugins() -> None:
    from localstack_eventbridge import binding

    for service, provider in PROVIDERS.items():
        config.SERVICE_PROVIDER_CONFIG.set_provider_if_not_exists(service, provider)
    settings.apply()
    binding.bind_kinesis()


@hooks.on_infra_start(name="add_resources")
def add_resources() -> None:
    from localstack.services.internal import get_internal_apis

    from localstack_eventbridge import leases, resources
    from localstack_eventbridge.embedded import iam

    resources.add_to(get_internal_apis())
    iam.install()
    if settings.STOP_WHEN_UNUSED:
        leases.watch()


# LocalStack says that it is ready when this has returned.
@hooks.on_infra_ready(name="make_a_call")
def make_a_call() -> None:
    from localstack.aws.connect import connect_to

    connect_to().sts.get_caller_identity()
    # What is there now stays: to look for garbage in it time and again takes most of a collection.
    gc.collect()
    gc.freeze()


# First of all: LocalStack waits for what runs, and would start what is to be retried.
@hooks.on_infra_shutdown(name="end_environments", priority=100)
def end_environments() -> None:
    from localstack_eventbridge import ending
    from localstack_eventbridge.functions import processes

    ending.end_in_time()
    processes.end_all()


@aws_provider(api="lambda", name="process")
def lambda_() -> Service:
    from localstack_eventbridge.functions import asynchronous, versions, windows
    from localstack_eventbridge.functions.provider import ProcessLambdaProvider

    asynchronous.install()
    versions.install()
    windows.install()
    return Service.for_provider(ProcessLambdaProvider())


@aws_provider(api="events", name="faithful")
def events() -> Service:
    from localstack_eventbridge.events import provider

    return provider.provide()


# Nobody else serves it: it needs no name of its own to be chosen by.
@aws_provider(api="pipes", name="default")
def pipes() -> Service:
    from localstack_eventbridge.pipes import provider

    return provider.provide()


@aws_provider(api="dynamodb", name="embedded")
def dynamodb() -> Service:
    from localstack_eventbridge.embedded import dynamodb

    return dynamodb.service()


@aws_provider(api="dynamodbstreams", name="embedded")
def dynamodbstreams() -> Service:
    from localstack_eventbridge.embedded import dynamodbstreams

    return dynamodbstreams.service()


@aws_provider(api="s3", name="embedded")
def s3() -> Service:
    from localstack_eventbridge.embedded import s3

    return s3.service()


@aws_provider(api="scheduler", name="firing")
def scheduler() -> Service:
    from localstack_eventbridge.scheduler import provider

    return provider.provide()


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args: object, **kwargs: object) -> type[RuntimeExecutor]:
        from localstack_eventbridge.functions.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


class BoundRuntimeServerPlugin(RuntimeServerPlugin):
    name = "bound"

    def load(self, *args: object, **kwargs: object) -> RuntimeServer:
        from localstack_eventbridge.binding import BoundRuntimeServer

        return BoundRuntimeServer()
