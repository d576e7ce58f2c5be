"""The exercises of a notebook, and the notebook with all of them answered, rightly and wrongly."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

SEPARATOR = "\x1e"


class Exercise(NamedTuple):
    """A stub, the call that checks it, the solution, and wrong answers with their reasons."""

    check: str
    call: str
    stub: str
    solution: str
    wrong: list[tuple[str, str]]


def wrong_answers(path: Path) -> dict[str, list[tuple[str, str]]]:
    """The wrong answers to the exercises of the notebook, by the name of the check."""
    name = path.stem[3:].replace("-", "_")
    return importlib.import_module(f"tests.notebooks.wrong_answers.{name}").WRONG


def exercises(path: Path) -> dict[int, Exercise]:
    """The exercises of the notebook, by the number of the stub's cell."""
    cells = nbformat.read(path, as_version=4).cells
    stubs = [n for n, cell in enumerate(cells) if "exercise" in cell.metadata.get("tags", [])]
    return {n: _exercise(path, cells[n : n + 3]) for n in stubs}


def _exercise(path: Path, cells: list[Any]) -> Exercise:
    stub, call, solution = (cell.source for cell in cells)
    check = re.match(r"check\.(\w+)\(", call)[1]
    code = re.search(r"```python\n(.*?)```", solution, re.DOTALL)[1]
    return Exercise(check, call, stub, code, wrong_answers(path).get(check, []))


def answered(path: Path) -> Any:
    """The notebook, with a cell in the place of each stub for each answer; the solution last.

    Each of these cells prints SEPARATOR, whether the answer was right, and what the check said.
    """
    notebook = nbformat.read(path, as_version=4)
    found = exercises(path)
    cells = []
    for n, cell in enumerate(notebook.cells):
        cells += _tries(found[n]) if n in found else [cell]
    notebook.cells = cells
    return notebook


def _tries(exercise: Exercise) -> list[Any]:
    answers = [exercise.stub]
    answers += [f"answer = {wrong}" for wrong, _ in exercise.wrong]
    answers += [exercise.solution]
    show = f'_v = {exercise.call}\nprint("\\x1e", _v.right, repr(_v))'
    return [nbformat.v4.new_code_cell(f"{answer}\n{show}") for answer in answers]


def verdicts(cells: list[Any]) -> list[str]:
    """What the checks said, in order: "True ✔ Right. ..." or "False ..."."""
    texts = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in cells
        if cell.cell_type == "code"
    ]
    return [text.partition(SEPARATOR)[2].strip() for text in texts if SEPARATOR in text]
