"""The runtime client against AWS's own, awslambdaric: the same handlers, the same answers."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from localstack_eventbridge.functions.runtime_api import Invocation, RuntimeApi, Said

CLIENT = Path(__file__).parents[2] / "emulator/localstack_eventbridge/functions/runtime_client.py"

ARN = "arn:aws:lambda:us-east-1:123456789012:function:job"
STREAM = "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef"

CLIENT_CONTEXT = json.dumps(
    {
        "custom": {"a": ["ü"]},
        "env": {"locale": "en"},
        "client": {"app_title": "shop", "app_package_name": "com.example.shop"},
    }
)

HANDLERS = '''
import collections, datetime, decimal, json, logging, os, sys, threading

def echo(event, context):
    return event

def raises(event, context):
    return inner(event)

def inner(event):
    raise KeyError(event["missing"])

class Refused(Exception):
    """An error of the function's own, without a message."""

def refuses(event, context):
    raise Refused

def chains(event, context):
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("two\\nlines ü") from error

def raises_in_library(event, context):
    return json.loads("{")

def opens(event, context):
    return open(event).read()

def exits(event, context):
    sys.exit(event["code"])

def exits_hard(event, context):
    os._exit(event["code"])

def interrupts(event, context):
    raise KeyboardInterrupt

def returns(event, context):
    return {
        "decimal": decimal.Decimal("1.10"),
        "decimals": {"a": [decimal.Decimal("123456789012345678901234567890.5"), 1]},
        "decimal-nan": decimal.Decimal("NaN"),
        "nan": float("nan"),
        "infinity": [float("inf"), -float("inf")],
        "bytes": b"\\x00raw",
        "bytes-inside": {"b": b"text"},
        "umlaut": "ü € 𝄞",
        "control": "\\x00\\u2028\\"\\\\",
        "verbatim": "\\0verbatim:1",
        "nothing": None,
        "tuple": (1, (2,)),
        "keys": {1: "a", None: "b", True: "c", 1.5: "d"},
        "big": 10**30,
        "set": {1},
        "generator": (n for n in "ab"),
        "date": datetime.date(2026, 1, 1),
        "key": {(1, 2): 3},
        "object": object,
        "circle": CIRCLE,
        "ordered": collections.OrderedDict(b=1, a=2),
    }[event["what"]]

CIRCLE = []
CIRCLE.append(CIRCLE)

def tells_context(event, context):
    names = (
        "aws_request_id", "log_group_name", "log_stream_name", "function_name",
        "memory_limit_in_mb", "function_version", "invoked_function_arn", "tenant_id",
    )
    told = {name: getattr(context, name) for name in names}
    told["repr"] = repr(context)
    told["identity"] = [
        context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id
    ]
    if context.client_context:
        told["custom"] = context.client_context.custom
        told["env"] = context.client_context.env
        told["title"] = context.client_context.client.app_title
        told["package"] = context.client_context.client.app_package_name
    told["remaining"] = 0 < context.get_remaining_time_in_millis() <= 60_000
    told["whole"] = type(context.get_remaining_time_in_millis()).__name__
    return told

def late(event, context):
    return context.get_remaining_time_in_millis()

def speaks(event, context):
    print("printed")
    sys.stdout.write("no end")
    print()
    logger = logging.getLogger("shop")
    logger.info("not shown")
    logging.getLogger().setLevel("DEBUG")
    logger.debug("shown %s", 1)
    logger.error("two\\nlines")
    logging.basicConfig(level=logging.CRITICAL, format="another")
    logger.warning("still shown")
    context.log("from the context\\n")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("caught")
    print("to stderr", file=sys.stderr)

COUNT = []

def counts(event, context):
    COUNT.append(1)
    return [len(COUNT), os.environ.get("_X_AMZN_TRACE_ID")]

def places(event, context):
    root = os.environ["LAMBDA_TASK_ROOT"]
    return [os.getcwd() == root, sys.path[0] == root, os.listdir(root)]

def waits_for_a_thread(event, context):
    thread = threading.Thread(target=print, args=["from a thread"])
    thread.start()
    thread.join()
    return threading.current_thread() is threading.main_thread()

def closes_output(event, context):
    sys.stdout.close()
    os.close(1)
    1 / 0

not_callable = 1

def without_context(event):
    return event
'''

FILES = {
    "app.py": HANDLERS,
    "pkg/__init__.py": "",
    "pkg/mod.py": "def handler(event, context):\n    return [__name__, event]\n",
    "broken.py": "import json\n\ndef handler(event, context)\n    return 1\n",
    "needy.py": "import nowhere_to_be_found\n",
    "needy_name.py": "from json import nothing_like_that\n",
    "fails.py": "print('first')\ndef load():\n    raise OSError(2, 'no such thing')\nload()\n",
    "exits.py": "import sys\nsys.exit(4)\n",
}


#: In logs: the frames of the clients themselves, and what AWS's says about its updates.
NOT_COMPARED = (
    r'\s*File "[^"]*(awslambdaric/|runtime_client|<frozen runpy>)[^\n]*(\n\s+(?!File)[^\n]+)*',
    r"[^\n]*LAMBDA_WARNING[^\n]*\n\s*",
)


@dataclass
class Run:
    """What the Runtime API heard, what was printed, and the exit code (None: it went on)."""

    said: list[tuple[str, Any, str]] = field(default_factory=list)
    log: str = ""
    exit_code: int | None = None


class Bench:
    """Runs handlers under one of the two clients."""

    def __init__(self, folder: Path, command: Callable[[str], list[str]]) -> None:
        self._task = folder / "var" / "task"
        self._command = command
        for name, text in FILES.items():
            path = self._task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, handler: str, *events: Any, runtime: str = "python3.13", **fields: Any) -> Run:
        """Start a process, give it one event after the other, and end it."""
        payloads = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in events]
        heard: queue.Queue[Said] = queue.Queue()
        api = RuntimeApi(heard.put)
        process = subprocess.Popen(
            self._command(handler),
            cwd=self._task,
            env=self._variables(handler, runtime, api.address),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        try:
            said = list(self._serve(process, api, heard, payloads, fields))
            exit_code = process.poll()
        finally:
            process.kill()
            output, _ = process.communicate()
            watchdog.cancel()
            api.close()
        return Run([self._plain(one) for one in said], self._plain_log(output), exit_code)

    def _serve(
        self,
        process: subprocess.Popen[bytes],
        api: RuntimeApi,
        heard: queue.Queue[Said],
        payloads: list[bytes],
        fields: dict[str, Any],
    ) -> Iterator[Said]:
        waiting = iter(enumerate(payloads))
        while process.poll() is None or not heard.empty():
            with contextlib.suppress(queue.Empty):
                said = heard.get(timeout=0.05)
                if said.what != "ready":
                    yield said
                elif (following := next(waiting, None)) is None:
                    return
                else:
                    api.give(invocation(*following, **fields))

    def _variables(self, handler: str, runtime: str, address: str) -> dict[str, str]:
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_NAME": "job",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/job",
            "AWS_LAMBDA_LOG_STREAM_NAME": STREAM,
            "AWS_LAMBDA_RUNTIME_API": address,
            "LAMBDA_TASK_ROOT": str(self._task),
            "LANG": "C.UTF-8",
            "PATH": os.defpath,
            "TMPDIR": str(self._task.parents[1] / "tmp"),
            "_HANDLER": handler,
        }

    def _plain(self, said: Said) -> tuple[str, Any, str]:
        if said.what == "response":
            return said.what, said.body, said.error_type
        failure = json.loads(said.body.decode().replace(str(self._task), "/var/task"))
        frames = failure.get("stackTrace", [])
        failure["stackTrace"] = [frame for frame in frames if "awslambdaric" not in frame]
        return said.what, failure, said.error_type

    def _plain_log(self, output: bytes) -> str:
        text = output.decode().replace("\r", "\n").replace(str(self._task), "/var/task")
        for what in NOT_COMPARED:
            text = re.sub(what, "", text)
        return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


def invocation(number: int, payload: bytes, **fields: Any) -> Invocation:
    defaults = {
        "request_id": f"00000000-0000-4000-8000-{number:012}",
        "function_arn": ARN,
        "deadline": int(time.time() * 1000) + 60_000,
        "trace_id": f"Root=1-{number};Parent=2;Sampled=1",
    }
    return Invocation(payload=payload, **{**defaults, **fields})


def _our_command(handler: str) -> list[str]:
    return [sys.executable, "-BSsu", str(CLIENT), "512"]


def _aws_command(handler: str) -> list[str]:
    return [sys.executable, "-Bu", "-m", "awslambdaric", handler]


@pytest.fixture
def ours(tmp_path: Path) -> Bench:
    return Bench(tmp_path, _our_command)


@pytest.fixture
def oracle(tmp_path: Path) -> Bench:
    if not importlib.util.find_spec("awslambdaric"):
        pytest.skip("awslambdaric, AWS's own runtime client, has packages for Linux only")
    return Bench(tmp_path, _aws_command)


WHATS = [
    "decimal", "decimals", "decimal-nan", "nan", "infinity", "bytes", "bytes-inside", "umlaut",
    "control", "nothing", "tuple", "keys", "big", "set", "generator", "date", "key", "object",
    "circle", "ordered",
]  # fmt: skip


def name_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=bytes.decode)[:40]


@pytest.mark.parametrize(
    ("handler", "events"),
    [
        ("app.echo", [{"a": [1, "ü", None]}, 1.5, "text", [], None]),
        ("app.echo", [b'{"a": 1e999, "\\u00fc": "\\ud834\\udd1e"}']),
        ("app.echo", [b"not json", b"", b"{}"]),
        ("app.echo", ["x" * 6_291_500, 1]),
        ("pkg.mod.handler", [1]),
        ("pkg/mod.handler", [1]),
        ("app.raises", [{"missing": "x"}, {}]),
        ("app.refuses", [1]),
        ("app.chains", [1]),
        ("app.raises_in_library", [1]),
        ("app.opens", ["/tmp/not/there"]),
        ("app.without_context", [1]),
        ("app.not_callable", [1]),
        ("app.tells_context", [1]),
        ("app.counts", [1, 2, 3]),
        ("app.places", [1]),
        ("app.speaks", [1]),
        ("app.waits_for_a_thread", [1]),
        ("app.exits", [{"code": 0}]),
        ("app.exits", [{"code": 3}]),
        ("app.exits_hard", [{"code": 5}]),
        ("app.interrupts", [1]),
        ("app.missing", [1]),
        ("app", [1]),
        ("nowhere.handler", [1]),
        ("sys.exit", [1]),
        ("needy.handler", [1]),
        ("needy_name.handler", [1]),
        ("broken.handler", [1]),
        ("fails.handler", [1]),
        ("exits.handler", [1]),
        *(("app.returns", [{"what": what}]) for what in WHATS),
    ],
    ids=name_of,
)
def test_answers_as_the_runtime_of_aws(
    ours: Bench, oracle: Bench, handler: str, events: list[Any]
) -> None:
    expected = oracle.run(handler, *events)
    assert expected.said or expected.exit_code is not None
    assert ours.run(handler, *events) == expected


@pytest.mark.parametrize(
    ("handler", "fields"),
    [
        ("app.tells_context", {"client_context": CLIENT_CONTEXT}),
        ("app.tells_context", {"client_context": "{}"}),
        ("app.tells_context", {"client_context": "no json"}),
        ("app.late", {"deadline": 1}),
        ("app.counts", {"trace_id": ""}),
    ],
    ids=name_of,
)
def test_reads_what_comes_with_an_event_as_the_runtime_of_aws(
    ours: Bench, oracle: Bench, handler: str, fields: dict[str, Any]
) -> None:
    expected = oracle.run(handler, {}, **fields)
    assert expected.said
    assert ours.run(handler, {}, **fields) == expected


@pytest.mark.parametrize("runtime", ["python3.11", "python3.12"])
def test_escapes_as_the_runtime_of_its_version(ours: Bench, oracle: Bench, runtime: str) -> None:
    event = {"what": "umlaut"}
    expected = oracle.run("app.returns", event, runtime=runtime)
    assert ours.run("app.returns", event, runtime=runtime) == expected
    assert ("\\u20ac" in expected.said[0][1].decode()) == (runtime == "python3.11")


def test_ends_when_its_answer_is_too_large_as_the_runtime_of_aws(
    ours: Bench, oracle: Bench
) -> None:
    expected, run = (bench.run("app.echo", "x" * 6_300_000, 1) for bench in (oracle, ours))
    assert (run.said, run.exit_code) == (expected.said, expected.exit_code)
    assert run.said[0][2] == "Function.ResponseSizeTooLarge"
    for log in (expected.log, run.log):
        assert "Failed to post handler success response. Http response code: 413." in log


def test_the_functions_own_output_cannot_stop_the_runtime(ours: Bench) -> None:
    run = ours.run("app.closes_output", {}, {})
    assert [what for what, *_ in run.said] == ["error", "error"]
    assert run.log.count("[ERROR] ") == 2
    assert run.exit_code is None
