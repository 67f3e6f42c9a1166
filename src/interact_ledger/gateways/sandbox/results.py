"""What the sandbox's payments, savings and refunds look like from outside, to the ledger and to who plays the world."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from moneyed import Money

from interact_ledger.gateways.protocol import (
    ActionRequired,
    AfterCapture,
    Begun,
    Cancelled,
    CardResult,
    CardSaved,
    ChargeResult,
    Declined,
    Dispute,
    NotAttempted,
    Pending,
    Refunded,
    RefundMade,
    RefundResult,
    Succeeded,
)
from interact_ledger.gateways.sandbox.amounts import CURRENCIES
from interact_ledger.gateways.sandbox.memory import Intent, KeptCard
from interact_ledger.gateways.sandbox.requests import client_secret_of
from interact_ledger.gateways.sandbox.tokens import DECLINES, Status, script_of

__all__ = [
    "RETURN_CODE",
    "REVERSAL_CODE",
    "Captured",
    "Chargeable",
    "after_capture",
    "begun",
    "captured",
    "captured_amount",
    "card_result",
    "charge_result",
    "chargeable_card",
    "chargeable_intent",
    "refund_result",
]


REVERSAL_CODE = "settlement_declined"
RETURN_CODE = "refund_returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One payment that the sandbox really captured."""

    transaction_id: str
    account_id: str
    attempt_id: str
    reference: str
    amount: Money
    """What was captured, gross."""
    refunded: Money
    """What of it was paid back."""
    lost: Money
    """What of it was lost in disputes."""
    captured_at: datetime
    reversed_at: datetime | None
    """When its settlement failed, if it did: the money never came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chargeable:
    """One thing at the sandbox that could yet be charged."""

    kind: str
    """`payment`, `saving` or `card`."""
    reference: str
    account_id: str
    attempt_id: str
    """The attempt that made it."""
    status: str
    """The status of a payment or saving; `saved` for a card."""


def begun(intent: Intent) -> Begun:
    """Return what the browser needs of a payment."""
    return Begun(reference=intent.reference, client_secret=client_secret_of(intent.reference))


def charge_result(payment: Intent, kept: KeptCard | None) -> ChargeResult:
    """Return the present state of a payment; `kept` is the card that it saved, if it did."""
    if payment.status is not Status.SUCCEEDED:
        return _unfinished(payment)
    if payment.reversed_at:
        return _declined(replace(payment, code=REVERSAL_CODE))
    return Succeeded(
        reference=payment.reference,
        amount=captured_amount(payment),
        captured_at=payment.moved_at,
        card=script_of(payment.token).card,
        saved_card=_card_saved(kept) if kept is not None and not kept.forgotten else None,
    )


def card_result(saving: Intent, kept: KeptCard | None) -> CardResult:
    """Return the present state of a saving; `kept` is the card that it saved, if it did."""
    if saving.status is not Status.SUCCEEDED:
        return _unfinished(saving)
    assert kept is not None, "a saving that succeeded keeps its card"
    return _card_saved(kept)


def refund_result(refund: Intent) -> RefundResult:
    """Return the present state of a refund."""
    if refund.status is Status.DECLINED:
        return _declined(refund)
    if refund.status is Status.PENDING:
        return Pending(reference=refund.reference)
    assert refund.status is Status.SUCCEEDED, "a refund is sent at once"
    assert refund.amount is not None, "a refund has an amount"
    return Refunded(reference=refund.reference, amount=refund.amount, refunded_at=refund.moved_at)


def captured_amount(payment: Intent) -> Money:
    """Return what confirming a payment captures, gross: what was asked for, unless its card says otherwise."""
    assert payment.amount is not None, "a payment has an amount"
    currency = payment.amount.currency
    short_by = 0 if payment.card_token else script_of(payment.token).short_by
    return payment.amount - Money(short_by * CURRENCIES[currency.code].step, currency)


def after_capture(payment: Intent, refunds: Iterable[Intent], disputes: Iterable[Dispute]) -> AfterCapture:
    """Return all that left a captured payment again."""
    return AfterCapture(
        refunds=tuple(_refund_made(refund) for refund in refunds if _went_out(refund)),
        disputes=tuple(disputes),
        reversed_at=payment.reversed_at,
        reversal_code=REVERSAL_CODE if payment.reversed_at else None,
    )


def _went_out(refund: Intent) -> bool:
    return refund.status is Status.SUCCEEDED or refund.code == RETURN_CODE


def _refund_made(refund: Intent) -> RefundMade:
    assert refund.amount is not None, "a refund has an amount"
    return RefundMade(
        reference=refund.reference,
        amount=refund.amount,
        refunded_at=refund.moved_at,
        operation_id=refund.operation_id or None,
        returned=refund.code == RETURN_CODE,
    )


def captured(payment: Intent, *, refunded: Money, lost: Money) -> Captured:
    """Return a payment that succeeded, with what of it was paid back or lost."""
    return Captured(
        transaction_id=payment.operation_id,
        account_id=payment.account_id,
        attempt_id=payment.attempt_id,
        reference=payment.reference,
        amount=captured_amount(payment),
        refunded=refunded,
        lost=lost,
        captured_at=payment.moved_at,
        reversed_at=payment.reversed_at,
    )


def chargeable_intent(intent: Intent) -> Chargeable:
    """Return a payment or saving as something that could yet be charged."""
    return Chargeable(
        kind=intent.kind,
        reference=intent.reference,
        account_id=intent.account_id,
        attempt_id=intent.attempt_id,
        status=intent.status,
    )


def chargeable_card(card: KeptCard) -> Chargeable:
    """Return a saved card as something that could yet be charged."""
    return Chargeable(
        kind="card",
        reference=card.reference,
        account_id=card.account_id,
        attempt_id=card.attempt_id,
        status="saved",
    )


def _card_saved(card: KeptCard) -> CardSaved:
    return CardSaved(reference=card.reference, token=card.card_token, details=card.details)


def _declined(intent: Intent) -> Declined:
    assert intent.code is not None, "a decline has a code"
    reason, advice = DECLINES[intent.code]
    return Declined(
        reason=reason,
        advice=advice,
        raw_code=intent.code,
        reference=intent.reference,
        still_payable=intent.can_yet_succeed,
    )


def _unfinished(intent: Intent) -> Pending | ActionRequired | Declined | Cancelled | NotAttempted:
    match intent.status:
        case Status.PENDING:
            return Pending(reference=intent.reference)
        case Status.ACTION_REQUIRED:
            return ActionRequired(reference=intent.reference, client_secret=client_secret_of(intent.reference))
        case Status.DECLINED:
            return _declined(intent)
        case Status.CANCELLED:
            return Cancelled(reference=intent.reference)
        case _:
            return NotAttempted(why="begun and not confirmed")
