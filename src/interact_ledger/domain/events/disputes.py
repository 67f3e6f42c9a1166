"""What takes a captured charge back without our asking."""

from __future__ import annotations

from interact_ledger.domain.events.event import OperationEvent
from interact_ledger.domain.events.fields import TaxLine, UtcTime
from interact_ledger.domain.events.top_up import PaymentEvent
from interact_ledger.money import Amount, CurrencyCode

__all__ = [
    "ChargeEvent",
    "ChargeShare",
    "DisputeEvidenceDue",
    "DisputeLost",
    "DisputeOpened",
    "DisputeWon",
    "PaymentReversed",
    "RefundElsewhereReturned",
    "RefundMadeElsewhere",
]


class PaymentReversed(PaymentEvent):
    """The settlement of a captured charge failed: the money never came. What was left of it leaves the balance.

    It comes again with the rest if more becomes left, by a refund that fails or returns, or a dispute that is won.
    """

    TOPIC = "payment-reversed"

    reference: str
    """The charge."""
    code: str
    """The gateway's own code."""
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    reversed_at: UtcTime
    """The gateway's own time."""


class ChargeEvent(OperationEvent):
    """A fact about something at the gateway that takes a captured charge back: a dispute, or a refund made there."""

    OPERATIONS = ("operation_id", "transaction_id")

    operation_id: str
    """Derived from the gateway and its reference, so that each is recorded once."""
    transaction_id: str
    """The top-up."""
    gateway: str
    reference: str
    """The gateway's id of the dispute or refund."""
    charge_reference: str
    currency: CurrencyCode


class ChargeShare(ChargeEvent):
    """A fact that takes part of a charge, or gives it back, split as its payment was."""

    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount


class DisputeOpened(ChargeShare):
    """The cardholder's bank wants (part of) a charge back; until that is decided, `held` cannot be spent."""

    TOPIC = "dispute-opened"
    STARTS = True

    claimed: Amount
    """What is disputed, gross, as the gateway says it; `total` is what of it was left of the charge."""
    held: Amount
    """`credit`, or nothing where disputed funds are not held."""
    reason: str
    """The gateway's own word."""
    evidence_due_by: UtcTime | None
    opened_at: UtcTime
    """The gateway's own time."""


class DisputeEvidenceDue(ChargeEvent):
    """The gateway takes evidence until another moment than it said before."""

    TOPIC = "dispute-evidence-due"

    evidence_due_by: UtcTime


class DisputeWon(ChargeShare):
    """The money stays. What was held is free, and what was lost before comes back: that is `credit`, mostly nothing."""

    TOPIC = "dispute-won"

    decided_at: UtcTime | None


class DisputeLost(ChargeShare):
    """The money is gone: what was held is free, and the balance is lower by `credit`.

    It takes what is left of the charge, at most what was claimed. It comes again with the rest if more becomes left,
    as when a refund that was under way fails.
    """

    TOPIC = "dispute-lost"

    claimed: Amount | None = None
    """What the gateway takes, gross, as it says it; None if that is what was claimed when the dispute was opened."""
    fee_amount: Amount | None
    """What the gateway takes for the dispute, from the seller and not from this balance."""
    fee_currency: CurrencyCode | None
    decided_at: UtcTime | None


class RefundMadeElsewhere(ChargeShare):
    """Somebody paid a charge back at the gateway, without the ledger; the balance is lower by `credit`."""

    TOPIC = "refund-made-elsewhere"
    STARTS = True

    claimed: Amount
    """What was paid back, gross, as the gateway says it; `total` is what of it was left of the charge."""
    refunded_at: UtcTime
    """The gateway's own time."""


class RefundElsewhereReturned(ChargeShare):
    """The customer's bank sent back what was paid back elsewhere; the balance is higher by `credit` again."""

    TOPIC = "refund-elsewhere-returned"
