"""Functions that the tests deploy: this whole file, with one of these as its handler."""

import decimal
import logging
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

COLD_STARTS = []
COLD_STARTS.append(time.time())


def echo(event, context):
    return event


def sleep(event, context):
    started = time.time()
    time.sleep(event["seconds"])
    return {"pid": os.getpid(), "started": started, "ended": time.time()}


def count(event, context):
    COLD_STARTS.append(time.time())
    return {"pid": os.getpid(), "runs": len(COLD_STARTS) - 1}


def describe_context(event, context):
    time.sleep(event.get("seconds", 0))
    names = (
        "aws_request_id",
        "function_name",
        "function_version",
        "invoked_function_arn",
        "log_group_name",
        "log_stream_name",
        "memory_limit_in_mb",
    )
    told = {name: getattr(context, name) for name in names}
    return {**told, "remaining": context.get_remaining_time_in_millis()}


def environment(event, context):
    return dict(os.environ)


def places(event, context):
    kept = pathlib.Path(tempfile.gettempdir()) / "kept"
    before = kept.read_text() if kept.exists() else None
    kept.write_text("from the run before")
    found = {"before": before, "tmp": tempfile.gettempdir(), "home": str(pathlib.Path.home())}
    return {
        **found,
        "cwd": os.getcwd(),
        "path": sys.path[0],
        "task": os.environ["LAMBDA_TASK_ROOT"],
    }


def raises(event, context):
    divide(1, 0)


def divide(a, b):
    return a / b


def exits(event, context):
    sys.exit(event["code"])


def exits_at_once(event, context):
    os._exit(event["code"])


def kills_itself(event, context):
    os.kill(os.getpid(), getattr(signal, event["signal"]))
    time.sleep(5)


def returns(event, context):
    return {
        "decimal": decimal.Decimal("1.5"),
        "set": {1},
        "generator": (n for n in "ab"),
        "bytes": b"raw",
        "umlaut": "ü €",
        "nothing": None,
    }[event["what"]]


def large(event, context):
    return "x" * event["size"]


def speaks(event, context):
    print("printed")
    logging.getLogger().setLevel("INFO")
    logging.getLogger("shop").info("logged %s", "so")
    sys.stderr.write("to stderr")


def tells(event, context):
    print("event", event)


def floods(event, context):
    for number in range(event["lines"]):
        print(f"line {number}")


def starts_children(event, context):
    command = [sys.executable, "-c", "import time; time.sleep(300)"]
    first = subprocess.Popen(command)
    second = subprocess.Popen(command, start_new_session=True)
    if event.get("stay"):
        time.sleep(300)
    return [os.getpid(), first.pid, second.pid]


def uses_aws(event, context):
    import boto3

    queue = boto3.client("sqs").get_queue_url(QueueName=event["queue"])["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="from the function")
    return boto3.client("sts").get_caller_identity()


def fails_first(event, context):
    """Raises always, and tells when."""
    print("at", time.time())
    raise ValueError(event)


def batch(event, context):
    print("bodies", [record["body"] for record in event["Records"]])


def tells_batch(event, context):
    import json

    print(json.dumps(event))


def fails_bad_ones(event, context):
    bad = [{"itemIdentifier": record["messageId"]} for record in event if record["body"] == "bad"]
    return {"batchItemFailures": bad}


def doubles(event, context):
    import json

    return [{"n": 2 * json.loads(record["body"])["n"]} for record in event]


def answers(event, context):
    """What the first body says."""
    import json

    return json.loads(event[0]["body"])


def slow_echo(event, context):
    time.sleep(1)
    return event


def refuses_poison(event, context):
    """Fails for a batch with a record of the key "poison"."""
    keys = [record["dynamodb"]["Keys"]["id"]["S"] for record in event]
    if "poison" in keys:
        raise ValueError(keys)


def names_poison(event, context):
    """Tells the record of the key "poison" by its event's id."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["eventID"]}
            for record in event
            if record["dynamodb"]["Keys"]["id"]["S"] == "poison"
        ]
    }


def numbers_poison(event, context):
    """Tells the record of the key "poison" by its sequence number."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
            for record in event
            if record["dynamodb"]["Keys"]["id"]["S"] == "poison"
        ]
    }


def slow_with_the_first(event, context):
    """Takes longer for records with the number 0."""
    if any(record["dynamodb"]["NewImage"]["n"]["N"] == "0" for record in event):
        time.sleep(0.5)
    return event
