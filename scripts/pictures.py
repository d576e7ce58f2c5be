"""Copy the README's pictures out of the notebooks, whose last runs have made them.

.venv/bin/python scripts/pictures.py
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"

#: File name of a picture, the notebook that draws it, and the beginning of its title.
CHOSEN = {
    "retries": ("02-asynchronous-failures", "Three runs"),
    "fan-out": ("07-targets", "Four functions at work"),
    "shop": ("11-from-rest-to-events", "The shop, as the account holds it"),
    "who-notices": ("11-from-rest-to-events", "Of four customers"),
}


def picture(notebook: str, title: str) -> tuple[bytes, str]:
    """A PNG among the outputs of the notebook, and what it shows in words.

    Raises LookupError if the notebook draws no picture with such a title.
    """
    text = (ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" in data and words.startswith(title):
                return base64.b64decode("".join(data["image/png"])), words
    raise LookupError(f"{notebook} draws nothing that is called {title!r}")


def main() -> None:
    """Write them all."""
    PICTURES.mkdir(exist_ok=True, parents=True)
    for name, (notebook, title) in CHOSEN.items():
        (PICTURES / f"{name}.png").write_bytes(picture(notebook, title)[0])


if __name__ == "__main__":
    main()
