"""Wrong answers to the exercises, and a word of the reason that the reader must get."""


def body(**fields: object) -> str:
    return repr({"body": {"amount": [{"numeric": [">=", 500]}], "currency": ["EUR"], **fields}})


WRONG = {
    "large_payments": [
        (repr({"amount": [{"numeric": [">=", 500]}]}), "body"),
        (body(), '"a test"'),
        (body(user=["swn"]), "ada"),
        (body(user=["swn", "ada"]), "mia"),
        (body(user=[{"anything-but": "test"}], currency=[{"anything-but": "USD"}]), "GBP"),
        (body(user=[{"anything-but": "test"}], amount=[{"numeric": [">", 500]}]), "large"),
        (body(user=[{"anything-but": {"prefix": "test"}}]), "anything-but"),
        ('"amount >= 500"', "dictionary"),
    ],
    "chat_line": [
        ('"<$.user> paid <$.amount> <$.currency>"', "The chat says"),
        ('"{<$.body.user> paid <$.body.amount>}"', "Nothing arrives"),
        ('"swn paid 49 EUR"', "but not 'ada paid 7.5 GBP'"),
        ('"<aws.pipes.user> paid"', "aws.pipes.user"),
        ("5", "text"),
    ],
    "empty_answer": [
        ('"a"', "visible"),
        ('"c"', "ten empty"),
        ('"d"', "failed"),
        ('"x"', "letters"),
    ],
}
