"""What every notebook must look like, so that it reads, runs, presents and is checked well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from scripts import slides

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEMPLATE = ROOT / "docs" / "12-template.ipynb"
AWS_PAGES = re.compile(
    r"https://(docs\.aws\.amazon\.com/[\w./-]+(#[\w-]+)?"
    r"|github\.com/[\w.-]+/[\w./-]+|boto3\.amazonaws\.com/[\w./-]+)$"
)


@pytest.fixture(params=[*NOTEBOOKS, TEMPLATE], ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def prose(notebook: dict[str, Any]) -> str:
    return "\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def test_each_notebook_has_a_number_of_its_own() -> None:
    numbers = [path.stem[:2] for path in NOTEBOOKS]
    assert len(set(numbers)) == len(numbers) >= 2
    assert set(numbers) <= {f"{number:02d}" for number in range(12)}


def test_is_valid_and_runs_anywhere(path: Path, notebook: dict[str, Any]) -> None:
    nbformat.validate(nbformat.from_dict(notebook))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(re.fullmatch(r"[a-z0-9-]+", cell["id"]) for cell in notebook["cells"])
    assert "widgets" not in notebook["metadata"]


def test_was_committed_from_one_clean_run(notebook: dict[str, Any]) -> None:
    """nbval never compares a cell without an execution count, whatever its tags say."""
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_checked_cells_show_something(notebook: dict[str, Any]) -> None:
    checked = [cell for cell in code_cells(notebook) if "nbval-check-output" in tags(cell)]
    assert len(checked) >= 3
    assert all(cell["outputs"] for cell in checked)
    allowed = {"nbval-check-output", "exercise"}
    assert not {tag for cell in notebook["cells"] for tag in tags(cell)} - allowed


def test_cells_are_short_and_plain_python(notebook: dict[str, Any]) -> None:
    for cell in code_cells(notebook):
        text = source(cell)
        assert len(text.splitlines()) <= 16, f"{cell['id']} is too long for a slide"
        assert not re.search(r"^\s*[%!]|\binput\(|clear_output|NBVAL_|ipywidgets", text, re.M)
        assert "time.sleep" not in text or "def " in text, f"{cell['id']} sleeps: wait for it"


def test_has_the_anatomy(path: Path, notebook: dict[str, Any]) -> None:
    first, text = source(notebook["cells"][0]), prose(notebook)
    assert re.match(r"# \w", first)
    assert re.search(r"^\*\d+ minutes\. You need ", first, re.M)
    assert 3 <= len(re.findall(r"^- ", first, re.M)) <= 5
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings[-3:] == ["What people get wrong", "Recap", "Clean up"]
    assert source(notebook["cells"][-1]).startswith("**Next:")
    assert f'lab = start("{path.stem}")' in source(code_cells(notebook)[0])
    assert source(code_cells(notebook)[-1]) == "lab.cleanup()"
    assert len(re.findall(r"^> \*\*Predict\.\*\* .*\?", text, re.M)) >= 3


def test_exercises_are_complete(notebook: dict[str, Any]) -> None:
    """Stub, check, solution: three cells in a row."""
    cells = notebook["cells"]
    stubs = [n for n, cell in enumerate(cells) if "exercise" in tags(cell)]
    assert len(stubs) >= 2
    for n in stubs:
        assert source(cells[n]).startswith("answer = ...")
        assert source(cells[n + 1]).startswith("check.")
        assert source(cells[n + 2]).startswith("<details><summary>Solution</summary>")
        assert "```python\n" in source(cells[n + 2])


def test_speaks_of_no_machine(notebook: dict[str, Any]) -> None:
    text = json.dumps(notebook)
    assert not re.search(r"/(home|root|Users|work|tmp|usr|var/folders)/[\w.-]+", text)
    assert not re.search(r"localhost\.localstack\.cloud|/ipykernel_", text)


def test_links_resolve(path: Path, notebook: dict[str, Any]) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(notebook))
    assert links
    for link in links:
        if link.startswith("https://"):
            assert AWS_PAGES.match(link), link
        else:
            assert (path.parent / link.partition("#")[0]).is_file(), link


def test_pictures_have_words(notebook: dict[str, Any]) -> None:
    assert all(len(alt) > 40 for alt in re.findall(r"!\[(.*?)\]\(", prose(notebook)))
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                assert len(output["metadata"]["image/png"]["alt"]) > 40


def test_slides_begin_at_headings(path: Path, notebook: dict[str, Any]) -> None:
    """`.venv/bin/python scripts/slides.py --mark` brings them in step again."""
    for before, cell in zip([None, *notebook["cells"]], notebook["cells"], strict=False):
        wanted = {"slide_type": slides.slide_type(cell, before)}
        assert cell["metadata"].get("slideshow") == wanted, cell["id"]


def running_words(notebook: dict[str, Any]) -> int:
    """Words that are read on the way through: no tables, lists, headings, questions, solutions."""
    text = re.sub(r"<details>.*?</details>|```.*?```", "", prose(notebook), flags=re.DOTALL)
    text = re.sub(r"!?\[(.*?)\]\(.*?\)", lambda link: link[1], text)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "#", "- ", "*", ">"))]
    return len(" ".join(lines).split())


def test_prose_and_code_are_in_balance(path: Path, notebook: dict[str, Any]) -> None:
    """Between a manual (no prose) and a book (no code): 8 to 12 words for a line of code."""
    lines = sum(len(source(cell).split("\n")) for cell in code_cells(notebook))
    # The last one builds what all others have explained.
    least = 4 if path.stem.startswith("11") else 6
    assert least <= running_words(notebook) / lines <= 14
