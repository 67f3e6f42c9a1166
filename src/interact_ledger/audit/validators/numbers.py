"""Rented numbers: charged what was agreed, for the month that was due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from interact_ledger.audit.amounts import between, millionths, moment
from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding

__all__ = ["BEFORE", "validate_rent", "validate_rented", "validate_rents"]

# A month has 28 to 31 days; moving to another time zone shifts its due moment by 26 hours at most.
_MONTH_MIN = timedelta(days=26)
_MONTH_MAX = timedelta(days=33)


def validate_rented(entry: Entry, book: Book) -> Iterator[Finding]:
    """A number is rented once, at the price of a line of the purchase beside it."""
    event = entry.event
    operation_id, lines = book.latest_purchase
    agreed = [(line[1], millionths(line[4])) for line in lines]
    if event["operation_id"] != operation_id or (event["item"], entry.amount("monthly_price")) not in agreed:
        yield entry.finding("rent_wrong", "its monthly price was not bought with it")
    if event["number"] in book.numbers:
        yield entry.finding("number_unknown", "is rented already")


def validate_rents(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about a number is about one that the account rents."""
    if entry.event["number"] not in book.numbers:
        yield entry.finding("number_unknown", "the account rents no such number")


def validate_rent(entry: Entry, book: Book) -> Iterator[Finding]:
    """A month's rent is what was agreed, for the month that was due, and the next one is due a month later."""
    yield from validate_rents(entry, book)
    rented = book.numbers.get(entry.event["number"])
    if rented is None:
        return
    if (entry.amount("amount"), moment(entry.event["due_at"])) != (rented.monthly_price, rented.next_due_at):
        yield entry.finding("rent_wrong", "is not the rent that was agreed, or not of the month that was due")
    next_due_at = entry.event.get("next_due_at")
    if next_due_at is not None and not _MONTH_MIN <= between(rented.next_due_at, next_due_at) <= _MONTH_MAX:
        yield entry.finding("rent_wrong", f"due at {rented.next_due_at}, and next at {next_due_at}: that is no month")


BEFORE = {
    "number-rented": validate_rented,
    "number-rental-charged": validate_rent,
    "number-rental-unpaid": validate_rent,
    "number-released": validate_rents,
}
