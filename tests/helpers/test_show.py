"""Events and answers as readable text."""

from __future__ import annotations

from helpers import show


def test_json_keeps_the_order_and_reads_texts() -> None:
    assert repr(show.Json('{"b": 1, "a": {"c": "é"}}')) == (
        '{\n  "b": 1,\n  "a": {\n    "c": "é"\n  }\n}'
    )


def test_an_answer_is_shown_without_the_http_exchange() -> None:
    response = {"FailedEntryCount": 0, "ResponseMetadata": {"HTTPStatusCode": 200}}
    assert show.answer(response).value == {"FailedEntryCount": 0}


def test_a_table_has_no_row_numbers() -> None:
    frame = show.table([("id", "EventBridge")], columns=["field", "written by"])
    assert frame.index.name == "field"
    assert frame.loc["id", "written by"] == "EventBridge"
