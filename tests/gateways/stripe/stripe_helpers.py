"""Requests to Stripe as most tests want them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from moneyed import Money

from interact_ledger.gateways.protocol import (
    CardRequest,
    CardResult,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
    Succeeded,
)
from stripe_bench import StripeBench

__all__ = ["ACCOUNT", "TWELVE", "charge", "paid", "payment", "refund_of", "save", "saved", "saving"]

ACCOUNT = "acct_1"
TWELVE = Money("12.00", "GBP")
SEND_WITHIN = timedelta(minutes=5)


def payment(bench: StripeBench, attempt: str = "att_1", **changes: Any) -> ChargeRequest:
    request = ChargeRequest(
        attempt_id=attempt,
        transaction_id=f"txn_of_{attempt}",
        account_id=ACCOUNT,
        customer_id=bench.gateway.link_customer(ACCOUNT),
        amount=TWELVE,
        save_card=False,
        initiator=Initiator.CUSTOMER,
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return dataclasses.replace(request, **changes)


def charge(
    bench: StripeBench, attempt: str = "att_1", source: str | PaymentSource = "pm_card_visa", **changes: Any
) -> ChargeResult:
    """Charge a card, or a new one that its token names."""
    card = NewCard(source) if isinstance(source, str) else source
    return bench.gateway.charge(payment(bench, attempt, **changes), card)


def paid(
    bench: StripeBench, attempt: str = "att_1", source: str | PaymentSource = "pm_card_visa", **changes: Any
) -> Succeeded:
    result = charge(bench, attempt, source, **changes)
    assert isinstance(result, Succeeded), result
    return result


def saving(bench: StripeBench, attempt: str = "sav_1", **changes: Any) -> CardRequest:
    request = CardRequest(
        attempt_id=attempt,
        saving_id=f"saving_of_{attempt}",
        account_id=ACCOUNT,
        customer_id=bench.gateway.link_customer(ACCOUNT),
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return dataclasses.replace(request, **changes)


def save(bench: StripeBench, attempt: str = "sav_1", token: str = "pm_card_visa") -> CardResult:
    return bench.gateway.save(saving(bench, attempt), NewCard(token))


def saved(bench: StripeBench, attempt: str = "sav_1", token: str = "pm_card_visa") -> CardSaved:
    result = save(bench, attempt, token)
    assert isinstance(result, CardSaved), result
    return result


def refund_of(bench: StripeBench, captured: Succeeded, attempt: str = "ref_1", **changes: Any) -> RefundRequest:
    request = RefundRequest(
        attempt_id=attempt,
        refund_id=f"refund_of_{attempt}",
        transaction_id="txn_1",
        account_id=ACCOUNT,
        charge_reference=captured.reference,
        amount=captured.amount,
        send_before=bench.clock.now() + SEND_WITHIN,
    )
    return dataclasses.replace(request, **changes)
