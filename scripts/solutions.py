"""Write a copy of every notebook with its exercises solved, for those who teach.

    .venv/bin/python scripts/solutions.py

The copies are in `solutions/`, which Git ignores; their outputs are empty, as they were not run.
They run where they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS = ROOT / "solutions"

_CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)(?=[\w./-]+\.(?:svg|png))")


def solved(notebook: Any) -> Any:
    """The notebook with the solutions in the place of its stubs, and without its outputs."""
    for cell, _, solution in zip(
        notebook.cells, notebook.cells[1:], notebook.cells[2:], strict=False
    ):
        if "exercise" in cell.metadata.get("tags", []):
            cell.source = _CODE.search(solution.source)[1]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = _LINK.sub("](../notebooks/", cell.source)
    return notebook


def main() -> None:
    """Write all of them."""
    SOLUTIONS.mkdir(exist_ok=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        nbformat.write(solved(nbformat.read(path, as_version=4)), SOLUTIONS / path.name)
    print(f"Solved copies of all notebooks are in {SOLUTIONS.name}/.")


if __name__ == "__main__":
    main()
