"""What bad input gets: a typed error that names the field, and a ledger and a gateway exactly as they were before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from moneyed import Money

from interact_ledger import Message, Number
from interact_ledger import errors as x
from interact_ledger.pricing.price_list import PriceList
from interact_ledger.testing import LedgerKit
from ledger_helpers import ONE_SEGMENT, at_gateway, funded, gbp, opened, pay, saved, stored

KEY = {"idempotency_key": "k"}


@dataclass(frozen=True, slots=True)
class World:
    """A ledger in which much has happened, so that anything may be named wrongly."""

    kit: LedgerKit
    mine: str
    """An account with £50, a saved card and a hold of £5."""
    card: str
    removed_card: str
    hold: str
    quote: str
    used_quote: str
    expired_quote: str
    other: str
    """Another account, with a card and a quote of its own."""
    others_card: str
    others_quote: str
    spend: str
    """A spend of two segments under the key "spent"."""

    @property
    def ledger(self) -> SimpleNamespace:
        return self.kit.ledger


@pytest.fixture
def world(kit: LedgerKit) -> World:
    ledger = kit.ledger
    other = opened(kit, "customer-2").account_id
    others_card = saved(kit, other)
    mine = funded(kit, "50.00")
    expired_quote = ledger.checkout(mine, gbp("20.00")).quote_id
    kit.clock.advance(timedelta(hours=1))
    removed_card = saved(kit, mine, key="removed")
    ledger.remove_card(mine, removed_card, idempotency_key="remove")
    used = ledger.checkout(mine, gbp("10.00")).quote_id
    ledger.top_up(mine, used, card_token="tok_declined_fraud", idempotency_key="used")
    return World(
        kit=kit,
        mine=mine,
        card=saved(kit, mine, key="card"),
        removed_card=removed_card,
        hold=ledger.hold(mine, gbp("5.00"), "campaign", idempotency_key="held").hold_id,
        quote=ledger.checkout(mine, gbp("20.00")).quote_id,
        used_quote=used,
        expired_quote=expired_quote,
        other=other,
        others_card=others_card,
        others_quote=ledger.checkout(other, gbp("20.00")).quote_id,
        spend=ledger.spend(mine, Message("m", "GB", segments=1, quantity=2), idempotency_key="spent").transaction_id,
    )


def refused(world: World, error: type[x.LedgerError], field: str, call: Callable[[], object]) -> x.LedgerError:
    """Make a call that must be refused with this very error and leave no trace."""
    before = stored(world.kit), at_gateway(world.kit)
    with pytest.raises(x.LedgerError) as raised:
        call()
    assert (stored(world.kit), at_gateway(world.kit)) == before
    assert (type(raised.value), raised.value.field) == (error, field)
    return raised.value


# Amounts ----------------------------------------------------------------------------------------------------------

NO_AMOUNTS = {
    "negative": (gbp("-50.00"), x.InvalidAmount),
    "zero": (gbp("0"), x.InvalidAmount),
    "not a number": (Money(Decimal("NaN"), "GBP"), x.InvalidAmount),
    "infinity": (Money(Decimal("Infinity"), "GBP"), x.InvalidAmount),
    "minus infinity": (Money(Decimal("-Infinity"), "GBP"), x.InvalidAmount),
    "a float": (50.0, x.InvalidAmount),
    "text": ("50.00", x.InvalidAmount),
    "nothing": (None, x.InvalidAmount),
    "an exponent out of bounds": (Money(Decimal("1E+1000000"), "GBP"), x.InvalidAmount),
    "seven decimals": (gbp("50.0000001"), x.InvalidAmount),
    "another currency": (Money("50.00", "EUR"), x.CurrencyMismatch),
}
CARD_AMOUNTS = {
    "below the minimum": (gbp("9.99"), x.BelowMinimum),
    "above the maximum": (gbp("5000.01"), x.AboveMaximum),
    "three decimals": (gbp("50.001"), x.InvalidAmount),
}


@pytest.mark.parametrize(("amount", "error"), (NO_AMOUNTS | CARD_AMOUNTS).values(), ids=NO_AMOUNTS | CARD_AMOUNTS)
def test_a_checkout_refuses_what_cannot_be_topped_up(world, amount, error):
    refused(world, error, "amount", lambda: world.ledger.checkout(world.mine, amount))


@pytest.mark.parametrize(
    ("currency", "country", "amount"), [("JPY", "JP", "2000.5"), ("KWD", "KW", "20.0001"), ("GBP", "GB", "20.001")]
)
def test_a_checkout_refuses_more_decimals_than_the_currency_has(world, currency, country, amount):
    account_id = opened(world.kit, currency=currency, country=country).account_id
    refused(world, x.InvalidAmount, "amount", lambda: world.ledger.checkout(account_id, Money(amount, currency)))


@pytest.mark.parametrize(("amount", "error"), NO_AMOUNTS.values(), ids=NO_AMOUNTS)
def test_a_hold_refuses_what_is_no_amount(world, amount, error):
    refused(world, error, "amount", lambda: world.ledger.hold(world.mine, amount, "r", **KEY))


@pytest.mark.parametrize(("amount", "error"), NO_AMOUNTS.values(), ids=NO_AMOUNTS)
def test_an_adjustment_refuses_what_is_no_amount(world, amount, error):
    error = x.InsufficientBalance if amount == gbp("-50.00") else error
    refused(world, error, "amount", lambda: world.ledger.adjust(world.mine, amount, "why", **KEY))


@pytest.mark.parametrize(
    ("amount", "error"),
    [case for case in (*NO_AMOUNTS.values(), CARD_AMOUNTS["three decimals"]) if case[0] is not None],
)
def test_closing_refuses_a_payout_that_is_no_amount(world, amount, error):
    account_id = funded(world.kit, "50.00")

    def close():
        world.ledger.close_account(account_id, "why", **KEY, paid_out=amount, payout_reference="p")

    refused(world, error, "paid_out", close)


# Names of what does not exist, is over, or is another's -----------------------------------------------------------


def top_up(world: World, quote: str, **how: object) -> Callable[[], object]:
    how = {"card_token": "tok_visa", "idempotency_key": "k", **how}
    if "card_id" in how:
        del how["card_token"]
    return lambda: world.ledger.top_up(world.mine, quote, **how)


@pytest.mark.parametrize(
    ("quote", "error"),
    [
        ("unknown", x.QuoteNotFound),
        ("others_quote", x.QuoteNotFound),
        ("spend", x.QuoteNotFound),
        ("expired_quote", x.QuoteExpired),
        ("used_quote", x.QuoteAlreadyUsed),
    ],
)
def test_a_top_up_refuses_a_quote_that_does_not_bind(world, quote, error):
    refused(world, error, "quote_id", top_up(world, getattr(world, quote, quote)))


@pytest.mark.parametrize(
    ("card", "error"),
    [("unknown", x.CardNotFound), ("removed_card", x.CardRemoved), ("others_card", x.CardNotFound)],
)
def test_a_card_that_is_not_there_for_the_account_is_neither_charged_nor_chosen_nor_removed(world, card, error):
    card_id = getattr(world, card, card)
    refused(world, error, "card_id", top_up(world, world.quote, card_id=card_id))
    refused(world, error, "card_id", lambda: world.ledger.choose_default_card(world.mine, card_id))
    refused(world, error, "card_id", lambda: world.ledger.remove_card(world.mine, card_id, **KEY))


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"card_token": None}, "card_token"),
        ({"card_token": "tok_visa", "card_id": "card"}, "card_token"),
        ({"card_token": ""}, "card_token"),
        ({"card_token": "t" * 2001}, "card_token"),
    ],
)
def test_a_top_up_is_by_one_card_new_or_saved(world, how, field):
    call = {"idempotency_key": "k", **how}
    error = x.InvalidRequest if call["card_token"] in (None, "tok_visa") else x.InvalidText
    refused(world, error, field, lambda: world.ledger.top_up(world.mine, world.quote, **call))


def test_a_saved_card_is_not_saved_again(world):
    refused(world, x.InvalidRequest, "save_card", top_up(world, world.quote, card_id=world.card, save_card=True))


@pytest.mark.parametrize(
    ("error", "field", "call"),
    [
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.complete(w.mine, "unknown")),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.cancel(w.mine, "unknown")),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.top_up_result(w.mine, w.spend)),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.receipt("unknown")),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.receipt(w.spend)),
        (x.TransactionNotFound, "saving_id", lambda w: w.ledger.complete_saving(w.mine, "unknown")),
        (x.TransactionNotFound, "saving_id", lambda w: w.ledger.cancel_saving(w.mine, w.spend)),
        (x.QuoteNotFound, "quote_id", lambda w: w.ledger.checkout_summary(w.mine, w.others_quote)),
        (x.NumberNotFound, "number", lambda w: w.ledger.release_number(w.mine, "+442071234567")),
        (x.HoldNotFound, "hold_id", lambda w: w.ledger.release(w.mine, "unknown", **KEY)),
        (x.HoldNotFound, "hold_id", lambda w: w.ledger.settle(w.mine, w.spend, [ONE_SEGMENT], **KEY)),
        (x.HoldNotFound, "hold_id", lambda w: w.ledger.settle(w.other, w.hold, [ONE_SEGMENT], **KEY)),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.reverse_spend(w.mine, "?", "w", **KEY)),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.reverse_spend(w.mine, w.hold, "w", **KEY)),
        (x.TransactionNotFound, "transaction_id", lambda w: w.ledger.reverse_spend(w.other, w.spend, "w", **KEY)),
    ],
)
def test_what_does_not_exist_or_is_anothers_is_not_found(world, error, field, call):
    refused(world, error, field, lambda: call(world))


# One key, one request ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w.ledger.spend(w.mine, ONE_SEGMENT, idempotency_key="spent"),
        lambda w: w.ledger.spend(w.mine, Message("m", "GB", segments=1, quantity=3), idempotency_key="spent"),
        lambda w: w.ledger.hold(w.mine, gbp("5.01"), "campaign", idempotency_key="held"),
        lambda w: w.ledger.hold(w.mine, gbp("5.00"), "another", idempotency_key="held"),
        lambda w: w.ledger.hold(w.mine, gbp("5.00"), "campaign", idempotency_key="held", expires_in=timedelta(hours=1)),
        lambda w: w.ledger.top_up(w.mine, w.quote, card_token="tok_declined_fraud", idempotency_key="used"),
        lambda w: w.ledger.top_up(w.mine, w.used_quote, card_token="tok_visa", idempotency_key="used"),
        lambda w: w.ledger.top_up(
            w.mine, w.used_quote, card_token="tok_declined_fraud", save_card=True, idempotency_key="used"
        ),
        lambda w: w.ledger.save_card(w.mine, "tok_mastercard", idempotency_key="card"),
        lambda w: w.ledger.remove_card(w.mine, w.card, idempotency_key="remove"),
        lambda w: w.ledger.adjust(w.mine, gbp("5.00"), "why", idempotency_key="held"),
        lambda w: w.ledger.settle(w.mine, w.hold, [ONE_SEGMENT], idempotency_key="held"),
        lambda w: w.ledger.release(w.mine, w.hold, idempotency_key="spent"),
        lambda w: w.ledger.reverse_spend(w.mine, w.spend, "why", idempotency_key="spent"),
        lambda w: w.ledger.close_account(w.mine, "why", idempotency_key="spent"),
    ],
)
def test_another_request_under_a_used_key_is_a_conflict(world, call):
    refused(world, x.IdempotencyConflict, "idempotency_key", lambda: call(world))


def test_opening_another_account_under_a_used_key_is_a_conflict(world):
    first = opened(world.kit, idempotency_key="open")
    assert opened(world.kit, idempotency_key="open") == first

    def open_in_euros():
        opened(world.kit, currency="EUR", idempotency_key="open")

    refused(world, x.IdempotencyConflict, "idempotency_key", open_in_euros)


# More than there is -----------------------------------------------------------------------------------------------


def test_spending_more_than_is_available_is_refused(world):
    dear = Message("m", "GB", segments=1, quantity=1383)  # £44.9475 of £44.935
    refused(world, x.InsufficientBalance, "items", lambda: world.ledger.spend(world.mine, dear, **KEY))
    within = Message("m", "GB", segments=1, quantity=1382)
    assert world.ledger.spend(world.mine, within, **KEY).balance == gbp("0.02")


def test_holding_more_than_is_available_is_refused(world):
    def hold(amount: str):
        return lambda: world.ledger.hold(world.mine, gbp(amount), "r", **KEY)

    refused(world, x.InsufficientBalance, "amount", hold("44.935001"))
    assert hold("44.935")().balance == gbp("0")


def test_settling_more_than_is_held_is_refused(world):
    dear = [Message("m", "GB", segments=1, quantity=154)]  # £5.005
    refused(world, x.HoldExceeded, "items", lambda: world.ledger.settle(world.mine, world.hold, dear, **KEY))


def test_giving_back_more_than_was_bought_is_refused(world):
    def reverse(lines):
        return lambda: world.ledger.reverse_spend(world.mine, world.spend, "why", **KEY, lines=lines)

    for lines in ([("m", 3)], [("m", 0)], [("m", -1)], [("n", 1)]):
        refused(world, x.NotReversible, "lines", reverse(lines))
    refused(world, x.InvalidRequest, "lines", reverse([("m", 1), ("m", 1)]))


def test_a_suspended_account_is_not_spent_from(world):
    world.ledger.suspend(world.mine, "under review")
    for call in (
        lambda: world.ledger.spend(world.mine, ONE_SEGMENT, **KEY),
        lambda: world.ledger.hold(world.mine, gbp("1.00"), "r", **KEY),
        lambda: world.ledger.settle(world.mine, world.hold, [ONE_SEGMENT], **KEY),
    ):
        refused(world, x.AccountSuspended, "account_id", call)
    assert pay(world.kit, world.mine, "by hand").status == "succeeded"


# What is not offered, and what has no price -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["jcb", "cartes_bancaires", "VISA", "", "cheque"])
def test_a_method_that_is_not_offered_in_the_country_is_refused(world, method):
    refused(world, x.MethodNotOffered, "method", lambda: world.ledger.checkout(world.mine, gbp("20.00"), method=method))
    refused(
        world,
        x.MethodNotOffered,
        "method",
        lambda: world.ledger.save_card(world.mine, "tok_visa", **KEY, method=method),
    )


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (Message("m", "BR", segments=1), "items[0].destination"),
        (Number("n", "+551112345678", "BR"), "items[0].country"),
    ],
)
def test_what_has_no_price_is_refused(world, item, field):
    refused(world, x.PriceNotFound, field, lambda: world.ledger.estimate(world.mine, [item]))
    refused(world, x.PriceNotFound, field, lambda: world.ledger.spend(world.mine, item, **KEY))


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        (["a message"], "items[0]"),
        ([ONE_SEGMENT, None], "items[1]"),
        ([ONE_SEGMENT, ONE_SEGMENT], "items"),
        ([Number("a", "+442071234567", "GB"), Number("b", "+442071234567", "GB")], "items"),
    ],
)
def test_what_cannot_be_bought_together_is_refused(world, items, field):
    refused(world, x.InvalidRequest, field, lambda: world.ledger.spend_many(world.mine, items, **KEY))


def test_a_hold_does_not_pay_for_numbers(world):
    number = [Number("n", "+442071234567", "GB")]
    refused(
        world,
        x.InvalidRequest,
        "items",
        lambda: world.ledger.settle(world.mine, world.hold, number, **KEY),
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"per_segment": "-0.0325"}, "must be from 0"),
        ({"per_segment": 0.0325}, "is a float"),
        ({"per_segment": "0.03250001"}, "is not an amount"),
        ({"destination": "FR"}, "second price for FR/GBP"),
    ],
)
def test_a_price_list_with_a_negative_price_or_two_for_one_destination_is_refused(change, rule):
    messages = [
        {"destination": "FR", "currency": "GBP", "per_segment": "0.0475"},
        {"destination": "GB", "currency": "GBP", "per_segment": "0.0325", **change},
    ]
    with pytest.raises(ValueError, match=rule):
        PriceList.model_validate({"version": "1", "messages": messages})
