"""Payments at the sandbox: begun, charged, authenticated, settled, declined and cancelled."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from moneyed import Money
from sandbox_helpers import TWELVE, charge, paid, payment, save, saved, statuses

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Begun,
    Cancelled,
    CardSaved,
    Declined,
    DeclineReason,
    Found,
    Initiator,
    NewCard,
    NotFound,
    Pending,
    Succeeded,
)
from interact_ledger.gateways.sandbox import SandboxGateway

# Beginning and charging -----------------------------------------------------------------------------------------------


def test_what_is_begun_cannot_be_paid_before_it_is_charged(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    assert isinstance(begun, Begun)
    gateway.authenticate(begun.reference)
    gateway.settle(begun.reference)
    gateway.pay_in_browser(begun.reference, "tok_visa")
    assert gateway.captured() == []
    assert statuses(gateway) == [("payment", "created")]
    assert gateway.find_charge(payment()) == Found(begun)


def test_charging_goes_on_with_what_was_begun(gateway: SandboxGateway) -> None:
    begun = gateway.begin(payment())
    assert isinstance(begun, Begun)
    assert paid(gateway, reference=begun.reference).reference == begun.reference
    assert gateway.begin(payment()) == begun
    assert statuses(gateway) == []


def test_repeating_an_attempt_charges_once(gateway: SandboxGateway, clock: MovableClock) -> None:
    first = paid(gateway)
    clock.advance(timedelta(days=400))
    assert charge(gateway) == first
    assert charge(gateway, amount=Money("12", "GBP")) == first
    assert gateway.captured_total("GBP") == TWELVE


@pytest.mark.parametrize(
    "change",
    [
        {"amount": Money("13.00", "GBP")},
        {"amount": Money("12.00", "EUR")},
        {"save_card": True},
        {"account_id": "acct_2"},
        {"customer_id": "cus_2"},
        {"transaction_id": "txn_2"},
        {"initiator": Initiator.RECURRING},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("begin_first", [True, False])
def test_an_attempt_with_other_parameters_is_refused(
    gateway: SandboxGateway, change: dict[str, Any], begin_first: bool
) -> None:
    if begin_first:
        gateway.begin(payment())
    else:
        charge(gateway)
    before = gateway.captured()
    with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
        gateway.begin(payment(**change))
    with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
        charge(gateway, **change)
    assert gateway.captured() == before


@pytest.mark.parametrize("begin_first", [True, False])
def test_an_attempt_keeps_to_the_card_that_it_was_first_charged_to(gateway: SandboxGateway, begin_first: bool) -> None:
    kept = saved(gateway)
    if begin_first:
        gateway.begin(payment())
    charge(gateway, kept)
    for other in (NewCard("tok_visa"), NewCard("tok_jcb"), saved(gateway, attempt="sav_2")):
        with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
            charge(gateway, other)
    assert isinstance(gateway.begin(payment()), Begun)
    assert isinstance(charge(gateway, kept), Succeeded)
    assert len(gateway.captured()) == 1


@pytest.mark.parametrize(
    "amount",
    [
        Money("0.49", "GBP"),
        Money("0", "GBP"),
        Money("-12", "GBP"),
        Money("12.001", "GBP"),
        Money("1000000.01", "GBP"),
        Money("100.5", "JPY"),
        Money("12.0001", "KWD"),
        Money("12", "XAU"),
        Money(Decimal("NaN"), "GBP"),
        Money(Decimal("1E+1000000"), "GBP"),
    ],
    ids=lambda money: f"{money.amount} {money.currency.code}",
)
def test_an_amount_outside_the_terms_is_refused(gateway: SandboxGateway, amount: Money) -> None:
    with pytest.raises(GatewayInvalidRequest, match="amount"):
        charge(gateway, amount=amount)
    assert gateway.find_charge(payment()) == NotFound()


@pytest.mark.parametrize("currency", ["GBP", "EUR", "USD", "JPY", "KWD", "ISK"])
def test_every_currency_is_charged_in_its_own_minor_unit(gateway: SandboxGateway, currency: str) -> None:
    terms = gateway.capabilities.currencies[currency]
    amount = Money(terms.minimum + terms.step, currency)
    assert paid(gateway, amount=amount).amount == amount
    assert terms.step == {"JPY": 1, "ISK": 1, "KWD": Decimal("0.001")}.get(currency, Decimal("0.01"))


def test_an_empty_attempt_id_is_refused(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayInvalidRequest, match="attempt_id"):
        charge(gateway, attempt="")


# Authentication, pending, declined, cancelled -------------------------------------------------------------------------


def test_the_customer_authenticates_and_the_payment_is_captured(gateway: SandboxGateway) -> None:
    asked = charge(gateway, "tok_authentication_required")
    assert isinstance(asked, ActionRequired)
    assert asked.client_secret
    assert charge(gateway, "tok_authentication_required") == asked
    assert gateway.captured() == []
    assert isinstance(gateway.authenticate(asked.reference), Succeeded)
    assert isinstance(gateway.authenticate(asked.reference, succeed=False), Succeeded)
    assert gateway.captured_total("GBP") == TWELVE


def test_a_failed_authentication_is_a_decline(gateway: SandboxGateway) -> None:
    asked = charge(gateway, "tok_authentication_required")
    assert isinstance(asked, ActionRequired)
    result = gateway.authenticate(asked.reference, succeed=False)
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.AUTHENTICATION_FAILED


@pytest.mark.parametrize("succeed", [True, False])
def test_a_pending_payment_settles_later(gateway: SandboxGateway, succeed: bool) -> None:
    pending = charge(gateway, "tok_pending")
    assert isinstance(pending, Pending)
    assert gateway.find_charge(payment()) == Found(pending)
    settled = gateway.settle(pending.reference, succeed=succeed)
    assert isinstance(settled, Succeeded if succeed else Declined)
    assert gateway.settle(pending.reference, succeed=not succeed) == settled
    assert gateway.find_charge(payment()) == Found(settled)
    assert len(gateway.captured()) == int(succeed)


def test_an_old_tab_pays_a_declined_payment_until_it_is_cancelled(gateway: SandboxGateway) -> None:
    token = "tok_declined_insufficient_funds"
    for attempt in ("att_1", "att_2"):
        charge(gateway, token, attempt)
    left_open, cancelled = (item.reference for item in gateway.chargeable())
    assert gateway.cancel(payment("att_2")) == Cancelled(reference=cancelled)
    assert isinstance(gateway.pay_in_browser(left_open, "tok_mastercard"), Succeeded)
    assert gateway.pay_in_browser(cancelled, "tok_mastercard") == Cancelled(reference=cancelled)
    repeat = charge(gateway, token, "att_1")
    assert isinstance(repeat, Succeeded)
    assert repeat.card.brand == "mastercard"
    assert [c.reference for c in gateway.captured()] == [left_open]


def test_a_repeat_after_a_decline_stays_declined(gateway: SandboxGateway) -> None:
    first = charge(gateway, "tok_declined_fraud")
    assert charge(gateway, "tok_declined_fraud") == first


@pytest.mark.parametrize("token", ["tok_visa", "tok_authentication_required", "tok_declined_other"])
@pytest.mark.parametrize("begun_only", [True, False])
def test_cancelling_closes_whatever_is_not_paid(gateway: SandboxGateway, token: str, begun_only: bool) -> None:
    begun = gateway.begin(payment())
    assert isinstance(begun, Begun)
    if not begun_only:
        charge(gateway, token)
    captured = len(gateway.captured())
    result = gateway.cancel(payment())
    assert isinstance(result, Succeeded if captured else Cancelled)
    assert gateway.cancel(payment()) == result
    assert charge(gateway, token) == result
    assert gateway.authenticate(begun.reference) == result
    assert len(gateway.captured()) == captured
    assert gateway.chargeable() == []


def test_cancelling_what_never_arrived_stops_a_sender_that_slept(gateway: SandboxGateway) -> None:
    assert isinstance(gateway.cancel(payment()), Cancelled)
    assert isinstance(charge(gateway), Cancelled)
    assert gateway.captured() == []


def test_a_pending_payment_cannot_be_cancelled(gateway: SandboxGateway) -> None:
    pending = charge(gateway, "tok_pending")
    assert gateway.cancel(payment()) == pending


@pytest.mark.parametrize("play", ["authenticate", "settle"])
def test_the_world_acts_only_on_what_exists(gateway: SandboxGateway, play: str) -> None:
    with pytest.raises(GatewayInvalidRequest, match="reference"):
        getattr(gateway, play)("pay_nothing")
    kept = save(gateway)
    assert isinstance(kept, CardSaved)
    with pytest.raises(GatewayInvalidRequest, match="reference"):
        gateway.pay_in_browser(kept.reference, "tok_visa")
