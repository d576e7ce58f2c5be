"""/tmp of an environment: the same code does the same in the computer's /tmp and in a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "emulator" / "localstack_eventbridge" / "functions"

#: Works in the folder ROOT in many ways and prints what it saw; each line is a step of its own.
STEPS = """
os.mkdir(ROOT)
os.listdir(ROOT)
open(f"{ROOT}/a", "w").write("text")
open(f"{ROOT}/a").read(), open(f"{ROOT}/a".encode()).read(), open(file=f"{ROOT}/a").name[-2:]
io.open(f"{ROOT}/b", "wb").write(b"12345")
os.stat(f"{ROOT}/b").st_size, os.stat(path=f"{ROOT}/b").st_size, os.path.getsize(f"{ROOT}/b")
pathlib.Path(ROOT, "c").write_text("c"), pathlib.Path(ROOT, "c").read_text()
pathlib.Path(ROOT, "d/e/f").mkdir(parents=True)
os.makedirs(f"{ROOT}/d/e/f", exist_ok=True), os.makedirs(f"{ROOT}/d/x/y")
sorted(os.listdir(ROOT)), sorted(os.listdir(ROOT.encode()))
sorted(glob.glob(f"{ROOT}/*")), sorted(glob.glob("**", root_dir=ROOT, recursive=True))
[(top, sorted(folders), sorted(files)) for top, folders, files in os.walk(ROOT)]
os.path.exists(f"{ROOT}/a"), os.path.isdir(f"{ROOT}/d"), os.path.isfile(f"{ROOT}/no")
os.access(f"{ROOT}/a", os.R_OK), os.path.realpath(f"{ROOT}/a"), os.path.abspath(f"{ROOT}/d/../a")
os.rename(f"{ROOT}/a", f"{ROOT}/a2"), os.replace(src=f"{ROOT}/a2", dst=f"{ROOT}/a")
os.symlink(f"{ROOT}/a", f"{ROOT}/link"), os.path.islink(f"{ROOT}/link"), open(f"{ROOT}/link").read()
os.link(f"{ROOT}/a", f"{ROOT}/hard"), os.path.samefile(f"{ROOT}/a", f"{ROOT}/hard")
shutil.copy(f"{ROOT}/b", f"{ROOT}/b2"), shutil.move(f"{ROOT}/b2", f"{ROOT}/d/b2")
shutil.copytree(f"{ROOT}/d", f"{ROOT}/d2")[-3:], sorted(os.listdir(f"{ROOT}/d2"))
shutil.copystat(f"{ROOT}/a", f"{ROOT}/b"), shutil.copymode(f"{ROOT}/a", f"{ROOT}/b")
shutil.disk_usage(ROOT).total > 0, shutil.rmtree(f"{ROOT}/d2"), os.path.exists(f"{ROOT}/d2")
os.chmod(f"{ROOT}/a", 0o600), oct(os.stat(f"{ROOT}/a").st_mode), os.utime(f"{ROOT}/a", (1, 1))
os.truncate(f"{ROOT}/b", 2), os.lstat(f"{ROOT}/b").st_size
os.close(os.open(f"{ROOT}/o", os.O_CREAT | os.O_WRONLY)), os.path.exists(f"{ROOT}/o")
zipfile.ZipFile(f"{ROOT}/z.zip", "w").writestr("n", "x"), zipfile.is_zipfile(f"{ROOT}/z.zip")
gzip.open(f"{ROOT}/g.gz", "wt").write("zipped"), gzip.open(f"{ROOT}/g.gz", "rt").read()
json.dump({}, open(f"{ROOT}/j", "w")), json.load(open(f"{ROOT}/j"))
tempfile.NamedTemporaryFile(dir=ROOT).name.startswith(ROOT)
logging.FileHandler(f"{ROOT}/log").emit(logging.makeLogRecord({})), os.path.exists(f"{ROOT}/log")
os.chdir(f"{ROOT}/d"), sorted(os.listdir(".")), open("../c").read(), os.chdir("/")
[entry.name for entry in os.scandir(f"{ROOT}/d/e")], os.rmdir(f"{ROOT}/d/e/f")
os.remove(f"{ROOT}/c"), os.unlink(f"{ROOT}/link"), pathlib.Path(ROOT, "j").unlink()
open(f"{ROOT}/no")
open(pathlib.Path(ROOT, "no"))
os.stat(pathlib.Path(ROOT, "no"))
os.stat(f"{ROOT}/no".encode())
os.rename(f"{ROOT}/no", f"{ROOT}/nowhere/else")
os.listdir(path=f"{ROOT}/no")
os.rmdir(f"{ROOT}/d")
os.open(1.5, 0)
open(f"{ROOT}/b", "z")
open(2, "w", closefd=False).write("")
open(__file__).readline()
"""

BATTERY = f"""
import sys

if len(sys.argv) > 2:
    import private_tmp
    private_tmp.install(sys.argv[2])

import glob, gzip, io, json, logging, os, pathlib, shutil, tempfile, zipfile

ROOT = sys.argv[1]
for step in {STEPS!r}.splitlines():
    try:
        seen = eval(step) if step else None
    except Exception as error:
        seen = [type(error).__name__, str(error)]
    print(json.dumps([step, seen], default=str))
"""


def run(script: Path, *arguments: str) -> list[str]:
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    shutil.copy(FUNCTIONS / "private_tmp.py", tmp_path)
    path = tmp_path / "battery.py"
    path.write_text(BATTERY)
    return path


def test_what_works_in_tmp_works_in_the_folder_of_the_environment(
    tmp_path: Path, script: Path
) -> None:
    root = f"/tmp/{uuid.uuid4()}"
    folder = tmp_path / "tmp"
    folder.mkdir()
    try:
        expected = run(script, root)
    finally:
        shutil.rmtree(root)
    assert run(script, root, str(folder)) == expected
    # It has been there, and nowhere else.
    assert not Path(root).exists()
    assert (folder / Path(root).name / "a").read_text() == "text"
    steps = [json.loads(line) for line in expected]
    assert [seen for step, seen in steps if step == 'open(f"{ROOT}/no")'] == [
        ["FileNotFoundError", f"[Errno 2] No such file or directory: '{root}/no'"]
    ]
