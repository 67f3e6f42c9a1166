"""Every change of a balance, with what it was afterwards: statements, and balances of the past."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import Recorded
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["STATEMENT_LINES", "rows"]

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
        "pending": ColumnType.DECIMAL,
    },
    key=("account_id", "recorded_at", "version"),
    nullable=frozenset({"operation_id"}),
)
"""One row per event that changes the total, what is held or what is pending; `total`, `held`, `pending` are after it.

Recorded times never run backwards within an account, so the key finds the balance of any past moment directly.
"""


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
        amount=after.balance - before.balance,
        total=after.balance,
        held=after.held,
        pending=after.pending,
    )
