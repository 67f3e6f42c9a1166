"""Checkout and top-up."""

from __future__ import annotations

from enum import StrEnum

from interact_ledger.domain.events.event import Event, OperationEvent, OperationStarted
from interact_ledger.domain.events.fields import TaxLine, UtcTime
from interact_ledger.gateways.protocol import Advice, CardFunding, DeclineReason, Initiator
from interact_ledger.money import Amount, CurrencyCode

__all__ = [
    "CancelReason",
    "CaptureMismatched",
    "CheckoutQuoted",
    "PaymentActionRequired",
    "PaymentAttempted",
    "PaymentBegun",
    "PaymentCancelRequested",
    "PaymentCancelled",
    "PaymentCaptured",
    "PaymentDeclined",
    "PaymentEvent",
    "PaymentNotAttempted",
    "PaymentPending",
    "PaymentRetried",
    "PaymentUnknown",
    "TopUpRequested",
]


class CheckoutQuoted(Event):
    """What the customer was shown before paying; exactly this is charged, at most once, until it expires."""

    TOPIC = "checkout-quoted"
    OPERATIONS = ("quote_id",)
    STARTS = True

    quote_id: str
    recharge: Amount
    """What the customer entered."""
    credit: Amount
    """What the balance grows by: the recharge less any tax it includes."""
    taxes: tuple[TaxLine, ...]
    total: Amount
    """What the card is charged."""
    currency: CurrencyCode
    method: str | None
    """The payment method the customer named, if any."""
    gateway: str
    expires_at: UtcTime


class TopUpRequested(OperationStarted):
    TOPIC = "top-up-requested"
    OPERATIONS = ("operation_id", "quote_id")

    quote_id: str
    total: Amount
    currency: CurrencyCode
    card_id: str | None
    """The saved card that is charged; None for a card just typed in."""
    save_card: bool
    initiator: Initiator


class PaymentAttempted(OperationEvent):
    """The intent to charge, whole, durable before anything is sent."""

    TOPIC = "payment-attempted"

    attempt_id: str
    """The idempotency key at the gateway."""
    number: int
    """1 for the first attempt of the top-up; the next one opens only after a definite no."""
    gateway: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    card_id: str | None
    save_card: bool
    initiator: Initiator
    send_before: UtcTime
    """Nothing that can charge is sent from this moment on."""


class PaymentEvent(OperationEvent):
    """A fact about one attempt to charge."""

    attempt_id: str
    gateway: str


class PaymentRetried(PaymentEvent):
    """The same attempt is sent once more under the same key; durable before it is.

    From here on, one try that reached nobody no longer proves that nothing did.
    """

    TOPIC = "payment-retried"


class PaymentBegun(PaymentEvent):
    """The gateway made what can later be charged."""

    TOPIC = "payment-begun"

    reference: str


class PaymentPending(PaymentEvent):
    TOPIC = "payment-pending"

    reference: str


class PaymentActionRequired(PaymentEvent):
    """The customer must authenticate before `expires_at`; after that the payment is cancelled."""

    TOPIC = "payment-action-required"

    reference: str
    expires_at: UtcTime


class PaymentDeclined(PaymentEvent):
    TOPIC = "payment-declined"

    reason: DeclineReason
    advice: Advice
    raw_code: str
    reference: str | None


class PaymentNotAttempted(PaymentEvent):
    """Nothing was charged and nothing will be; repeating the request opens a new attempt."""

    TOPIC = "payment-not-attempted"

    why: str


class PaymentUnknown(PaymentEvent):
    """A try may have reached the gateway; recovery looks it up."""

    TOPIC = "payment-unknown"

    why: str


class CancelReason(StrEnum):
    """Why the gateway's object must not be paid any more."""

    CUSTOMER = "customer"
    DECLINED = "declined"
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    """It was begun and never sent."""
    SUPERSEDED = "superseded"
    """An earlier attempt of the same top-up turned out to have captured."""


class PaymentCancelRequested(PaymentEvent):
    """The intent to cancel, durable before the gateway is told."""

    TOPIC = "payment-cancel-requested"

    reason: CancelReason


class PaymentCancelled(PaymentEvent):
    """The gateway's object can no longer be paid."""

    TOPIC = "payment-cancelled"

    reference: str | None


class PaymentCaptured(PaymentEvent):
    """Money came in; `credit` is on the balance from this event on."""

    TOPIC = "payment-captured"

    reference: str
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    captured_at: UtcTime
    """The gateway's own time; the receipt shows it."""
    brand: str
    last_four: str
    funding: CardFunding
    late: bool
    """It came after the attempt was thought to be over."""


class CaptureMismatched(PaymentEvent):
    """The gateway captured another amount or currency than was asked for. Nothing is credited; a person decides."""

    TOPIC = "capture-mismatched"

    reference: str
    expected_amount: Amount
    expected_currency: CurrencyCode
    captured_amount: Amount
    captured_currency: CurrencyCode
    captured_at: UtcTime
