"""Make a slide deck of every notebook, or keep the slide metadata of the notebooks in step.

    .venv/bin/python scripts/slides.py [--mark] [NAME ...]

A deck is one HTML file in `slides/` that needs no network: reveal.js is in it. With --mark nothing
is made, and each cell gets the slide type that its heading and length ask for.

reveal.js comes with the package sphinx-revealjs, of which nothing else is used; it is fetched once.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import SlidesExporter
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
REVEAL = ROOT / ".venv-slides"
PACKAGE = "sphinx-revealjs==3.2.1"
DECKS = ROOT / "slides"

#: More words than these leave no room for code on the same slide.
MOST_WORDS = 45

_HEADING = re.compile(r"^(?=#{1,2} )", re.MULTILINE)


def slide_type(cell: Any, before: Any | None) -> str:
    """What the cell is in a deck: it begins a slide, stands below, or is only for the speaker."""
    text = "".join(cell["source"])
    if cell["cell_type"] == "code":
        if text == "lab.cleanup()":
            return "skip"
        if before is not None and "".join(before["source"]).startswith("> **Predict"):
            return "fragment"
        is_short = before is not None and before["cell_type"] == "markdown" and _is_short(before)
        return "-" if is_short else "subslide"
    if text.startswith("**Next"):
        return "skip"
    if text.startswith("<details>"):
        return "notes"
    return "slide" if _HEADING.match(text) else "subslide"


def mark(notebook: Any) -> bool:
    """Give every cell its slide type; whether anything has changed."""
    changed, before = False, None
    for cell in notebook["cells"]:
        wanted = {"slide_type": slide_type(cell, before)}
        changed |= cell["metadata"].get("slideshow") != wanted
        cell["metadata"]["slideshow"] = wanted
        before = cell
    return changed


def deck(path: Path, reveal: Path) -> str:
    """The HTML of a deck; `reveal` is the folder of reveal.js."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [part for cell in notebook.cells for part in _split(cell)]
    config = Config()
    config.SlidesExporter.embed_images = True
    config.SlidesExporter.extra_template_basedirs = [str(ROOT / "scripts")]
    exporter = SlidesExporter(config=config, template_name="deck")
    title = re.sub("^# ", "", notebook.cells[0].source.splitlines()[0])
    metadata = {"name": title, "path": str(path.parent)}
    resources = {"metadata": metadata, "parts": _parts(reveal)}
    html, _ = exporter.from_notebook_node(notebook, resources=resources)
    # Style sheets of the template that would come from the network; they are in the page already.
    return re.sub(r'<link [^>]*rel="stylesheet"[^>]*>', "", html)


def _is_short(cell: Any) -> bool:
    return len(_HEADING.split("".join(cell["source"]))[-1].split()) <= MOST_WORDS


def _split(cell: Any) -> Iterator[Any]:
    """A cell of text that has a heading in its middle becomes two: a slide begins there."""
    if cell.cell_type != "markdown":
        yield cell
        return
    for number, text in enumerate(part for part in _HEADING.split(cell.source) if part.strip()):
        part = nbformat.v4.new_markdown_cell(text.strip(), metadata=cell.metadata)
        if number or _HEADING.match(text):
            part.metadata = {**cell.metadata, "slideshow": {"slide_type": "slide"}}
        yield part


def _parts(reveal: Path) -> dict[str, str]:
    """What the template puts into the page."""
    theme = (reveal / "dist/theme/white.css").read_text(encoding="utf-8")
    return {
        "css": (reveal / "dist/reveal.css").read_text(encoding="utf-8")
        # Its fonts would be files beside the page; those of the system do.
        + re.sub(r"@import[^;]*;", "", theme),
        "js": (reveal / "dist/reveal.js").read_text(encoding="utf-8"),
        "notes": (reveal / "plugin/notes/notes.js").read_text(encoding="utf-8"),
    }


def fetch() -> Path:
    """The folder of reveal.js. Raises SystemExit, which says why it cannot be had."""
    folder = REVEAL / "sphinx_revealjs/_static/revealjs"
    if not folder.is_dir():
        print("Fetching reveal.js, once.", flush=True)
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        done = subprocess.run([*command, str(REVEAL), PACKAGE], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(
                f"{PACKAGE} could not be fetched. The first time, make slides needs the network.\n"
                f"{done.stderr.strip()}"
            )
    return folder


def main() -> None:
    """Mark, or make decks, as the command line says."""
    parser = argparse.ArgumentParser(description="Make slide decks of the notebooks.")
    parser.add_argument("--mark", action="store_true", help="only set the slide types of cells")
    parser.add_argument("names", nargs="*", help="notebooks, such as 04-event-sources")
    options = parser.parse_args()
    paths = [ROOT / "notebooks" / f"{name}.ipynb" for name in options.names]
    paths = paths or sorted((ROOT / "notebooks").glob("*.ipynb"))
    if options.mark:
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            if mark(notebook):
                nbformat.write(notebook, path)
                print(f"marked {path.name}")
        return
    reveal = fetch()
    DECKS.mkdir(exist_ok=True)
    for path in paths:
        target = DECKS / f"{path.stem}.html"
        target.write_text(deck(path, reveal), encoding="utf-8")
        print(f"{target.relative_to(ROOT)} ({target.stat().st_size / 1e6:.1f} MB)", flush=True)


if __name__ == "__main__":
    main()
