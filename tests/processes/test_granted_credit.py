"""Granted credit through the ledger: given once, spent before purchased, never refunded, expired by the schedule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interact_ledger import Message
from interact_ledger.errors import (
    IdempotencyConflict,
    InsufficientBalance,
    InvalidAmount,
    InvalidRequest,
    NotRefundable,
)
from ledger_helpers import funded, gbp

WEEK = timedelta(days=7)
FIFTY_PENCE = Message("m", "GB", segments=1, quantity=16)  # 0.52


def granted(kit, account_id, amount="2.00", key="grant", **terms):
    return kit.ledger.grant_credit(account_id, gbp(amount), "welcome", idempotency_key=key, **terms)


def test_a_grant_is_credited_once_and_its_repeat_says_what_is_left(kit):
    account_id = funded(kit, "10.00")
    first = granted(kit, account_id)
    assert (first.remaining, first.balance) == (gbp("2.00"), gbp("12.00"))
    kit.ledger.spend(account_id, FIFTY_PENCE, idempotency_key="m")
    again = granted(kit, account_id)
    assert (again.lot_id, again.remaining) == (first.lot_id, gbp("1.48"))
    assert kit.ledger.balance(account_id).granted == gbp("1.48")
    with pytest.raises(IdempotencyConflict):
        granted(kit, account_id, amount="2.01")
    kit.ledger.spend(account_id, Message("n", "GB", segments=1, quantity=100), idempotency_key="n")
    assert granted(kit, account_id).remaining == gbp("0")


def test_granted_credit_is_not_refunded(kit):
    account_id = kit.account().account_id
    paid = kit.top_up(account_id, gbp("10.00"))
    kit.ledger.spend(account_id, Message("m", "GB", segments=1, quantity=200), idempotency_key="m")  # 6.50
    granted(kit, account_id, amount="10.00")
    assert kit.ledger.refundable(account_id, paid.transaction_id) == gbp("4.20")
    with pytest.raises(NotRefundable, match=r"4\.20 GBP can be paid back now"):
        kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="all")


def test_the_schedule_expires_a_lot_and_nobody_can_use_it_before_it_does(kit):
    account_id = funded(kit, "10.00")
    granted(kit, account_id, expires_at=kit.clock.now() + WEEK)
    kit.clock.advance(WEEK)
    balance = kit.ledger.balance(account_id)
    assert (balance.available, balance.total, balance.granted) == (gbp("10.00"), gbp("10.00"), gbp("0"))
    with pytest.raises(InsufficientBalance):
        kit.ledger.hold(account_id, gbp("10.01"), "campaign", idempotency_key="hold")
    assert kit.ledger.estimate(account_id, [Message("m", "GB", segments=1, quantity=310)]).shortfall == gbp("0.0750")
    assert [(done.kind, done.outcome) for done in kit.ledger.run_due()] == [("credit_expiry", "expired")]
    assert kit.ledger.run_due() == []
    assert kit.ledger.balance(account_id) == balance
    assert kit.ledger.audit().findings == ()


def test_a_confirmation_says_the_balance_without_what_is_over(kit):
    account_id = funded(kit, "10.00")
    granted(kit, account_id, amount="5.00", expires_at=kit.clock.now() + WEEK)
    kit.clock.advance(WEEK)
    paid = kit.top_up(account_id, gbp("10.00"))
    assert paid.balance == kit.ledger.balance(account_id).total == gbp("20.00")
    assert kit.ledger.top_up_result(account_id, paid.transaction_id).balance == gbp("20.00")
    back = kit.ledger.refund(account_id, paid.transaction_id, None, "asked", idempotency_key="back")
    assert back.balance == kit.ledger.refund_result(account_id, back.refund_id).balance == gbp("10.00")


def test_what_is_told_of_lots_is_what_the_balance_says_is_granted(kit):
    account_id, over_at = funded(kit, "10.00"), kit.clock.now() + WEEK
    granted(kit, account_id, amount="5.00", expires_at=over_at)
    kit.ledger.hold(account_id, gbp("2.00"), "campaign", idempotency_key="h", expires_in=2 * WEEK)
    kit.clock.advance(WEEK)
    for is_recorded in (False, True):
        if is_recorded:
            assert [done.outcome for done in kit.ledger.run_due()] == ["expired"]
        (lot,) = kit.ledger.granted_credit(account_id)
        again = granted(kit, account_id, amount="5.00", expires_at=over_at)
        assert lot.remaining == again.remaining == lot.held == kit.ledger.balance(account_id).granted == gbp("2.00")


def test_a_rent_takes_the_lot_that_is_not_over(kit):
    account_id = funded(kit, "10.00")
    granted(kit, account_id, key="a", amount="0.50", expires_at=kit.clock.now() + WEEK)
    granted(kit, account_id, key="b", amount="0.50")
    bought = kit.ledger.spend(account_id, FIFTY_PENCE, idempotency_key="m")
    left = {lot.remaining for lot in kit.ledger.granted_credit(account_id)}
    assert (bought.balance, left) == (gbp("10.48"), {gbp("0.48")})


@pytest.mark.parametrize(
    ("field", "error", "terms"),
    [
        ("amount", InvalidAmount, {"amount": "0"}),
        ("priority", InvalidRequest, {"priority": 101}),
        ("priority", InvalidRequest, {"priority": "50"}),
        ("expires_at", InvalidRequest, {"expires_at": "tomorrow"}),
        ("expires_at", InvalidRequest, {"expires_at": "now"}),
    ],
)
def test_what_can_be_no_grant_is_refused_and_nothing_is_stored(kit, field, error, terms):
    account_id = funded(kit, "10.00")
    if terms.get("expires_at") == "now":
        terms = {"expires_at": kit.clock.now()}
    version = kit.ledger.account(account_id).version
    with pytest.raises(error) as refused:
        granted(kit, account_id, **terms)
    assert refused.value.field == field
    assert kit.ledger.account(account_id).version == version
