"""Checkout summaries: what the customer was shown before paying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from moneyed import Money
from pydantic_core import to_json

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import CheckoutQuoted, Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table
from interact_ledger.views import Tax, taxes_from_json

__all__ = ["CHECKOUTS", "CheckoutSummary", "checkout", "rows"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutSummary:
    """What the customer is shown before paying; exactly this is charged."""

    quote_id: str
    account_id: str
    recharge: Money
    """What the customer entered."""
    taxes: tuple[Tax, ...]
    total: Money
    """What the card will be charged."""
    credit: Money
    """What the balance will grow by; less than the recharge where that includes tax."""
    method: str | None
    gateway: str
    """Into whose fields a new card is to be typed: no other takes its token. A saved card is charged where it is."""
    expires_at: datetime
    """Until when it can be charged, UTC."""


def checkout(query: Query, quote_id: str) -> CheckoutSummary | None:
    """Return a checkout summary, None if there is no such quote."""
    found = query("SELECT * FROM checkouts WHERE quote_id=?", [quote_id])
    if not found:
        return None
    row = CHECKOUTS.read(found[0])
    currency = row["currency"]
    return CheckoutSummary(
        quote_id=quote_id,
        account_id=row["account_id"],
        recharge=Money(row["recharge"], currency),
        taxes=taxes_from_json(row["taxes"], currency),
        total=Money(row["total"], currency),
        credit=Money(row["credit"], currency),
        method=row["method"],
        gateway=row["gateway"],
        expires_at=row["expires_at"],
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
