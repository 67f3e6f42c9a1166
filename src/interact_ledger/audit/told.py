"""What somebody should have been told of, by the audit's own reading of an event and of the account around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry

__all__ = ["Signals", "told"]


class Signals(NamedTuple):
    """What of an account makes somebody be told when it changes."""

    standing: str
    available: int

    @classmethod
    def of(cls, book: Book) -> Signals:
        return cls(book.standing, book.available)


_BY_TOPIC: Mapping[str, tuple[str, Callable[[Entry], Mapping[str, Any] | None]]] = {
    "refunded": (
        "refund_done",
        lambda entry: _refund(entry, "total" if entry.event.get("claimed") is None else "claimed"),
    ),
    "refund-made-elsewhere": ("refund_done", lambda entry: _refund(entry, "claimed")),
    "auto-top-up-failed": (
        "auto_top_up_failed",
        lambda entry: _fields(entry, "next_try_at", transaction_id="operation_id"),
    ),
    "auto-top-up-paused": (
        "auto_top_up_paused",
        lambda entry: _fields(entry, "reason", transaction_id="operation_id"),
    ),
    "auto-top-up-postponed": (
        "auto_top_up_capped",
        lambda entry: _fields(entry, "next_try_at", cap="reason") if entry.event["reason"] != "not_attempted" else None,
    ),
    "monthly-recharge-disabled": (
        "monthly_recharge_disabled",
        lambda entry: _fields(entry, "reason", transaction_id="operation_id"),
    ),
    "card-expiry-announced": (
        "card_expiring",
        lambda entry: _fields(entry, "card_id", "expiry_month", "expiry_year", "due_at"),
    ),
    "dispute-opened": (
        "dispute_opened",
        lambda entry: {
            "dispute_id": entry.event["operation_id"],
            "transaction_id": entry.event["transaction_id"],
            "total": entry.amount("claimed"),
            "held": entry.amount("held"),
            "evidence_due_by": entry.event["evidence_due_by"],
        },
    ),
}


def _refund(entry: Entry, amount: str) -> dict[str, Any]:
    return _fields(entry, "transaction_id", refund_id="operation_id") | {"total": entry.amount(amount)}


def _fields(entry: Entry, *same: str, **renamed: str) -> dict[str, Any]:
    return {name: entry.event[field] for name, field in ({field: field for field in same} | renamed).items()}


def told(entry: Entry, book: Book, before: Signals) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the kind of each thing that should be told of an event, and what must be said of it."""
    if entry.topic in _BY_TOPIC and not _is_told_otherwise(entry, book):
        kind, of = _BY_TOPIC[entry.topic]
        about = of(entry)
        if about is not None:
            yield kind, about
    if entry.topic == "payment-action-required" and _is_monthly(entry, book):
        yield "monthly_recharge_action_required", _fields(entry, "expires_at", transaction_id="operation_id")
    after = Signals.of(book)
    if before.standing not in {"", "suspended"} and after.standing == "suspended":
        yield "account_suspended", {"balance": book.money.balance}
    threshold = book.low_balance_threshold
    if threshold is not None and after.available < threshold <= before.available:
        yield "low_balance", {"available": after.available, "threshold": threshold}


def _is_told_otherwise(entry: Entry, book: Book) -> bool:
    """A failure is told if it is the first in a row and leads to another try; one that leads to none is a pause."""
    is_paused = book.auto_top_up is not None and book.auto_top_up.paused
    return entry.topic == "auto-top-up-failed" and (entry.event["failures"] != 1 or is_paused)


def _is_monthly(entry: Entry, book: Book) -> bool:
    top_up = book.top_ups.get(entry.event["operation_id"])
    return top_up is not None and top_up.initiator == "recurring"
