"""Wrong answers to the exercises, and a word of the reason that the reader must get."""

PUT = "dynamodb.put_item(TableName='claims', Item={'orderId': {'S': %s}}%s)"
ORDER = "event['detail']['orderId']"
LOOK = f"'Item' not in dynamodb.get_item(TableName='claims', Key={{'orderId': {{'S': {ORDER}}}}})"
NEW = ", ConditionExpression='attribute_not_exists(orderId)'"

WRONG = {
    "quarter_of_an_hour": [
        ('{"MaximumEventAgeInSeconds": 3600}', "60 minutes after the first try: the meal is cold"),
        ('{"MaximumEventAgeInSeconds": 1020}', "17 minutes after the first try: the meal is cold"),
        ('{"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}', "the number ended it"),
        ('{"MaximumEventAgeInSeconds": 60}', "too early"),
        ('{"MaximumRetryAttempts": 40, "MaximumEventAgeInSeconds": 900}', "by luck"),
        ('{"MaximumRetryAttempts": 15}', "the number ended it"),
        ('{"MaximumEventAgeInSeconds": 15}', "min value: 60"),
        ('{"MaximumMinutes": 15}', "no such limit"),
        ("900", "dictionary"),
    ],
    "claims_once": [
        (f"lambda dynamodb, event: bool({PUT % (ORDER, '')})", "more than once"),
        (f"""lambda dynamodb, event: bool({PUT % ("event['id']", NEW)})""", "more than once"),
        (f"lambda dynamodb, event: {PUT % (ORDER, '')}", "True or False"),
        ("lambda dynamodb, event: False", "never taken"),
        (f"lambda dynamodb, event: {LOOK} and bool({PUT % (ORDER, '')})", "more than once"),
        (
            f"lambda dynamodb, event, seen=set(): {ORDER} not in seen and not seen.add({ORDER})",
            "claims",
        ),
        (f"lambda dynamodb, event: bool({PUT % (ORDER, NEW)})", "conditional request failed"),
        ("True", "function itself"),
    ],
}
