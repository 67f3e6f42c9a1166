"""One account's stream: every event looked at, entered into the book, and held against the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from interact_ledger.audit.amounts import decimal
from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import MALFORMED, Entry
from interact_ledger.audit.expected import Parts, Shelves, open_at_gateways
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.posting import post
from interact_ledger.audit.told import Signals
from interact_ledger.audit.validators import AFTER, BEFORE
from interact_ledger.errors import Busy, StorageUnavailable

__all__ = ["AccountAudit", "Fold", "Folded"]


class Folded(NamedTuple):
    """An account as the ledger itself makes it from its events; amounts in the account's currency."""

    balance: Decimal
    held: Decimal
    pending: Decimal
    version: int


Fold: TypeAlias = Callable[[str, int], Folded]
"""The ledger's own fold of an account's first so many events. Whatever it raises becomes a finding."""


class AccountAudit:
    """The audit of one account while its stream is read."""

    def __init__(self, book: Book, shelves: Shelves) -> None:
        self.book = book
        self._shelves = shelves

    def entry(self, entry: Entry) -> Iterator[Finding]:
        """Look at the account's next event."""
        book, topic = self.book, entry.topic
        for validate in BEFORE[topic]:
            yield from validate(entry, book)
        before, signals, was_open = Parts.of(book), Signals.of(book), self._is_about_open_payment(entry)
        post(book, entry)
        for validate in AFTER[topic]:
            yield from validate(entry, book)
        self._shelves.check_indexes(entry)
        is_open = was_open or self._is_about_open_payment(entry)
        self._shelves.check_account(entry, book, before, signals, about_open_payment=is_open)

    def end(self, fold: Fold, version: int, overdue_since: str) -> Iterator[Finding]:
        """Look at the account as a whole, when its stream was read to its end at `version`."""
        book = self.book
        for kind, subject, due_at in open_at_gateways(book):
            if due_at < overdue_since:
                yield Finding("unsettled", book.stream_id, None, f"{kind} {subject} is open since {due_at}")
        try:
            self._shelves.check_present(book)
        except MALFORMED as error:
            yield Finding("event_unreadable", book.stream_id, None, f"a name is not what it must be: {error!r}")
        for (gateway, notice_id), (place, about) in book.unexplained.items():
            message = f"{gateway} told of {about} in {notice_id}, and nothing here explains it"
            yield Finding("notice_unexplained", book.stream_id, place, message)
        if not book.money.conserved:
            yield Finding("money_not_conserved", book.stream_id, None, "credits, debits and the balance do not add up")
        try:
            folded = fold(book.stream_id, version)
        except (Busy, StorageUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - a fold that fails, in whatever way, is what we are looking for
            yield Finding("fold_differs", book.stream_id, version, f"the ledger cannot fold it: {error!r}")
            return
        own = Folded(decimal(book.money.balance), decimal(book.money.held), decimal(book.pending), version)
        if folded != own:
            yield Finding("fold_differs", book.stream_id, version, f"the ledger has {folded}, the audit {own}")

    def _is_about_open_payment(self, entry: Entry) -> bool:
        return entry.event.get("operation_id") in self.book.open_top_ups and entry.topic.startswith(
            ("payment-", "capture-")
        )
