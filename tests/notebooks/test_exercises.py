"""Every exercise: its solution passes, its stub and plausible wrong answers do not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]

# Wrong answers, and a word of the reason that the reader must get.
WRONG: dict[str, list[tuple[str, str]]] = {
    "written_by_the_sender": [
        ('{"source", "detail"}', "missing"),
        ('{"source", "detail-type", "detail", "time"}', "need not"),
        ('{"source", "detail-type", "detail", "id"}', "EventBridge writes"),
        ('{"Source", "DetailType", "Detail"}', "names of the entry"),
        ('{"source", "detail-type", "detail", "payload"}', "not a field"),
        ("3", "set of names"),
    ],
    "entry_arrives": [
        ("{k: v for k, v in entry.items() if k != 'EventBusName'}", "which bus"),
        ("{**entry, 'Detail': checkout}", "json.dumps"),
        ("{**entry, 'Source': 'com.swn.basket.CheckoutBasket'}", "pattern"),
        ("{**entry, 'Detail': 'not json'}", "refused"),
        ("[entry]", "dictionary"),
    ],
    "tells_success": [
        ("lambda response: response['StatusCode'] == 200", "raised"),
        ("lambda response: 'FunctionError' not in response", "queued"),
        ("lambda response: response['StatusCode'] < 300", "raised"),
        ("lambda response: response['FunctionError'] is None", "KeyError"),
        ("True", "function itself"),
    ],
    "result_without_waiting": [
        ('"a"', "always empty"),
        ('"c"', "waits"),
        ('"d"', "letters"),
        ("b'b'", "letters"),
    ],
    "who_calls_how": [
        (
            '{"synchronous": {"api gateway"}, "asynchronous": {"s3", "sqs"},'
            ' "event source mapping": {"dynamodb streams"}}',
            "sqs",
        ),
        (
            '{"synchronous": {"api gateway", "dynamodb streams"}, "asynchronous": {"s3"},'
            ' "event source mapping": {"sqs"}}',
            "dynamodb streams",
        ),
        ('{"synchronous": {"api gateway"}, "polled": {"sqs"}}', "three ways"),
        ('{"synchronous": {"api gateway", "dynamodb"}}', "four services"),
        ('{"synchronous": "api gateway"}', "set of services"),
        ('["sqs", "s3"]', "dictionary"),
    ],
}


def _exercises() -> Iterator[Any]:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for n, cell in enumerate(cells):
            if "exercise" in cell.metadata.get("tags", []):
                yield pytest.param(path, n, id=f"{path.stem}-{_check(cells[n + 1].source)}")


def _check(source: str) -> str:
    return re.match(r"check\.(\w+)\(", source)[1]


def test_each_check_has_wrong_answers() -> None:
    names = {parameter.id.rpartition("-")[2] for parameter in _exercises()}
    assert names == set(WRONG)
    assert all(len(answers) >= 2 for answers in WRONG.values())


@pytest.mark.parametrize(("path", "stub"), list(_exercises()))
def test_solution_passes_and_wrong_answers_fail(
    path: Path, stub: int, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs the notebook up to the exercise, then answers it in all ways."""
    monkeypatch.setitem(os.environ, "LAB_ACCOUNT", account)
    notebook = nbformat.read(path, as_version=4)
    check = notebook.cells[stub + 1].source
    solution = re.search(r"```python\n(.*?)```", notebook.cells[stub + 2].source, re.DOTALL)[1]
    before = notebook.cells[:stub]
    answers = [notebook.cells[stub].source, solution]
    answers += [f"answer = {wrong}" for wrong, _ in WRONG[_check(check)]]
    tries = [
        nbformat.v4.new_code_cell(f"{answer}\n_v = {check}\nprint(_v.right, repr(_v))")
        for answer in answers
    ]
    notebook.cells = before + tries
    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": path.parent}}).execute()
    told = ["".join(output.text for output in cell.outputs) for cell in tries]
    assert told[0].startswith("False · Not answered yet"), told[0]
    assert told[1].startswith("True ✔"), told[1]
    for (wrong, reason), words in zip(WRONG[_check(check)], told[2:], strict=True):
        assert words.startswith("False ✘"), f"{wrong}: {words}"
        assert reason in words, f"{wrong}: {words}"
