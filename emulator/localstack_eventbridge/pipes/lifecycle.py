"""How pipes go from one state to another, each on a thread of its own.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_DescribePipe.html
"""

from __future__ import annotations

import logging
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError
from localstack.aws.api.pipes import PipeState, RequestedPipeState

from localstack_eventbridge.clock import clock
from localstack_eventbridge.pipes import checks
from localstack_eventbridge.pipes.plan import Plan
from localstack_eventbridge.pipes.runner import Runner
from localstack_eventbridge.pipes.store import Pipe, of_account, pipes_stores
from localstack_eventbridge.workers import Workers

LOG = logging.getLogger(__name__)

#: What a pipe is while it changes, and what it becomes when that fails.
FAILED = {
    PipeState.CREATING: PipeState.CREATE_FAILED,
    PipeState.STARTING: PipeState.START_FAILED,
    PipeState.UPDATING: PipeState.UPDATE_FAILED,
}
CHANGING = {*FAILED, PipeState.STOPPING, PipeState.DELETING}

_workers = Workers("pipe-change")


def change(pipe: Pipe, state: PipeState) -> None:
    """Begin to create, start, stop, update or delete the pipe, as `state` says."""
    pipe.current_state, pipe.state_reason = state, None
    _workers.submit(partial(_change, pipe, state))


def reset(account: str) -> None:
    """End all pipes of the account; what is under way may still arrive."""
    pipes = of_account(account)
    for pipe in pipes:
        # A change that goes on must not start it again.
        pipe.desired_state = "DELETED"
        if pipe.runner:
            pipe.runner.end()
    for pipe in pipes:
        with pipe.changing:
            if pipe.runner:
                pipe.runner.end()


def end_all() -> None:
    """Have all pipes end, and wait for none."""
    for account in list(pipes_stores):
        for pipe in of_account(account):
            if pipe.runner:
                pipe.runner.end()


def _change(pipe: Pipe, state: PipeState) -> None:
    with pipe.changing:
        if pipe.runner:
            pipe.runner.stop()
            pipe.runner = None
        if state == PipeState.DELETING:
            pipes_stores[pipe.account][pipe.region].pipes.pop(pipe.name, None)
            return
        reason = None
        if pipe.desired_state == RequestedPipeState.RUNNING:
            reason = _start(pipe)
        if reason:
            pipe.state_reason, pipe.current_state = reason, FAILED[state]
        elif pipe.runner:
            pipe.current_state = PipeState.RUNNING
        else:
            if state == PipeState.STOPPING:
                pipe.state_reason = "USER_INITIATED"
            pipe.current_state = PipeState.STOPPED
        pipe.modified = clock.now(pipe.account)


def _start(pipe: Pipe) -> str | None:
    """Start to read the source; why not, if it cannot be read."""
    try:
        plan = Plan(pipe)
        if reason := checks.may_read(plan):
            return reason
        runner = Runner(pipe)
        runner.start()
    except ClientError as error:
        return checks.unreadable(error)
    except BotoCoreError as error:
        return str(error)
    except Exception as defect:
        LOG.exception("pipe %s", pipe.arn)
        return f"{type(defect).__name__}: {defect}"[:512]
    pipe.runner = runner
    return None
