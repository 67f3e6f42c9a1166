"""Mistakes, refusals and outages: what is said where, and the exit code."""

from __future__ import annotations

import pytest
from cli_runner import Cli

from interact_ledger import Ledger
from interact_ledger.errors import Busy, CorruptLog, GatewayError, GatewayMisconfigured, LedgerError, StorageUnavailable


def test_a_mistake_names_field_rule_and_code(cli: Cli):
    account_id = cli.account()
    ran = cli.run("payment", "checkout", account_id, "5")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "Error: amount: is below the minimum of 10.00 GBP [below_minimum]\n"
    assert cli.refused("payment", "checkout", account_id, "5") == {
        "code": "below_minimum",
        "field": "amount",
        "message": "is below the minimum of 10.00 GBP",
    }


def test_an_unknown_account_is_no_traceback(cli: Cli):
    assert cli.refused("balance", "acct_nobody")["code"] == "account_not_found"


def test_an_amount_that_is_none_is_refused(cli: Cli):
    account_id = cli.account()
    for amount in ("ten", "1e3", "1,000", "", "50 POUNDS"):
        assert cli.refused("payment", "checkout", account_id, amount)["code"] == "invalid_amount"


def test_wrong_usage_is_told_as_json_too(cli: Cli):
    for words in (("balance",), ("history", "a", "--limit", "many"), ("balance", "a", "--colour"), ("dance",)):
        error = cli.refused(*words)
        assert error["code"] == "usage"
        assert error["message"]


def test_wrong_usage_is_told_to_people_with_a_hint(cli: Cli):
    ran = cli.run("balance")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "Missing argument 'ACCOUNT'" in ran.stderr


def test_a_database_out_of_reach_exits_with_3(cli: Cli):
    ran = cli.run("account", "list", "--url", "sqlite:////nowhere/at/all/ledger.db", "--json")
    assert (ran.exit_code, ran.error["code"]) == (3, "storage_unavailable")


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (Busy("others were faster"), 3),
        (StorageUnavailable("the disk is full"), 3),
        (GatewayError("cannot be reached"), 3),
        (GatewayMisconfigured("the key was revoked"), 2),
        (CorruptLog("the chain is broken"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: LedgerError, exit_code: int
):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Ledger, "balance", fail)
    ran = cli.run("balance", "acct_1", "--json")
    assert (ran.exit_code, ran.error["code"], ran.stdout) == (exit_code, error.code, "")


def test_a_defect_of_ours_is_a_traceback_with_an_exit_code_of_its_own(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Ledger, "balance", fail)
    for form in ((), ("--json",)):
        ran = cli.run("balance", "acct_1", *form)
        assert ran.exit_code == 70
        assert "ZeroDivisionError" in ran.stderr


def test_options_of_every_command_go_before_or_after_its_name(cli: Cli):
    account_id = cli.account()
    after = cli.run("account", "show", account_id, "--json")
    before = cli.run("--json", "account", "show", account_id)
    assert after == before
    elsewhere = cli.run("--url", "sqlite:///elsewhere.db", "account", "show", account_id)
    assert "account_not_found" in elsewhere.stderr
    nearer = cli.run("--url", "sqlite:///elsewhere.db", "account", "show", account_id, "--url", "sqlite:///ledger.db")
    assert nearer.exit_code == 0


@pytest.mark.parametrize("words", [(), ("account",), ("payment",), ("balance",), ("spend", "campaign")])
def test_help_is_there_at_every_level(cli: Cli, words: tuple[str, ...]):
    assert "Usage: interact-ledger" in cli.text(*words, "--help")


def test_help_names_flags_and_arguments_as_ordinary_programs_do(cli: Cli):
    shown = cli.text("payment", "top-up", "--help")
    assert "payment top-up [OPTIONS] ACCOUNT QUOTE" in shown
    assert "<bool>" not in shown + cli.text("--help")
    assert "settings check [OPTIONS] [FILE]" in cli.text("settings", "check", "--help")
