"""Requests to the adapter as most tests want them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from moneyed import Money

from braintree_bench import BraintreeBench
from interact_ledger.gateways.protocol import (
    CardRequest,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
    SavedCard,
    Succeeded,
)
from interact_ledger.ids import derived_id
from servers.braintree import Plan

ACCOUNT = derived_id("acct", "of", "tests")
TWELVE = Money("12.00", "GBP")
SEND_WITHIN = timedelta(minutes=5)


def payment(bench: BraintreeBench, name: str = "1", **changes: Any) -> ChargeRequest:
    transaction_id = derived_id("txn", name)
    request = ChargeRequest(
        attempt_id=f"{transaction_id}.1",
        transaction_id=transaction_id,
        account_id=ACCOUNT,
        customer_id=bench.gateway.link_customer(ACCOUNT),
        amount=TWELVE,
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return replace(request, **changes)


def saving(bench: BraintreeBench, name: str = "1", **changes: Any) -> CardRequest:
    saving_id = derived_id("txn", "saving", name)
    request = CardRequest(
        attempt_id=f"{saving_id}.1",
        saving_id=saving_id,
        account_id=ACCOUNT,
        customer_id=bench.gateway.link_customer(ACCOUNT),
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return replace(request, **changes)


def refund_of(bench: BraintreeBench, charge: Succeeded, name: str = "1", **changes: Any) -> RefundRequest:
    refund_id = derived_id("txn", "refund", name)
    request = RefundRequest(
        attempt_id=f"{refund_id}.1",
        refund_id=refund_id,
        transaction_id=derived_id("txn", "1"),
        account_id=ACCOUNT,
        charge_reference=charge.reference,
        amount=charge.amount,
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return replace(request, **changes)


def charged(
    bench: BraintreeBench, card: Plan | PaymentSource | None = None, name: str = "1", **changes: Any
) -> ChargeResult:
    """Charge a new card that behaves as planned, or the card that is given."""
    source = NewCard(bench.books.nonce(card)) if card is None or isinstance(card, Plan) else card
    return bench.gateway.charge(payment(bench, name, **changes), source)


def paid(bench: BraintreeBench, card: Plan | PaymentSource | None = None, name: str = "1", **changes: Any) -> Succeeded:
    result = charged(bench, card, name, **changes)
    assert isinstance(result, Succeeded), result
    return result


def saved(bench: BraintreeBench, plan: Plan | None = None, name: str = "1") -> SavedCard:
    result = bench.gateway.save(saving(bench, name), NewCard(bench.books.nonce(plan)))
    assert isinstance(result, CardSaved), result
    return SavedCard(result.token)


def sent(bench: BraintreeBench, asked: str) -> list[dict[str, Any]]:
    """Return the documents that were sent by requests of this method and path."""
    return [document for line, document in bench.server.requests if line == asked]
