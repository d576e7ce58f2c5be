"""The exercises of 10-scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from botocore.exceptions import ClientError

from helpers import schedules
from helpers.exercises import Verdict, choice, exercise, listed, right, wrong

if TYPE_CHECKING:
    from helpers.lab import Lab

#: The fewest that 365 days have, holidays among them.
_WORKING_DAYS = 260


@exercise("put two arguments of CreateSchedule in the cell above.")
def picking_list(answer: Any, lab: Lab) -> Verdict:
    """Plays the schedule for a year, and looks at the clock on the wall in New York."""
    if not isinstance(answer, dict) or "ScheduleExpression" not in answer:
        return wrong("Answer with a dictionary that has a ScheduleExpression, and one thing more.")
    allowed = {"ScheduleExpression", "ScheduleExpressionTimezone"}
    if unknown := set(answer) - allowed:
        return wrong(f"Leave out {listed(map(str, unknown))}: the second argument is another one.")
    zone = answer.get("ScheduleExpressionTimezone", "UTC")
    if zone not in available_timezones():
        return wrong(f"{zone} is no time zone. Name one as the cells above do: Europe/Berlin.")
    if zone not in {"America/New_York", "US/Eastern"}:
        return wrong(f"It goes by the clock of {zone}, and the warehouse is in New York.")
    try:
        fired = schedules.firings(lab, answer["ScheduleExpression"], zone, days=365)
    except ClientError as error:
        reason = error.response["Error"]["Message"]
        return wrong(f"{reason} A cron has six fields, and one of the two day fields is a ?.")
    if not fired:
        return wrong("It does not fire once in a year.")
    if wrong_time := [moment for moment in fired if (moment.hour, moment.minute) != (6, 45)]:
        return wrong(f"It fires at {wrong_time[0]:%H:%M} on a {wrong_time[0]:%A}.")
    days = {f"{moment:%a}" for moment in fired}
    if missing := {"Mon", "Tue", "Wed", "Thu", "Fri"} - days:
        return wrong(f"Nothing happens on {listed(missing)}.")
    if extra := days & {"Sat", "Sun"}:
        return wrong(f"It fires on {listed(extra)}, too.")
    if len(fired) < _WORKING_DAYS:
        return wrong(f"It fires only {len(fired)} times in a year: some weeks are left out.")
    return right(f"{len(fired)} picking lists in a year, each at 6:45, summer and winter.")


@exercise('put "a", "b", "c" or "d" in the cell above.')
def noon_in_lisbon(answer: Any) -> Verdict:
    """Which schedule fires at noon all year round."""
    options = {
        "a": "It counts 24 hours each time: after the clocks change it is an hour off.",
        "b": "The calendar of a city, with the changes of its clocks.",
        "c": "A rule knows UTC only: half of the year that is one o'clock in Lisbon.",
        "d": "An at() fires once, whatever happens to it afterwards.",
    }
    return choice(answer, "b", options)
