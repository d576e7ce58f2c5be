"""The operations of Scheduler: what they take, keep, list and refuse.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from plugin_http import call
from routing import Clients
from scheduling import Scheduling

QUEUE = "arn:aws:sqs:us-east-1:{}:q"


@pytest.fixture
def queue(scheduling: Scheduling) -> str:
    """The ARN of a queue that need not be there: nothing is called in these tests."""
    return QUEUE.format(scheduling.account)


def far(**more: Any) -> dict[str, Any]:
    """Parameters of a schedule that does not fire while a test runs."""
    return {"expression": "at(2099-01-01T00:00:00)", **more}


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    """Code and message of the error."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# --- Schedules ------------------------------------------------------------------------------------


def test_a_schedule_is_told_as_it_was_made(scheduling: Scheduling, queue: str) -> None:
    """GetSchedule answers all that CreateSchedule was given, and when that was."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    request = scheduling.request(
        queue,
        "cron(0 9 ? * MON-FRI *)",
        name="work.day_1-x",
        Description="Good morning",
        ScheduleExpressionTimezone="Europe/Berlin",
        StartDate=datetime(2097, 1, 1, tzinfo=UTC),
        EndDate=datetime(2098, 1, 1, tzinfo=UTC),
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        State="DISABLED",
        ActionAfterCompletion="DELETE",
        Input="wake up",
        SqsParameters={"MessageGroupId": "g"},
        RetryPolicy={"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        DeadLetterConfig={"Arn": queue},
    )
    arn = scheduling.scheduler.create_schedule(**request)["ScheduleArn"]
    assert arn == scheduling.arn("scheduler", "schedule/default/work.day_1-x")
    told = scheduling.scheduler.get_schedule(Name="work.day_1-x")
    del told["ResponseMetadata"]
    created, modified = told.pop("CreationDate"), told.pop("LastModificationDate")
    assert before < created == modified <= datetime.now(UTC)
    assert told == request | {"Arn": arn, "GroupName": "default"}


def test_what_is_left_out_has_aws_s_defaults(scheduling: Scheduling, queue: str) -> None:
    """UTC, enabled, kept after completion, and tried again 185 times in 24 hours."""
    scheduling.schedule(queue, **far())
    told = scheduling.scheduler.get_schedule(Name="s")
    assert told["ScheduleExpressionTimezone"] == "UTC"
    assert (told["State"], told["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert told["Target"]["RetryPolicy"] == policy
    assert not told.keys() & {"Description", "StartDate", "EndDate", "KmsKeyArn"}


def test_names_are_unique_in_a_group(scheduling: Scheduling, queue: str) -> None:
    scheduling.scheduler.create_schedule_group(Name="g")
    scheduling.schedule(queue, **far())
    scheduling.schedule(queue, **far(GroupName="g"))
    again = scheduling.request(queue, **far())
    assert refused(scheduling.scheduler.create_schedule, **again) == (
        "ConflictException",
        "Schedule s already exists.",
    )
    told = scheduling.scheduler.get_schedule(Name="s", GroupName="g")
    assert told["Arn"] == scheduling.arn("scheduler", "schedule/g/s")


def test_what_does_not_exist_is_not_found(scheduling: Scheduling, queue: str) -> None:
    """Operations on a schedule or a group that is not there raise ResourceNotFoundException."""
    api, request = scheduling.scheduler, scheduling.request(queue, **far())
    no_schedule = ("ResourceNotFoundException", "Schedule s does not exist.")
    no_group = ("ResourceNotFoundException", "Schedule group g does not exist.")
    for group, expected in (({}, no_schedule), ({"GroupName": "g"}, no_group)):
        assert refused(api.get_schedule, Name="s", **group) == expected
        assert refused(api.delete_schedule, Name="s", **group) == expected
        assert refused(api.update_schedule, **request, **group) == expected
    assert refused(api.create_schedule, **request, GroupName="g") == no_group
    assert refused(api.list_schedules, GroupName="g") == no_group
    assert refused(api.get_schedule_group, Name="g") == no_group
    assert refused(api.delete_schedule_group, Name="g") == no_group


def test_an_error_has_the_status_and_the_shape_of_aws(scheduling: Scheduling) -> None:
    """ResourceNotFoundException is 404, ConflictException 409, ValidationException 400."""
    api = scheduling.scheduler
    with pytest.raises(api.exceptions.ResourceNotFoundException) as missing:
        api.get_schedule(Name="s")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert missing.value.response["Message"] == "Schedule s does not exist."
    with pytest.raises(api.exceptions.ConflictException) as twice:
        api.create_schedule_group(Name="default")
    assert twice.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    with pytest.raises(api.exceptions.ValidationException) as wrong:
        api.get_schedule(Name="a b")
    assert wrong.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_update_replaces_the_whole_schedule(scheduling: Scheduling, queue: str) -> None:
    """What UpdateSchedule leaves out goes back to its default."""
    options = {
        "Description": "d",
        "State": "DISABLED",
        "ActionAfterCompletion": "DELETE",
        "ScheduleExpressionTimezone": "Asia/Tokyo",
        "EndDate": datetime(2098, 1, 1, tzinfo=UTC),
        "Input": "i",
        "RetryPolicy": {"MaximumRetryAttempts": 0},
    }
    arn = scheduling.schedule(queue, "rate(1 day)", **options)
    before = scheduling.scheduler.get_schedule(Name="s")
    scheduling.advance("PT1H")
    request = scheduling.request(queue, **far())
    assert scheduling.scheduler.update_schedule(**request)["ScheduleArn"] == arn
    told = scheduling.scheduler.get_schedule(Name="s")
    assert told["CreationDate"] == before["CreationDate"]
    later = told["LastModificationDate"] - before["LastModificationDate"]
    assert later >= timedelta(hours=1)
    assert (told["State"], told["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    assert told["ScheduleExpressionTimezone"] == "UTC"
    assert told["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    assert "Input" not in told["Target"]
    assert not told.keys() & {"Description", "EndDate"}


def test_a_refused_update_changes_nothing(scheduling: Scheduling, queue: str) -> None:
    scheduling.schedule(queue, **far())
    before = scheduling.scheduler.get_schedule(Name="s")
    request = scheduling.request(queue, "at(tomorrow)")
    assert refused(scheduling.scheduler.update_schedule, **request)[0] == "ValidationException"
    after = scheduling.scheduler.get_schedule(Name="s")
    assert before | {"ResponseMetadata": 0} == after | {"ResponseMetadata": 0}


def test_a_deleted_schedule_is_gone(scheduling: Scheduling, queue: str) -> None:
    scheduling.schedule(queue, **far())
    scheduling.scheduler.delete_schedule(Name="s")
    assert refused(scheduling.scheduler.get_schedule, Name="s")[0] == "ResourceNotFoundException"
    scheduling.schedule(queue, **far())


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"expression": "rate(1 second)"}, r"Invalid Schedule Expression rate\(1 second\)\."),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "Invalid Schedule Expression Timezone Mars"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes must be specified"),
        (
            {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
            "MaximumWindowInMinutes cannot be specified",
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
            "flexibleTimeWindow.maximumWindowInMinutes.*less than or equal to 1440",
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "SOMETIMES"}},
            r"enum value set: \[OFF, FLEXIBLE\]",
        ),
        ({"name": "a b"}, "'name' failed to satisfy constraint.*regular expression pattern"),
        ({"name": "n" * 65}, "length less than or equal to 64"),
        ({"Description": "d" * 513}, "length less than or equal to 512"),
        ({"State": "PAUSED"}, "enum value set"),
        ({"ActionAfterCompletion": "REPEAT"}, "enum value set"),
        ({"ClientToken": "a b"}, "clientToken"),
        (
            {"expression": "rate(1 day)", "StartDate": datetime(2020, 1, 1, tzinfo=UTC)},
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            {"expression": "rate(1 day)", "EndDate": datetime(2020, 1, 1, tzinfo=UTC)},
            "The EndDate you specify cannot be in the past",
        ),
        (
            {
                "expression": "rate(1 day)",
                "StartDate": datetime(2098, 1, 1, tzinfo=UTC),
                "EndDate": datetime(2097, 1, 1, tzinfo=UTC),
            },
            "The StartDate you specify must come before the EndDate",
        ),
        ({"KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "KmsKeyArn is not valid"),
        ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "less than or equal to 185"),
        ({"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}}, "less than or equal to 86400"),
        (
            {"DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}},
            "target.deadLetterConfig.arn",
        ),
        (
            {"DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:000000000000:q"}},
            "DeadLetterConfig.Arn is not valid",
        ),
        ({"RoleArn": "role"}, "target.roleArn"),
        ({"Input": "x" * 262_145}, "Target.Input is not valid"),
    ],
    ids=str,
)
def test_bad_parameters(
    scheduling: Scheduling, queue: str, parameters: dict[str, Any], message: str
) -> None:
    """Each is refused with ValidationException, which names what is wrong."""
    request = scheduling.request(queue, **(far() | parameters))
    code, told = refused(scheduling.scheduler.create_schedule, **request)
    assert code == "ValidationException"
    assert re.search(message, told)
    assert scheduling.scheduler.list_schedules()["Schedules"] == []


def test_start_and_end_date_of_a_one_time_schedule_are_ignored(
    scheduling: Scheduling, queue: str
) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    scheduling.schedule(queue, **far(StartDate=past, EndDate=past))


# --- ClientToken ----------------------------------------------------------------------------------


def test_the_same_request_with_the_same_token_is_carried_out_once(
    scheduling: Scheduling, queue: str
) -> None:
    """ClientToken makes a request idempotent: a repetition gets the first answer."""
    api, request = scheduling.scheduler, scheduling.request(queue, **far(ClientToken="t"))
    assert (
        api.create_schedule(**request)["ScheduleArn"]
        == (api.create_schedule(**request)["ScheduleArn"])
    )
    api.update_schedule(**request)
    api.delete_schedule(Name="s", ClientToken="t")
    api.delete_schedule(Name="s", ClientToken="t")
    assert refused(api.delete_schedule, Name="s")[0] == "ResourceNotFoundException"
    for _ in range(2):
        api.create_schedule_group(Name="g", ClientToken="t")
    for _ in range(2):
        api.delete_schedule_group(Name="g", ClientToken="t")


def test_a_token_cannot_be_used_for_something_else(scheduling: Scheduling, queue: str) -> None:
    scheduling.schedule(queue, **far(ClientToken="t"))
    other = scheduling.request(queue, **far(name="other", ClientToken="t"))
    assert refused(scheduling.scheduler.create_schedule, **other)[0] == "ConflictException"


# --- Lists ----------------------------------------------------------------------------------------


def names(scheduling: Scheduling, **filters: Any) -> list[str]:
    return [s["Name"] for s in scheduling.scheduler.list_schedules(**filters)["Schedules"]]


def test_schedules_are_listed_by_group_prefix_and_state(scheduling: Scheduling, queue: str) -> None:
    scheduling.scheduler.create_schedule_group(Name="g")
    scheduling.schedule(queue, **far(name="a1"))
    scheduling.schedule(queue, **far(name="a2", State="DISABLED"))
    scheduling.schedule(queue, **far(name="b1", GroupName="g"))
    assert names(scheduling) == ["a1", "a2", "b1"]
    assert names(scheduling, GroupName="g") == ["b1"]
    assert names(scheduling, NamePrefix="a") == ["a1", "a2"]
    assert names(scheduling, State="DISABLED") == ["a2"]
    assert names(scheduling, NamePrefix="a", State="ENABLED", GroupName="g") == []


def test_a_summary_tells_what_aws_s_does(scheduling: Scheduling, queue: str) -> None:
    arn = scheduling.schedule(queue, **far())
    (summary,) = scheduling.scheduler.list_schedules()["Schedules"]
    assert summary == {
        "Arn": arn,
        "CreationDate": summary["CreationDate"],
        "GroupName": "default",
        "LastModificationDate": summary["CreationDate"],
        "Name": "s",
        "State": "ENABLED",
        "Target": {"Arn": queue},
    }


def test_pages_hold_what_is_asked_for_and_all_is_listed_once(
    scheduling: Scheduling, queue: str
) -> None:
    """A page has at most MaxResults, 100 by default; what is deleted meanwhile shifts nothing."""
    for number in range(103):
        scheduling.schedule(queue, **far(name=f"s{number:03}"))
    first = scheduling.scheduler.list_schedules()
    assert len(first["Schedules"]) == 100
    scheduling.scheduler.delete_schedule(Name="s000")
    second = scheduling.scheduler.list_schedules(NextToken=first["NextToken"])
    assert [s["Name"] for s in second["Schedules"]] == ["s100", "s101", "s102"]
    assert "NextToken" not in second
    pages = scheduling.scheduler.get_paginator("list_schedules").paginate(
        PaginationConfig={"PageSize": 7}
    )
    found = [s["Name"] for page in pages for s in page["Schedules"]]
    assert found == [f"s{number:03}" for number in range(1, 103)]


@pytest.mark.parametrize("parameters", [{"MaxResults": 101}, {"NextToken": "x"}])
@pytest.mark.parametrize("operation", ["list_schedules", "list_schedule_groups"])
def test_bad_pages(scheduling: Scheduling, operation: str, parameters: dict[str, Any]) -> None:
    call = getattr(scheduling.scheduler, operation)
    assert refused(call, **parameters)[0] == "ValidationException"


def test_accounts_and_regions_know_nothing_of_each_other(
    scheduling: Scheduling, queue: str, client: Clients
) -> None:
    scheduling.schedule(queue, **far())
    assert client("scheduler", region="eu-west-1").list_schedules()["Schedules"] == []
    assert client("scheduler", account="111111111111").list_schedules()["Schedules"] == []


# --- Groups ---------------------------------------------------------------------------------------


def test_every_account_has_a_default_group(scheduling: Scheduling) -> None:
    (group,) = scheduling.scheduler.list_schedule_groups()["ScheduleGroups"]
    assert (group["Name"], group["State"]) == ("default", "ACTIVE")
    delete = scheduling.scheduler.delete_schedule_group
    assert refused(delete, Name="default")[0] == "ValidationException"


def test_a_group_is_made_told_and_listed(scheduling: Scheduling) -> None:
    api = scheduling.scheduler
    arn = api.create_schedule_group(Name="g")["ScheduleGroupArn"]
    assert arn == scheduling.arn("scheduler", "schedule-group/g")
    told = api.get_schedule_group(Name="g")
    assert (told["Arn"], told["Name"], told["State"]) == (arn, "g", "ACTIVE")
    assert told["CreationDate"] == told["LastModificationDate"]
    assert refused(api.create_schedule_group, Name="g") == (
        "ConflictException",
        "Schedule group g already exists.",
    )
    listed = [g["Name"] for g in api.list_schedule_groups()["ScheduleGroups"]]
    assert listed == ["default", "g"]
    (one,) = api.list_schedule_groups(NamePrefix="g")["ScheduleGroups"]
    assert one == {name: told[name] for name in one}
    first = api.list_schedule_groups(MaxResults=1)
    second = api.list_schedule_groups(MaxResults=1, NextToken=first["NextToken"])
    assert [g["Name"] for g in second["ScheduleGroups"]] == ["g"]


def test_a_deleted_group_takes_its_schedules_along(scheduling: Scheduling) -> None:
    """It is DELETING for a while, then gone; its schedules fire no more."""
    api, queue = scheduling.scheduler, scheduling.standard()
    api.create_schedule_group(Name="g")
    scheduling.schedule(queue.arn, "rate(1 hour)", GroupName="g", StartDate=far_from_now(5))
    scheduling.schedule(queue.arn, **far(name="other"))
    api.delete_schedule_group(Name="g")
    assert api.get_schedule_group(Name="g")["State"] == "DELETING"
    request = scheduling.request(queue.arn, **far(GroupName="g"))
    assert refused(api.create_schedule, **request)[0] == "ConflictException"
    assert names(scheduling) == ["other"]
    scheduling.advance("P1D")
    assert refused(api.get_schedule_group, Name="g")[0] == "ResourceNotFoundException"
    assert scheduling.messages(queue) == []
    api.create_schedule_group(Name="g")


def far_from_now(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def test_there_are_500_groups_at_most(scheduling: Scheduling) -> None:
    for number in range(499):
        scheduling.scheduler.create_schedule_group(Name=f"g{number}")
    with pytest.raises(scheduling.scheduler.exceptions.ServiceQuotaExceededException) as caught:
        scheduling.scheduler.create_schedule_group(Name="one-too-many")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402


# --- Tags -----------------------------------------------------------------------------------------


def test_groups_have_tags(scheduling: Scheduling) -> None:
    api = scheduling.scheduler
    arn = api.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    tags = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    api.tag_resource(ResourceArn=arn, Tags=tags)
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags
    api.untag_resource(ResourceArn=arn, TagKeys=["a", "unknown"])
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags[1:]


def test_only_groups_have_tags(scheduling: Scheduling, queue: str) -> None:
    api, arn = scheduling.scheduler, scheduling.schedule(queue, **far())
    assert refused(api.list_tags_for_resource, ResourceArn=arn)[0] == "ValidationException"
    nothing = scheduling.arn("scheduler", "schedule-group/nothing")
    assert refused(api.list_tags_for_resource, ResourceArn=nothing)[0] == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": "aws:a", "Value": "1"}],
        [{"Key": f"k{n}", "Value": "v"} for n in range(51)],
        [{"Key": "k" * 129, "Value": "v"}],
        [{"Key": "k", "Value": "v" * 257}],
    ],
    ids=["twice", "reserved", "too many", "long key", "long value"],
)
def test_bad_tags(scheduling: Scheduling, tags: list[dict[str, str]]) -> None:
    create = scheduling.scheduler.create_schedule_group
    assert refused(create, Name="g", Tags=tags)[0] == "ValidationException"


# --- The account ----------------------------------------------------------------------------------


def test_a_reset_removes_schedules_and_groups_and_nothing_fires_any_more(
    scheduling: Scheduling, endpoint: str
) -> None:
    queue = scheduling.standard()
    scheduling.scheduler.create_schedule_group(Name="g")
    scheduling.schedule(queue.arn, "rate(1 hour)", GroupName="g", StartDate=far_from_now(5))
    status, told = call(endpoint, "POST", f"reset?account={scheduling.account}")
    assert (status, told["removed"]) == (
        200,
        {"queue": 1, "role": 1, "schedule": 1, "schedule group": 1},
    )
    scheduling.standard()
    scheduling.advance("P1D")
    assert scheduling.messages(queue) == []
    assert names(scheduling) == []
