"""Which disputes an account has had: the list; what became of each is in its events."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import DisputeOpened, Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = ["DISPUTES", "disputed_transactions", "rows"]

DISPUTES = Table(
    name="disputes",
    columns={
        "account_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "dispute_id": ColumnType.TEXT,
        "transaction_id": ColumnType.TEXT,
    },
    key=("account_id", "version"),
)
"""One row per dispute, by the event that opened it."""


def disputed_transactions(query: Query, account_id: str) -> list[tuple[str, str]]:
    """Return dispute and top-up of an account's disputes, the earliest first."""
    found = query("SELECT dispute_id, transaction_id FROM disputes WHERE account_id=? ORDER BY version", [account_id])
    return [(row["dispute_id"], row["transaction_id"]) for row in found]


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of a dispute's opening."""
    if isinstance(recorded.event, DisputeOpened):
        yield DISPUTES.insert(
            account_id=recorded.stream_id,
            version=recorded.version,
            dispute_id=recorded.event.operation_id,
            transaction_id=recorded.event.transaction_id,
        )
