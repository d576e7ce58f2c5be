"""The study note that the series grew from: where each of its statements is taught.

Its words are kept. Where AWS differs, the notebook says so under the same heading.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: Statement of the note, notebook, heading, and a word that must stand under that heading.
SEED = [
    # Invocation types
    (
        "Invocation types",
        "01-invocation-types",
        "One function, three ways in",
        "who calls, and how",
    ),
    (
        "Lambda sends the event to an internal queue and returns a success response without any"
        " additional information",
        "01-invocation-types",
        "Fire and forget",
        "puts it into a queue of its own",
    ),
    (
        "A separate process reads events from the queue and runs our Lambda function",
        "01-invocation-types",
        "Fire and forget",
        "a separate process takes it out and runs your function",
    ),
    (
        "S3/SNS + Lambda + DynamoDB",
        "02-asynchronous-failures",
        "S3, then Lambda, then a table",
        "SNS would do the same",
    ),
    (
        'The invocation-type flag should be "Event"',
        "01-invocation-types",
        "Fire and forget",
        'InvocationType="Event"',
    ),
    (
        "AWS Lambda sets a retry policy",
        "02-asynchronous-failures",
        "The caller has left",
        "tried twice more",
    ),
    (
        "Retry count = 2",
        "02-asynchronous-failures",
        "The caller has left",
        "a retry count of 2 means three runs",
    ),
    (
        "Attach a dead-letter queue (DLQ)",
        "02-asynchronous-failures",
        "A place for what failed",
        "dead-letter queue",
    ),
    (
        "Example of asynchronous invocation using the AWS CLI: aws lambda invoke - function-name"
        ' MyLambdaFunction -invocation-Type Event --payload \'{"key":"value"}\'',
        "01-invocation-types",
        "On the command line",
        "aws lambda invoke --function-name MyLambdaFunction --invocation-type Event",
    ),
    (
        "AWS services that invoke asynchronously: S3, EventBridge, SNS, SES, CloudFormation,"
        " CloudWatch Logs, CloudWatch Events, CodeCommit",
        "01-invocation-types",
        "Which service calls which way?",
        "S3, SNS, EventBridge rules, EventBridge Scheduler, SES, CloudFormation",
    ),
    # General flow
    (
        "Serverless event bus service for AWS services",
        "00-start-here",
        "The shop that we take along",
        "Amazon EventBridge",
    ),
    (
        "Build event-driven applications at scale using events generated from your apps",
        "04-event-sources",
        "Three kinds of senders",
        "your application",
    ),
    (
        "Connect your applications with data from a variety of sources, integrated SaaS"
        " applications",
        "04-event-sources",
        "A partner speaks",
        "event sources",
    ),
    (
        "From AWS services to targets such as AWS Lambda functions",
        "07-targets",
        "Five at once",
        "Each target gets its own copy",
    ),
    (
        "Formerly called Amazon CloudWatch Events",
        "00-start-here",
        "The shop that we take along",
        "CloudWatch Events",
    ),
    (
        "Four primary components: event sources, event bus, rules, targets",
        "00-start-here",
        "Recap",
        "a **rule** picks it by its pattern; a **target** gets it",
    ),
    # Event sources
    (
        "An event indicates a change in an environment such as an AWS environment or SaaS partner"
        " service",
        "04-event-sources",
        "Three kinds of senders",
        "something has changed",
    ),
    (
        "Events are represented as JSON objects, and they all have a similar structure, and the"
        " same top-level fields",
        "00-start-here",
        "The envelope, field by field",
        "All events share",
    ),
    (
        "An example of the JSON object representing an event",
        "00-start-here",
        "The envelope, field by field",
        "What arrived is more than what was sent",
    ),
    (
        "Different services emit different payload schemas, and the schema may change based on"
        " event activity (e.g. Created vs. Destroyed)",
        "04-event-sources",
        "The schema follows the activity",
        "it depends on what happened",
    ),
    (
        "A source of example payloads",
        "04-event-sources",
        "The schema follows the activity",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html",
    ),
    # Buses
    (
        "An event bus is a pipeline that receives events",
        "05-event-buses",
        "What a bus is",
        "a pipeline that receives events",
    ),
    (
        "Rules associated with the event bus evaluate events as they arrive",
        "05-event-buses",
        "What a bus is",
        "look at each event as it arrives",
    ),
    (
        "A resource-based policy specifies which events to allow, and which entities have"
        " permission to create or modify rules or targets for an event",
        "05-event-buses",
        "A stranger knocks",
        "create or change rules and targets",
    ),
    # Rules
    (
        "A rule matches incoming events and sends them to targets for processing",
        "06-rules",
        "What a rule is",
        "matches incoming events and sends them to targets for processing",
    ),
    (
        "A single rule can send an event to multiple targets, which then run in parallel",
        "07-targets",
        "Five at once",
        "Side by side",
    ),
    (
        "An event pattern defines the event structure and the fields that a rule matches",
        "06-rules",
        "What a rule is",
        "has the structure of the events it wants",
    ),
    (
        "A rule often requires the use of IAM policies to ensure that activity between resources"
        " can be carried out",
        "07-targets",
        "Who must allow it: the target, or a role?",
        "two ways",
    ),
    # Targets
    (
        "A target is a resource or endpoint that EventBridge sends an event to when the event"
        " matches the event pattern defined for a rule",
        "07-targets",
        "A rule, and nobody at the other end",
        "a resource or endpoint that EventBridge sends an event to",
    ),
    (
        "The rule processes the event data and sends the relevant information to the target",
        "07-targets",
        "Four shapes of one event",
        "A target need not get the whole event",
    ),
    (
        "You can have up to 5 targets per rule",
        "07-targets",
        "The sixth",
        "Five targets per rule",
    ),
    # Other components
    (
        "Event Bus",
        "05-event-buses",
        "What a bus is",
        "bus",
    ),
    (
        "Amazon Event Bridge Pipes",
        "09-pipes",
        "Point to point",
        "one source, one target",
    ),
    (
        "Event Bridge Scheduler",
        "10-scheduler",
        "Remind me tomorrow",
        "keeps such appointments",
    ),
    # What EventBridge enables in our design
    (
        "Up till this point we simply used Synchronous REST calls to invoke our Lambda functions",
        "11-from-rest-to-events",
        "The shop that calls",
        "Each call is a synchronous one, like a REST call",
    ),
    (
        'A "pub/sub" or "listener" pattern with EventBridge',
        "11-from-rest-to-events",
        "The shop that calls",
        "This is the publish/subscribe pattern",
    ),
    (
        "A RESTful call will not be the trigger mechanism, but rather eventing and event listeners",
        "11-from-rest-to-events",
        "The shop that calls",
        "the trigger is no longer a call from one service to another, but the event itself",
    ),
    # Procedure
    (
        "Build the Infrastructure for EventBridge",
        "11-from-rest-to-events",
        "Build the infrastructure",
        "from an empty account",
    ),
]


def sections(notebook: str) -> dict[str, str]:
    """The text under each heading, down to the next heading of any level."""
    found: dict[str, str] = {}
    heading = ""
    for cell in json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found[heading] = f"{found.get(heading, '')}\n{source}"
            continue
        for part in re.split(r"^(?=#{1,4} )", source, flags=re.MULTILINE):
            if title := re.match(r"#{1,4} (.+)\n?", part):
                heading = title[1]
            found[heading] = f"{found.get(heading, '')}\n{part}"
    return found


@pytest.mark.parametrize(
    ("statement", "notebook", "heading", "word"), SEED, ids=[row[0][:60] for row in SEED]
)
def test_each_statement_has_its_place(
    statement: str, notebook: str, heading: str, word: str
) -> None:
    text = sections(notebook).get(heading)
    assert text, f"{notebook} has no heading {heading!r} any more: where is {statement!r} taught?"
    assert word in text


def test_no_statement_stands_twice() -> None:
    assert len({row[0] for row in SEED}) == len(SEED)
