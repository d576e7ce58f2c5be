"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

PATHS = '{"user": "$.detail.userName", "id": "$.detail.orderId", "total": "$.detail.totalPrice"}'


def template(text: str, paths: str = PATHS) -> str:
    return f'{{"InputPathsMap": {paths}, "InputTemplate": {text!r}}}'


WRONG = {
    "policy_or_role": [
        (
            '{"policy": {"function", "queue", "other bus"}, "role": {"state machine",'
            ' "api destination"}}',
            "other bus: think",
        ),
        (
            '{"policy": {"queue"}, "role": {"function", "state machine", "other bus",'
            ' "api destination"}}',
            "function: think",
        ),
        ('{"policy": {"function", "queue"}, "role": {"bucket"}}', "bucket: not one"),
        ('{"policy": {"function", "queue"}}', '"policy" and "role"'),
        ('{"policy": "function", "role": set()}', "set of names"),
    ],
    "receipt": [
        (
            template(
                '{"to": <user>, "subject": "Order <id>", "order": {"id": "<id>", "total": <total>}}'
            ),
            'should be {"id": 17',
        ),
        (template('{"to": <user>, "order": {"id": <id>, "total": <total>}}'), "should have"),
        (
            template(
                '{"to": <user>, "subject": "Order <id>", "order": {"id": <id>, "total": <total>}}',
                PATHS.replace("$.detail.", "$."),
            ),
            "swn",
        ),
        (template('"Order <id> for <user>"'), "no JSON object"),
        (template('{"to": <user>, "subject": "Order <id>"'), "AWS refuses it"),
        ("'Order'", "InputTemplate"),
    ],
}
