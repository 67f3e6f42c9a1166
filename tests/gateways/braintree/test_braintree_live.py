"""The adapter against the vendor's sandbox: `pytest -m live`, with a sandbox account's keys in the environment.

Each run has customers and order ids of its own. The merchant needs at-most-once processing, or REQUEST_KEYS=off.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from moneyed import Money

from interact_ledger.gateways.braintree import BraintreeGateway
from interact_ledger.gateways.braintree.sdk import TransactionSearch
from interact_ledger.gateways.protocol import (
    CardRequest,
    CardSaved,
    ChargeRequest,
    Declined,
    DeclineReason,
    Forgotten,
    Found,
    Initiator,
    NewCard,
    NotFound,
    Refunded,
    RefundRequest,
    SavedCard,
    Succeeded,
)
from interact_ledger.ids import derived_id

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::ResourceWarning")]

AUTHENTICATED = NewCard("fake-three-d-secure-visa-full-authentication-nonce")
VISA = NewCard("fake-valid-visa-nonce")
RUN = uuid4().hex


@pytest.fixture(scope="module")
def gateway() -> BraintreeGateway:
    if os.environ.get("INTERACT_LEDGER_BRAINTREE_ENVIRONMENT") != "sandbox":
        # No assertion: it would print the environment, of which keys are a part.
        pytest.fail("set INTERACT_LEDGER_BRAINTREE_ENVIRONMENT to sandbox, and the others beside it", pytrace=False)
    return BraintreeGateway.from_env(os.environ)


def payment(gateway: BraintreeGateway, name: str, amount: str = "12.00", **changes: Any) -> ChargeRequest:
    account_id, transaction_id = derived_id("acct", RUN), derived_id("txn", RUN, name)
    return ChargeRequest(
        attempt_id=f"{transaction_id}.1",
        transaction_id=transaction_id,
        account_id=account_id,
        customer_id=gateway.link_customer(account_id),
        amount=Money(amount, next(iter(gateway.capabilities.currencies))),
        send_before=datetime.now(UTC) + timedelta(minutes=1),
        **{"save_card": False, "initiator": Initiator.RECURRING, **changes},
    )


def test_a_payment_with_3d_secure_is_found_and_paid_back_before_it_settles(gateway):
    request = payment(gateway, "on session", initiator=Initiator.CUSTOMER)
    paid = gateway.charge(request, AUTHENTICATED)
    assert isinstance(paid, Succeeded), paid
    assert gateway.find_charge(payment(gateway, "on session", reference=paid.reference)) == Found(paid)
    refund_id = derived_id("txn", RUN, "refund")
    refund = RefundRequest(
        attempt_id=f"{refund_id}.1",
        refund_id=refund_id,
        transaction_id=request.transaction_id,
        account_id=request.account_id,
        charge_reference=paid.reference,
        amount=request.amount,
        send_before=request.send_before,
    )
    refunded = gateway.refund(refund)
    assert isinstance(refunded, Refunded)
    assert isinstance(gateway.find_refund(refund), Found)
    (void,) = gateway.find_after_capture(paid.reference).result.refunds
    assert (void.reference, void.amount) == (refunded.reference, paid.amount)
    assert gateway.find_after_capture("never1was") == NotFound()


def test_a_nonce_without_3d_secure_is_declined_on_session(gateway):
    declined = gateway.charge(payment(gateway, "unproven", initiator=Initiator.CUSTOMER), VISA)
    assert isinstance(declined, Declined)
    assert declined.reason is DeclineReason.AUTHENTICATION_REQUIRED


def test_a_decline_says_why(gateway):
    declined = gateway.charge(payment(gateway, "declined", "2001.00"), VISA)
    assert isinstance(declined, Declined)
    assert (declined.reason, declined.raw_code) == (DeclineReason.INSUFFICIENT_FUNDS, "2001")


def test_a_card_is_saved_charged_and_forgotten(gateway):
    charge = payment(gateway, "saved card")
    saving = CardRequest(
        attempt_id=f"{derived_id('txn', RUN, 'saving')}.1",
        saving_id=derived_id("txn", RUN, "saving"),
        account_id=charge.account_id,
        customer_id=charge.customer_id,
        send_before=charge.send_before,
    )
    saved = gateway.save(saving, VISA)
    assert isinstance(saved, CardSaved), saved
    assert gateway.find_card(saving) == Found(saved)
    assert isinstance(gateway.charge(charge, SavedCard(saved.token)), Succeeded)
    assert gateway.find_saved_card(SavedCard(saved.token), charge.customer_id) == Found(saved.details)
    assert gateway.forget(SavedCard(saved.token), charge.customer_id) == Forgotten()
    assert gateway.find_saved_card(SavedCard(saved.token), charge.customer_id) == NotFound()
    assert gateway.find_card(saving) == NotFound()


def test_the_same_attempt_twice_is_one_charge(gateway):
    request = payment(gateway, "twice")
    assert isinstance(gateway.charge(request, VISA), Succeeded)
    gateway.charge(request, VISA)
    orders = gateway._connection.sdk.transaction.search(TransactionSearch.order_id == request.attempt_id).items
    assert len([sale for sale in orders if sale.status == "submitted_for_settlement"]) <= 1
