"""Operators estimate, spend, give back, hold and release."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import Cli


def pounds(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


def test_a_campaign_is_estimated_against_a_balance(cli: Cli, campaign: Path):
    estimated = cli.json("estimate", "campaign", campaign, "GB", "--account", cli.account())
    assert (estimated["messages"], estimated["segments"]) == (4, 5)
    assert (estimated["cost"], estimated["shortfall"], estimated["top_up"]) == (
        pounds("0.1625"),
        pounds("0.1625"),
        pounds("10.00"),
    )


def test_a_campaign_is_priced_in_a_currency_without_any_account(cli: Cli, campaign: Path):
    estimated = cli.json("estimate", "campaign", campaign, "GB", "--currency", "GBP")
    assert estimated["cost"] == pounds("0.1625")
    assert estimated.keys() == {"cost", "messages", "segments", "items"}
    shown = cli.text("estimate", "campaign", campaign, "GB", "--currency", "GBP")
    assert "\n\nitems\n" in shown
    assert not Path("ledger.db").exists(), "a price needs no ledger"


def test_sub_penny_amounts_are_shown_with_all_their_digits(cli: Cli):
    assert "£0.0325" in cli.text("estimate", "message", "GB", "--text", "Hello", "--currency", "GBP")


def test_a_number_is_estimated_before_it_is_chosen(cli: Cli):
    items = cli.json("estimate", "number", "GB", "--currency", "GBP")["items"]
    assert [item["item"] for item in items] == ["number-setup/GB/local", "number-month/GB/local"]


def test_an_estimate_is_against_an_account_or_in_a_currency(cli: Cli):
    assert cli.refused("estimate", "number", "GB")["field"] == "--account"
    assert cli.refused("estimate", "number", "GB", "--currency", "XXX")["code"] == "price_not_found"


def test_a_campaign_of_real_messages_is_estimated_and_bought(cli: Cli, real_messages: Path):
    account_id = cli.account()
    cli.top_up(account_id, amount="200")
    estimated = cli.json("estimate", "campaign", real_messages, "GB", "--account", account_id)
    bought = cli.json("spend", "campaign", account_id, real_messages, "GB")
    assert estimated["messages"] == len(bought["lines"]) == 5574
    assert estimated["cost"] == bought["amount"]
    assert "and 5,554 more lines" in cli.text(
        "spend", "campaign", account_id, real_messages, "GB", "--key", bought["idempotency_key"]
    )


def test_a_message_is_bought_and_partly_given_back(cli: Cli):
    account_id = cli.funded()
    bought = cli.json("spend", "message", account_id, "GB", "--text", "Hello", "--quantity", 3, "--reference", "a=b")
    assert bought["amount"] == pounds("0.0975")
    assert bought["lines"] == [
        {"reference": "a=b", "item": "message/GB", "quantity": 3, "segments": 1, "unit_price": "0.0325"}
    ]
    words = ("spend", "reverse", account_id, bought["transaction_id"], "--reason", "not delivered", "--line")
    assert cli.json(*words, "a=b=1")["amount"] == pounds("0.0325")
    assert cli.json(*words, "a=b")["amount"] == pounds("0.065"), "what is left of the line"


def test_a_campaign_is_bought_and_wholly_given_back(cli: Cli, campaign: Path):
    account_id = cli.funded()
    bought = cli.json("spend", "campaign", account_id, campaign, "GB")
    assert [line["reference"] for line in bought["lines"]] == ["line-1", "line-2", "line-3", "line-4"]
    back = cli.json("spend", "reverse", account_id, bought["transaction_id"], "--reason", "never sent")
    assert (back["amount"], back["balance"]) == (pounds("0.1625"), pounds("50.00"))


def test_a_number_is_rented_and_given_back(cli: Cli):
    account_id = cli.funded()
    assert cli.json("spend", "number", account_id, "+442071234567", "GB")["amount"] == pounds("2.00")
    assert [rented["number"] for rented in cli.json("numbers", "list", account_id)["numbers"]] == ["+442071234567"]
    assert cli.json("numbers", "release", account_id, "+442071234567")["numbers"] == []
    assert cli.text("numbers", "list", account_id) == "No rented numbers.\n"


def test_a_hold_is_placed_settled_and_released(cli: Cli, campaign: Path):
    account_id = cli.funded()
    held = cli.json("hold", "place", account_id, "5", "--reference", "campaign 7", "--expires-in", "PT2H")
    assert held["balance"] == pounds("45.00")
    words = ("hold", "settle", account_id, held["hold_id"], "GB")
    assert cli.json(*words, "--file", campaign)["amount"] == pounds("0.1625")
    assert cli.json(*words, "--segments", 2)["amount"] == pounds("0.065")
    released = cli.json("hold", "release", account_id, held["hold_id"])
    assert (released["remaining"], released["balance"]) == (pounds("0.00"), pounds("49.7725"))


@pytest.mark.parametrize("lifetime", ["soon", "-1", "P400D"])
def test_a_hold_that_could_not_expire_is_refused(cli: Cli, lifetime: str):
    error = cli.refused("hold", "place", cli.funded(), "5", "--reference", "r", f"--expires-in={lifetime}")
    assert error["field"] == "expires_in"


def test_a_card_number_in_a_reference_is_refused_and_not_repeated(cli: Cli):
    ran = cli.run("spend", "message", cli.funded(), "GB", "--segments", 1, "--reference", "4111 1111 1111 1111")
    assert ran.exit_code == 2
    assert "card_number_refused" in ran.stderr
    assert "4111" not in ran.stderr


@pytest.mark.parametrize("what", ["message", "number", "campaign", "settle"])
def test_an_auto_top_up_is_charged_at_once_if_that_is_asked_for(cli: Cli, campaign: Path, what: str):
    account_id = cli.account()
    card = cli.top_up(account_id, "--save-card", amount="20")["saved_card"]["card_id"]
    held = cli.json("hold", "place", account_id, "1", "--reference", "night")["hold_id"]
    cli.text(
        *("automatic", "enable-top-up", account_id, "--threshold", "20", "--amount", "25", "--max-per-month", 3),
        *("--card", card, "--ceiling", "60", "--consent", "yes", "--given-by", "me", "--given-at", "2026-01-02"),
    )
    words = {
        "message": ("spend", "message", account_id, "GB", "--segments", 1),
        "number": ("spend", "number", account_id, "+442071234567", "GB"),
        "campaign": ("spend", "campaign", account_id, campaign, "GB"),
        "settle": ("hold", "settle", account_id, held, "GB", "--segments", 1),
    }[what]
    bought = cli.json(*words, "--top-up-at-once")
    assert len(cli.json("receipts", account_id)["receipts"]) == 2
    assert bought["balance"] == cli.json("balance", account_id)["available"]
