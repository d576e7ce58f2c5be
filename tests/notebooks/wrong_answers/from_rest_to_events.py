"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

ROLE = '"RoleArn": "arn:aws:iam::100000000011:role/deliver"'
INVOKE = f'"InvokeConfiguration": {{"TargetArn": lab.arn("lambda", "function:shipping"), {ROLE}}}'
BATCH = '"BatchConfiguration": {"MaxBatchSize": 1}'
RETRY = '"RetryPolicy": {"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 86400}'
TEXT = '"RetryPolicy": {"MaxRetryAttempts": "185", "MaxEventAgeInSeconds": 86400}'
FAILURE = '"OnFailureConfiguration": {"Arn": lab.arn("sqs", "undelivered")}'


def subscriber(*parts: str) -> str:
    return f"{{**subscriber, {', '.join(parts)}}}"


WRONG = {
    "subscriber": [
        ("subscriber", "RoleArn"),
        (subscriber(INVOKE, RETRY, FAILURE), "up to ten"),
        (subscriber(INVOKE, BATCH, FAILURE), "MaxRetryAttempts is 5"),
        (subscriber(INVOKE, BATCH, TEXT, FAILURE), "Invalid type"),
        (subscriber(INVOKE, BATCH, RETRY), "undelivered"),
        (subscriber(INVOKE.replace("shipping", "ordering"), BATCH, RETRY, FAILURE), "target"),
        (subscriber(INVOKE.replace("/deliver", "/other"), BATCH, RETRY, FAILURE), "role deliver"),
        ('"to-shipping"', "dictionary"),
    ],
    "choose": [
        (
            '{"price": "rule", "loyalty": "rule", "invoices": "pipe", "reminder": "schedule"}',
            "needs the answer now",
        ),
        (
            '{"price": "call", "loyalty": "pipe", "invoices": "pipe", "reminder": "schedule"}',
            "one more team",
        ),
        (
            '{"price": "REST", "loyalty": "rule", "invoices": "pipe", "reminder": "schedule"}',
            "choose one of",
        ),
        ('{"price": "call"}', "keys"),
        ('"call"', "keys"),
    ],
}
