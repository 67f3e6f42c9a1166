"""What a customer agrees to: recorded whole, refused if it could not be carried out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from moneyed import Money

from automatic_helpers import (
    AGREED,
    with_auto_top_up,
    with_card,
)
from interact_ledger.domain import events as e
from interact_ledger.errors import (
    AboveMaximum,
    AutomaticPaymentNotFound,
    BelowMinimum,
    CardNotFound,
    CardRemoved,
    CurrencyMismatch,
    InvalidAmount,
    InvalidRequest,
)
from interact_ledger.testing import START
from ledger_helpers import events_of, gbp, stored

RETRY = timedelta(hours=6)
UNSENT_RETRY = timedelta(minutes=5)
SAFE = timedelta(seconds=60 + 10 + 60)


# Agreeing ---------------------------------------------------------------------------------------------------------


def test_the_agreement_is_recorded_with_who_when_what_text_and_what_amount(kit):
    account_id, card_id = with_auto_top_up(kit)
    (agreed,) = events_of(kit, account_id, e.AutoTopUpEnabled)
    assert (agreed.consent_text, agreed.given_by, agreed.given_at) == ("You may charge my card.", "customer-1", START)
    assert (agreed.amount, agreed.ceiling, agreed.card_id) == (gbp("20.00").amount, gbp("60.00").amount, card_id)


def test_the_same_agreement_again_changes_nothing_and_another_replaces_it(kit):
    account_id, card_id = with_auto_top_up(kit)
    version = kit.ledger.account(account_id).version
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    assert kit.ledger.account(account_id).version == version
    changed = kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED | {"threshold": gbp("18.00")})
    assert changed.auto_top_up.threshold == gbp("18.00")


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"amount": gbp("9.99")}, BelowMinimum, "amount"),
        ({"amount": gbp("100000.00"), "ceiling": gbp("900000.00")}, AboveMaximum, "amount"),
        ({"amount": None}, InvalidRequest, "amount"),
        ({"target": gbp("40.00")}, InvalidRequest, "amount"),
        ({"amount": None, "target": gbp("15.00")}, InvalidAmount, "target"),
        ({"ceiling": gbp("23.99")}, InvalidAmount, "ceiling"),
        ({"amount": None, "target": gbp("50.01")}, InvalidAmount, "ceiling"),
        ({"max_value_per_day": gbp("23.99")}, InvalidAmount, "max_value_per_day"),
        ({"max_value_per_month": gbp("23.99")}, InvalidAmount, "max_value_per_month"),
        ({"max_per_month": 0}, InvalidRequest, "max_per_month"),
        ({"max_per_month": 1001}, InvalidRequest, "max_per_month"),
        ({"threshold": gbp("0")}, InvalidAmount, "threshold"),
        ({"card_id": "card_none"}, CardNotFound, "card_id"),
        ({"given_at": START + timedelta(minutes=1)}, InvalidRequest, "given_at"),
    ],
)
def test_an_agreement_that_could_not_be_carried_out_is_refused_and_nothing_is_stored(kit, wrong, error, field):
    account_id, card_id = with_card(kit)
    before = stored(kit)
    with pytest.raises(error) as refused:
        kit.ledger.enable_auto_top_up(account_id, **{"card_id": card_id, **AGREED, **wrong})
    assert refused.value.field == field
    assert stored(kit) == before


def test_a_card_of_another_account_or_a_removed_one_is_refused(kit):
    account_id, card_id = with_card(kit)
    other, _ = with_card(kit)
    with pytest.raises(CardNotFound):
        kit.ledger.enable_auto_top_up(other, card_id=card_id, **AGREED)
    kit.ledger.remove_card(account_id, card_id, idempotency_key="x")
    with pytest.raises(CardRemoved):
        kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)


def test_an_amount_in_another_currency_is_refused(kit):
    account_id, card_id = with_card(kit)
    with pytest.raises(CurrencyMismatch):
        kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED | {"ceiling": Money("60.00", "EUR")})


def test_an_account_that_never_agreed_has_nothing_to_stop_or_resume(kit):
    account_id, _ = with_card(kit)
    assert kit.ledger.automatic_payments(account_id).auto_top_up is None
    for verb in (kit.ledger.disable_auto_top_up, kit.ledger.resume_auto_top_up, kit.ledger.disable_monthly_recharge):
        with pytest.raises(AutomaticPaymentNotFound):
            verb(account_id)
