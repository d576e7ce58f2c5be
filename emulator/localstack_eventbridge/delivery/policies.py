"""Would AWS allow it? Resource policies, trust policies, and the policies of roles.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
Pure Python: it knows nothing of LocalStack.

Own code, since nothing fits: on PyPI there are analysers of identity policies, which need AWS or a
database of all actions, and the evaluator inside moto knows neither service principals nor
conditions other than StringEquals, and lets pass what it does not know.

Its limits:

- One policy, or the policies of one role, are looked at. That a call within an account needs one of
  both, and a call across accounts needs both, is the business of who asks. Permissions boundaries,
  session policies and the policies of organizations are not known.
- Each condition key has one value. Keys are those that the caller gives, and no others.
- Conditions on numbers, dates, binaries and IP addresses, and policy variables (`${aws:...}`), are
  not emulated: a statement with one never allows; one that denies, denies.
- Federated and CanonicalUser principals match nobody. A principal that is exempt by NotPrincipal is
  exempt by any of its names; AWS wants account and role listed.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Policy = Mapping[str, Any] | str | None
Statement = Mapping[str, Any]

_NO_CONTEXT: Mapping[str, str] = MappingProxyType({})
_NO_POLICY: Policy = {"Statement": []}

# "${*}", "${?}" and "${$}" are no variables but the characters themselves.
_VARIABLE = re.compile(r"\$\{(?![*?$]\})")


class Decision(NamedTuple):
    """`reason` is one readable line, whichever way it went."""

    allowed: bool
    reason: str


class _Request(NamedTuple):
    action: str
    resource: str | None
    context: Mapping[str, str]
    """Condition keys, in lower case: they have no case."""
    services: frozenset[str] = frozenset()
    principals: frozenset[str] = frozenset()
    """What "AWS" may name: account, ARN of its root, ARN of a role or user."""
    is_identity: bool = False
    """Whether the policies belong to the caller, and so name no principal."""


class _Malformed(ValueError):
    """A policy that IAM would not have taken."""


class _NotEmulated(ValueError):
    """Whether a statement applies cannot be told."""


def evaluate(
    policy: Policy,
    *,
    action: str,
    resource: str,
    service: str | None = None,
    account: str | None = None,
    principal_arn: str | None = None,
    context: Mapping[str, str] = _NO_CONTEXT,
) -> Decision:
    """Whether a resource policy, or the trust policy of a role, allows `action` on `resource`.

    The caller may have several names: a service ("events.amazonaws.com"), an account (12 digits),
    and the ARN of a role or user. `context` holds condition keys ("aws:SourceArn").
    """
    principals = {principal_arn} if principal_arn else set()
    if account is None and principal_arn:
        account = principal_arn.split(":")[4]
    if account:
        principals |= {account, f"arn:aws:iam::{account}:root"}
    request = _Request(
        action,
        resource,
        {key.lower(): value for key, value in context.items()},
        frozenset({service} if service else ()),
        frozenset(principals),
    )
    return _decide([policy], request)


def evaluate_identity(
    policies: Iterable[Policy],
    *,
    action: str,
    resource: str | None,
    context: Mapping[str, str] = _NO_CONTEXT,
) -> Decision:
    """Whether the policies of a role, together, allow `action` on `resource`.

    If the resource is not known, None, an action is allowed that they allow on any.
    """
    keys = {key.lower(): value for key, value in context.items()}
    return _decide(policies, _Request(action, resource, keys, is_identity=True))


def _decide(policies: Iterable[Policy], request: _Request) -> Decision:
    """A Deny wins over any Allow; without an Allow it is no."""
    try:
        statements = [s for policy in policies for s in _statements(policy, request)]
        results = [(statement, _mismatch(statement, request)) for statement in statements]
    except _Malformed as error:
        return Decision(False, f"the policy is malformed: {error}")
    for statement, mismatch in results:
        if statement["Effect"] == "Deny" and (mismatch is None or mismatch.is_unknown):
            why = f" ({mismatch.reason})" if mismatch else ""
            return Decision(False, f"{_name(statement)} denies {request.action}{why}")
    near = None
    for statement, mismatch in results:
        if statement["Effect"] == "Allow":
            if mismatch is None:
                return Decision(True, f"{_name(statement)} allows {request.action}")
            if near is None or mismatch.step > near[1].step:
                near = (statement, mismatch)
    if near is None:
        return Decision(False, f"no policy allows {request.action}")
    return Decision(
        False, f"no statement allows {request.action}: {_name(near[0])} {near[1].reason}"
    )


def _name(statement: Statement) -> str:
    sid = statement.get("Sid")
    return f"statement {sid!r}" if sid else "a statement"


def _statements(policy: Policy, request: _Request) -> list[Statement]:
    if isinstance(policy, str):
        try:
            policy = json.loads(policy) if policy else None
        except (ValueError, RecursionError) as error:
            raise _Malformed("it is not JSON") from error
    if policy is None:
        policy = _NO_POLICY
    if not isinstance(policy, Mapping) or "Statement" not in policy:
        raise _Malformed("it has no Statement")
    statements = _list(policy["Statement"])
    for statement in statements:
        _check(statement, request)
    return statements


def _check(statement: Any, request: _Request) -> None:
    """Raise _Malformed unless the statement has the elements that it must have."""
    if not isinstance(statement, Mapping):
        raise _Malformed("a statement is not an object")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _Malformed(f"the Effect of {_name(statement)} is neither Allow nor Deny")
    # A trust policy names no resource: it is about the role that has it.
    needed = ("Action", "Resource") if request.is_identity else ("Principal", "Action")
    for element in ("Principal", "Action", "Resource"):
        given = [name for name in (element, f"Not{element}") if name in statement]
        if len(given) == 2:
            raise _Malformed(f"{_name(statement)} has both {element} and Not{element}")
        if element in needed and not given:
            raise _Malformed(f"{_name(statement)} has neither {element} nor Not{element}")
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(
        isinstance(keys, Mapping) for keys in conditions.values()
    ):
        raise _Malformed(f"the Condition of {_name(statement)} is not operator, key and value")


class _Mismatch(NamedTuple):
    """Why a statement does not apply, and how near it came: 0 for principal, 3 for condition."""

    step: int
    reason: str
    is_unknown: bool = False


def _mismatch(statement: Statement, request: _Request) -> _Mismatch | None:
    unknown = None
    for step, check in enumerate((_principal, _action, _resource, _condition)):
        try:
            if reason := check(statement, request):
                return _Mismatch(step, reason)
        except _NotEmulated as error:
            unknown = _Mismatch(step, f"cannot be judged: {error}", is_unknown=True)
    return unknown


def _principal(statement: Statement, request: _Request) -> str | None:
    if request.is_identity or _holds(statement, "Principal", lambda p: _is_caller(p, request)):
        return None
    caller = " / ".join(sorted(request.services | request.principals)) or "the caller"
    return f"is not about {caller}"


def _is_caller(principal: Any, request: _Request) -> bool:
    # "*" and {"AWS": "*"} are the same: everybody, services too.
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    named = _list(principal.get("AWS", []))
    services = _list(principal.get("Service", []))
    return "*" in named or bool(
        request.principals.intersection(map(str, named))
        or request.services.intersection(map(str, services))
    )


def _action(statement: Statement, request: _Request) -> str | None:
    def is_meant(pattern: Any) -> bool:
        return _like(str(pattern).lower(), request.action.lower())

    if _holds(statement, "Action", is_meant):
        return None
    return f"is not about {request.action}"


def _resource(statement: Statement, request: _Request) -> str | None:
    resource = request.resource
    if resource is None:
        is_for_all = "*" in _list(statement.get("Resource"))
        return None if statement["Effect"] == "Allow" or is_for_all else "is about some resources"

    def is_meant(pattern: Any) -> bool:
        return _like(_constant(str(pattern)), resource)

    if "NotResource" not in statement and "Resource" not in statement:
        return None
    if _holds(statement, "Resource", is_meant):
        return None
    return f"is not about {request.resource}"


def _holds(statement: Statement, element: str, is_meant: Callable[[Any], bool]) -> bool:
    """Whether an element, or its negation with Not, covers the request."""
    if element in statement:
        return _any(is_meant, _list(statement[element]))
    return not _any(is_meant, _list(statement[f"Not{element}"]))


def _any(test: Callable[[Any], bool], values: list[Any]) -> bool:
    """Whether one of the values passes. One that cannot be judged counts only if none does."""
    unknown: _NotEmulated | None = None
    for value in values:
        try:
            if test(value):
                return True
        except _NotEmulated as error:
            unknown = error
    if unknown:
        raise unknown
    return False


def _condition(statement: Statement, request: _Request) -> str | None:
    """All operators and keys must hold; of the values of a key, one."""
    unknown: _NotEmulated | None = None
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            found = request.context.get(key.lower())
            try:
                holds = _compares(operator, found, [_text(value) for value in _list(wanted)])
            except _NotEmulated as error:
                unknown = error
                continue
            if not holds:
                has = "is missing" if found is None else f"is {found!r}"
                return f"wants {operator} {key} {wanted!r}, but {key} {has}"
    if unknown:
        raise unknown
    return None


def _compares(operator: str, found: str | None, wanted: list[str]) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    if operator == "Null":
        return any((value.lower() == "true") is (found is None) for value in wanted)
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name not in OPERATORS or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise _NotEmulated(f"{operator} is not emulated")
    compare, is_negated = OPERATORS[name]
    if found is None:
        return if_exists or quantifier == "ForAllValues" or (is_negated and not quantifier)
    return _any(lambda value: compare(_constant(value), found), wanted) is not is_negated


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _constant(text: str) -> str:
    """The text, if there is no policy variable in it."""
    if _VARIABLE.search(text):
        raise _NotEmulated(f"the policy variable in {text!r} is not emulated")
    return text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(pattern: str, text: str) -> bool:
    return bool(_wildcards(pattern).fullmatch(text))


@functools.lru_cache(maxsize=1024)
def _wildcards(pattern: str) -> re.Pattern[str]:
    # The first place where a part fits is as good as any: nothing is tried twice (atomic groups).
    first, *parts = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    if not parts:
        return re.compile(first, re.DOTALL)
    *middle, last = parts
    places = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{places}.*{last}", re.DOTALL)


def _arn_like(pattern: str, arn: str) -> bool:
    """Each of the six parts of an ARN is compared by itself."""
    parts, found = pattern.split(":", 5), arn.split(":", 5)
    return len(parts) == len(found) == 6 and all(map(_like, parts, found))


def _equals(wanted: str, found: str) -> bool:
    return wanted == found


def _equals_ignore_case(wanted: str, found: str) -> bool:
    return wanted.lower() == found.lower()


#: How the value of a condition is compared with that of the call, and whether this is negated.
OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_equals_ignore_case, False),
    "StringNotEqualsIgnoreCase": (_equals_ignore_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    # ArnEquals takes wildcards, too.
    "ArnEquals": (_arn_like, False),
    "ArnLike": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnNotLike": (_arn_like, True),
    "Bool": (_equals_ignore_case, False),
}
