"""Wrong answers to the exercises, and a word of the reason that the reader must get."""


def pattern(
    country: str = '["DE", "FR"]',
    paid: str = "[True]",
    total: str = '[{"numeric": [">=", 100]}]',
    user: str = '[{"anything-but": {"prefix": "test-"}}]',
) -> str:
    return f'{{"country": {country}, "paid": {paid}, "total": {total}, "user": {user}}}'


WRONG = {
    "paying_customers": [
        (pattern(total='[{"numeric": [">", 100]}]'), "misses"),
        (pattern(user='[{"anything-but": "test-7"}]').replace("test-7", "test-"), "test-7"),
        (pattern(paid='["true"]'), "misses"),
        (pattern(country='[{"prefix": "D"}]'), "FR"),
        (pattern(country='[{"equals-ignore-case": "de"}, "FR"]'), "takes {'country': 'de'"),
        (pattern(user='[{"anything-but": {"prefix": "test"}}]'), "tester"),
        ('{"detail": {"paid": [True]}}', "inside of"),
        (pattern(country='"DE"'), "AWS refuses it"),
        ("[]", "dictionary"),
    ],
    "which_match": [
        ('{"a"}', "d: think"),
        ('{"a", "b", "d"}', "no user"),
        ('{"a", "c", "d"}', "quotation"),
        ('{"d"}', "one element"),
        ('{"a", "d", "e"}', "null"),
        ('{"a", "f"}', "f: not one"),
    ],
}
