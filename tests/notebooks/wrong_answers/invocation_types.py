"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

WRONG = {
    "tells_success": [
        ("lambda response: response['StatusCode'] == 200", "raised"),
        ("lambda response: 'FunctionError' not in response", "queued"),
        ("lambda response: response['StatusCode'] < 300", "raised"),
        ("lambda response: response['FunctionError'] is None", "KeyError"),
        ("True", "function itself"),
    ],
    "result_without_waiting": [
        ('"a"', "always empty"),
        ('"c"', "waits"),
        ('"d"', "letters"),
        ("b'b'", "letters"),
    ],
    "who_calls_how": [
        (
            '{"synchronous": {"api gateway"}, "asynchronous": {"s3", "sqs"},'
            ' "event source mapping": {"dynamodb streams"}}',
            "sqs",
        ),
        (
            '{"synchronous": {"api gateway", "dynamodb streams"}, "asynchronous": {"s3"},'
            ' "event source mapping": {"sqs"}}',
            "dynamodb streams",
        ),
        ('{"synchronous": {"api gateway"}, "polled": {"sqs"}}', "three ways"),
        ('{"synchronous": {"api gateway", "dynamodb"}}', "four services"),
        ('{"synchronous": "api gateway"}', "set of services"),
        ('["sqs", "s3"]', "dictionary"),
    ],
}
