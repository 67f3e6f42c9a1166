"""The installed command as a process: its streams, its environment, and what it does without its extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runner import Cli

import interact_ledger

HERE = {"PYTHONPATH": str(Path(interact_ledger.__file__).parents[1])}
"""The very code that these tests import, from whatever folder the command is run in."""
COMMAND = (sys.executable, "-m", "interact_ledger.cli")


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, env={**os.environ, **HERE, **environment}
    )


@pytest.mark.usefixtures("cli")
def test_a_top_up_from_a_fresh_file_to_the_receipt():
    def document(*words: str) -> dict:
        ran = run(*words, "--json")
        assert (ran.returncode, ran.stderr) == (0, "")
        return json.loads(ran.stdout)

    account_id = document("account", "open", "customer-1", "GBP", "GB")["account_id"]
    quote_id = document("payment", "checkout", account_id, "50")["quote_id"]
    paid = document("payment", "top-up", account_id, quote_id, "--card-token", "tok_visa")
    receipt = document("receipt", paid["transaction_id"])
    assert receipt["transaction_id"] == paid["transaction_id"]
    assert receipt["total"] == paid["total"] == {"amount": "60.00", "currency": "GBP"}
    assert Path("ledger.db").exists()
    assert Path("sandbox.db").exists()


@pytest.mark.parametrize("module", ["interact_ledger", "interact_ledger.cli"])
def test_each_way_to_start_it_tells_the_version(module: str):
    command = [sys.executable, "-m", module, "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **HERE})
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"interact_ledger {interact_ledger.__version__}\n", "")


def test_people_get_text_and_errors_go_to_stderr(cli: Cli):
    account_id = cli.funded()
    shown = run("balance", account_id)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "available  £50.00" in shown.stdout
    refused = run("balance", "acct_nobody")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "account_not_found" in refused.stderr


def test_an_ascii_terminal_gets_by(cli: Cli):
    shown = run("balance", cli.funded(), PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "?50.00" in shown.stdout


def test_a_reader_that_left_is_no_error(cli: Cli):
    account_id = cli.funded()
    with subprocess.Popen(
        [*COMMAND, "history", account_id],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **HERE},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_it_says_what_to_install(missing: str):
    code = f"import sys; sys.modules[{missing!r}] = None; from interact_ledger.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **HERE}
    )
    assert ran.returncode == 1
    assert ran.stderr == (
        f"interact-ledger needs {missing}, which is not installed: "
        'python -m pip install "interact_ledger[cli]" (or ".[cli]" from a clone)\n'
    )


def test_the_library_needs_neither_typer_nor_rich():
    code = (
        "import interact_ledger, interact_ledger.testing, sys; sys.exit({'typer', 'rich'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ, **HERE}).returncode == 0
