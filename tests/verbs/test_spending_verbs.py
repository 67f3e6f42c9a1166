"""Buying, giving back and holding through the ledger: results, repeats, and what several threads may take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Context, Decimal, localcontext

import pytest
from moneyed import Money

from interact_ledger import Message, Settings
from interact_ledger.domain.events import SpendLine
from interact_ledger.errors import (
    Busy,
    IdempotencyConflict,
    InsufficientBalance,
    InvalidAmount,
    InvalidRequest,
    MethodNotOffered,
    QuoteNotFound,
)
from interact_ledger.testing import START, ledger_kit
from ledger_helpers import NUMBER, ONE_SEGMENT, at_gateway, available, funded, gbp, opened, pay, saved, stored, topics

SEGMENT = Decimal("0.0325")


def test_a_purchase_says_what_was_bought_at_which_price(kit):
    account_id = funded(kit)
    bought = kit.ledger.spend_many(
        account_id, [Message("a", "GB", text="x" * 161, quantity=3), NUMBER], idempotency_key="k"
    )
    assert bought.lines == (
        SpendLine("a", "message/GB", 3, 2, SEGMENT),
        SpendLine("n-1", "number-setup/GB/local", 1, 1, Decimal("1.00")),
        SpendLine("n-1/month", "number-month/GB/local", 1, 1, Decimal("1.00")),
    )
    assert (bought.amount, bought.balance) == (gbp("2.195"), gbp("47.805"))


def test_a_message_is_given_back_by_its_reference(kit):
    account_id = funded(kit)
    bought = kit.ledger.spend(account_id, Message("a", "GB", segments=1, quantity=3), idempotency_key="k")
    back = kit.ledger.reverse_spend(
        account_id, bought.transaction_id, "undelivered", lines=[("a", 2)], idempotency_key="back"
    )
    assert (back.amount, back.lines, back.balance) == (gbp("0.065"), (), gbp("49.9675"))
    assert back.transaction_id != bought.transaction_id


def test_every_repeat_returns_what_was_done_and_does_nothing(kit):
    account_id = funded(kit)
    ledger = kit.ledger
    bought = ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend")
    hold_id = ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="hold").hold_id
    calls = [
        lambda: ledger.spend(account_id, ONE_SEGMENT, idempotency_key="spend").transaction_id,
        lambda: ledger.spend_many(account_id, [ONE_SEGMENT], idempotency_key="spend").transaction_id,
        lambda: ledger.hold(account_id, gbp("5"), "r", idempotency_key="hold").hold_id,
        lambda: ledger.settle(account_id, hold_id, [ONE_SEGMENT], idempotency_key="settle").transaction_id,
        lambda: ledger.release(account_id, hold_id, idempotency_key="release").hold_id,
        lambda: ledger.reverse_spend(account_id, bought.transaction_id, "w", idempotency_key="back").transaction_id,
        lambda: ledger.adjust(account_id, gbp("1.00"), "w", idempotency_key="adjust"),
    ]
    first = [call() for call in calls]
    before = stored(kit), at_gateway(kit)
    assert [call() for call in calls] == first
    assert (stored(kit), at_gateway(kit)) == before


def test_a_repeat_shows_the_hold_and_the_balance_as_they_are_now(kit):
    account_id = funded(kit)
    held = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="hold")
    assert (held.remaining, held.balance, held.expires_at) == (gbp("5.00"), gbp("45.00"), START + timedelta(days=7))
    kit.ledger.settle(account_id, held.hold_id, [ONE_SEGMENT], idempotency_key="s")
    again = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="hold")
    assert (again.hold_id, again.remaining, again.balance) == (held.hold_id, gbp("4.9675"), gbp("45.00"))
    assert kit.ledger.release(account_id, held.hold_id, idempotency_key="x").remaining == gbp("0")


def test_a_new_price_list_changes_no_purchase_of_the_past(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id = funded(kit)
        bought = kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="k")
    content = Settings.default().model_dump()
    content["price_list"]["version"] = "dearer"
    for price in content["price_list"]["messages"]:
        price["per_segment"] *= 2
    with ledger_kit(url, settings=Settings.model_validate(content)) as later:
        assert later.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="k") == bought
        assert later.ledger.spend(account_id, ONE_SEGMENT, idempotency_key="new").amount == gbp("0.065")
        back = later.ledger.reverse_spend(account_id, bought.transaction_id, "w", idempotency_key="back")
        assert back.amount == gbp("0.0325")


@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(seconds=-1), timedelta(days=31, seconds=1), 60])
def test_a_hold_lasts_no_longer_than_the_settings_allow(kit, expires_in):
    account_id = funded(kit)
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.hold(account_id, gbp("1.00"), "r", idempotency_key="k", expires_in=expires_in)
    assert refused.value.field == "expires_in"
    longest = kit.ledger.hold(account_id, gbp("1.00"), "r", idempotency_key="k", expires_in=timedelta(days=31))
    assert longest.expires_at == START + timedelta(days=31)


def test_several_threads_spend_no_more_than_there_is(kit):
    account_id = opened(kit).account_id
    kit.ledger.adjust(account_id, gbp("0.325"), "ten segments", idempotency_key="a")

    def spend(number: int) -> bool:
        try:
            kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key=str(number))
        except InsufficientBalance:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(spend, range(20))) == 10
    assert available(kit, account_id) == gbp("0")
    assert topics(kit, account_id).count("spent") == 10


# Paying, where what is set up differs -----------------------------------------------------------------------------


def test_a_quote_that_is_unknown_has_no_summary(kit):
    with pytest.raises(QuoteNotFound):
        kit.ledger.checkout_summary(kit.account().account_id, "unknown")


def test_a_total_that_the_gateway_does_not_charge_is_not_quoted():
    content = Settings.default().model_dump()
    content["top_up"]["GBP"]["maximum"] = "1000000"
    with ledger_kit(settings=Settings.model_validate(content)) as kit:
        account_id = kit.account().account_id
        with pytest.raises(InvalidAmount, match=r"comes to 1080000\.00 GBP with taxes"):
            kit.ledger.checkout(account_id, gbp("900000.00"))
        assert kit.ledger.checkout(account_id, gbp("800000.00")).total == gbp("960000.00")


def test_a_saved_card_is_charged_only_where_its_brand_is_still_offered(kit):
    account_id = opened(kit, currency="GBP", country="JP").account_id
    card_id = saved(kit, account_id, "tok_jcb")
    kit.ledger.change_details(account_id, country="GB", region=None, tax_status="consumer", time_zone="UTC")
    quote = kit.ledger.checkout(account_id, gbp("10.00"))
    before = stored(kit), at_gateway(kit)
    with pytest.raises(MethodNotOffered):
        kit.ledger.top_up(account_id, quote.quote_id, card_id=card_id, idempotency_key="k")
    assert (stored(kit), at_gateway(kit)) == before


def test_a_gateway_without_a_step_to_begin_is_charged_directly(kit, monkeypatch):
    monkeypatch.setattr(kit.gateway, "begin", lambda _: None)
    account_id = kit.account().account_id
    assert pay(kit, account_id).status == "succeeded"
    assert "payment-begun" not in topics(kit, account_id)


def test_a_payment_is_confirmed_even_if_its_invoice_must_wait(kit, monkeypatch):
    account_id = kit.account().account_id

    def busy(*_: object) -> None:
        raise Busy("others kept taking invoice numbers")

    with monkeypatch.context() as patch:
        patch.setattr(kit.ledger._books, "enter", busy)
        paid = pay(kit, account_id)
    assert (paid.status, paid.balance) == ("succeeded", gbp("50.00"))
    assert kit.ledger.receipt(paid.transaction_id).invoice_number == "interact-gb-000001"


def test_an_estimate_is_in_the_accounts_currency_and_against_its_balance(kit):
    account_id = opened(kit, currency="EUR", country="FR").account_id
    kit.top_up(account_id, Money("10.00", "EUR"))
    kit.ledger.hold(account_id, Money("4.00", "EUR"), "r", idempotency_key="h")
    estimate = kit.ledger.estimate(account_id, [Message("m", "FR", segments=1, quantity=1000)])
    assert (estimate.cost, estimate.available) == (Money("56.30", "EUR"), Money("6.00", "EUR"))
    assert (estimate.shortfall, estimate.top_up) == (Money("50.30", "EUR"), Money("50.30", "EUR"))


def test_requests_are_told_apart_whatever_arithmetic_the_host_program_uses(kit):
    account_id = funded(kit)
    with localcontext(Context(prec=3)):
        kit.ledger.hold(account_id, gbp("10.004"), "campaign", idempotency_key="k")
        with pytest.raises(IdempotencyConflict):
            kit.ledger.hold(account_id, gbp("10.001"), "campaign", idempotency_key="k")
