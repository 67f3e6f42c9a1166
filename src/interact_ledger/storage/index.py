"""The ledger's own indexes: which events belong to an operation, whose a gateway's reference is, what is due.

Decisions rely on them, so they are written in the same append as the events, and can be rebuilt from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from interact_ledger.clock import iso
from interact_ledger.domain.account import Account
from interact_ledger.domain.agenda import AgendaKind, agenda
from interact_ledger.domain.events import GatewayCustomerLinked, Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table

__all__ = [
    "AGENDA",
    "GATEWAY_CUSTOMERS",
    "GATEWAY_REFERENCES",
    "INDEX_TABLES",
    "OPERATIONS",
    "OPERATION_STEPS",
    "DueItem",
    "account_of_customer",
    "agenda_rows",
    "due_items",
    "index_rows",
    "operation_at",
]

OPERATIONS = Table(
    name="operations",
    columns={
        "operation_id": ColumnType.TEXT,
        "stream_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
    },
    key=("operation_id",),
)
"""The first event of each operation: its key makes a second one with the same idempotency key impossible."""

OPERATION_STEPS = Table(
    name="operation_steps",
    columns={
        "subject_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "stream_id": ColumnType.TEXT,
    },
    key=("subject_id", "version"),
)
"""The later events of each operation, card, hold and quote."""

GATEWAY_REFERENCES = Table(
    name="gateway_references",
    columns={
        "gateway": ColumnType.TEXT,
        "reference": ColumnType.TEXT,
        "stream_id": ColumnType.TEXT,
        "operation_id": ColumnType.TEXT,
    },
    key=("gateway", "reference"),
)
"""Whose a gateway's object is; never taken from the object's metadata alone."""

GATEWAY_CUSTOMERS = Table(
    name="gateway_customers",
    columns={
        "gateway": ColumnType.TEXT,
        "customer_id": ColumnType.TEXT,
        "stream_id": ColumnType.TEXT,
    },
    key=("gateway", "customer_id"),
)
"""Whose a gateway's customer is."""

AGENDA = Table(
    name="agenda",
    columns={
        "stream_id": ColumnType.TEXT,
        "kind": ColumnType.TEXT,
        "subject": ColumnType.TEXT,
        "due_at": ColumnType.TIME,
    },
    key=("stream_id", "kind", "subject"),
    indexes=(("kind", "due_at"),),
)
"""What is to be done, by due time."""


class DueItem(NamedTuple):
    """One thing to do for one account."""

    account_id: str
    kind: AgendaKind
    subject: str
    due_at: datetime


INDEX_TABLES = (OPERATIONS, OPERATION_STEPS, GATEWAY_REFERENCES, GATEWAY_CUSTOMERS, AGENDA)


def index_rows(recorded: Recorded) -> Iterator[RowChange]:
    """Yield the index rows of one event."""
    event = recorded.event
    subjects = event.operations()
    if event.STARTS:
        own, *subjects_rest = subjects
        yield OPERATIONS.insert(operation_id=own, stream_id=recorded.stream_id, version=recorded.version)
        subjects = tuple(subjects_rest)
    for subject in subjects:
        yield OPERATION_STEPS.insert(subject_id=subject, version=recorded.version, stream_id=recorded.stream_id)
    reference, gateway = getattr(event, "reference", None), getattr(event, "gateway", None)
    if reference is not None and gateway is not None:
        yield GATEWAY_REFERENCES.put(
            gateway=gateway, reference=reference, stream_id=recorded.stream_id, operation_id=event.operations()[0]
        )
    if isinstance(event, GatewayCustomerLinked):
        yield GATEWAY_CUSTOMERS.put(gateway=event.gateway, customer_id=event.customer_id, stream_id=recorded.stream_id)


def account_of_customer(query: Query, gateway: str, customer_id: str) -> str | None:
    """Return the account whose customer this is at a gateway, None if it is not ours."""
    rows = query("SELECT stream_id FROM gateway_customers WHERE gateway=? AND customer_id=?", [gateway, customer_id])
    return str(rows[0]["stream_id"]) if rows else None


def operation_at(query: Query, gateway: str, reference: str) -> tuple[str, str] | None:
    """Return the account and the operation that a gateway's reference belongs to, None if it is not ours."""
    rows = query("SELECT * FROM gateway_references WHERE gateway=? AND reference=?", [gateway, reference])
    return (rows[0]["stream_id"], rows[0]["operation_id"]) if rows else None


def due_items(query: Query, kinds: Sequence[AgendaKind], now: datetime) -> list[DueItem]:
    """Return what of these kinds has fallen due on all accounts' agendas, the earliest first."""
    marks = ", ".join("?" * len(kinds))
    rows = query(
        f"SELECT * FROM agenda WHERE kind IN ({marks}) AND due_at<=? ORDER BY due_at, stream_id, subject",
        [*(kind.value for kind in kinds), iso(now)],
    )
    return [
        DueItem(row["stream_id"], AgendaKind(row["kind"]), row["subject"], AGENDA.read(row)["due_at"]) for row in rows
    ]


def agenda_rows(before: Account | None, after: Account) -> Iterator[RowChange]:
    """Yield what an append changes in the account's agenda."""
    if before is not None and _same_work(before, after):
        return
    old = agenda(before) if before is not None else frozenset()
    new = agenda(after)
    kept = {(item.kind, item.subject) for item in new}
    for item in sorted(old - new):
        if (item.kind, item.subject) not in kept:
            yield AGENDA.delete(stream_id=after.account_id, kind=item.kind.value, subject=item.subject)
    for item in sorted(new - old):
        yield AGENDA.put(stream_id=after.account_id, kind=item.kind.value, subject=item.subject, due_at=item.due_at)


def _same_work(before: Account, after: Account) -> bool:
    return (
        before.top_ups is after.top_ups
        and before.card_savings is after.card_savings
        and before.refunds is after.refunds
        and before.cards is after.cards
        and before.holds is after.holds
        and before.lots is after.lots
        and before.numbers is after.numbers
        and before.auto_top_up is after.auto_top_up
        and before.monthly_recharge is after.monthly_recharge
        and before.standing is after.standing
    )
