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
        lambda entry: {
            "refund_id": entry.event["operation_id"],
            "transaction_id": entry.event["transaction_id"],
            "total": entry.amount("total"),
        },
    ),
}


def told(entry: Entry, book: Book, before: Signals) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the kind of each thing that should be told of an event, and what must be said of it."""
    if entry.topic in _BY_TOPIC:
        kind, of = _BY_TOPIC[entry.topic]
        about = of(entry)
        if about is not None:
            yield kind, about
    after = Signals.of(book)
    if before.standing not in {"", "suspended"} and after.standing == "suspended":
        yield "account_suspended", {"balance": book.money.balance}
    threshold = book.low_balance_threshold
    if threshold is not None and after.available < threshold <= before.available:
        yield "low_balance", {"available": after.available, "threshold": threshold}
