"""The set-up and the start of the lab, as a reader meets them: real processes, real folders."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"

sys.path.insert(0, str(SCRIPTS))
from pythons import NotUsable, find_python  # noqa: E402

#: A version that no machine has, so that only the Pythons of a test are found.
VERSION = "3.99"

#: Stands in for a Python: does with files what set-up asks of one, and writes down what it was
#: asked. Where a file named `gate` lies beside it, pip stops half-way until the gate is written to.
PYTHON = """\
#!/bin/sh
echo "$0 $*" >> {folder}/calls
env >> {folder}/environment
for last; do :; done
case "$*" in
*ensurepip*) echo "{version} {kind} $0" ;;
*"-m venv"*)
    rm -rf "$last"
    mkdir -p "$last/bin" "$last/lib/python{version}/site-packages"
    cp "$0" "$last/bin/python" ;;
*" -r "*)
    echo "Collecting one==1"
    echo "Ignoring three: markers 'os_name == \\"nt\\"' don't match your environment"
    echo "Collecting two==2"
    test -p {folder}/gate && cat {folder}/gate
    test -f {folder}/broken && cat {folder}/broken && exit 1
    echo "Installing collected packages: one, two"
    mkdir "${{0%/bin/python}}"/lib/python{version}/site-packages/one.dist-info
    mkdir "${{0%/bin/python}}"/lib/python{version}/site-packages/two.dist-info ;;
*build_editable*) touch "$last/project-1-py3-none-any.whl" ;;
*.whl) touch "${{0%/bin/python}}/lib/project" ;;
esac
"""


class Repository:
    """A small repository with the real scripts, and one Python that may build its environments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        for name in ("scripts", "emulator", "home", "bin"):
            (folder / name).mkdir()
        text = (SCRIPTS / "setup.py").read_text()
        text = re.sub(r"versions=\(.*?\)", f'versions=("{VERSION}",)', text)
        text = text.replace("LOOKS = 0.3 if TERMINAL else 2.0", "LOOKS = 0.05")
        (folder / "scripts" / "setup.py").write_text(text)
        shutil.copy(SCRIPTS / "pythons.py", folder / "scripts")
        for part in (folder, folder / "emulator"):
            (part / "requirements.lock").write_text('one==1\ntwo==2\nthree==3 ; os_name == "nt"\n')
            (part / "pyproject.toml").write_text("[project]\n")
        self.python("bin/python" + VERSION)

    def python(self, path: str, version: str = VERSION, kind: str = "cpython") -> Path:
        return self.program(path, PYTHON.format(folder=self.folder, version=version, kind=kind))

    def program(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def start(self, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-E", "-s", "scripts/setup.py"],
            cwd=self.folder,
            env={"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(self.home), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def set_up(self, **variables: str) -> tuple[int, str]:
        process = self.start(**variables)
        output, _ = process.communicate(timeout=20)
        return process.returncode, output

    def calls(self) -> list[str]:
        """What the Pythons were asked since the last look."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def is_complete(self) -> bool:
        environments = (self.folder / ".venv", self.folder / ".venv-localstack")
        return all((environment / "lib" / "project").exists() for environment in environments)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def gate(repository: Repository) -> Iterator[Callable[[], None]]:
    """pip stops half-way in each environment until this is called."""
    path = repository.folder / "gate"
    os.mkfifo(path)

    def opened() -> None:
        if path.exists():
            # Gone first: a pip that comes later walks through.
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            path.unlink()
            # Closing ends what the waiting pip reads.
            os.close(descriptor)

    yield opened
    opened()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, f"ended without {text!r}: {seen}"
        seen += line
    return seen


# --- Set-up -----------------------------------------------------------------------------------


def test_builds_both_environments_and_counts_the_packages_that_apply_here(
    repository: Repository,
) -> None:
    code, output = repository.set_up()
    assert code == 0
    assert repository.is_complete()
    assert output.count("2 of 2 packages installed") == 2


def test_does_nothing_when_nothing_changed(repository: Repository) -> None:
    repository.set_up()
    repository.calls()
    assert repository.set_up() == (0, "")
    assert repository.calls() == []


def test_a_changed_lock_makes_that_environment_anew_and_no_other(repository: Repository) -> None:
    repository.set_up()
    left_over = repository.folder / ".venv-localstack" / "left-over"
    left_over.touch()
    kept = repository.folder / ".venv" / "kept"
    kept.touch()
    with (repository.folder / "emulator" / "requirements.lock").open("a") as lock:
        lock.write("four==4\n")
    assert repository.set_up()[0] == 0
    assert not left_over.exists()
    assert kept.exists()


def test_a_changed_project_is_installed_again_without_its_packages(repository: Repository) -> None:
    repository.set_up()
    repository.calls()
    (repository.folder / "emulator" / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    assert repository.set_up()[0] == 0
    calls = repository.calls()
    assert len([call for call in calls if call.endswith(".whl")]) == 1
    assert not [call for call in calls if " -r " in call or "-m venv" in call]


def test_environments_of_a_moved_folder_are_made_anew(
    repository: Repository, tmp_path: Path
) -> None:
    repository.set_up()
    repository.calls()
    repository.folder = tmp_path.rename(tmp_path.with_name("moved"))
    repository.python("bin/python" + VERSION)
    assert repository.set_up()[0] == 0
    assert len([call for call in repository.calls() if "-m venv" in call]) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_set_up_is_finished_by_the_next_run(
    repository: Repository, gate: Callable[[], None], number: int
) -> None:
    process = repository.start()
    read_until(process, "2 of 2 packages fetched")
    process.send_signal(number)
    process.wait(10)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert process.stdout.read().splitlines()[-1].startswith("Set-up interrupted")
    assert not repository.is_complete()
    gate()
    assert repository.set_up()[0] == 0
    assert repository.is_complete()


def test_a_pip_that_survives_its_killed_set_up_is_waited_for(
    repository: Repository, gate: Callable[[], None]
) -> None:
    first = repository.start()
    read_until(first, "2 of 2 packages fetched")
    first.kill()
    first.wait()
    second = repository.start()
    read_until(second, "Another set-up is running")
    gate()
    assert second.wait(20) == 0
    assert repository.is_complete()


def test_two_at_once_build_each_environment_once(
    repository: Repository, gate: Callable[[], None]
) -> None:
    first = repository.start()
    read_until(first, "2 of 2 packages fetched")
    second = repository.start()
    read_until(second, "Another set-up is running")
    gate()
    assert (first.wait(20), second.wait(20)) == (0, 0)
    assert len([call for call in repository.calls() if "-m venv" in call]) == 2
    assert repository.is_complete()


def test_a_failure_of_pip_is_shown_and_mended_by_the_next_run(repository: Repository) -> None:
    broken = repository.folder / "broken"
    broken.write_text("ERROR: No space left on device\n")
    code, output = repository.set_up()
    assert code == 1
    assert "No space left on device" in output
    assert "run the same command again" in output
    broken.unlink()
    assert repository.set_up()[0] == 0
    assert repository.is_complete()


def test_without_a_network_it_asks_for_one(repository: Repository) -> None:
    (repository.folder / "broken").write_text(
        "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for two==2\n"
    )
    code, output = repository.set_up()
    assert code == 1
    assert "is this machine online" in output


def test_the_callers_environment_does_not_lead_it_astray(repository: Repository) -> None:
    astray = {
        "VIRTUAL_ENV": "/elsewhere",
        "PYTHONPATH": "/elsewhere",
        "PIP_TARGET": "/elsewhere",
        "PIP_USER": "1",
        "CONDA_PREFIX": "/elsewhere",
    }
    code, _ = repository.set_up(**astray, PIP_INDEX_URL="https://index.example/simple")
    assert code == 0
    seen = (repository.folder / "environment").read_text()
    assert not [name for name in astray if re.search(f"^{name}=", seen, re.MULTILINE)]
    assert "PIP_INDEX_URL=https://index.example/simple" in seen


def test_reads_on_the_oldest_python_that_may_run_it() -> None:
    for script in ("setup.py", "pythons.py", "compose.py"):
        ast.parse((SCRIPTS / script).read_text(), feature_version=(3, 8))


# --- Which Python -----------------------------------------------------------------------------


@pytest.fixture
def machine(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A machine whose only Pythons of VERSION are those that the test puts there."""
    (repository.folder / "bin" / f"python{VERSION}").unlink()
    monkeypatch.setenv("PATH", f"{repository.folder}/bin:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", f"{repository.folder}/pyenv")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", f"{repository.folder}/uv")
    monkeypatch.setenv("MISE_DATA_DIR", f"{repository.folder}/mise")
    monkeypatch.setenv("ASDF_DATA_DIR", f"{repository.folder}/asdf")
    return repository


def shim(machine: Repository) -> Path:
    """What pyenv puts into PATH for a version that is installed, but not chosen."""
    text = f"#!/bin/sh\necho 'pyenv: python{VERSION}: command not found' >&2\nexit 127\n"
    return machine.program(f"bin/python{VERSION}", text)


def test_a_shim_that_does_not_run_is_passed_over_for_the_python_behind_it(
    machine: Repository,
) -> None:
    shim(machine)
    behind = machine.python(f"pyenv/versions/{VERSION}.0/bin/python{VERSION}")
    assert find_python((VERSION,)) == behind


@pytest.mark.parametrize(
    "place",
    [
        f"uv/cpython-{VERSION}.1-linux-x86_64-gnu/bin/python{VERSION}",
        f"mise/installs/python/{VERSION}.1/bin/python{VERSION}",
        f"asdf/installs/python/{VERSION}.1/bin/python{VERSION}",
        "bin/python3",
    ],
)
def test_finds_it_where_version_managers_keep_it(machine: Repository, place: str) -> None:
    there = machine.python(place)
    assert find_python((VERSION,)) == there


def test_asks_uv(machine: Repository) -> None:
    there = machine.python("somewhere/python")
    machine.program("bin/uv", f"#!/bin/sh\necho {there}\n")
    assert find_python((VERSION,)) == there


def test_prefers_the_newest_patch_release(machine: Repository) -> None:
    for patch in (2, 10, 9):
        machine.python(f"pyenv/versions/{VERSION}.{patch}/bin/python{VERSION}")
    assert f"{VERSION}.10" in str(find_python((VERSION,)))


@pytest.mark.parametrize(("version", "kind"), [("3.12", "cpython"), (VERSION, "cpythont")])
def test_another_version_or_a_free_threaded_build_will_not_do(
    machine: Repository, version: str, kind: str
) -> None:
    machine.python(f"bin/python{VERSION}", version, kind)
    with pytest.raises(NotUsable, match=f"is {kind} {version}"):
        find_python((VERSION,))


def test_a_python_without_venv_will_not_do(machine: Repository) -> None:
    last = "No module named ensurepip"
    text = f"#!/bin/sh\nprintf 'Traceback (most recent call last):\\n{last}\\n' >&2; exit 1\n"
    machine.program(f"bin/python{VERSION}", text)
    with pytest.raises(NotUsable, match=last):
        find_python((VERSION,))


def test_where_there_is_none_three_lines_say_what_to_do(machine: Repository) -> None:
    shim(machine)
    code, output = machine.set_up(PYENV_ROOT=f"{machine.folder}/pyenv")
    assert code == 1
    what, install, docker = output.splitlines()[-3:]
    assert f"Python {VERSION} is needed" in what
    assert f"python{VERSION} does not run: pyenv" in what
    assert install.startswith("Install Python")
    assert "docker compose up" in docker
    assert not (machine.folder / ".venv").exists()


def test_finds_the_real_python_behind_this_environment() -> None:
    found = find_python((f"{sys.version_info[0]}.{sys.version_info[1]}",))
    prefixes = subprocess.run(
        [str(found), "-I", "-c", "import sys; print(sys.prefix == sys.base_prefix)"],
        capture_output=True,
        text=True,
    )
    assert prefixes.stdout == "True\n"


# --- The lab ----------------------------------------------------------------------------------


def test_the_lab_opens_whatever_the_readers_jupyter_settings_say_and_ends_with_ctrl_c(
    endpoint: str, tmp_path: Path
) -> None:
    settings = tmp_path / ".jupyter"
    settings.mkdir()
    for name in ("jupyter_config", "jupyter_server_config", "jupyter_lab_config"):
        (settings / f"{name}.py").write_text("c.ServerApp.ip = '203.0.113.1'\n")
    hostile = {"HOME": str(tmp_path), "PYTHONPATH": "/elsewhere", "LOCALSTACK_ENDPOINT": endpoint}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "lab.py"), "--no-browser"],
        env={**os.environ, **hostile},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = re.search(r"JupyterLab: (\S+)", read_until(process, "Ctrl-C"))[1]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=20) as page:
            assert "JupyterLab" in page.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert "closed" in process.stdout.read()
        with pytest.raises(OSError):
            urllib.request.urlopen(url, timeout=5)
    finally:
        process.kill()
