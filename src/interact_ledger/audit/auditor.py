"""The audit itself: one pass over all streams with the tables beside it, then what no single stream can tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from interact_ledger.audit.account import AccountAudit, Fold
from interact_ledger.audit.across import across_streams
from interact_ledger.audit.amounts import decimal
from interact_ledger.audit.book import Book, Money
from interact_ledger.audit.books import GATEWAY_PREFIX, INVOICES_PREFIX, GatewayAudit, InvoiceAudit
from interact_ledger.audit.credit_notes import CREDIT_NOTES_PREFIX, CreditNoteAudit, notes_within_receipts
from interact_ledger.audit.entries import EVENTS_SQL, MALFORMED, Entry, StreamReader, purchase_finder
from interact_ledger.audit.expected import Shelves
from interact_ledger.audit.findings import Finding, Findings
from interact_ledger.audit.report import AuditReport, CurrencyTotals
from interact_ledger.audit.tables import Read
from interact_ledger.clock import iso

__all__ = ["audit"]

OVERDUE_AFTER = timedelta(days=1)
"""What could have been decided at a gateway for so long and is not deserves a person's attention."""
_PROGRESS_EVERY = 1000


def audit(
    read: Read,
    fold: Fold,
    on_progress: Callable[[int, int], None],
    now: datetime,
    differences: Iterable[tuple[str, int]] = (),
) -> AuditReport:
    """Audit a whole ledger: the log, all tables that follow from it, and the ledger's own fold.

    Memory holds one account at a time, and of that what is open, its payments and its quotes.

    Args:
        read: reads the ledger's tables, all at one moment.
        fold: the ledger's own way from events to an account, to be compared.
        on_progress: called with how many events are done, of how many.
        now: what time it is, to tell what has been open for too long.
        differences: stream and version of events that are not the same in another event store that keeps them.
    """
    return _Auditor(read, fold, on_progress, now).run(differences)


class _Auditor:
    def __init__(self, read: Read, fold: Fold, on_progress: Callable[[int, int], None], now: datetime) -> None:
        self._read = read
        self._fold = fold
        self._on_progress = on_progress
        self._overdue_since = iso(now - OVERDUE_AFTER)
        self._findings = Findings()
        self._shelves = Shelves(read, self._findings.add)
        self._find_purchase = lru_cache(maxsize=8)(purchase_finder(read))
        self._totals: dict[str, Money] = defaultdict(Money)
        self._accounts: Counter[str] = Counter()
        self._done = 0
        self._of = 0

    def run(self, differences: Iterable[tuple[str, int]]) -> AuditReport:
        """Look at everything."""
        ((self._of,),) = self._read("SELECT COUNT(*) FROM stored_events", ())
        for stream_id, rows in groupby(self._read(EVENTS_SQL, ()), key=itemgetter(0)):
            self._stream(stream_id, rows)
        self._shelves.finish()
        self._findings.extend(across_streams(self._read))
        self._findings.extend(notes_within_receipts(self._read))
        self._findings.extend(
            Finding("copy_differs", stream_id, version, "is not the same in the other event store")
            for stream_id, version in differences
        )
        self._on_progress(self._done, self._of)
        return AuditReport(
            events=self._done,
            accounts=self._accounts.total(),
            currencies=tuple(
                _totals(currency, self._accounts[currency], money) for currency, money in sorted(self._totals.items())
            ),
            findings=tuple(self._findings.kept),
            counts=dict(self._findings.counts),
        )

    def _stream(self, stream_id: Any, rows: Iterable[Sequence[Any]]) -> None:
        if not isinstance(stream_id, str):
            self._findings.add(Finding("event_misplaced", repr(stream_id), None, "is no stream of the ledger's"))
            self._done += sum(1 for _ in rows)
        elif stream_id.startswith(INVOICES_PREFIX):
            self._read_through(stream_id, rows, InvoiceAudit(self._read, self._shelves).entry)
        elif stream_id.startswith(CREDIT_NOTES_PREFIX):
            self._read_through(stream_id, rows, CreditNoteAudit(self._read, self._shelves).entry)
        elif stream_id.startswith(GATEWAY_PREFIX):
            self._read_through(stream_id, rows, GatewayAudit(self._shelves).entry)
        else:
            self._account(stream_id, rows)

    def _account(self, stream_id: str, rows: Iterable[Sequence[Any]]) -> None:
        account = AccountAudit(Book(stream_id, self._find_purchase), self._shelves)
        version = self._read_through(stream_id, rows, account.entry)
        self._findings.extend(account.end(self._fold, version, self._overdue_since))
        self._accounts[account.book.currency] += 1
        self._totals[account.book.currency].add(account.book.money)

    def _read_through(
        self, stream_id: str, rows: Iterable[Sequence[Any]], look_at: Callable[[Entry], Iterable[Finding]]
    ) -> int:
        """Look at every event of a stream; return the version of the last."""
        reader = StreamReader(stream_id)
        found: list[Finding] = []
        for row in rows:
            entry = reader.read(row, found)
            if entry is not None:
                try:
                    found.extend(look_at(entry))
                except MALFORMED as error:
                    found.append(entry.finding("event_unreadable", f"a field is not what it must be: {error!r}"))
            if found:
                self._findings.extend(found)
                found.clear()
            self._done += 1
            if self._done % _PROGRESS_EVERY == 0:
                self._on_progress(self._done, self._of)
        return reader.version


def _totals(currency: str, accounts: int, money: Money) -> CurrencyTotals:
    return CurrencyTotals(
        currency=currency,
        accounts=accounts,
        captured=decimal(money.captured),
        taxed=decimal(money.taxed),
        credited=decimal(money.credited),
        spent=decimal(money.spent),
        granted=decimal(money.granted),
        expired=decimal(money.expired),
        refunded=decimal(money.refunded),
        refunded_elsewhere=decimal(money.refunded_elsewhere),
        lost=decimal(money.lost),
        never_settled=decimal(money.never_settled),
        reversed=decimal(money.reversed),
        adjusted=decimal(money.adjusted),
        paid_out=decimal(money.paid_out),
        written_off=decimal(money.written_off),
        balance=decimal(money.balance),
        held=decimal(money.held),
        conserved=money.conserved,
    )
