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


def test_a_sandbox_that_is_not_in_use_is_not_looked_into(cli: Cli):
    for command in ("tokens", "captured", "chargeable"):
        assert "not in use" in cli.refused("sandbox", command, "--gateways", "stripe")["message"]
