"""Decks hold all that they need: a room without a network is enough."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from scripts import slides, solutions

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def reveal() -> Path:
    try:
        return slides.fetch()
    except SystemExit as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("path", NOTEBOOKS[:2], ids=lambda path: path.stem)
def test_a_deck_needs_no_network(path: Path, reveal: Path) -> None:
    html = slides.deck(path, reveal)
    assert not re.findall(r"<link[^>]+href=|<script[^>]+\ssrc=|@import|url\(['\"]?http", html)
    page = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    images = re.findall(r'<img\b[^>]*\bsrc="([^"]{0,40})', page)
    assert images
    assert all(source.startswith("data:image/") for source in images)
    assert "No description has been provided" not in html


def test_every_heading_begins_a_slide(reveal: Path) -> None:
    html = slides.deck(NOTEBOOKS[0], reveal)
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#{1,2} ", text, re.MULTILINE)
    begun = [part for part in html.split("<section>") if re.search(r"<h[12] ", part)]
    assert len(headings) == len(begun) > 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solved_copies_have_no_stub_and_no_output(path: Path) -> None:
    cells = solutions.solved(nbformat.read(path, as_version=4)).cells
    exercises = [cell for cell in cells if "exercise" in cell.metadata.get("tags", [])]
    assert len(exercises) >= 2
    assert not [cell for cell in exercises if "..." in cell.source.splitlines()[0]]
    assert not [cell for cell in cells if cell.get("outputs")]
