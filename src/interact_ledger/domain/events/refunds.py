"""Refunds."""

from __future__ import annotations

from typing import Literal

from interact_ledger.domain.events.event import OperationEvent, OperationStarted
from interact_ledger.domain.events.fields import PersonalText, TaxLine, UtcTime
from interact_ledger.gateways.protocol import DeclineReason
from interact_ledger.money import Amount, CurrencyCode

__all__ = [
    "RefundAttempted",
    "RefundEvent",
    "RefundFailed",
    "RefundMismatched",
    "RefundPending",
    "RefundQueued",
    "RefundRequested",
    "RefundRetried",
    "RefundReturned",
    "RefundUnknown",
    "Refunded",
]


class RefundRequested(OperationStarted):
    """Part or all of one charge is to be paid back to the card that paid it."""

    TOPIC = "refund-requested"
    OPERATIONS = ("operation_id", "transaction_id")

    transaction_id: str
    """The top-up."""
    charge_reference: str
    """The gateway's id of the charge."""
    total: Amount
    """Gross."""
    currency: CurrencyCode
    reason: PersonalText


class RefundEvent(OperationEvent):
    """A fact about one attempt to pay back."""

    OPERATIONS = ("operation_id", "transaction_id")

    transaction_id: str
    attempt_id: str
    gateway: str


class RefundAttempted(RefundEvent):
    """The intent to pay back, whole, durable before anything is sent; `credit` is reserved from here on."""

    TOPIC = "refund-attempted"

    number: int
    """1 for the first attempt of the refund; the next one opens only after a definite no."""
    charge_reference: str
    credit: Amount
    """What the balance falls by."""
    taxes: tuple[TaxLine, ...]
    """What is paid back of each tax."""
    total: Amount
    currency: CurrencyCode
    send_before: UtcTime
    """Nothing is sent from this moment on."""


class RefundRetried(RefundEvent):
    """The same attempt is sent once more under the same key; durable before it is."""

    TOPIC = "refund-retried"


class RefundPending(RefundEvent):
    TOPIC = "refund-pending"

    reference: str


class RefundQueued(RefundEvent):
    """Nothing is paid back yet, for sure: the charge has to settle first. What is reserved stays so until it is tried
    again."""

    TOPIC = "refund-queued"

    why: str
    next_try_at: UtcTime


class RefundUnknown(RefundEvent):
    """A try may have reached the gateway; recovery looks it up."""

    TOPIC = "refund-unknown"

    why: str


class RefundFailed(RefundEvent):
    """Nothing is paid back, for sure; what was reserved is available again."""

    TOPIC = "refund-failed"

    outcome: Literal["declined", "not_attempted"]
    reason: DeclineReason | None
    detail: str
    """The gateway's own code, or why nothing was attempted."""
    reference: str | None = None
    """The gateway's id of what it declined, if it has one: an older answer, that this was paid, is then stale."""


class Refunded(RefundEvent):
    """The money is on its way back; the balance is lower by `credit` from this event on."""

    TOPIC = "refunded"

    reference: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    """What it takes of its charge, gross."""
    currency: CurrencyCode
    refunded_at: UtcTime
    """The gateway's own time."""
    late: bool
    """It came after the attempt was thought to be over."""
    claimed: Amount | None = None
    """What was paid back, gross, where less than that was left of its charge, or of a part of it."""


class RefundMismatched(RefundEvent):
    """The gateway paid back another amount than asked for. Only what was asked for is debited; a person decides."""

    TOPIC = "refund-mismatched"

    reference: str
    credit: Amount
    """What was asked for, net, or as much of it as was left of its charge; the balance is lower by it."""
    taxes: tuple[TaxLine, ...] | None = None
    """What it takes of each tax; None in histories from before this was said: what was asked for."""
    expected_amount: Amount
    expected_currency: CurrencyCode
    refunded_amount: Amount
    refunded_currency: CurrencyCode
    refunded_at: UtcTime
    late: bool


class RefundReturned(RefundEvent):
    """The gateway confirmed a refund, and it failed after all; the balance is higher by `credit` again."""

    TOPIC = "refund-returned"

    reference: str
    credit: Amount
    total: Amount
    """What its charge has again, gross."""
    currency: CurrencyCode
    reason: DeclineReason
    detail: str
    """The gateway's own code."""
