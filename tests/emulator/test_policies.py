"""Policies: IAM's evaluation logic and elements, on the cases that EventBridge brings up.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from localstack_eventbridge.delivery.policies import (
    OPERATORS,
    Decision,
    evaluate,
    evaluate_identity,
)

ACCOUNT = "111122223333"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:Orders"
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/shop/all"
EVENTS = "events.amazonaws.com"
CONTEXT = {"aws:SourceArn": RULE, "aws:SourceAccount": ACCOUNT, "events:source": "com.shop"}
#: Whether a statement that cannot be judged applies is not known, so it must not help.
UNKNOWN = {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}


def statement(**changes: Any) -> dict[str, Any]:
    """EventBridge may send to the queue; an element that is changed to None is left out."""
    usual = {
        "Effect": "Allow",
        "Principal": {"Service": EVENTS},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def sending(*statements: Any, **caller: Any) -> Decision:
    """What the policy says when EventBridge (or another caller) sends to the queue."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    decision = evaluate(
        policy,
        action="sqs:SendMessage",
        resource=QUEUE,
        context=CONTEXT,
        **(caller or {"service": EVENTS}),
    )
    assert decision.reason
    assert "\n" not in decision.reason
    return decision


# --- Evaluation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [None, "", {"Statement": []}])
def test_what_no_policy_allows_is_denied(policy: Any) -> None:
    decision = evaluate(policy, action="sqs:SendMessage", resource=QUEUE, service=EVENTS)
    assert decision == (False, "no policy allows sqs:SendMessage")


def test_one_allow_is_enough() -> None:
    assert sending(statement()).allowed
    assert sending(statement(Action="sqs:DeleteQueue"), statement()).allowed
    one = json.dumps({"Statement": statement()})
    assert evaluate(one, action="sqs:SendMessage", resource=QUEUE, service=EVENTS).allowed


def test_a_deny_wins_wherever_it_stands() -> None:
    deny = statement(Effect="Deny", Sid="Never", Principal="*", Action="sqs:*")
    assert not sending(statement(), deny).allowed
    assert sending(deny, statement()).reason == "statement 'Never' denies sqs:SendMessage"


def test_a_deny_that_does_not_apply_denies_nothing() -> None:
    for other in (
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Action": "sqs:DeleteQueue"},
        {"Resource": f"{QUEUE}2"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}},
        # The usual one that demands HTTPS: EventBridge's calls say nothing of it here.
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ):
        assert sending(statement(), statement(Effect="Deny", **other)).allowed


# --- Principal, Action, Resource ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ({"Service": EVENTS}, True),
        ({"Service": ["sns.amazonaws.com", EVENTS]}, True),
        ({"Service": "sns.amazonaws.com"}, False),
        ({"Service": "*.amazonaws.com"}, False),
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ACCOUNT}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, False),
        ({"Federated": EVENTS}, False),
        (EVENTS, False),
    ],
)
def test_a_service_is_named_as_service_or_everybody(principal: Any, allowed: bool) -> None:
    assert sending(statement(Principal=principal)).allowed is allowed


ROLE = "arn:aws:iam::444455556666:role/publisher"


@pytest.mark.parametrize(
    ("principal", "by_account", "by_role"),
    [
        ("444455556666", True, True),
        ("arn:aws:iam::444455556666:root", True, True),
        (["777788889999", "444455556666"], True, True),
        (ROLE, False, True),
        ("arn:aws:iam::444455556666:role/*", False, False),
        ("arn:aws:iam::444455556666:role/other", False, False),
        ("777788889999", False, False),
        ("*", True, True),
    ],
)
def test_an_account_stands_for_its_roles_and_not_the_reverse(
    principal: Any, by_account: bool, by_role: bool
) -> None:
    allowed = statement(Principal={"AWS": principal})
    assert sending(allowed, account="444455556666").allowed is by_account
    assert sending(allowed, principal_arn=ROLE).allowed is by_role
    assert sending(allowed, account="444455556666", principal_arn=ROLE).allowed is by_role


def test_a_service_with_a_role_may_be_named_by_either() -> None:
    caller = {"service": EVENTS, "principal_arn": ROLE, "account": "444455556666"}
    for principal in ({"Service": EVENTS}, {"AWS": ROLE}, {"AWS": "444455556666"}):
        assert sending(statement(Principal=principal), **caller).allowed


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"Action": "sqs:*"}, True),
        ({"Action": "*"}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:Send?essage"}, True),
        ({"Action": ["sqs:DeleteQueue", "sqs:SendMessage"]}, True),
        ({"Action": []}, False),
        ({"Action": "sqs:Send"}, False),
        ({"Action": "sqs.SendMessage"}, False),
        ({"Action": "sqs:SendMessage "}, False),
        ({"Action": None, "NotAction": "sqs:DeleteQueue"}, True),
        ({"Action": None, "NotAction": ["sqs:DeleteQueue", "sqs:Send*"]}, False),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:sqs:*:*:Ord?rs"}, True),
        ({"Resource": "arn:aws:sqs:*"}, True),
        ({"Resource": f"{QUEUE}*"}, True),
        ({"Resource": [f"{QUEUE}2", QUEUE]}, True),
        ({"Resource": QUEUE.lower()}, False),
        ({"Resource": QUEUE[:-1]}, False),
        ({"Resource": "arn:aws:sqs:us-east-1:*:Order"}, False),
        ({"Resource": None, "NotResource": f"{QUEUE}2"}, True),
        ({"Resource": None, "NotResource": QUEUE}, False),
        ({"Principal": None, "NotPrincipal": {"Service": "sns.amazonaws.com"}}, True),
        ({"Principal": None, "NotPrincipal": {"Service": EVENTS}}, False),
    ],
)
def test_actions_have_no_case_and_resources_have(changes: dict[str, Any], allowed: bool) -> None:
    assert sending(statement(**changes)).allowed is allowed


def test_a_deny_with_not_principal_exempts_who_is_named() -> None:
    deny = statement(Effect="Deny", Principal=None, NotPrincipal={"Service": EVENTS})
    everybody = statement(Principal="*")
    assert sending(everybody, deny).allowed
    assert not sending(everybody, deny, service="sns.amazonaws.com").allowed


def test_a_trust_policy_names_no_resource() -> None:
    trust = json.dumps({"Statement": [statement(Action="sts:AssumeRole", Resource=None)]})
    call = {"action": "sts:AssumeRole", "resource": f"arn:aws:iam::{ACCOUNT}:role/rule"}
    assert evaluate(trust, service=EVENTS, **call).allowed
    assert not evaluate(trust, service="scheduler.amazonaws.com", **call).allowed


# --- Condition ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"AWS:sourceaccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["1", ACCOUNT]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "1111*"}}, False),
        ({"StringEquals": {"events:source": "COM.SHOP"}}, False),
        ({"StringEqualsIgnoreCase": {"events:source": "COM.SHOP"}}, True),
        ({"StringNotEqualsIgnoreCase": {"events:source": "COM.SHOP"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ["1", ACCOUNT]}}, False),
        ({"StringLike": {"events:source": "com.*"}}, True),
        ({"StringLike": {"events:source": ["org.*", "com.sh?p"]}}, True),
        ({"StringLike": {"events:source": "shop"}}, False),
        ({"StringNotLike": {"events:source": "com.*"}}, False),
        ({"ArnEquals": {"aws:SourceArn": RULE}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:events:*:*:rule/*"}}, True),
        ({"ArnLike": {"AWS:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/shop/*"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"{RULE}2"}}, False),
        ({"ArnNotLike": {"aws:SourceArn": f"{RULE}2"}}, True),
        ({"ArnNotEquals": {"aws:SourceArn": RULE}}, False),
        # An asterisk covers no colon: each of the six parts is compared by itself.
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:*"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:*:*:rule/*"}}, False),
        # All operators and all keys must hold.
        ({"ArnEquals": {"aws:SourceArn": RULE}, "StringEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT, "events:source": "x"}}, False),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT, "events:source": "com.shop"}}, True),
        # A key that the call does not have: only what is negated holds, IfExists, and Null.
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
        ({"StringLike": {"aws:PrincipalOrgID": "*"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*:*"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:*:*:*:*:*"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"BoolIfExists": {"aws:SecureTransport": True}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, False),
        ({"Null": {"aws:PrincipalOrgID": "true"}}, True),
        ({"Null": {"aws:PrincipalOrgID": True}}, True),
        ({"Null": {"aws:PrincipalOrgID": "false"}}, False),
        ({"Null": {"aws:SourceArn": "false"}}, True),
        ({"Null": {"aws:SourceArn": "true"}}, False),
        # The operators for keys of several values: of no value all pass, and none does.
        ({"ForAnyValue:StringEquals": {"events:source": ["com.shop", "x"]}}, True),
        ({"ForAllValues:StringEquals": {"events:source": ["com.shop", "x"]}}, True),
        ({"ForAllValues:StringEquals": {"events:source": ["x"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["x"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["x"]}}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["x"]}}, False),
        ({"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": ["x"]}}, True),
        # "${*}" is an asterisk that is meant as such.
        ({"StringLike": {"events:source": "com.${*}"}}, False),
    ],
)
def test_conditions_hold_as_documented(condition: dict[str, Any], allowed: bool) -> None:
    assert sending(statement(Condition=condition)).allowed is allowed


def test_a_bool_compares_without_case() -> None:
    secure = statement(Condition={"Bool": {"aws:SecureTransport": [True]}})
    decision = evaluate(
        {"Statement": [secure]},
        action="sqs:SendMessage",
        resource=QUEUE,
        service=EVENTS,
        context={"aws:SecureTransport": "True"},
    )
    assert decision.allowed


@pytest.mark.parametrize(
    "unknown",
    [
        {"Condition": UNKNOWN},
        {"Condition": {"NumericLessThan": {"sqs:Size": "5"}}},
        {"Condition": {"stringequals": {"events:source": "com.shop"}}},
        {"Condition": {"Every:StringEquals": {"events:source": "com.shop"}}},
        {"Condition": {"StringEquals": {"events:source": "${aws:PrincipalTag/source}"}}},
        {"Resource": "arn:aws:sqs:*:${aws:SourceAccount}:*"},
    ],
)
def test_what_cannot_be_judged_neither_allows_nor_lifts_a_deny(unknown: dict[str, Any]) -> None:
    assert "is not emulated" in sending(statement(**unknown)).reason
    assert not sending(statement(**unknown)).allowed
    assert not sending(statement(), statement(Effect="Deny", **unknown)).allowed


def test_what_cannot_be_judged_does_not_matter_where_the_rest_decides() -> None:
    elsewhere = {"StringEquals": {"aws:SourceAccount": "1"}}
    assert sending(statement(), statement(Effect="Deny", Condition=UNKNOWN | elsewhere)).allowed
    variable = "arn:aws:sqs:*:${aws:SourceAccount}:*"
    assert sending(statement(), statement(Effect="Deny", Resource=variable, Action="x")).allowed
    assert sending(
        statement(), statement(Effect="Deny", Resource=variable, Condition=elsewhere)
    ).allowed
    assert sending(statement(Resource=[variable, QUEUE])).allowed


# --- A role's policies ----------------------------------------------------------------------------


def test_the_policies_of_a_role_count_together() -> None:
    allow = {"Statement": {"Effect": "Allow", "Action": "kinesis:Put*", "Resource": "*"}}
    deny = {"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*:stream/secret"}]}
    stream = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/"
    put = {"action": "kinesis:PutRecord", "context": CONTEXT}
    both = [json.dumps(allow), deny]
    assert evaluate_identity(both, resource=f"{stream}open", **put).allowed
    assert not evaluate_identity(both, resource=f"{stream}secret", **put).allowed
    assert not evaluate_identity([deny], resource=f"{stream}open", **put).allowed
    assert evaluate_identity([], resource=stream, **put).reason == (
        "no policy allows kinesis:PutRecord"
    )


def test_of_a_resource_that_is_not_known_some_must_be_allowed_and_not_all_denied() -> None:
    put = {"action": "sqs:SendMessage", "resource": None}
    one = {"Effect": "Allow", "Action": "sqs:*", "Resource": QUEUE}
    deny = {"Effect": "Deny", "Action": "*", "Resource": QUEUE}
    assert evaluate_identity([{"Statement": [one]}], **put).allowed
    assert evaluate_identity([{"Statement": [one, deny]}], **put).allowed
    assert not evaluate_identity([{"Statement": [one, deny | {"Resource": ["*"]}]}], **put).allowed
    assert not evaluate_identity([{"Statement": [one | {"Action": "sns:*"}]}], **put).allowed


# --- What learners read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (
            [statement(Sid="Send")],
            "statement 'Send' allows sqs:SendMessage",
        ),
        (
            [statement(Principal={"Service": "event.amazonaws.com"})],
            f"no statement allows sqs:SendMessage: a statement is not about {EVENTS}",
        ),
        (
            [statement(Sid="Read", Action="sqs:ReceiveMessage")],
            "no statement allows sqs:SendMessage: statement 'Read' is not about sqs:SendMessage",
        ),
        (
            [statement(Resource="arn:aws:sqs:us-east-1:1:x")],
            f"no statement allows sqs:SendMessage: a statement is not about {QUEUE}",
        ),
        # Of several statements, the one that came nearest.
        (
            [
                statement(Action="sqs:ReceiveMessage"),
                statement(Sid="Near", Condition={"ArnEquals": {"aws:SourceArn": f"{RULE}2"}}),
                statement(Principal={"Service": "sns.amazonaws.com"}),
            ],
            "no statement allows sqs:SendMessage: statement 'Near' wants ArnEquals aws:SourceArn "
            f"'{RULE}2', but aws:SourceArn is '{RULE}'",
        ),
        (
            [statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})],
            "no statement allows sqs:SendMessage: a statement wants StringEquals "
            "aws:PrincipalOrgID 'o-1', but aws:PrincipalOrgID is missing",
        ),
        (
            [statement(Condition=UNKNOWN)],
            "no statement allows sqs:SendMessage: a statement cannot be judged: "
            "IpAddress is not emulated",
        ),
    ],
)
def test_the_reason_names_the_statement_and_what_is_wrong(
    statements: list[dict[str, Any]], reason: str
) -> None:
    assert sending(*statements).reason == reason


@pytest.mark.parametrize(
    "policy",
    [
        "nope",
        "[" * 100_000,
        "[]",
        "5",
        "{}",
        {"Statement": "x"},
        {"Statement": None},
        {"Statement": [statement(), "x"]},
        {"Statement": [statement(Effect="allow")]},
        {"Statement": [statement(Effect=None)]},
        {"Statement": [statement(Effect=["Allow"])]},
        {"Statement": [statement(Principal=None)]},
        {"Statement": [statement(Action=None)]},
        {"Statement": [statement(NotAction="x")]},
        {"Statement": [statement(NotResource="x")]},
        {"Statement": [statement(NotPrincipal="x")]},
        {"Statement": [statement(Condition="x")]},
        {"Statement": [statement(Condition={"StringEquals": "x"})]},
    ],
)
def test_a_malformed_policy_allows_nothing(policy: Any) -> None:
    decision = evaluate(policy, action="sqs:SendMessage", resource=QUEUE, service=EVENTS)
    assert not decision.allowed
    assert decision.reason.startswith("the policy is malformed: ")


@pytest.mark.parametrize("missing", ["Action", "Resource"])
def test_a_policy_of_a_role_must_name_actions_and_resources(missing: str) -> None:
    policy = {"Statement": statement(**{missing: None, "Principal": None})}
    decision = evaluate_identity([policy], action="sqs:SendMessage", resource=QUEUE)
    assert decision.reason.endswith(f"a statement has neither {missing} nor Not{missing}")


# --- Properties -----------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["*", QUEUE]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from([*OPERATORS, "Null", "Service", "AWS", "events:source"]),
            inner,
            max_size=2,
        )
    ),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"])},
        optional=dict.fromkeys(
            ("Principal", "NotPrincipal", "Action", "Resource", "Condition", "Sid"), ANYTHING
        ),
    ),
)
def test_whatever_a_policy_says_there_is_a_decision(given_statement: dict[str, Any]) -> None:
    alone = evaluate(
        {"Statement": given_statement},
        action="sqs:SendMessage",
        resource=QUEUE,
        service=EVENTS,
        context=CONTEXT,
    )
    # With a Deny for all beside it, nothing is allowed.
    deny = statement(Effect="Deny", Principal="*", Action="*", Resource="*")
    assert not sending(given_statement, deny).allowed
    if given_statement["Effect"] == "Deny":
        assert not alone.allowed


@given(
    st.lists(st.sampled_from(["a", "b", "*", "?", "."]), max_size=7).map("".join),
    st.text("ab.", max_size=7),
)
def test_wildcards_cover_any_and_one(pattern: str, text: str) -> None:
    def covers(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return covers(pattern[1:], text) or (bool(text) and covers(pattern, text[1:]))
        return bool(text) and pattern[0] in ("?", text[0]) and covers(pattern[1:], text[1:])

    policy = {"Statement": {"Effect": "Allow", "Action": "x", "Resource": pattern}}
    decision = evaluate_identity([policy], action="x", resource=text)
    assert decision.allowed is covers(pattern, text)


def test_many_asterisks_are_quick() -> None:
    started = time.perf_counter()
    policy = {"Statement": statement(Resource="*a" * 300 + "b")}
    decision = evaluate(policy, action="sqs:SendMessage", resource="a" * 20_000, service=EVENTS)
    assert not decision.allowed
    assert time.perf_counter() - started < 1
