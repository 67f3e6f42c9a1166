"""Holds: never more is taken out than was put in, and nothing after the end."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.validators.purchases import validate_covered

__all__ = ["AFTER", "BEFORE", "validate_end", "validate_held", "validate_settlement"]


def validate_held(entry: Entry, book: Book) -> Iterator[Finding]:
    """A hold reserves something."""
    if entry.amount("amount") <= 0:
        yield entry.finding("hold_wrong", "reserves nothing")


def validate_settlement(entry: Entry, book: Book) -> Iterator[Finding]:
    """A hold is settled for no more than it has left."""
    hold = book.holds.get(entry.event["hold_id"])
    if hold is None:
        yield entry.finding("hold_not_open", f"{entry.event['hold_id']} is not open")
    elif entry.amount("amount") > hold.remaining:
        yield entry.finding("hold_exceeded", f"{entry.event['hold_id']} has less left")


def validate_end(entry: Entry, book: Book) -> Iterator[Finding]:
    """A hold that ends frees exactly what it has left."""
    hold = book.holds.get(entry.event["hold_id"])
    if hold is None:
        yield entry.finding("hold_not_open", f"{entry.event['hold_id']} is not open")
    elif entry.amount("amount") != hold.remaining:
        yield entry.finding("hold_wrong", f"{entry.event['hold_id']} has another amount left")


BEFORE = {
    "funds-held": validate_held,
    "hold-settled": validate_settlement,
    "hold-released": validate_end,
    "hold-expired": validate_end,
}
AFTER = {"funds-held": validate_covered}
