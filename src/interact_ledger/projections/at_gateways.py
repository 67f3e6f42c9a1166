"""What gateways may know more of than they told: captured charges and kept cards, by when they were recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from interact_ledger.clock import iso
from interact_ledger.domain.account import Account
from interact_ledger.domain.events import CardSaved, PaymentCaptured, Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = ["AT_GATEWAYS", "AtGateway", "at_gateways", "how_many", "rows"]

AT_GATEWAYS = Table(
    name="at_gateways",
    columns={
        "account_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "gateway": ColumnType.TEXT,
        "kind": ColumnType.TEXT,
        "operation_id": ColumnType.TEXT,
        "reference": ColumnType.TEXT,
        "recorded_at": ColumnType.TIME,
    },
    key=("account_id", "version"),
    indexes=(("gateway", "recorded_at"),),
)
"""One row per captured charge and per saving of a card, by the event that recorded it."""


class AtGateway(NamedTuple):
    """A charge, or a card that was kept, at its gateway."""

    account_id: str
    version: int
    is_charge: bool
    operation_id: str
    """The top-up, or what saved the card."""
    reference: str
    recorded_at: datetime


def at_gateways(
    query: Query, gateway: str, since: datetime, *, after: AtGateway | None, limit: int
) -> Sequence[AtGateway]:
    """Return what a gateway captured or kept since a moment, the earliest first, from just behind one of them."""
    behind = (iso(after.recorded_at), after.account_id, after.version) if after else (iso(since), "", 0)
    found = query(
        "SELECT * FROM at_gateways WHERE gateway=? AND (recorded_at, account_id, version) > (?, ?, ?)"
        " ORDER BY recorded_at, account_id, version LIMIT ?",
        [gateway, *behind, limit],
    )
    return [
        AtGateway(
            row["account_id"],
            row["version"],
            row["kind"] == "charge",
            row["operation_id"],
            row["reference"],
            AT_GATEWAYS.read(row)["recorded_at"],
        )
        for row in found
    ]


def how_many(query: Query, gateway: str, since: datetime) -> int:
    """Return how many charges and cards that is."""
    (row,) = query(
        "SELECT COUNT(*) AS found FROM at_gateways WHERE gateway=? AND recorded_at>=?", [gateway, iso(since)]
    )
    return int(row["found"])


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of a capture, or of a card that was saved."""
    event = recorded.event
    if isinstance(event, PaymentCaptured | CardSaved):
        yield AT_GATEWAYS.insert(
            account_id=recorded.stream_id,
            version=recorded.version,
            gateway=event.gateway,
            kind="charge" if isinstance(event, PaymentCaptured) else "card",
            operation_id=event.operation_id,
            reference=event.reference,
            recorded_at=recorded.recorded_at,
        )
