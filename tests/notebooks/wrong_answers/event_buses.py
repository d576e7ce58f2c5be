"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

SOURCE = "com.neighbour.shop"

WRONG = {
    "lets_in_one_source": [
        ("statement", "in the name of our basket"),
        (
            f"{{**statement, 'Condition': {{'StringLike': {{'events:source': '{SOURCE}*'}}}}}}",
            "begin alike",
        ),
        (
            "{**statement, 'Condition':"
            f" {{'StringEquals': {{'events:detail-type': '{SOURCE}'}}}}}}",
            "cannot publish events",
        ),
        (
            f"{{**statement, 'Effect': 'Deny',"
            f" 'Condition': {{'StringEquals': {{'events:source': '{SOURCE}'}}}}}}",
            "cannot publish events",
        ),
        (
            f"{{**statement, 'Principal': {{'AWS': lab.account}},"
            f" 'Condition': {{'StringEquals': {{'events:source': '{SOURCE}'}}}}}}",
            "cannot publish events",
        ),
        (
            "{**statement, 'Principal': '*',"
            f" 'Condition': {{'StringEquals': {{'events:source': '{SOURCE}'}}}}}}",
            "Any other account",
        ),
        (
            "{**statement, 'Action': 'events:*',"
            f" 'Condition': {{'StringEquals': {{'events:source': '{SOURCE}'}}}}}}",
            "nothing else",
        ),
        (
            "{**statement, 'Effect': 'Deny', 'Principal': '*',"
            f" 'Condition': {{'StringNotEquals': {{'events:source': '{SOURCE}'}}}}}}",
            "Our own account",
        ),
        ("{'Statement': [statement]}", "statement alone"),
        ("[statement]", "dictionary"),
    ],
    "replays_orders_only": [
        ("{}", "more labels"),
        ("{'FilterArns': [lab.arn('events', 'rule/SwnEventBus/mails')]}", "did not come back"),
        (
            "{'FilterArns': [lab.arn('events', f'rule/SwnEventBus/{name}')"
            " for name in ('orders', 'labels')]}",
            "more labels",
        ),
        ("{'Rules': ['orders']}", "no such argument"),
        ("{'FilterArns': ['orders']}", "AWS refuses it"),
        ("'orders'", "dictionary"),
    ],
}
