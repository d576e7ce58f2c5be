"""What a learner might write in two cells; the tests deploy this file."""

GREETING = "hello"


def greet(event, context):
    print("greeting", event["name"])
    return f"{GREETING} {event['name']}"


def fail(event, context):
    raise ValueError("no")
