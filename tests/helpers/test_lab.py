"""The set-up cell: one line, an empty account, and another account for a copy."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers import emulator, lab
from helpers.errors import LabError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_claims(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test is a process of its own, as far as accounts are concerned."""
    monkeypatch.delenv("LAB_ACCOUNT", raising=False)
    yield
    while lab._claims:
        lab._claims.popitem()[1].lock.release()


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Runs start(notebook) in another process that stays alive; returns the line it printed."""
    processes = []

    def start(notebook: str) -> str:
        code = f"from helpers.lab import start; start({notebook!r}); print(flush=True); input()"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes))
        return processes[-1].stdout.readline()

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_prints_exactly_one_line(endpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    started = lab.start("91-test")
    assert capsys.readouterr().out == (
        f"Lab ready: LocalStack 4.14.0 with the EventBridge plug-in at {endpoint}, "
        "account 100000000091.\n"
    )
    assert started.account == "100000000091"
    assert started.region == "us-east-1"
    assert started.endpoint.url == endpoint
    assert started.settings["lambda_retry_base_delay_seconds"] >= 1
    assert repr(started) == f"Lab(account 100000000091 at {endpoint})"


def test_the_access_key_is_the_account(endpoint: str) -> None:
    started = lab.start("91-test")
    assert started.client("sts").get_caller_identity()["Account"] == started.account
    assert started.client("sqs") is started.client("sqs")


def test_arns_are_those_of_the_services(endpoint: str) -> None:
    started = lab.start("91-test")
    sqs, iam = started.client("sqs"), started.client("iam")
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    assert started.arn("sqs", "orders") == attributes["Attributes"]["QueueArn"]
    role = iam.create_role(RoleName="ship-role", AssumeRolePolicyDocument="{}")["Role"]
    assert started.arn("iam", "role/ship-role") == role["Arn"]
    assert started.arn("s3", "receipts") == "arn:aws:s3:::receipts"
    started.cleanup()


def test_the_account_is_empty_whatever_was_left_in_it(endpoint: str) -> None:
    lab.start("91-test").client("sqs").create_queue(QueueName="left-over")
    again = lab.start("91-test")
    assert again.account == "100000000091"
    assert "QueueUrls" not in again.client("sqs").list_queues()


def test_the_variable_chooses_the_account(
    endpoint: str,
    account: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LAB_ACCOUNT", account)
    assert lab.start("91-test").account == account
    assert capsys.readouterr().out.endswith(f"account {account}.\n")


@pytest.mark.parametrize("wrong", ["123", "1234567890123", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢", "-"])
def test_an_account_has_twelve_digits(
    wrong: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_ACCOUNT", wrong)
    with pytest.raises(LabError, match="12 digits"):
        lab.start("91-test")


@pytest.mark.parametrize("wrong", ["start-here", "", "123-too-long", "no-91-number"])
def test_a_notebook_has_a_number(wrong: str) -> None:
    with pytest.raises(LabError, match="the name begins with its number"):
        lab.start(wrong)


def test_copies_have_accounts_of_their_own(
    endpoint: str,
    elsewhere: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert elsewhere("92-test").endswith("account 100000000092.\n")
    started = lab.start("92-test")
    assert started.account == "100000000192"
    assert "account 100000000192 (copy 2: this notebook also runs" in capsys.readouterr().out
    # Running the set-up cell again stays with the account.
    assert lab.start("92-test").account == started.account
    assert "100000000292" in elsewhere("92-test")
    assert "account 100000000093.\n" in elsewhere("93-test")


def test_the_place_of_a_copy_that_ended_is_free_again(
    endpoint: str, elsewhere: Callable[[str], str]
) -> None:
    code = "from helpers.lab import start; start('92-test')"
    run = [sys.executable, "-c", code]
    for _ in range(2):
        said = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert said.endswith("account 100000000092.\n")


def test_deploys_and_runs(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cell.py").write_text(
        "def greet(event, context):\n    print('greeting', event['name'])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    started = lab.start("91-test")
    started.deploy("greet", importlib.import_module("cell").greet)
    started.client("lambda").invoke(FunctionName="greet", Payload=b'{"name": "swn"}')
    [run] = started.runs("greet")
    assert run.lines == ("greeting swn",)
    started.cleanup()


def test_an_error_shows_itself_without_a_traceback() -> None:
    error = LabError("It broke.\nMend it.")
    assert error._render_traceback_() == ["LabError: It broke.", "Mend it."]


def test_resetting_a_lost_localstack_says_so(account: str) -> None:
    gone = emulator.Endpoint("http://127.0.0.1:1", {})
    with pytest.raises(LabError, match="no longer answers"):
        lab.reset(gone, account)
