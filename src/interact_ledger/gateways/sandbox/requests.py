"""How requests become intents at the sandbox: checked, named and fingerprinted.

References are derived from the attempt's id, so nothing here is left to chance.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    CardRequest,
    ChargeRequest,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
)
from interact_ledger.gateways.sandbox.amounts import check_chargeable, check_refundable
from interact_ledger.gateways.sandbox.memory import Intent, KeptCard, Kind
from interact_ledger.gateways.sandbox.tokens import script_of
from interact_ledger.ids import operation_id, request_fingerprint
from interact_ledger.money import plain

__all__ = [
    "client_secret_of",
    "derived",
    "payment_intent",
    "payment_tombstone",
    "refund_intent",
    "saving_intent",
    "saving_tombstone",
    "with_source",
]


def derived(kind: str, *parts: object) -> str:
    """Return an identifier of the sandbox: the same for the same parts, on every run and machine.

    It has the form of the ledger's own identifiers, so that no part of it is ever taken for a card number.
    """
    return f"{kind}_{operation_id(kind, '|'.join(map(str, parts))).removeprefix('txn_')}"


def client_secret_of(reference: str) -> str:
    """Return the client secret of a payment or saving, for the browser."""
    return derived("secret", reference)


def payment_intent(request: ChargeRequest, now: datetime) -> Intent:
    """Return the payment that a request asks for, without a card.

    Raises:
        GatewayInvalidRequest: for an amount or currency that the sandbox does not take.
    """
    check_chargeable(request.amount)
    return replace(
        payment_tombstone(request, now),
        fingerprint=request_fingerprint(
            *("payment", request.transaction_id, request.account_id, request.customer_id, _written(request.amount)),
            *(request.save_card, request.initiator.value),
        ),
        save_card=request.save_card,
        off_session=request.initiator is not Initiator.CUSTOMER,
    )


def payment_tombstone(request: ChargeRequest, now: datetime) -> Intent:
    """Return a payment without a card or a fingerprint: enough to be cancelled before it ever arrives."""
    return Intent(
        kind=Kind.PAYMENT,
        reference=_reference("pay", request.attempt_id),
        attempt_id=request.attempt_id,
        account_id=request.account_id,
        operation_id=request.transaction_id,
        customer_id=request.customer_id,
        amount=request.amount,
        moved_at=now,
    )


def saving_intent(request: CardRequest, card: NewCard, now: datetime) -> Intent:
    """Return the saving that a request asks for.

    Raises:
        GatewayInvalidRequest: for a token that the sandbox does not know.
    """
    script_of(card.token)
    fingerprint = request_fingerprint("saving", request.saving_id, request.account_id, request.customer_id)
    return with_source(replace(saving_tombstone(request, now), fingerprint=fingerprint), card, None)


def saving_tombstone(request: CardRequest, now: datetime) -> Intent:
    """Return a saving without a card or a fingerprint: enough to be cancelled before it ever arrives."""
    return Intent(
        kind=Kind.SAVING,
        reference=_reference("sav", request.attempt_id),
        attempt_id=request.attempt_id,
        account_id=request.account_id,
        operation_id=request.saving_id,
        customer_id=request.customer_id,
        moved_at=now,
    )


def with_source(intent: Intent, source: PaymentSource, kept: KeptCard | None) -> Intent:
    """Return the intent with the card that it is confirmed with; `kept` if that is a saved one, None if it is new."""
    return replace(
        intent,
        source_fingerprint=request_fingerprint("source", type(source).__name__, source.token),
        token=kept.token if kept else source.token,
        card_token=kept.card_token if kept else None,
    )


def refund_intent(request: RefundRequest, payment: Intent, now: datetime) -> Intent:
    """Return the refund of a payment that a request asks for; whether it may be is decided later.

    Raises:
        GatewayInvalidRequest: if the amount cannot be paid back in the payment's currency.
    """
    assert payment.amount is not None, "a payment has an amount"
    if request.amount.currency != payment.amount.currency:
        raise GatewayInvalidRequest("is not in the payment's currency", field="amount")
    check_refundable(request.amount)
    return Intent(
        kind=Kind.REFUND,
        reference=_reference("rfd", request.attempt_id),
        attempt_id=request.attempt_id,
        account_id=request.account_id,
        operation_id=request.refund_id,
        fingerprint=request_fingerprint(
            *("refund", request.refund_id, request.account_id, payment.reference, _written(request.amount))
        ),
        amount=request.amount,
        token=payment.token,
        charge_reference=payment.reference,
        moved_at=now,
    )


def _reference(kind: str, attempt_id: str) -> str:
    if not attempt_id:
        raise GatewayInvalidRequest("is empty", field="attempt_id")
    return derived(kind, attempt_id)


def _written(amount: Money) -> str:
    """The same amount, however it was typed, in the same words."""
    return f"{plain(amount.amount, amount.currency.code)} {amount.currency.code}"
