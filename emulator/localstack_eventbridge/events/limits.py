"""What event patterns and quotas allow, with AWS's errors.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

from __future__ import annotations

from localstack.aws.api.events import InvalidEventPatternException, LimitExceededException

from localstack_eventbridge.events.patterns import InvalidPattern, Pattern, compile_pattern

BUSES = 100
RULES = 300
WILDCARD_RULES = 30
TARGETS = 5
REPLAYS = 10


def demand_room(count: int, most: int) -> None:
    """Raise LimitExceededException if there are `most` of something already."""
    if count >= most:
        raise LimitExceededException("The requested resource exceeds the maximum number allowed.")


def pattern(text: str | None) -> Pattern | None:
    """The compiled pattern, None for none. Raises InvalidEventPatternException."""
    if not text:
        return None
    try:
        return compile_pattern(text)
    except InvalidPattern as error:
        raise InvalidEventPatternException(error.args[0]) from None
