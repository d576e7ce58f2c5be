"""The command lines that notebooks show are understood by the AWS CLI's own parser and model.

The AWS CLI reads all options and checks the parameters against the service's model; then it is
answered, and no call is made.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

#: Options of version 2 of the AWS CLI alone; version 1, which PyPI has, does not know them.
VERSION_2 = re.compile(r"--cli-binary-format (raw-in-base64-out|base64)")


def command_lines() -> Iterator[Any]:
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"]) if cell["cell_type"] == "markdown" else ""
            for block in re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
                for line in block.replace("\\\n", " ").strip().splitlines():
                    yield pytest.param(line, id=f"{path.stem}: {' '.join(line.split()[:3])}")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "100000000001",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def understands(line: str) -> bool:
    name, *words = shlex.split(VERSION_2.sub("", line))
    assert name == "aws"
    driver = create_clidriver()
    calls = []

    def answer(model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        calls.append(model.name)
        body = {"Payload": BytesIO()} if model.has_streaming_output else {}
        return SimpleNamespace(status_code=200), body

    driver.session.register("before-call", answer)
    try:
        return driver.main(words) == 0 and len(calls) == 1
    except SystemExit:
        return False


@pytest.mark.parametrize("line", list(command_lines()))
def test_the_aws_cli_understands(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert understands(line), capfd.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "aws lambda invoke - function-name MyLambdaFunction -invocation-Type Event"
        """ --payload '{"key":"value"}'""",
        "aws lambda invoke --function-name f --invocation-type Event",
        "aws events put-rule --name n --event-patern '{}'",
        "aws events put-targets --rule r --targets Arn=arn:aws:sqs:us-east-1:1:q",
    ],
)
def test_the_aws_cli_refuses(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Or the test above could not fail."""
    assert not understands(line)
    assert re.search("usage|error|required|Missing", capfd.readouterr().err)


def test_every_notebook_from_01_on_shows_command_lines() -> None:
    shown = {parameter.id.partition(":")[0] for parameter in command_lines()}
    assert shown == {path.stem for path in NOTEBOOKS[1:]}
