"""Every change of a balance, with what it was afterwards: statements, and balances of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from moneyed import Money

from interact_ledger.clock import BEGINNING, END, iso
from interact_ledger.domain.account import Account
from interact_ledger.domain.credit_notes import DOCUMENTED, credit_note_number, invoice_number
from interact_ledger.domain.events import Recorded
from interact_ledger.money import EXACT
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = ["STATEMENT_LINES", "Balance", "Statement", "StatementLine", "balance_at", "rows", "statement"]

STATEMENT_LINES = Table(
    name="statement_lines",
    columns={
        "account_id": ColumnType.TEXT,
        "recorded_at": ColumnType.TIME,
        "version": ColumnType.INTEGER,
        "kind": ColumnType.TEXT,
        "operation_id": ColumnType.TEXT,
        "currency": ColumnType.TEXT,
        "amount": ColumnType.DECIMAL,
        "total": ColumnType.DECIMAL,
        "held": ColumnType.DECIMAL,
        "granted": ColumnType.DECIMAL,
        "pending": ColumnType.DECIMAL,
    },
    key=("account_id", "recorded_at", "version"),
    nullable=frozenset({"operation_id"}),
)
"""One row per event that changes any part of the balance, which stand in it as they are after the event.

Recorded times never run backwards within an account, so the key finds the balance of any past moment directly.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A balance and its parts at one moment."""

    available: Money
    """What can be spent or held."""
    held: Money
    """What holds and refunds under way reserve."""
    total: Money
    """Available and held."""
    granted: Money
    """What of the total nobody paid for: promotional credit, which is never paid back to a card."""
    pending: Money
    """What top-ups under way would add; not part of the total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One change of the total."""

    recorded_at: datetime
    version: int
    """The event, by its position in the account's history."""
    kind: str
    """The event's topic: payment-captured, spent, spend-reversed, …"""
    transaction_id: str | None
    amount: Money
    """Negative if the balance fell."""
    balance: Money
    """The total after it."""
    document: str | None
    """The number of the invoice, of the credit note or of its cancellation, if it has one by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The changes of a balance in a period; opening and amounts add up to closing."""

    account_id: str
    start: datetime | None
    """From this moment on, UTC; None from the account's opening."""
    end: datetime | None
    """Before this moment, UTC; None up to now."""
    opening: Money
    lines: tuple[StatementLine, ...]
    closing: Money
    next_cursor: int | None
    """Pass it as `after` for the lines that follow, None if there are none."""


def balance_at(query: Query, account_id: str, currency: str, moment: datetime, version: int | None = None) -> Balance:
    """Return the balance as it was just after a moment, or after a version recorded at that moment."""
    found = query(
        "SELECT * FROM statement_lines WHERE account_id=? AND recorded_at<=? AND version<=?"
        " ORDER BY recorded_at DESC, version DESC LIMIT 1",
        [account_id, iso(moment), _VERSION_MAX if version is None else version],
    )
    row = (
        STATEMENT_LINES.read(found[0]) if found else {"total": _ZERO, "held": _ZERO, "granted": _ZERO, "pending": _ZERO}
    )
    return Balance(
        available=Money(EXACT.subtract(row["total"], row["held"]), currency),
        held=Money(row["held"], currency),
        total=Money(row["total"], currency),
        granted=Money(row["granted"], currency),
        pending=Money(row["pending"], currency),
    )


def statement(
    query: Query,
    account_id: str,
    currency: str,
    *,
    start: datetime | None,
    end: datetime | None,
    after: int,
    limit: int,
) -> Statement:
    """Return a page of a statement.

    Args:
        query: reads the tables.
        account_id: whose.
        currency: the account's.
        start: the first moment of the period, None for the account's opening.
        end: the first moment behind the period, None for now.
        after: lines of this version and before are left out; 0 for the first page.
        limit: how many lines at most.
    """
    found = query(
        "SELECT * FROM statement_lines WHERE account_id=? AND recorded_at>=? AND recorded_at<? AND version>?"
        " AND amount<>? ORDER BY recorded_at, version LIMIT ?",
        [account_id, iso(start or BEGINNING), iso(end or END), after, "0", limit + 1],
    )
    rows = [STATEMENT_LINES.read(row) for row in found[:limit]]
    documents = _documents(query, account_id, [row["version"] for row in rows if row["kind"] in DOCUMENTED])
    lines = tuple(_line(row, currency, documents) for row in rows)
    if rows:
        opening = EXACT.subtract(rows[0]["total"], rows[0]["amount"])
        closing = rows[-1]["total"]
    else:
        opening = closing = _total_before(query, account_id, start, after)
    return Statement(
        account_id=account_id,
        start=start,
        end=end,
        opening=Money(opening, currency),
        lines=lines,
        closing=Money(closing, currency),
        next_cursor=rows[-1]["version"] if len(found) > limit else None,
    )


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of an event that changed any of the balance's parts."""
    if before is None or after is None:
        return
    if before.balance == after.balance and before.held == after.held and before.top_ups is after.top_ups:
        return
    operations = recorded.event.operations()
    yield STATEMENT_LINES.insert(
        account_id=recorded.stream_id,
        recorded_at=recorded.recorded_at,
        version=recorded.version,
        kind=recorded.event.TOPIC,
        operation_id=operations[0] if operations else None,
        currency=after.currency,
        amount=(after.balance - before.balance) or _ZERO,  # 0.00 would be another text, and a line of its own
        total=after.balance,
        held=after.held,
        granted=after.granted,
        pending=after.pending,
    )


def _documents(query: Query, account_id: str, versions: Sequence[int]) -> dict[int, str]:
    """Return the numbers that events of an account got, by their versions, which ascend."""
    if not versions:
        return {}
    between = [account_id, versions[0], versions[-1]]
    invoices = query(
        "SELECT r.version, i.seller_id, i.number FROM receipts r JOIN invoices i ON i.transaction_id = r.transaction_id"
        " AND i.reference = r.reference WHERE r.account_id=? AND r.version>=? AND r.version<=?",
        between,
    )
    notes = query(
        "SELECT version, seller_id, number FROM credit_notes WHERE account_id=? AND version>=? AND version<=?", between
    )
    return {row["version"]: invoice_number(row["seller_id"], row["number"]) for row in invoices} | {
        row["version"]: credit_note_number(row["seller_id"], row["number"]) for row in notes
    }


_ZERO = Decimal(0)
_VERSION_MAX = 2**62


def _total_before(query: Query, account_id: str, start: datetime | None, after: int) -> Decimal:
    found = query(
        "SELECT total FROM statement_lines WHERE account_id=? AND (recorded_at<? OR version<=?)"
        " ORDER BY recorded_at DESC, version DESC LIMIT 1",
        [account_id, iso(start or BEGINNING), after],
    )
    total = STATEMENT_LINES.read(found[0])["total"] if found else _ZERO
    assert isinstance(total, Decimal)
    return total


def _line(row: Mapping[str, Any], currency: str, documents: Mapping[int, str]) -> StatementLine:
    return StatementLine(
        recorded_at=row["recorded_at"],
        version=row["version"],
        kind=row["kind"],
        transaction_id=row["operation_id"],
        amount=Money(row["amount"], currency),
        balance=Money(row["total"], currency),
        document=documents.get(row["version"]),
    )
