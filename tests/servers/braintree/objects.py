"""What the gateway keeps: cards with their behaviour, transactions, disputes, and how it tells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from servers.braintree.documents import Many

__all__ = ["Dispute", "Event", "Nonce", "Plan", "Transaction", "Vaulted", "card_document"]


@dataclass(frozen=True)
class Plan:
    """A card, and how it behaves."""

    brand: str = "Visa"
    last_4: str = "1111"
    code: str | None = None
    """The processor declines with this code."""
    rejection: str | None = None
    """The gateway rejects for this reason."""
    off_session: str | None = None
    """Vaulted and charged by the merchant, the processor declines with this code."""
    pends: bool = False
    partly: bool = False
    """The processor approves all but one unit."""
    refund: str = "settles"
    """`settles`, `pends` or `declines`."""
    three_d_secure: bool = True
    """Whether the customer authenticated in the browser."""
    debit: str = "No"
    prepaid: str = "No"
    expires: tuple[str, str] = ("12", "2039")
    """Month and year."""


@dataclass
class Nonce:
    """A one-time token."""

    plan: Plan
    used: bool = False


@dataclass(frozen=True)
class Vaulted:
    """A card in the vault."""

    token: str
    customer_id: str
    plan: Plan
    created_at: datetime


@dataclass
class Dispute:
    """What a card's bank says against a sale."""

    id: str
    amount: str
    kind: str
    reason: str
    opened_at: datetime
    reply_by: date
    history: list[tuple[str, datetime]] = field(default_factory=list)
    """Each status, with when it came."""
    won: str | None = None
    """How much of it was won, if not all."""

    @property
    def status(self) -> str:
        return self.history[-1][0]

    def document(self, sale: Transaction) -> dict[str, Any]:
        """Return it as the gateway tells it."""
        return {
            "id": self.id,
            "amount-disputed": f"{Decimal(self.amount):.2f}",
            "amount-won": f"{Decimal((self.won or self.amount) if self.status == 'won' else 0):.2f}",
            "created-at": self.opened_at,
            "currency-iso-code": sale.currency,
            "kind": self.kind,
            "merchant-account-id": sale.merchant_account,
            "reason": self.reason,
            "received-date": self.opened_at.date(),
            "reply-by-date": self.reply_by,
            "status": self.status,
            "status-history": Many("status-history", [{"status": s, "timestamp": at} for s, at in self.history]),
            "transaction": {"id": sale.id, "order-id": sale.order_id, "amount": f"{Decimal(sale.amount):.2f}"},
        }


@dataclass(frozen=True)
class Event:
    """Something that a webhook tells, as it was when it happened."""

    kind: str
    subject: dict[str, Any]
    at: datetime


@dataclass
class Transaction:
    """A sale or a refund."""

    id: str
    type: str
    status: str
    amount: str
    currency: str
    merchant_account: str
    order_id: str | None
    customer_id: str | None
    plan: Plan
    created_at: datetime
    code: str | None = "1000"
    kind: str | None = "approved"
    rejection: str | None = None
    token: str | None = None
    refunded: str | None = None
    refunds: list[str] = field(default_factory=list)
    source: str | None = None
    updated_at: datetime | None = None
    settlement_code: str | None = None
    """Why the processor declined to settle it."""
    disputes: list[Dispute] = field(default_factory=list)
    history: list[tuple[str, datetime]] = field(default_factory=list)
    """Each status, with when it came."""

    def move(self, status: str, moment: datetime) -> None:
        self.status, self.updated_at = status, moment
        self.history.append((status, moment))

    def document(self) -> dict[str, Any]:
        """Return it as the gateway tells it."""
        return {
            "id": self.id,
            "status": self.status,
            "type": self.type,
            "currency-iso-code": self.currency,
            "amount": f"{Decimal(self.amount):.2f}",
            "merchant-account-id": self.merchant_account,
            "order-id": self.order_id,
            "created-at": self.created_at,
            "updated-at": self.updated_at or self.created_at,
            "customer": {"id": self.customer_id},
            "credit-card": card_document(self.plan, self.token),
            "refund-ids": Many("item", list(self.refunds)),
            "refunded-transaction-id": self.refunded,
            "processor-response-code": self.code,
            "processor-response-type": self.kind,
            "processor-settlement-response-code": self.settlement_code,
            "gateway-rejection-reason": self.rejection,
            "transaction-source": self.source,
            "payment-instrument-type": "credit_card",
            "status-history": Many("status-event", [self._status_event(*each) for each in self.history]),
            "disputes": Many("dispute", [dispute.document(self) for dispute in self.disputes]),
        }

    def _status_event(self, status: str, moment: datetime) -> dict[str, Any]:
        return {"timestamp": moment, "status": status, "amount": f"{Decimal(self.amount):.2f}", "user": "somebody"}


def card_document(plan: Plan, token: str | None, customer_id: str | None = None) -> dict[str, Any]:
    """Return a card as the gateway tells it."""
    return {
        "token": token,
        "bin": "411111",
        "last-4": plan.last_4,
        "card-type": plan.brand,
        "expiration-month": plan.expires[0],
        "expiration-year": plan.expires[1],
        "expired": False,
        "debit": plan.debit,
        "prepaid": plan.prepaid,
        "customer-id": customer_id,
    }
