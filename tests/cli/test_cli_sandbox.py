"""Operators look into the sandbox, where it is in use, and play the customer there."""

from __future__ import annotations

from cli_runner import Cli

from interact_ledger.gateways.sandbox import SANDBOX_TOKENS


def test_the_test_tokens_are_listed(cli: Cli):
    assert [entry["token"] for entry in cli.json("sandbox", "tokens")["tokens"]] == list(SANDBOX_TOKENS)
    assert all(token in cli.text("sandbox", "tokens") for token in SANDBOX_TOKENS)


def test_what_was_really_captured(cli: Cli):
    assert cli.text("sandbox", "captured") == "Nothing was captured.\n"
    paid = cli.top_up(cli.account())
    captured = cli.json("sandbox", "captured")["captured"]
    assert [(payment["transaction_id"], payment["amount"]) for payment in captured] == [
        (paid["transaction_id"], paid["total"])
    ]
    assert "£60.00" in cli.text("sandbox", "captured")


def test_a_customer_who_fails_to_authenticate_is_declined(cli: Cli):
    account_id = cli.account()
    asked = cli.top_up(account_id, token="tok_authentication_required")
    assert "Declined" in cli.text("sandbox", "authenticate", asked["gateway_reference"], "--decline")
    assert cli.json("payment", "complete", account_id, asked["transaction_id"])["status"] == "declined"


def test_a_pending_payment_settles(cli: Cli):
    account_id = cli.account()
    pending = cli.top_up(account_id, token="tok_pending")
    assert cli.json("sandbox", "settle", pending["gateway_reference"])["state"] == "Succeeded"
    assert cli.json("payment", "complete", account_id, pending["transaction_id"])["status"] == "succeeded"


def test_a_dispute_is_played_delivered_and_listed(cli: Cli):
    account_id = cli.account()
    charge = cli.top_up(account_id)["gateway_reference"]
    dispute = cli.json("sandbox", "dispute", charge, "--amount", "12.00", "--reason", "product_not_received")
    cli.text("sandbox", "deliver")
    (listed,) = cli.json("disputes", account_id)["disputes"]
    assert (listed["status"], listed["reason"], listed["held"]["amount"]) == ("open", "product_not_received", "10.00")
    assert cli.json("balance", account_id)["available"]["amount"] == "40.00"
    cli.text("sandbox", "decide-dispute", dispute["reference"], "--lost")
    cli.text("sandbox", "deliver")
    assert "lost" in cli.text("disputes", account_id)
    assert cli.json("balance", account_id)["total"]["amount"] == "40.00"


def test_what_is_played_is_shown_with_its_amount(cli: Cli):
    account_id = cli.account()
    charge = cli.top_up(account_id)["gateway_reference"]
    for words in (("dispute", charge), ("refund", charge), ("pay", account_id)):
        assert "£12.00" in cli.text("sandbox", *words, *(["12"] if words[0] == "pay" else ["--amount", "12"])), words


def test_a_bank_that_takes_evidence_until_another_date_is_played(cli: Cli):
    account_id = cli.account()
    dispute = cli.json("sandbox", "dispute", cli.top_up(account_id)["gateway_reference"])
    cli.text("sandbox", "move-evidence-date", dispute["reference"], "2040-01-02T03:04:05Z")
    cli.text("sandbox", "deliver")
    (listed,) = cli.json("disputes", account_id)["disputes"]
    assert listed["evidence_due_by"] == "2040-01-02T03:04:05.000000Z"
    assert "ISO 8601" in cli.refused("sandbox", "move-evidence-date", dispute["reference"], "soon")["message"]


def test_a_line_of_the_statement_is_found_among_the_disputes(cli: Cli):
    account_id = cli.account()
    charge = cli.top_up(account_id)["gateway_reference"]
    dispute = cli.json("sandbox", "dispute", charge)["reference"]
    cli.text("sandbox", "decide-dispute", dispute, "--lost")
    cli.text("sandbox", "deliver")
    *_, lost = cli.json("statement", account_id)["lines"]
    listed = cli.text("disputes", account_id)
    assert lost["kind"] == "dispute-lost"
    assert lost["transaction_id"] in listed
    assert dispute in listed


def test_a_payment_that_nobody_asked_the_ledger_for_is_reported_by_the_audit(cli: Cli):
    account_id = cli.funded()
    cli.text("sandbox", "pay", account_id, "25")
    assert "unexplained" in cli.text("sandbox", "deliver")
    told = cli.text("audit")
    assert "notice_unexplained" in told
    assert "For a person to look at: 1." in told
    assert "nothing wrong" not in told
    assert cli.json("balance", account_id)["total"]["amount"] == "50.00"


def test_what_the_sandbox_does_not_have_is_not_played(cli: Cli):
    assert "captured" in cli.refused("sandbox", "dispute", "pay_none", "--amount", "1")["message"]
    assert "no saved card" in cli.refused("sandbox", "detach-card", "crd_none")["message"]


def test_a_sandbox_that_is_not_in_use_is_not_looked_into(cli: Cli):
    for command in ("tokens", "captured", "chargeable"):
        assert "not in use" in cli.refused("sandbox", command, "--gateways", "stripe")["message"]
