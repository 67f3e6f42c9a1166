"""`run-due --watch` as a process: it charges what falls due while it runs, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_runner import Cli

import interact_ledger

COMMAND = (sys.executable, "-m", "interact_ledger.cli", "run-due", "--watch", "--every", "0.1", "--json")
HERE = {"PYTHONPATH": str(Path(interact_ledger.__file__).parents[1])}
WAIT_SECONDS = 30


@contextmanager
def watching() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **HERE}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def with_low_balance(cli: Cli) -> str:
    account = cli.account()
    card = cli.json("cards", "save", account, "--card-token", "tok_visa")["card"]["card_id"]
    cli.text(
        *("automatic", "enable-top-up", account, "--threshold", "15", "--amount", "20", "--max-per-month", 3),
        *("--card", card, "--ceiling", "60", "--consent", "yes", "--given-by", "me", "--given-at", "2026-01-02"),
    )
    return account


def wait_for_balance(cli: Cli, account: str, amount: str) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while cli.json("balance", account)["available"]["amount"] != amount:
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def documents(printed: str) -> list[dict]:
    decoder, found, rest = json.JSONDecoder(), [], printed.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_charges_what_falls_due_and_ends_cleanly_when_it_is_told_to(cli: Cli, number: signal.Signals):
    with watching() as process:
        account = with_low_balance(cli)
        wait_for_balance(cli, account, "20.00")
        process.send_signal(number)
        printed, complaints = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, complaints) == (0, "")
    (done, stopped) = documents(printed)
    assert [one["outcome"] for one in done["done"]] == ["succeeded"]
    assert stopped == {"stopped": True, "cut_short": False}


def test_it_waits_for_a_database_that_cannot_be_used(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    from interact_ledger import Ledger
    from interact_ledger.cli import watching as module
    from interact_ledger.errors import StorageUnavailable

    runs = []

    def run_due(_self: Ledger, **_more: object) -> list[object]:
        runs.append(1)
        if len(runs) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        raise StorageUnavailable("is away")

    monkeypatch.setattr(Ledger, "run_due", run_due)
    handlers = [signal.getsignal(number) for number in module.SIGNALS]
    ran = cli.run("run-due", "--watch", "--every", "0.01")
    assert (ran.exit_code, len(runs)) == (0, 3)
    assert ran.stderr.count("is away") == 3
    assert [signal.getsignal(number) for number in module.SIGNALS] == handlers


def test_a_signal_in_the_middle_of_a_run_ends_it_after_what_is_being_done(cli: Cli):
    from interact_ledger.cli.watching import repeatedly

    done = []

    def run(told) -> None:
        for number in range(5):
            if number == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            done.append(number)
            told(number, 5)

    assert repeatedly(run, 60)
    assert done == [0, 1]


def test_a_signal_during_the_last_thing_to_do_loses_nothing_that_is_to_be_told(cli: Cli):
    from interact_ledger.cli.watching import repeatedly

    told_of = []

    def run(told) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        told(1, 1)
        told_of.append("the only thing")

    assert not repeatedly(run, 60)
    assert told_of == ["the only thing"]


def test_ending_with_more_to_do_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    from interact_ledger import Ledger

    def run_due(_self: Ledger, *, on_progress) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        on_progress(1, 2)

    monkeypatch.setattr(Ledger, "run_due", run_due)
    assert cli.json("run-due", "--watch") == {"stopped": True, "cut_short": True}
    assert "more to do" in cli.text("run-due", "--watch")


@pytest.mark.parametrize("every", ["0", "-1", "86401", "nan"])
def test_a_wait_that_is_none_is_refused(cli: Cli, every: str):
    assert cli.refused("run-due", "--watch", "--every", every)["field"] == "--every"
