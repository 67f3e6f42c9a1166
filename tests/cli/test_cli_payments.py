"""Operators check out, top up, follow a payment to its end, and look after cards."""

from __future__ import annotations

from cli_runner import Cli

SIXTY = {"amount": "60.00", "currency": "GBP"}


def test_the_methods_offered_to_an_account(cli: Cli):
    account_id = cli.account()
    codes = [method["code"] for method in cli.json("payment", "methods", account_id)["methods"]]
    assert "visa" in codes
    assert "Maestro" in cli.text("payment", "methods", account_id)


def test_what_checkout_showed_is_charged_and_confirmed(cli: Cli):
    account_id = cli.account()
    quote = cli.json("payment", "checkout", account_id, "50.00", "--method", "visa")
    assert quote["total"] == SIXTY
    assert quote["taxes"] == [
        {"name": "VAT", "rate": "20", "amount": {"amount": "10.00", "currency": "GBP"}, "reverse_charge": False}
    ]
    assert cli.json("payment", "quote", account_id, quote["quote_id"]) == quote
    paid = cli.json("payment", "top-up", account_id, quote["quote_id"], "--card-token", "tok_visa")
    assert (paid["status"], paid["total"], paid["client_secret"]) == ("succeeded", SIXTY, None)
    shown = cli.text("payment", "show", account_id, paid["transaction_id"])
    assert "succeeded" in shown
    assert "£60.00" in shown


def test_an_amount_in_another_currency_is_refused(cli: Cli):
    assert cli.refused("payment", "checkout", cli.account(), "50 EUR")["code"] == "currency_mismatch"


def test_a_declined_card_is_a_result(cli: Cli):
    declined = cli.top_up(cli.account(), token="tok_declined_insufficient_funds")
    assert (declined["status"], declined["decline_reason"]) == ("declined", "insufficient_funds")


def test_a_one_time_token_can_come_from_standard_input(cli: Cli):
    account_id = cli.account()
    words = ("payment", "top-up", account_id, cli.quote(account_id), "--card-token", "-")
    assert cli.json(*words, stdin="tok_visa\n")["status"] == "succeeded"


def test_a_customer_authenticates_and_the_operator_completes(cli: Cli):
    account_id = cli.account()
    asked = cli.top_up(account_id, token="tok_authentication_required")
    assert asked["status"] == "action_required"
    assert asked["client_secret"], "the operator hands it to the gateway's page"
    assert cli.json("sandbox", "authenticate", asked["gateway_reference"])["state"] == "Succeeded"
    assert cli.json("payment", "complete", account_id, asked["transaction_id"])["status"] == "succeeded"


def test_a_payment_that_nobody_wants_any_more_is_cancelled(cli: Cli):
    account_id = cli.account()
    asked = cli.top_up(account_id, token="tok_authentication_required")
    assert "cancelled" in cli.text("payment", "cancel", account_id, asked["transaction_id"])
    assert cli.json("payment", "cancel", account_id, asked["transaction_id"])["status"] == "cancelled"


def test_the_same_key_never_charges_twice(cli: Cli):
    account_id = cli.account()
    words = ("payment", "top-up", account_id, cli.quote(account_id), "--card-token", "tok_visa", "--key", "once")
    assert cli.json(*words) == cli.json(*words)
    assert len(cli.json("sandbox", "captured")["captured"]) == 1


def test_a_saved_card_pays_again_and_can_be_removed(cli: Cli):
    account_id = cli.account()
    card = cli.top_up(account_id, "--save-card")["saved_card"]
    assert cli.json("cards", "list", account_id)["cards"] == [card]
    paid = cli.json("payment", "top-up", account_id, cli.quote(account_id), "--card", card["card_id"])
    assert paid["status"] == "succeeded"
    assert cli.json("cards", "remove", account_id, card["card_id"])["cards"] == []
    assert cli.text("cards", "list", account_id) == "No saved cards.\n"
    assert cli.json("sandbox", "chargeable")["chargeable"] == []


def test_cards_are_saved_without_a_charge_and_one_is_the_default(cli: Cli):
    account_id = cli.account()
    words = ("cards", "save", account_id, "--card-token")
    first = cli.json(*words, "tok_visa")["card"]["card_id"]
    asked = cli.json(*words, "tok_authentication_required")
    assert asked["client_secret"]
    cli.text("sandbox", "authenticate", asked["gateway_reference"])
    second = cli.json("cards", "complete", account_id, asked["saving_id"])["card"]["card_id"]
    chosen = cli.json("cards", "default", account_id, second)["cards"]
    assert {card["card_id"]: card["is_default"] for card in chosen} == {first: False, second: True}


def test_saving_a_card_is_called_off(cli: Cli):
    account_id = cli.account()
    asked = cli.json("cards", "save", account_id, "--card-token", "tok_authentication_required")
    assert cli.json("cards", "cancel", account_id, asked["saving_id"])["status"] == "cancelled"


def test_saving_a_card_needs_a_token(cli: Cli):
    assert cli.refused("cards", "save", cli.account())["field"] == "--card-token"


def test_lists_stand_apart_and_a_tax_rate_is_in_per_cent(cli: Cli):
    lines = cli.text("payment", "checkout", cli.account(), "50").splitlines()
    at = lines.index("taxes")
    assert lines[at - 1] == ""
    assert lines[at + 3].split() == ["VAT", "20%", "£10.00", "no"]


def test_a_top_up_without_a_card_or_with_two_names_the_options(cli: Cli):
    account_id = cli.account()
    words = ("payment", "top-up", account_id, cli.quote(account_id))
    for cards in ((), ("--card-token", "tok_visa", "--card", "card_1")):
        assert cli.run(*words, *cards).stderr == (
            "Error: --card-token: pass either --card-token (a new card) or --card (a saved one) [invalid_request]\n"
        )
