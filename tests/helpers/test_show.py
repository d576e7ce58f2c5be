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


def test_beside_puts_values_and_texts_in_columns() -> None:
    assert str(show.beside(queue={"a": 1}, function="hello")) == (
        'queue      function\n--------   --------\n{          hello\n  "a": 1\n}'
    )


def test_beside_cuts_long_lines_and_leaves_short_columns_alone() -> None:
    lines = str(show.beside(short={"a": 1}, long="x" * 500)).splitlines()
    assert max(map(len, lines)) == show.WIDEST
    assert lines[2].endswith("x…")
    assert lines[3] == '  "a": 1'


def test_tables_show_long_reasons_whole() -> None:
    assert "z" * 80 in repr(show.table([("why", "z" * 80)], columns=["what", "reason"]))
