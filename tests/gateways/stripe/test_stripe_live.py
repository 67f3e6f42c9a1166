"""The adapter against Stripe itself, in test mode: left out unless asked for with `-m live`, because it needs a key."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from stripe_helpers import charge, paid, payment, refund_of, save, saved, saving

from interact_ledger.clock import SystemClock
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Begun,
    Cancelled,
    Declined,
    DeclineReason,
    DisputeStatus,
    Forgotten,
    Found,
    Initiator,
    NewCard,
    NotFound,
    Refunded,
    SavedCard,
)
from interact_ledger.gateways.stripe import StripeGateway
from interact_ledger.ids import RandomIds

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def bench() -> Any:
    """Whatever the helpers need of a bench."""
    if not os.environ.get("INTERACT_LEDGER_STRIPE_API_KEY", "").startswith(("sk_test_", "rk_test_")):
        # No assertion: it would print the key, which may be a live one.
        pytest.fail("set INTERACT_LEDGER_STRIPE_API_KEY to a test key: sk_test_… or rk_test_…", pytrace=False)
    return SimpleNamespace(gateway=StripeGateway.from_env(os.environ), clock=SystemClock())


@pytest.fixture
def attempt() -> str:
    return RandomIds().new("txn")


def test_a_charge_its_repeat_its_look_up_and_its_refund(bench, attempt):
    result = paid(bench, attempt)
    assert paid(bench, attempt) == result
    assert bench.gateway.find_charge(payment(bench, attempt, reference=result.reference)) == Found(result)
    assert bench.gateway.find_charge(payment(bench, attempt)) == Found(result)
    assert abs(datetime.now(UTC) - result.captured_at) < timedelta(minutes=5)
    half = refund_of(bench, result, f"{attempt}.r", amount=result.amount / 2)
    refunded = bench.gateway.refund(half)
    assert isinstance(refunded, Refunded)
    assert bench.gateway.refund(half) == refunded
    assert bench.gateway.find_refund(half) == Found(refunded)
    (made,) = bench.gateway.find_after_capture(result.reference).result.refunds
    assert (made.reference, made.amount, made.operation_id) == (refunded.reference, half.amount, half.refund_id)
    assert bench.gateway.find_after_capture("pi_that_never_was") == NotFound()


def test_a_disputed_charge_is_told_with_its_dispute(bench, attempt):
    result = paid(bench, attempt, "pm_card_createDispute")
    until = datetime.now(UTC) + timedelta(minutes=2)
    while not (disputes := bench.gateway.find_after_capture(result.reference).result.disputes):
        assert datetime.now(UTC) < until, "Stripe disputes it within seconds"
        time.sleep(2)
    (dispute,) = disputes
    assert (dispute.status, dispute.amount) == (DisputeStatus.OPEN, result.amount)
    assert dispute.evidence_due_by > dispute.opened_at


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("pm_card_visa_chargeDeclined", DeclineReason.OTHER),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", DeclineReason.INSUFFICIENT_FUNDS),
        ("pm_card_visa_chargeDeclinedStolenCard", DeclineReason.LOST_OR_STOLEN),
        ("pm_card_chargeDeclinedExpiredCard", DeclineReason.EXPIRED_CARD),
        ("pm_card_chargeDeclinedIncorrectCvc", DeclineReason.INCORRECT_DETAILS),
    ],
)
def test_a_decline_its_repeat_and_its_cancellation(bench, attempt, token, reason):
    result = charge(bench, attempt, token)
    assert isinstance(result, Declined)
    assert (result.reason, result.still_payable) == (reason, True)
    assert charge(bench, attempt, token) == result
    over = payment(bench, attempt, reference=result.reference)
    assert bench.gateway.cancel(over) == bench.gateway.cancel(over) == Cancelled(reference=result.reference)


def test_a_card_is_saved_charged_off_session_and_forgotten(bench, attempt):
    card = SavedCard(saved(bench, attempt).token)
    for number, initiator in enumerate(Initiator):
        paid(bench, f"{attempt}.{number}", card, initiator=initiator)
    customer = payment(bench).customer_id
    assert isinstance(bench.gateway.find_saved_card(card, customer), Found)
    assert bench.gateway.forget(card, customer) == bench.gateway.forget(card, customer) == Forgotten()
    assert bench.gateway.find_saved_card(card, customer) == NotFound()
    result = charge(bench, f"{attempt}.gone", card, initiator=Initiator.RECURRING)
    assert isinstance(result, Declined)
    assert result.reason is DeclineReason.METHOD_UNUSABLE
    assert bench.gateway.cancel(payment(bench, f"{attempt}.gone")) == Cancelled(reference=result.reference)


def test_a_declined_saving_is_closed(bench, attempt):
    result = save(bench, attempt, "pm_card_chargeDeclined")
    assert isinstance(result, Declined)
    assert isinstance(bench.gateway.find_card(saving(bench, attempt)).result, Declined | Cancelled)


def test_authentication_is_asked_for_and_can_be_called_off(bench, attempt):
    asked = charge(bench, attempt, "pm_card_authenticationRequired")
    assert isinstance(asked, ActionRequired)
    assert bench.gateway.find_charge(payment(bench, attempt, reference=asked.reference)) == Found(asked)
    assert bench.gateway.cancel(payment(bench, attempt)) == Cancelled(reference=asked.reference)


def test_what_is_cancelled_before_it_arrives_never_charges(bench, attempt):
    request = payment(bench, attempt)
    assert isinstance(bench.gateway.cancel(request), Cancelled)
    begun = bench.gateway.begin(request)
    assert isinstance(begun, Begun)
    assert isinstance(bench.gateway.charge(request, NewCard("pm_card_visa")), Cancelled)
