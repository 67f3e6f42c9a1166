"""Operators recover, run what is due, rebuild, audit, and look at gateways and settings."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_runner import Cli

from interact_ledger import Ledger, Recovered, Settings
from interact_ledger.cli import operating
from interact_ledger.clock import SystemClock
from interact_ledger.errors import ConfigurationError

SECRET = "sk_live_51H8"


def five_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock past the time in which an attempt may still be sent."""
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(minutes=5))


def test_recovery_credits_what_was_charged_and_never_answered(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    account_id = cli.account()
    lost = cli.top_up(account_id, token="tok_timeout_after_charging")
    assert lost["status"] == "unknown"
    five_minutes_later(monkeypatch)
    recovered = cli.json("recover")
    assert recovered["still_open"] == 0
    assert (recovered["recovered"][0]["subject"], recovered["recovered"][0]["outcome"]) == (
        lost["transaction_id"],
        "succeeded",
    )
    assert cli.json("balance", account_id)["total"]["amount"] == "50.00"
    assert cli.text("recover") == "Nothing was open.\n"


def test_recovery_lists_what_is_still_open_and_ends_well(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    account_id = cli.account()
    pending = cli.top_up(account_id, token="tok_pending")
    five_minutes_later(monkeypatch)
    recovered = cli.json("recover")
    assert recovered["still_open"] == 1
    shown = cli.text("recover")
    assert "1 still open; run recover again later." in shown
    assert pending["transaction_id"] in shown
    cli.text("sandbox", "settle", pending["gateway_reference"])
    assert cli.json("recover")["still_open"] == 0


def test_recovery_says_what_is_not_due_yet_and_when_the_next_is(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def recovered(subject: str, minute: int, outcome: str) -> Recovered:
        due_at = datetime(2026, 11, 23, 9, minute, tzinfo=UTC)
        return Recovered("acct_1", "payment", subject, outcome, outcome == "succeeded", due_at)

    found = [recovered("txn_1", 32, "not due yet"), recovered("txn_2", 31, "not due yet")]
    monkeypatch.setattr(Ledger, "recover", lambda *_: found)
    assert cli.json("recover")["still_open"] == 2
    shown = cli.text("recover")
    assert "txn_1" in shown
    assert shown.endswith("Nothing was due; 2 still open, next due 2026-11-23 09:31:00Z.\n")
    found += [recovered("txn_3", 20, "succeeded"), recovered("txn_4", 20, "pending")]
    assert cli.json("recover")["still_open"] == 3
    assert cli.text("recover").endswith("\n3 still open, next due 2026-11-23 09:31:00Z.\n")


def test_what_is_due_is_done(cli: Cli):
    account_id = cli.funded()
    held = cli.json("hold", "place", account_id, "5", "--reference", "r", "--expires-in", "PT0.001S")
    done = cli.json("run-due")["done"]
    assert [(item["kind"], item["subject"], item["outcome"]) for item in done] == [
        ("hold_expiry", held["hold_id"], "expired")
    ]
    assert cli.text("run-due") == "Nothing was due.\n"


def test_rebuilding_changes_nothing_that_can_be_read(cli: Cli):
    account_id = cli.funded()
    before = cli.json("statement", account_id)
    assert cli.json("rebuild")["events"] > 1
    assert "Rebuilt from" in cli.text("rebuild")
    assert cli.json("statement", account_id) == before


def test_the_audit_of_a_sound_ledger(cli: Cli):
    cli.funded()
    report = cli.json("audit")
    assert (report["clean"], report["findings"], report["accounts"]) == (True, [], 1)
    assert report["currencies"][0]["captured"] == "60.00"
    assert "Sound:" in cli.text("audit")


def test_the_audit_exits_with_1_when_something_is_wrong(cli: Cli):
    cli.funded()
    connection = sqlite3.connect("ledger.db")
    with connection:
        connection.execute("UPDATE statement_lines SET total='5000'")
    connection.close()
    ran = cli.run("audit")
    assert ran.exit_code == 1
    assert "NOT SOUND" in ran.stdout
    in_json = cli.run("audit", "--json")
    assert (in_json.exit_code, in_json.stderr) == (1, "")
    assert '"clean": false' in in_json.stdout


def test_installed_gateways_say_what_they_can_do(cli: Cli):
    found = {gateway["gateway"]: gateway for gateway in cli.json("gateways")["gateways"]}
    assert found["sandbox"]["in_use"]
    assert found["sandbox"]["capabilities"]["currencies"]["GBP"]["step"] == "0.01"
    assert "partial refunds" in cli.text("gateways")
    assert not Path("sandbox.db").exists(), "looking at the sandbox leaves nothing behind"


def test_gateways_that_cannot_be_opened_say_why_and_no_credential(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    problems = {
        "alpha": ConfigurationError("set ALPHA_KEY", field="ALPHA_KEY"),
        "beta": ModuleNotFoundError("No module named 'beta_sdk'"),
        "gamma": KeyError("GAMMA_KEY"),
        "delta": ValueError(f"Invalid API key: {SECRET}"),
    }

    def opening(name: str, _environ: dict[str, str]) -> None:
        raise problems[name]

    monkeypatch.setattr(operating, "gateway_names", lambda: list(problems))
    monkeypatch.setattr(operating, "gateway_from_env", opening)
    errors = {entry["gateway"]: entry["error"] for entry in cli.json("gateways", "--gateways", "alpha")["gateways"]}
    assert errors == {
        "alpha": "ConfigurationError: ALPHA_KEY: set ALPHA_KEY",
        "beta": "ModuleNotFoundError: No module named 'beta_sdk'",
        "gamma": "KeyError: 'GAMMA_KEY'",
        "delta": "ValueError",
    }
    assert "set ALPHA_KEY" in cli.text("gateways", "--gateways", "alpha")


def test_gateways_that_are_asked_for_and_not_installed_are_named(cli: Cli):
    ran = cli.run("gateways", "--gateways", "acme,sandbox,nope")
    assert (ran.exit_code, ran.stderr) == (2, "")
    assert [line.split() for line in ran.stdout.split("\n\n")[-2].splitlines()] == [
        ["gateway", "acme"],
        ["in", "use", "yes"],
        ["error", "not", "installed"],
    ]
    in_json = cli.run("gateways", "--gateways", "acme,sandbox,nope", "--json")
    assert in_json.exit_code == 2
    found = {entry["gateway"]: entry["error"] for entry in json.loads(in_json.stdout)["gateways"]}
    assert found.items() >= {"sandbox": None, "acme": "not installed", "nope": "not installed"}.items()
    assert cli.run("gateways", "--gateways", "").exit_code == 0


def test_settings_are_checked_without_opening_a_ledger(cli: Cli):
    assert cli.json("settings", "check")["seller"]["id"] == "interact-gb"
    assert "These settings can be used." in cli.text("settings", "check")
    assert not Path("ledger.db").exists()


def test_the_preferred_gateways_are_shown_and_one_that_is_not_installed_is_marked(cli: Cli):
    settings = Settings.default().model_dump(mode="json")
    settings["availability"]["gateways"] = ["strpie", "sandbox"]
    Path("preferring.json").write_text(json.dumps(settings))
    assert "strpie (not installed here), then sandbox\n" in cli.text("settings", "check", "preferring.json")


def test_wrong_settings_name_the_file_and_the_entry(cli: Cli):
    Path("wrong.toml").write_text('price_list = "missing.toml"\n')
    for words in (("settings", "check", "wrong.toml"), ("settings", "check", "--settings", "wrong.toml")):
        error = cli.refused(*words)
        assert error["code"] == "configuration_error"
        assert "missing.toml" in error["message"]


def test_looking_again_tells_what_is_new(cli: Cli):
    account_id = cli.account()
    paid = cli.top_up(account_id)
    cli.text("sandbox", "refund", paid["gateway_reference"])
    assert cli.json("look-again", "--days", 1)["charges"] == 0
    shown = cli.text("look-again", "--days", 1, "--gateway", "sandbox")
    assert "refund-made-elsewhere" in shown
    assert account_id in shown
    assert "Looked at 1 charges, and at the cards of 0 accounts." in shown
    again = cli.json("look-again", "--days", 1, "--gateway", "sandbox")
    assert (again["charges"], again["news"], again["complete"]) == (1, [], True)
    assert cli.refused("look-again", "--days", 0)["field"] == "--days"


def test_a_program_that_appends_to_a_file_gets_a_notification_on_each_line(cli: Cli):
    account_id = cli.account()
    charge = cli.top_up(account_id)["gateway_reference"]
    for amount in ("10.00", "20.00"):
        cli.text("sandbox", "dispute", charge, "--amount", amount)
    cli.text("sandbox", "deliver")
    cli.text("deliver-notifications", "file", "--", "sh", "-c", "cat >> told.jsonl")
    told = [json.loads(line) for line in Path("told.jsonl").read_text().splitlines()]
    assert [one["data"]["total"] for one in told] == ["10.00", "20.00"]
