"""The product's rules, by number, as a customer and a developer see them kept. Rules 9 and 10 come with their work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moneyed import Money

from interact_ledger import Message, Number, Settings
from interact_ledger.errors import (
    BelowMinimum,
    CardNumberRefused,
    CardRemoved,
    MethodNotOffered,
    QuoteExpired,
    TransactionNotFound,
)
from interact_ledger.testing import ledger_kit
from ledger_helpers import NUMBER, ONE_SEGMENT, at_gateway, available, funded, gbp, opened, pay, saved, stored, topics


def test_rule_01_one_balance_pays_for_messages_and_numbers(kit):
    account_id = funded(kit, "50.00")
    message = kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="message")
    assert (message.amount, message.balance) == (gbp("0.0325"), gbp("49.9675"))
    number = kit.ledger.spend(account_id, NUMBER, idempotency_key="number")
    assert (number.amount, number.balance) == (gbp("2.00"), gbp("47.9675"))
    assert available(kit, account_id) == gbp("47.9675")


def test_rule_01_a_balance_has_one_currency_and_an_owner_may_have_several(kit):
    pounds, dollars = opened(kit), opened(kit, currency="USD", country="US", region="OR")
    kit.top_up(pounds.account_id, gbp("10.00"))
    kit.top_up(dollars.account_id, Money("20.00", "USD"))
    assert kit.ledger.balance(pounds.account_id).total == gbp("10.00")
    assert kit.ledger.balance(dollars.account_id).total == Money("20.00", "USD")


def test_rule_02_the_balance_shows_a_payment_at_once_when_the_gateway_confirms_at_once(kit):
    account_id = kit.account().account_id
    assert kit.top_up(account_id, gbp("50.00")).status == "succeeded"
    assert available(kit, account_id) == gbp("50.00")


def test_rule_02_the_balance_shows_a_payment_within_minutes_when_the_gateway_confirms_later(kit):
    account_id = kit.account().account_id
    pending = kit.top_up(account_id, gbp("50.00"), card_token="tok_pending")
    assert (pending.status, pending.balance) == ("pending", gbp("0"))
    assert kit.ledger.balance(account_id).pending == gbp("50.00")
    kit.gateway.settle(pending.gateway_reference)
    kit.clock.advance(timedelta(minutes=2))
    kit.ledger.recover()
    balance = kit.ledger.balance(account_id)
    assert (balance.available, balance.pending) == (gbp("50.00"), gbp("0"))


def test_rule_03_minimum_top_up_is_ten_pounds(kit):
    account_id = kit.account().account_id
    before = stored(kit), at_gateway(kit)
    with pytest.raises(BelowMinimum, match=r"amount: is below the minimum of 10\.00 GBP"):
        kit.ledger.checkout(account_id, gbp("9.99"))
    assert (stored(kit), at_gateway(kit)) == before
    assert kit.ledger.checkout(account_id, gbp("10.00")).recharge == gbp("10.00")


def test_rule_03_the_minimum_is_configured_per_currency():
    content = Settings.default().model_dump()
    content["top_up"]["GBP"]["minimum"] = "25.00"
    with ledger_kit(settings=Settings.model_validate(content)) as kit:
        pounds, yen = kit.account().account_id, kit.account("JPY", "JP").account_id
        with pytest.raises(BelowMinimum, match=r"25\.00 GBP"):
            kit.ledger.checkout(pounds, gbp("24.99"))
        with pytest.raises(BelowMinimum, match="1500 JPY"):
            kit.ledger.checkout(yen, Money("1499", "JPY"))


def test_rule_03_the_minimum_is_of_what_is_entered_and_not_of_what_is_paid_with_tax(kit):
    account_id = kit.account().account_id
    with pytest.raises(BelowMinimum):
        kit.ledger.checkout(account_id, gbp("8.34"))  # £10.01 with tax


def test_rule_04_an_estimate_says_cost_shortfall_and_top_up(kit):
    account_id = kit.account().account_id
    campaign = [Message(f"m-{i}", "GB", text="x" * length) for i, length in enumerate((160, 161, 306, 307))]
    campaign += [Message("u-1", "FR", text="é" * 160), Message("u-2", "FR", text="ж" * 71)]
    estimate = kit.ledger.estimate(account_id, [*campaign, NUMBER])
    assert (estimate.messages, estimate.segments) == (6, 1 + 2 + 2 + 3 + 1 + 2)
    assert estimate.cost == gbp("0.26") + gbp("0.1425") + gbp("2.00")
    assert estimate.shortfall == estimate.cost
    assert estimate.top_up == gbp("10.00")
    assert topics(kit, account_id) == ["account-opened"]


def test_rule_04_after_the_top_up_that_an_estimate_says_the_purchase_can_be_made(kit):
    account_id = kit.account().account_id
    campaign = [Message("m-1", "GB", segments=1, quantity=700)]
    estimate = kit.ledger.estimate(account_id, campaign)
    assert (estimate.cost, estimate.top_up) == (gbp("22.75"), gbp("22.75"))
    kit.top_up(account_id, estimate.top_up)
    assert kit.ledger.estimate(account_id, campaign).top_up == gbp("0")
    assert kit.ledger.spend_many(account_id, campaign, idempotency_key="go").balance == gbp("0.00")


def test_rule_04_where_the_amount_entered_includes_tax_the_estimate_says_what_to_enter(kit):
    account_id = kit.account("JPY", "JP").account_id
    campaign = [Message("m-1", "JP", segments=1, quantity=1000)]
    estimate = kit.ledger.estimate(account_id, campaign)
    assert (estimate.cost, estimate.top_up) == (Money("10510", "JPY"), Money("11561", "JPY"))
    assert kit.top_up(account_id, estimate.top_up).credit == Money("10510", "JPY")


def test_rule_05_only_the_gateways_token_is_taken_and_a_card_number_never_is(kit):
    account_id = kit.account().account_id
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    before = stored(kit), at_gateway(kit)
    with pytest.raises(CardNumberRefused):
        kit.ledger.top_up(account_id, quote.quote_id, card_token="4242 4242 4242 4242", idempotency_key="k")
    with pytest.raises(CardNumberRefused):
        kit.ledger.save_card(account_id, "4242424242424242", idempotency_key="k")
    assert (stored(kit), at_gateway(kit)) == before


def test_rule_05_the_one_time_token_is_not_stored(file_kit, tmp_path):
    funded(file_kit, "50.00")
    assert b"tok_visa" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_rule_06_an_unsaved_card_leaves_nothing_chargeable_behind(kit):
    account_id = kit.account().account_id
    confirmation = kit.top_up(account_id, gbp("50.00"), save_card=False)
    assert confirmation.saved_card is None
    assert kit.ledger.cards(account_id) == ()
    assert kit.gateway.saved_cards() == []
    assert kit.gateway.chargeable() == []


@pytest.mark.parametrize("token", ["tok_declined_insufficient_funds", "tok_declined_fraud", "tok_unreachable"])
def test_rule_06_a_payment_that_failed_leaves_nothing_chargeable_behind(kit, token):
    account_id = kit.account().account_id
    kit.top_up(account_id, gbp("50.00"), card_token=token, save_card=True)
    assert kit.ledger.cards(account_id) == ()
    assert kit.gateway.chargeable() == []


def test_rule_06_a_card_is_saved_if_the_customer_chooses_so(kit):
    account_id = kit.account().account_id
    confirmation = kit.top_up(account_id, gbp("50.00"), card_token="tok_mastercard", save_card=True)
    (card,) = kit.ledger.cards(account_id)
    assert confirmation.saved_card == card
    assert (card.brand, card.last_four, card.is_default) == ("mastercard", "4444", True)
    assert [kept.kind for kept in kit.gateway.chargeable()] == ["card"]


def test_rule_07_a_returning_customer_pays_with_any_saved_card(kit):
    account_id = kit.account().account_id
    first, second = saved(kit, account_id), saved(kit, account_id, "tok_american_express", "second")
    assert pay(kit, account_id, "a", card_id=second).last_four == "0005"
    assert pay(kit, account_id, "b", card_id=first).last_four == "4242"
    assert available(kit, account_id) == gbp("100.00")


def test_rule_07_a_card_can_be_removed_right_after_the_payment_that_saved_it(kit):
    account_id = kit.account().account_id
    card = kit.top_up(account_id, gbp("50.00"), save_card=True).saved_card
    assert kit.ledger.remove_card(account_id, card.card_id, idempotency_key="remove") == ()
    assert kit.gateway.saved_cards() == []
    assert kit.gateway.chargeable() == []
    with pytest.raises(CardRemoved):
        pay(kit, account_id, "again", card_id=card.card_id)
    assert available(kit, account_id) == gbp("50.00")


def test_rule_08_payment_methods_depend_on_currency_and_country(kit):
    def codes(currency: str, country: str) -> set[str]:
        account_id = kit.account(currency, country).account_id
        return {method.code for method in kit.ledger.payment_methods(account_id)}

    assert codes("GBP", "GB") - codes("GBP", "JP") == {"maestro"}
    assert codes("GBP", "JP") - codes("GBP", "GB") == {"jcb"}
    assert codes("GBP", "GB") - codes("KWD", "GB") == {"american_express", "maestro"}


def test_rule_08_a_method_that_is_not_offered_cannot_be_named(kit):
    account_id = kit.account("GBP", "JP").account_id
    assert kit.ledger.checkout(account_id, gbp("50.00"), method="jcb").method == "jcb"
    with pytest.raises(MethodNotOffered):
        kit.ledger.checkout(account_id, gbp("50.00"), method="maestro")


def test_rule_11_the_checkout_summary_breaks_down_recharge_tax_and_total(kit):
    summary = kit.ledger.checkout(kit.account().account_id, gbp("50.00"))
    (tax,) = summary.taxes
    assert (summary.recharge, tax.amount, summary.total) == (gbp("50.00"), gbp("10.00"), gbp("60.00"))
    assert (tax.name, tax.rate, tax.reverse_charge) == ("VAT", 20, False)
    assert summary.credit == gbp("50.00")


def test_rule_11_each_tax_is_shown_and_rounds_alone(kit):
    account_id = kit.account("USD", "CA", "QC").account_id
    summary = kit.ledger.checkout(account_id, Money("33.33", "USD"))
    assert [(tax.name, tax.amount) for tax in summary.taxes] == [
        ("GST", Money("1.67", "USD")),
        ("QST", Money("3.32", "USD")),
    ]
    assert summary.total == Money("38.32", "USD")


def test_rule_11_what_was_shown_is_what_is_charged(kit):
    account_id = kit.account().account_id
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    kit.ledger.change_details(account_id, country="DE", region=None, tax_status="consumer", time_zone="UTC")
    result = kit.ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")
    assert (result.total, result.taxes, result.credit) == (quote.total, quote.taxes, quote.credit)
    assert kit.gateway.captured_total("GBP") == gbp("60.00")


def test_rule_11_a_quote_that_has_expired_is_not_charged(kit):
    account_id = kit.account().account_id
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    kit.clock.set(quote.expires_at)
    with pytest.raises(QuoteExpired):
        kit.ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")
    assert kit.gateway.captured() == []


def test_rule_12_the_confirmation_shows_the_new_balance_and_the_transaction(kit):
    account_id = funded(kit, "10.00")
    confirmation = kit.top_up(account_id, gbp("50.00"), card_token="tok_visa_debit")
    assert confirmation.status == "succeeded"
    assert (confirmation.credit, confirmation.total) == (gbp("50.00"), gbp("60.00"))
    assert confirmation.balance == gbp("60.00")
    assert (confirmation.brand, confirmation.last_four) == ("visa", "5556")
    assert confirmation.paid_at == kit.clock.now()


def test_rule_13_the_receipt_says_all_and_bears_the_confirmations_transaction_id(kit):
    account_id = kit.account().account_id
    confirmation = kit.top_up(account_id, gbp("50.00"), card_token="tok_mastercard")
    kit.clock.advance(timedelta(days=400))
    receipt = kit.ledger.receipt(confirmation.transaction_id)
    assert receipt.transaction_id == confirmation.transaction_id
    assert (receipt.credit, receipt.total) == (gbp("50.00"), gbp("60.00"))
    assert receipt.taxes == confirmation.taxes
    assert [(tax.name, tax.amount) for tax in receipt.taxes] == [("VAT", gbp("10.00"))]
    assert receipt.paid_at == confirmation.paid_at
    assert (receipt.brand, receipt.last_four, receipt.funding) == ("mastercard", "4444", "credit")
    assert (receipt.invoice_number, receipt.seller_name) == ("interact-gb-000001", "Interact Messaging Ltd")
    assert receipt.gateway_reference == kit.gateway.captured()[0].reference


def test_rule_13_a_payment_that_was_not_captured_has_no_receipt(kit):
    declined = kit.top_up(kit.account().account_id, gbp("50.00"), card_token="tok_declined_fraud")
    with pytest.raises(TransactionNotFound):
        kit.ledger.receipt(declined.transaction_id)


def test_rule_13_the_receipt_shows_the_gateways_own_time_of_a_payment_that_came_late(kit):
    account_id = kit.account().account_id
    pending = kit.top_up(account_id, gbp("50.00"), card_token="tok_pending")
    kit.clock.advance(timedelta(minutes=5))
    kit.gateway.settle(pending.gateway_reference)
    settled_at = kit.clock.now()
    kit.clock.advance(timedelta(hours=3))
    kit.ledger.recover()
    receipt = kit.ledger.receipt(pending.transaction_id)
    assert (receipt.paid_at, receipt.issued_at) == (settled_at, kit.clock.now())


def test_a_top_up_of_fifty_pounds_from_checkout_to_receipt_has_these_exact_figures(kit):
    account_id = kit.account().account_id
    quote = kit.ledger.checkout(account_id, gbp("50.00"))
    confirmation = kit.ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="k")
    assert str(quote.total.amount) == str(confirmation.total.amount) == "60.00"
    assert kit.gateway.captured_total("GBP") == gbp("60.00")
    assert str(confirmation.credit.amount) == str(confirmation.balance.amount) == "50.00"
    spent = kit.ledger.spend(account_id, Message("m", "GB", text="Hello"), idempotency_key="s")
    assert str(spent.balance.amount) == "49.9675"
    rented = kit.ledger.spend(account_id, Number("n", "+442071234568", "GB", "toll-free"), idempotency_key="n")
    assert str(rented.balance.amount) == "44.9675"
