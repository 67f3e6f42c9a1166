"""Where an event may stand: after the opening, once, within what the account's standing allows, in its currency."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.topics import TOPICS

__all__ = ["AFTER", "validate_closing", "validate_currency", "validate_place", "validate_standing"]


def validate_place(entry: Entry, book: Book) -> Iterator[Finding]:
    """An account's stream starts with its opening, which comes once; invoices and credit notes are in books."""
    opening = entry.topic == "account-opened"
    if opening and book.standing:
        yield entry.finding("event_misplaced", "the account was opened before")
    if not opening and not book.standing:
        yield entry.finding("event_misplaced", "stands before the account's opening")
    if entry.topic in _IN_BOOKS:
        yield entry.finding("event_misplaced", "stands in an account's stream, not in a seller's")


def validate_standing(entry: Entry, book: Book) -> Iterator[Finding]:
    """A closed account takes no command, a suspended one none that debits it."""
    topic = TOPICS[entry.topic]
    if (book.standing == "closed" and topic.command) or (book.standing == "suspended" and topic.debits):
        yield entry.finding("standing_ignored", f"the account is {book.standing}")


def validate_currency(entry: Entry, book: Book) -> Iterator[Finding]:
    """An account never changes its currency."""
    currency = entry.event.get("currency", book.currency)
    if currency != book.currency and book.currency:
        yield entry.finding("currency_wrong", f"is in {currency}, the account is in {book.currency}")


def validate_closing(entry: Entry, book: Book) -> Iterator[Finding]:
    """Nothing is left on a closed account, and nothing open."""
    money = book.money
    if money.balance or money.held or entry.amount("paid_out") < 0 or entry.amount("written_off") < 0:
        yield entry.finding("closing_unbalanced", "leaves a balance, or pays out what was not there")
    if (
        book.holds
        or book.open_top_ups
        or book.open_refunds
        or book.open_savings
        or book.cards
        or book.numbers
        or book.has_open_disputes
    ):
        yield entry.finding("closing_unbalanced", "leaves something open")


_IN_BOOKS = frozenset({"invoice-issued", "credit-note-issued", "credit-note-cancelled"})

AFTER = {"account-closed": validate_closing}
