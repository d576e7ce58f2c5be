"""Event patterns: which events does a rule, an archive or a pipe want?

`compile_pattern` refuses what AWS refuses, once, and gives a `Pattern` that tells of any event
whether it matches and, if not, why not. Rules, archives, TestEventPattern and pipe filters all ask
this module, so they cannot disagree.

The behaviour is AWS's, from these pages:

- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
- https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html
- https://github.com/aws/event-ruler, the engine that EventBridge runs, where the pages are silent
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html: "Event pattern size".
LONGEST_PATTERN = 2048
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html, "$or".
MOST_COMBINATIONS = 1000
# The same page, "numeric": between -5.0e9 and +5.0e9. The engine has since been taught all doubles;
# until the page says so, what is promised is what is accepted.
LARGEST_NUMBER = 5.0e9
# AWS publishes no limit here. No real event is nested this deep, and Python's stack ends at 1,000.
DEEPEST_NESTING = 100
# AWS publishes no number. It accepts "/Users/*/dir/dir/dir/dir/dir/doc.txt" (7 on the scale of
# `_too_complex`) and refuses "*:*:*:*:*:event-bus/*" (10).
MOST_COMPLEX_WILDCARD = 9

OR = "$or"
COMPARISONS = ("=", "<", "<=", ">", ">=")

# An "$or" whose arms use these names is no operator but a field that happens to be called "$or".
# https://github.com/aws/event-ruler#the-or-primitive
RESERVED_IN_OR = frozenset(
    {
        "exactly",
        "equals-ignore-case",
        "prefix",
        "suffix",
        "anything-but",
        "exists",
        "wildcard",
        "numeric",
        "cidr",
        "regex",
        "not-wildcard",
        "not-equals-ignore-case",
        "date-after",
        "date-on-or-after",
        "date-before",
        "date-on-or-before",
        "in-date-range",
        "ip-address-in-range",
        "ip-address-not-in-range",
    }
).union(COMPARISONS)

_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_IP_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}|[0-9a-fA-F:]*:[0-9a-fA-F:]*")

Test = Callable[[Any], bool]


class InvalidPattern(ValueError):
    """AWS refuses this pattern: `args[0]` is the message of its InvalidEventPatternException."""


class Mismatch(NamedTuple):
    """The first reason why an event does not match."""

    field: str
    """Where: the names of the fields, joined by dots ("detail.total")."""
    wanted: Any
    """What the pattern says there."""
    found: Any
    """What the event says there (below an array: the list of all values), None if nothing."""
    present: bool
    """False if the event has nothing there (a found None may also be a JSON null)."""


def _refuse(reason: str) -> NoReturn:
    raise InvalidPattern(f"Event pattern is not valid. Reason: {reason}")


# --- JSON -----------------------------------------------------------------------------------------


class _Object(tuple):
    """A JSON object as its (key, value) pairs: a dict would keep only the last of equal keys."""


def _parse(text: str, longest: int) -> _Object:
    if len(text) > longest:
        _refuse(f"Event pattern size {len(text)} exceeds the limit of {longest}")
    if nesting(text) > DEEPEST_NESTING:
        _refuse(f"Document nesting depth exceeds the maximum allowed ({DEEPEST_NESTING})")
    try:
        root = json.loads(text, object_pairs_hook=_Object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        _refuse(str(error))
    if not isinstance(root, _Object):
        _refuse("Filter is not an object")
    return root


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"Non-standard token '{name}'")


def nesting(text: str) -> int:
    """How deep the objects and arrays of a JSON text are nested."""
    depth = deepest = 0
    for token in _STRINGS_AND_BRACKETS.findall(text):
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def _plain(value: Any) -> Any:
    if isinstance(value, _Object):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _is_number(value: Any) -> bool:
    # In Python True is 1, in JSON it is not.
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# --- Comparison operators: from an operand to a test of one value of an event ---------------------


def _string(operand: Any, operator: str) -> str:
    if not isinstance(operand, str):
        _refuse(f"{operator} match pattern must be a string")
    return operand


def _fold(text: str) -> str:
    # Character by character, because str.lower() looks at the neighbours of a Greek sigma.
    return text.lower() if text.isascii() else "".join(map(str.lower, text))


def _exactly(operand: Any) -> Test:
    text = _string(operand, "exact")
    return lambda value: value == text


def _equals_ignore_case(operand: Any) -> Test:
    text = _fold(_string(operand, "equals-ignore-case"))
    return lambda value: isinstance(value, str) and _fold(value) == text


def _prefix(operand: Any) -> Test:
    return _affix(operand, "prefix", str.startswith)


def _suffix(operand: Any) -> Test:
    return _affix(operand, "suffix", str.endswith)


def _affix(operand: Any, operator: str, holds: Callable[[str, str], bool]) -> Test:
    if not isinstance(operand, _Object):
        text = _string(operand, operator)
        return lambda value: isinstance(value, str) and holds(value, text)
    if not operand:
        _refuse(f"{operator.title()} expression name not found")
    inner, operand_of_inner = operand[0]
    if inner != "equals-ignore-case":
        _refuse(f"Unsupported {operator} pattern: {inner}")
    folded = _fold(_string(operand_of_inner, inner))
    _only_key(operand)
    return lambda value: isinstance(value, str) and holds(_fold(value), folded)


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, _Object):
        return _anything_but_operator(operand)
    if not isinstance(operand, (list, str)) and not _is_number(operand):
        _refuse("Value of anything-but must be an array or single string/number value.")
    values = operand if isinstance(operand, list) else [operand]
    for value in values:
        if not isinstance(value, str) and not _is_number(value):
            _refuse("Inside anything but list, start|null|boolean is not supported.")
    kinds = {isinstance(value, str) for value in values}
    if len(kinds) != 1:
        _refuse(
            "Inside anything but list, either all values are number or string, "
            "mixed type is not supported"
        )
    excluded = frozenset(values)
    if kinds == {True}:
        return lambda value: not isinstance(value, str) or value not in excluded
    return lambda value: not _is_number(value) or value not in excluded


def _anything_but_operator(operand: _Object) -> Test:
    if not operand:
        _refuse("Anything-But expression name not found")
    operator, value = operand[0]
    if operator not in ("equals-ignore-case", "prefix", "suffix", "wildcard"):
        _refuse(f"Unsupported anything-but pattern: {operator}")
    if not isinstance(value, (list, str)) and not _is_number(value):
        _refuse("Value of anything-but must be an array or single string/number value.")
    values = value if isinstance(value, list) else [value]
    if not values:
        _refuse("Empty arrays are not allowed")
    for text in values:
        if not isinstance(text, str):
            _refuse(_NOT_A_STRING_IN_ANYTHING_BUT[operator])
        if not text and operator in ("prefix", "suffix"):
            _refuse("Null prefix/suffix not allowed")
    tests = [_OPERATORS[operator](text) for text in values]
    _only_key(operand, "Too many elements in numeric expression")
    return lambda value: not any(test(value) for test in tests)


_NOT_A_STRING_IN_ANYTHING_BUT = {
    "equals-ignore-case": "Inside anything-but/equals-ignore-case list, "
    "number|start|null|boolean is not supported.",
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    "wildcard": "wildcard match pattern must be a string",
}


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list):
        _refuse("Value of numeric must be an array.")
    if not operand or not isinstance(operand[0], str):
        _refuse(
            f"Invalid member in numeric match: {json.dumps(_plain(operand[0])) if operand else ']'}"
        )
    operator, *rest = operand
    if operator not in COMPARISONS:
        _refuse(f"Unrecognized numeric range operator: {operator}")
    bound = _bound("equals" if operator == "=" else operator, rest)
    if operator in (">", ">=") and len(rest) > 1:
        return _numeric_range(operator, bound, rest[1:])
    if len(rest) > 1:
        _refuse("Too many elements in numeric expression")
    compare = _COMPARE[operator]
    return lambda value: _is_comparable(value) and compare(value, bound)


def _numeric_range(operator: str, bottom: float, rest: list[Any]) -> Test:
    upper, *rest = rest
    if not isinstance(upper, str):
        _refuse(f"Bad value in numeric range: {json.dumps(_plain(upper))}")
    if upper not in ("<", "<="):
        _refuse(f"Bad numeric range operator: {upper}")
    top = _bound(upper, rest)
    if len(rest) > 1:
        _refuse("Too many terms in numeric range expression")
    if bottom >= top:
        _refuse("Bottom must be less than top")
    above, below = _COMPARE[operator], _COMPARE[upper]
    return lambda value: _is_comparable(value) and above(value, bottom) and below(value, top)


def _bound(operator: str, rest: list[Any]) -> float:
    if not rest or not _is_number(rest[0]):
        _refuse(f"Value of {operator} must be numeric")
    if not _is_comparable(rest[0]):
        _refuse("Value must be between -5.0E9 and 5.0E9, inclusive")
    return rest[0]


def _is_comparable(value: Any) -> bool:
    return _is_number(value) and -LARGEST_NUMBER <= value <= LARGEST_NUMBER


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _cidr(operand: Any) -> Test:
    # The engine says "prefix" here, and AWS passes that on.
    address, *masks = _string(operand, "prefix").split("/")
    if len(masks) != 1 or not masks[0]:
        _refuse("Malformed CIDR, one '/' required")
    if not re.fullmatch(r"-?[0-9]{1,9}", masks[0], re.ASCII):
        _refuse("Malformed CIDR, mask bits must be an integer")
    if (bits := int(masks[0])) < 0:
        _refuse("Malformed CIDR, mask bits must not be negative")
    ip = _ip_address(address)
    if ip is None:
        kind = "Invalid" if _IP_ADDRESS.fullmatch(address) else "Nonstandard"
        _refuse(f"{kind} IP address: {address}")
    if bits >= ip.max_prefixlen:
        _refuse(f"IPv{ip.version} mask bits must be < {ip.max_prefixlen}")
    # Not strict: "10.0.0.5/24" means the network that 10.0.0.5 is in.
    network = ipaddress.ip_network(f"{ip}/{bits}", strict=False)

    def test(value: Any) -> bool:
        ip = _ip_address(value) if isinstance(value, str) else None
        return ip is not None and ip in network

    return test


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not _IP_ADDRESS.fullmatch(text):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _wildcard(operand: Any) -> Test:
    parts = [""]
    for character in _wildcard_characters(_string(operand, "wildcard")):
        if character is None:
            parts.append("")
        else:
            parts[-1] += character
    if len(parts) == 1:
        return lambda value: value == parts[0]
    first, *middle, last = parts
    shortest = sum(map(len, parts))

    # Looking for each part right after the one before is enough, and takes linear time.
    def test(value: Any) -> bool:
        if not isinstance(value, str) or len(value) < shortest:
            return False
        if not (value.startswith(first) and value.endswith(last)):
            return False
        start, end = len(first), len(value) - len(last)
        for part in middle:
            found = value.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True

    return test


def _wildcard_characters(text: str) -> list[str | None]:
    """The characters of a wildcard text without its escapes; None stands for each `*`."""
    characters: list[str | None] = []
    position = 0
    while position < len(text):
        character, following = text[position], text[position + 1 : position + 2]
        if character == "*" and following == "*":
            _refuse(f"Consecutive wildcard characters at pos {_offset(text, position)}")
        if character == "\\":
            if following not in ("*", "\\"):
                _refuse(f"Invalid escape character at pos {_offset(text, position)}")
            characters.append(following)
            position += 1
        else:
            characters.append(None if character == "*" else character)
        position += 1
    return characters


def _offset(text: str, position: int) -> int:
    # AWS counts bytes, and the quote before the text.
    return 1 + len(text[:position].encode("utf-8", "surrogatepass"))


def _too_complex(wildcards: list[list[str | None]]) -> bool:
    """Whether more beginnings of these wildcard texts than AWS likes can fit one value at once.

    The scale is event-ruler's. It looks for the worst value among all; here it is looked for among
    the texts' own literal characters, which finds what repeats after a `*` and stays quick.
    """
    for value in ([c for c in wildcard if c is not None] for wildcard in wildcards):
        counts = zip(*(_fitting(wildcard, value) for wildcard in wildcards), strict=True)
        if any(sum(count) > MOST_COMPLEX_WILDCARD for count in counts):
            return True
    return False


def _fitting(wildcard: list[str | None], value: list[str]) -> Iterator[int]:
    """For each character of the value, how many beginnings of the wildcard fit up to there."""
    fits = _with_stars(wildcard, {0})
    for character in value:
        stay = {length for length in fits if length and wildcard[length - 1] is None}
        move = {
            length + 1
            for length in fits
            if length < len(wildcard) and wildcard[length] == character
        }
        fits = _with_stars(wildcard, stay | move)
        yield len(fits)


def _with_stars(wildcard: list[str | None], fits: set[int]) -> set[int]:
    return fits | {n + 1 for n in fits if n < len(wildcard) and wildcard[n] is None}


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "exactly": _exactly,
    "equals-ignore-case": _equals_ignore_case,
    "prefix": _prefix,
    "suffix": _suffix,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
    "wildcard": _wildcard,
}


def _only_key(
    expression: _Object, reason: str = "Only one key allowed in match expression"
) -> None:
    if len(expression) > 1:
        _refuse(reason)


# --- Fields ---------------------------------------------------------------------------------------


class _Field:
    """One field of a pattern: accepts a value if any item of the field's array does.

    Numbers are equal by value: 300, 300.0 and 3.0e2 are the same. AWS's page "eb-create-pattern"
    says they are not ("string representation"), but EventBridge itself answers that 300.0 matches
    [300], and event-ruler compares numbers by value, and by text only where that fails.
    """

    __slots__ = ("wanted", "strings", "numbers", "constants", "tests", "absent", "wildcards")

    def __init__(self, wanted: list[Any]) -> None:
        if not wanted:
            _refuse("Empty arrays are not allowed")
        self.wanted = _plain(wanted)
        self.absent = False
        self.wildcards: list[str] = []
        self.tests: list[Test] = []
        for item in wanted:
            if isinstance(item, _Object):
                self._add_expression(item)
            elif isinstance(item, list):
                _refuse("Match value must be String, number, true, false, or null")
        self.strings = frozenset(item for item in wanted if isinstance(item, str))
        self.numbers = frozenset(item for item in wanted if _is_number(item))
        self.constants = frozenset(
            item for item in wanted if item is None or item is True or item is False
        )
        if _too_complex([_wildcard_characters(text) for text in self.wildcards]):
            _refuse(
                "Rule is too complex - try using fewer wildcard characters or fewer repeating "
                "character sequences after a wildcard character"
            )

    def _add_expression(self, expression: _Object) -> None:
        if not expression:
            _refuse("Match expression name not found")
        operator, operand = expression[0]
        if operator == "exists":
            if not isinstance(operand, bool):
                _refuse("exists match pattern must be either true or false.")
            if operand:
                self.tests.append(lambda value: True)
            else:
                self.absent = True
        elif operator in _OPERATORS:
            self.tests.append(_OPERATORS[operator](operand))
        else:
            _refuse(f"Unrecognized match type {operator}")
        if operator in ("numeric", "anything-but"):
            _only_key(expression, "Too many elements in numeric expression")
        _only_key(expression)
        self.wildcards += _wildcard_texts(operator, operand)

    def accepts(self, value: Any) -> bool:
        if isinstance(value, str):
            equal = value in self.strings
        elif value is None or isinstance(value, bool):
            equal = value in self.constants
        else:
            equal = value in self.numbers
        return equal or any(test(value) for test in self.tests)


def _wildcard_texts(operator: str, operand: Any) -> list[str]:
    if operator == "anything-but" and isinstance(operand, _Object):
        operator, operand = operand[0]
    if operator != "wildcard":
        return []
    return operand if isinstance(operand, list) else [operand]


# --- Branches: a pattern with "$or" is tried as each of its combinations --------------------------

# One combination: the fields by name. A field said twice means what it said last, as on AWS.
_Branch = dict[str, _Field]


class _Reader:
    """Reads the fields of a pattern into branches. `with_or` tells whether "$or" is an operator."""

    def __init__(self, with_or: bool) -> None:
        self.with_or = with_or

    def read(self, root: _Object) -> list[_Branch]:
        branches: list[_Branch] = [{}]
        self._read_object(root, (), branches, in_or=False)
        return branches

    def _read_object(
        self, pairs: _Object, path: tuple[str, ...], branches: list[_Branch], in_or: bool
    ) -> None:
        if not pairs:
            _refuse("Empty objects are not allowed")
        for key, value in pairs:
            if key == OR and self.with_or:
                self._read_or(value, path, branches)
                continue
            if in_or and key in RESERVED_IN_OR:
                _refuse(f"{key} is Ruler reserved fieldName which cannot be used inside {OR}.")
            if isinstance(value, _Object):
                self._read_object(value, (*path, key), branches, in_or)
            elif isinstance(value, list):
                field, name = _Field(value), ".".join((*path, key))
                for branch in branches:
                    branch[name] = field
            else:
                _refuse(f'"{key}" must be an object or an array')

    def _read_or(self, arms: Any, path: tuple[str, ...], branches: list[_Branch]) -> None:
        if not isinstance(arms, list):
            _refuse(f"It must be an Array followed with {OR}.")
        before = list(branches)
        branches.clear()
        for arm in arms:
            if not isinstance(arm, _Object):
                _refuse(f"Only JSON object is allowed in array of {OR} relationship.")
            forks = [dict(branch) for branch in before]
            self._read_object(arm, path, forks, in_or=True)
            branches += forks
            if len(branches) > MOST_COMBINATIONS:
                _refuse(f"{OR} makes more than {MOST_COMBINATIONS} combinations")
        if len(arms) < 2:
            _refuse(f"There must have at least 2 Objects in {OR} relationship.")


# --- Matching -------------------------------------------------------------------------------------

# How a part of a pattern fares: it fails, or it holds and its n-th field is the first with a value
# that matches, or it holds only because fields are not there.
_FAILS = -1
_ONLY_ABSENT = 1 << 30
_MISSING = object()


class _Node:
    """The fields of a branch below one name.

    event-ruler looks at fields in the order of their full names. The first field that matches a
    value inside an array chooses the element; {"exists": false} before that choice means that no
    element has the field, after it that the chosen one has not. So fields are numbered in that
    order.
    """

    __slots__ = ("fields", "nodes", "absent", "optional")

    def __init__(self) -> None:
        self.fields: list[tuple[str, int, _Field]] = []
        self.nodes: dict[str, _Node] = {}
        # Where fields that may be absent are: their number, and their names from here.
        self.absent: list[tuple[int, list[str]]] = []
        # Every field below may be absent.
        self.optional = True

    def add(self, names: list[str], number: int, field: _Field) -> None:
        self.optional = self.optional and field.absent
        if field.absent:
            self.absent.append((number, names))
        name, *rest = names
        if rest:
            self.nodes.setdefault(name, _Node()).add(rest, number, field)
        else:
            self.fields.append((name, number, field))

    def fare(self, event: Mapping[str, Any]) -> int:
        """_FAILS, or the number of the first field that a value matched, or _ONLY_ABSENT."""
        event = _unfold(event)
        first = _ONLY_ABSENT
        for name, number, field in self.fields:
            first = min(first, _fare_of_field(field, number, event.get(name, _MISSING)))
            if first == _FAILS:
                return _FAILS
        for name, node in self.nodes.items():
            first = min(first, node.fare_below(event.get(name, _MISSING)))
            if first == _FAILS:
                return _FAILS
        return first

    def fare_below(self, value: Any) -> int:
        if isinstance(value, dict):
            return self.fare(value)
        elements = list(_objects(value)) if isinstance(value, list) else []
        if not elements:
            return _ONLY_ABSENT if self.optional else _FAILS
        latest = min(
            (
                number
                for number, names in self.absent
                if any(True for _ in _leaves_at(value, names))
            ),
            default=_ONLY_ABSENT,
        )
        fares = (first for first in map(self.fare, elements) if _FAILS < first <= latest)
        return min(fares, default=_FAILS)

    def wanted(self) -> dict[str, Any]:
        return {name: field.wanted for name, _, field in self.fields} | {
            name: node.wanted() for name, node in self.nodes.items()
        }


def _fare_of_field(field: _Field, number: int, value: Any) -> int:
    if value is _MISSING:
        return _ONLY_ABSENT if field.absent else _FAILS
    if not isinstance(value, (list, dict)):
        return number if field.accepts(value) else _FAILS
    # Only leaves count: a field that holds an object or an empty array is as good as absent.
    leaves = list(_leaves(value))
    if not leaves:
        return _ONLY_ABSENT if field.absent else _FAILS
    return number if any(map(field.accepts, leaves)) else _FAILS


def _leaves(value: Any) -> Iterator[Any]:
    """The value itself, or what is in it if it is an array, however deep in arrays; no objects."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif not isinstance(item, dict):
            yield item


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The value itself if it is an object, or the objects in it if it is an array of any depth."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            yield item


def _leaves_at(value: Any, names: list[str]) -> Iterator[Any]:
    """All leaves at these names, through any arrays on the way."""
    values = [value]
    for name in names:
        objects = [obj for value in values for obj in _objects(value)]
        values = [found[name] for found in map(_unfold, objects) if name in found]
    for value in values:
        yield from _leaves(value)


def _unfold(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object with {"a.b": 1} as {"a": {"b": 1}}, which is the same to event-ruler.

    https://github.com/aws/event-ruler#caveat-compiled-rules-and-json-keys-with-dots
    """
    if "." not in "".join(event):
        return event
    unfolded: dict[str, Any] = {}
    dotted: dict[str, dict[str, Any]] = {}
    for key, value in event.items():
        name, dot, rest = key.partition(".")
        if dot:
            dotted.setdefault(name, {})[rest] = value
        else:
            unfolded[name] = value
    for name, value in dotted.items():
        unfolded[name] = _both(unfolded[name], value) if name in unfolded else value
    return unfolded


def _both(left: Any, right: Any) -> Any:
    if isinstance(left, dict) and isinstance(right, dict):
        return left | {
            key: [left[key], value] if key in left else value for key, value in right.items()
        }
    # An array, of which either may match: who spells one name in two ways cannot ask for more.
    return [left, right]


class Pattern:
    """A compiled event pattern. Immutable, and safe to share between threads."""

    __slots__ = ("has_wildcards", "_branches", "_roots", "_always")

    def __init__(self, branches: list[_Branch]) -> None:
        self._branches = branches
        self._roots = [_tree(branch) for branch in branches]
        self._always = [
            (name, field)
            for name, field in branches[0].items()
            if all(branch.get(name) is field for branch in branches)
        ]
        self.has_wildcards = any(
            field.wildcards for branch in branches for field in branch.values()
        )
        """Whether it uses the operator `wildcard` (AWS has a quota on such rules per event bus)."""

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event, parsed from JSON, matches. Raises nothing, whatever the event."""
        return any(root.fare(event) != _FAILS for root in self._roots)

    def explain(self, event: Mapping[str, Any]) -> Mismatch | None:
        """None if the event matches, else the first reason why it does not.

        Fields are looked at in the order in which the pattern names them. What "$or" offers comes
        last, and only its first arms are told of.
        """
        if self.matches(event):
            return None
        event = dict(event)
        for name, field in (*self._always, *self._branches[0].items()):
            leaves = list(_leaves_at(event, name.split(".")))
            if not any(map(field.accepts, leaves)) and not (field.absent and not leaves):
                found, present = _found(event, name.split("."))
                return Mismatch(name, field.wanted, found, present)
        return _inconsistent(self._roots[0], event)


def _tree(branch: _Branch) -> _Node:
    root = _Node()
    for number, name in enumerate(sorted(branch)):
        root.add(name.split("."), number, branch[name])
    return root


def _found(event: dict[str, Any], names: list[str]) -> tuple[Any, bool]:
    value: Any = event
    for position, name in enumerate(names):
        if isinstance(value, list):
            leaves = list(_leaves_at(value, names[position:]))
            return (leaves, True) if leaves else (None, False)
        value = _unfold(value).get(name, _MISSING) if isinstance(value, dict) else _MISSING
    return (None, False) if value is _MISSING else (value, True)


def _inconsistent(root: _Node, event: dict[str, Any]) -> Mismatch:
    """Each field matches, but not all of them in the same element of an array: of which one?"""
    names: list[str] = []
    node: _Node = root
    value: Any = event
    while isinstance(value, dict):
        below = _unfold(value)
        name = next(
            n for n, child in node.nodes.items() if child.fare_below(below.get(n)) == _FAILS
        )
        names.append(name)
        node, value = node.nodes[name], below[name]
    return Mismatch(".".join(names), node.wanted(), value, True)


@lru_cache(maxsize=1024)
def compile_pattern(text: str, longest: int = LONGEST_PATTERN) -> Pattern:
    """Compile an event pattern given as JSON text.

    `longest` is the most characters allowed: 2,048 by EventBridge's quota for rules and archives.
    Raises InvalidPattern, with AWS's message less the position in the text, for what AWS refuses.
    """
    root = _parse(text, longest)
    try:
        return Pattern(_Reader(with_or=True).read(root))
    except InvalidPattern as refusal:
        # event-ruler then takes "$or" for the name of a field, as it did before it was an operator.
        try:
            return Pattern(_Reader(with_or=False).read(root))
        except InvalidPattern:
            raise refusal from None
