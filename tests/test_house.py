"""The parts of the house agree with each other: Makefile, README, containers, locks, style."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers import emulator
from scripts import pictures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
VERBS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def files() -> list[Path]:
    """The text files of the repository."""
    folders = (
        "helpers",
        "emulator",
        "scripts",
        "tests",
        "notebooks",
        "benchmarks",
        "docs",
        ".ci",
        ".github",
    )
    paths = [*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    made = re.compile(r"__pycache__|\.egg-info|\.ipynb_checkpoints|\.png$")
    return [path for path in paths if path.is_file() and not made.search(str(path))]


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(command: list[str]) -> None:
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_help_lists_every_verb() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"^make (\w+) +\w", done.stdout, re.MULTILINE) == VERBS


def test_every_verb_is_one_line() -> None:
    rules = re.split(r"^(?=[a-z]+:)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)[1:]
    assert [rule.count("\n\t") for rule in rules] == [1] * len(VERBS)


def test_the_readme_knows_only_verbs_that_exist() -> None:
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= set(VERBS)


def test_the_readme_links_every_notebook_and_only_files_that_exist() -> None:
    links = set(re.findall(r"\]\((?!http)([^)#\s]+)|src=\"(?!http)([^\"]+)", README))
    targets = {Path(one or other) for one, other in links}
    assert not [target for target in targets if not (ROOT / target).exists()]
    notebooks = {path.relative_to(ROOT) for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= targets
    rows = re.findall(r"^\| .*`?(\d\d)-[a-z-]+`?.*\|$", README, re.MULTILINE)
    assert rows == [f"{number:02d}" for number in range(12)]


def test_the_readme_knows_how_long_each_notebook_takes() -> None:
    rows = re.findall(r"\]\((notebooks/[^)]+\.ipynb)\) \|[^|]+\| (\d+) \|$", README, re.MULTILINE)
    told = {
        path: re.search(r"^\*(\d+) minutes", "".join(_first_cell(path)), re.MULTILINE)[1]
        for path, _ in rows
    }
    assert dict(rows) == told
    assert len(rows) == len(list((ROOT / "notebooks").glob("*.ipynb")))


def test_the_pictures_of_the_readme_are_those_of_the_notebooks() -> None:
    """`.venv/bin/python scripts/pictures.py` copies them again."""
    for name, (notebook, title) in pictures.CHOSEN.items():
        path = Path("docs/pictures", f"{name}.png")
        assert str(path) in README
        assert (ROOT / path).read_bytes() == pictures.picture(notebook, title)[0], path


GUIDE = (ROOT / "docs" / "instructors.md").read_text()


def test_the_guide_lists_every_exercise() -> None:
    rows = set(re.findall(r"^\| (\d\d) \| `(\w+)` \| \w", GUIDE, re.MULTILINE))
    found = {
        (path.name[:2], check)
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for check in re.findall(r'"check\.(\w+)\(', path.read_text(encoding="utf-8"))
    }
    assert rows == found


@pytest.mark.parametrize("text", ["docs/instructors.md", "CONTRIBUTING.md", "emulator/README.md"])
def test_documents_link_only_files_that_exist(text: str) -> None:
    path = ROOT / text
    links = re.findall(r"\]\((?!http)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert not [link for link in links if not (path.parent / link).exists()]
    assert set(re.findall(r"`make ([a-z]+)\b", path.read_text(encoding="utf-8"))) <= set(VERBS)


def _first_cell(path: str) -> list[str]:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"][0]["source"]


def test_the_messages_that_the_readme_explains_are_the_real_ones() -> None:
    """Each row of "When something fails" begins with words of a message in backticks."""
    section = README.partition("## When something fails")[2].partition("\n## ")[0]
    messages = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    code = "".join(path.read_text() for path in files() if path.suffix == ".py")
    # A message may be broken over lines, with what varies between braces.
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    said = re.sub(r"\{[^{}]*\}", "…", code)
    assert len(messages) >= 6
    assert not [message for message in messages if message not in said]


def test_containers_are_reachable_from_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "docker.sock" not in (ROOT / "docker-compose.yml").read_text()


def test_the_container_has_the_release_that_the_embedded_one_has() -> None:
    dockerfile = (ROOT / "emulator" / "Dockerfile").read_text()
    lock = (ROOT / "emulator" / "requirements.lock").read_text()
    assert f"\nFROM localstack/localstack:{emulator.VERSION}\n" in dockerfile
    assert f"\nlocalstack-core=={emulator.VERSION}\n" in lock


@pytest.mark.parametrize("folder", ["", "emulator"])
def test_the_lock_pins_everything_and_what_is_asked_for(folder: str) -> None:
    lock = (ROOT / folder / "requirements.lock").read_text().splitlines()
    assert not [line for line in lock if not re.match(r"[\w.-]+==[\w.]+( ; |$)", line)]
    asked = (ROOT / folder / "requirements.txt").read_text().splitlines()
    wanted = {re.sub(r"\[.*?\]| *;.*", "", line) for line in asked if not line.startswith("#")}
    assert wanted <= {line.partition(" ;")[0] for line in lock}


def test_the_repository_names_no_machine() -> None:
    """No folder of somebody's computer, and no package index, which is the reader's choice."""
    traces = re.compile(
        r"/(?:root|work|home/(?!learner|linuxbrew)\w+|Users)/\w+|pypi\.org|pythonhosted"
    )
    found = [
        f"{path}: {match[0]}" for path in files() for match in traces.finditer(path.read_text())
    ]
    assert not [line for line in found if Path(__file__).name not in line]
