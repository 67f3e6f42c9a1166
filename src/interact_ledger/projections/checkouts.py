"""Checkout summaries: what the customer was shown before paying, and whether it was used (product rule 11)."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import to_json

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import CheckoutQuoted, Recorded
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["CHECKOUTS", "rows"]

CHECKOUTS = Table(
    name="checkouts",
    columns={
        "quote_id": ColumnType.TEXT,
        "account_id": ColumnType.TEXT,
        "quoted_at": ColumnType.TIME,
        "expires_at": ColumnType.TIME,
        "currency": ColumnType.TEXT,
        "recharge": ColumnType.DECIMAL,
        "credit": ColumnType.DECIMAL,
        "taxes": ColumnType.TEXT,
        "total": ColumnType.DECIMAL,
        "method": ColumnType.TEXT,
        "gateway": ColumnType.TEXT,
    },
    key=("quote_id",),
    nullable=frozenset({"method"}),
)


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of a quote."""
    event = recorded.event
    if isinstance(event, CheckoutQuoted):
        yield CHECKOUTS.insert(
            quote_id=event.quote_id,
            account_id=recorded.stream_id,
            quoted_at=recorded.recorded_at,
            expires_at=event.expires_at,
            currency=event.currency,
            recharge=event.recharge,
            credit=event.credit,
            taxes=to_json(event.taxes).decode(),
            total=event.total,
            method=event.method,
            gateway=event.gateway,
        )
