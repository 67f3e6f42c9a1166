"""What takes a captured charge back, and the credit notes for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from moneyed import Money

from interact_ledger.domain.account import Refund
from interact_ledger.domain.charges import Dispute
from interact_ledger.gateways.protocol import DisputeStatus
from interact_ledger.views.amounts import Tax, tax_of

__all__ = ["CreditNote", "DisputeDetails", "RefundResult", "dispute_details", "refund_result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """Where a refund stands."""

    refund_id: str
    transaction_id: str
    """The top-up."""
    status: str
    """requested, unknown, pending, queued (its charge has to settle first; `run_due` tries it again), not_attempted,
    declined (also if it was confirmed and failed after all), succeeded or mismatched (another amount was paid back: an
    operator decides)."""
    credit: Money
    """What the balance falls by; reserved until the gateway confirms."""
    taxes: tuple[Tax, ...]
    """What is paid back of each tax."""
    total: Money
    """What the card gets back."""
    balance: Money
    """The total balance now."""
    refunded_at: datetime | None
    """The gateway's own time, UTC."""
    decline_reason: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the refund, once it has said one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeDetails:
    """A dispute of a payment: the cardholder's bank wants it back, in full or in part."""

    dispute_id: str
    transaction_id: str
    """The top-up."""
    status: str
    """open, won or lost."""
    reason: str
    """The gateway's own word."""
    claimed: Money
    """What is disputed, gross, as the gateway says it."""
    total: Money
    """What of it was left of the payment when the dispute was opened."""
    held: Money
    """What of the balance cannot be spent until it is decided."""
    lost: Money
    """What the balance fell by, net of tax; zero unless it is lost."""
    fee: Money | None
    """What the gateway takes for it from the seller, once it has said so; maybe in another currency."""
    opened_at: datetime
    """The gateway's own time, UTC."""
    evidence_due_by: datetime | None
    """Until when the gateway takes evidence, while it is open."""
    decided_at: datetime | None
    """The gateway's own time of the decision, if it said one."""
    gateway: str
    gateway_reference: str
    """The gateway's id of the dispute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What a refund took back of a payment, in writing; it names the receipt."""

    credit_note_id: str
    credit_note_number: str
    """Gapless per seller, in a series of its own: the seller's id, CN and a number from 1."""
    issued_at: datetime
    cancellation_number: str | None
    """The document of the same series that cancels it, if the refund came back: the receipt holds again."""
    cancelled_at: datetime | None
    seller_name: str
    seller_address: tuple[str, ...]
    seller_tax_number: str | None
    account_id: str
    version: int
    """The refund, by its position in the account's history; pass it as `after` for the credit notes that follow."""
    transaction_id: str
    """The receipt's."""
    invoice_number: str
    """The receipt's."""
    refund_id: str
    credit: Money
    """What the balance fell by."""
    taxes: tuple[Tax, ...]
    """What was given back of each tax."""
    total: Money
    """What the customer got back."""
    gateway_reference: str
    """The gateway's id of the refund."""


def refund_result(refund: Refund, balance: Money) -> RefundResult:
    intent, failure = refund.intent, refund.failure
    return RefundResult(
        refund_id=refund.operation_id,
        transaction_id=intent.transaction_id,
        status=refund.outcome.value,
        credit=Money(intent.credit, intent.currency),
        taxes=tuple(tax_of(tax, intent.currency) for tax in intent.taxes),
        total=Money(intent.total, intent.currency),
        balance=balance,
        refunded_at=refund.paid[0].refunded_at if refund.paid else None,
        decline_reason=failure.reason.value if failure and failure.reason else None,
        gateway=intent.gateway,
        gateway_reference=refund.paid[0].reference if refund.paid else refund.reference,
    )


def dispute_details(dispute: Dispute) -> DisputeDetails:
    opened, currency = dispute.opened, dispute.opened.currency
    is_open, is_lost = dispute.status is DisputeStatus.OPEN, dispute.status is DisputeStatus.LOST
    return DisputeDetails(
        dispute_id=opened.operation_id,
        transaction_id=opened.transaction_id,
        status=dispute.status.value,
        reason=opened.reason,
        claimed=Money(opened.claimed, currency),
        total=Money(opened.total, currency),
        held=Money(opened.held if is_open else Decimal(0), currency),
        lost=Money(dispute.takes.credit if is_lost else Decimal(0), currency),
        fee=Money(*dispute.fee) if dispute.fee else None,
        opened_at=opened.opened_at,
        evidence_due_by=dispute.evidence_due_by,
        decided_at=dispute.decided_at,
        gateway=opened.gateway,
        gateway_reference=opened.reference,
    )
