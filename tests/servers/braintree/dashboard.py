"""What is done at Braintree without us: by its owner in the Control Panel, by banks and by the card networks.

No webhook tells of a refund, a void, a payment or a card that somebody changed there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from interact_ledger.clock import Clock
from servers.braintree.objects import Dispute, Event, Plan, Transaction, Vaulted

__all__ = ["Dashboard"]

REPLIED_WITHIN = timedelta(days=7)


class Dashboard:
    """The gateway's other door."""

    clock: Clock
    lock: threading.RLock
    merchant_accounts: dict[str, str]
    customers: set[str]
    vault: dict[str, Vaulted]
    transactions: dict[str, Transaction]
    disputes: dict[str, tuple[Transaction, Dispute]]
    events: list[Event]
    _numbers: Iterator[int]

    def tell(self, kind: str, subject: dict[str, Any]) -> None:
        raise NotImplementedError

    def _refund(self, params: dict[str, Any]) -> tuple[Any, Transaction | None]:
        raise NotImplementedError

    def open_dispute(
        self, transaction_id: str, amount: Decimal | None = None, *, kind: str = "chargeback", reason: str = "fraud"
    ) -> str:
        """Let a card's bank dispute a sale, or a part of it; returns the dispute's id."""
        with self.lock:
            sale, now = self.transactions[transaction_id], self.clock.now()
            dispute = Dispute(
                id=f"dp{next(self._numbers):08d}",
                amount=sale.amount if amount is None else str(amount),
                kind=kind,
                reason=reason,
                opened_at=now,
                reply_by=(now + REPLIED_WITHIN).date(),
                history=[("open", now)],
            )
            sale.disputes.append(dispute)
            self.disputes[dispute.id] = sale, dispute
            self.tell("dispute_opened", {"dispute": dispute.document(sale)})
            return dispute.id

    def decide_dispute(self, dispute_id: str, status: str, *, won: str | None = None) -> None:
        """Let a dispute be `won`, `lost`, `accepted`, `expired`, …; `won` is how much of it, if not all."""
        with self.lock:
            sale, dispute = self.disputes[dispute_id]
            dispute.won = won
            dispute.history.append((status, self.clock.now()))
            self.tell(f"dispute_{status}", {"dispute": dispute.document(sale)})

    def refund_in_dashboard(self, transaction_id: str, amount: Decimal) -> str:
        """Refund a part of what has settled; returns the refund's id."""
        with self.lock:
            _, refund = self._refund({"of": transaction_id, "amount": str(amount)})
            assert refund is not None, "only what has settled is refunded, and not more than is left"
            return refund.id

    def pay_in_dashboard(self, customer_id: str, amount: Decimal, currency: str = "GBP") -> str:
        """Sell by hand, under no order id; returns the sale's id."""
        with self.lock:
            account = next(id_ for id_, known in self.merchant_accounts.items() if known == currency)
            sale = Transaction(
                id=f"bt{next(self._numbers):08d}",
                type="sale",
                status="submitted_for_settlement",
                amount=str(amount),
                currency=currency,
                merchant_account=account,
                order_id=None,
                customer_id=customer_id,
                plan=Plan(),
                created_at=self.clock.now(),
            )
            sale.history.append((sale.status, sale.created_at))
            self.transactions[sale.id] = sale
            return sale.id

    def delete_in_dashboard(self, token: str) -> None:
        with self.lock:
            del self.vault[token]

    def delete_customer(self, customer_id: str) -> None:
        """Delete a customer, and its cards with it."""
        with self.lock:
            self.customers.discard(customer_id)
            for token in [token for token, card in self.vault.items() if card.customer_id == customer_id]:
                del self.vault[token]

    def update_card(self, token: str, **changes: Any) -> None:
        """Let the account updater put a card right, which is told by a report alone."""
        with self.lock:
            card = self.vault[token]
            self.vault[token] = replace(card, plan=replace(card.plan, **changes))
            report = {"report-url": "https://assets.example/report.csv", "report-date": self.clock.now().date()}
            self.tell("account_updater_daily_report", {"account-updater-daily-report": report})
