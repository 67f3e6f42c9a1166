"""Credit notes of refunds, and the refunds that have none yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moneyed import Money
from pydantic_core import to_json

from interact_ledger.domain.account import Account
from interact_ledger.domain.credit_notes import credit_note_number, is_answered_by_credit_note
from interact_ledger.domain.events import CreditNoteCancelled, CreditNoteEntry, Recorded
from interact_ledger.tables import ColumnType, Query, RowChange, Table
from interact_ledger.views import CreditNote, taxes_from_json

__all__ = [
    "CREDIT_NOTES",
    "CREDIT_NOTES_DUE",
    "credit_note",
    "credit_notes",
    "credit_notes_due",
    "credit_notes_of",
    "rows",
]

CREDIT_NOTES = Table(
    name="credit_notes",
    columns={
        "document_id": ColumnType.TEXT,
        "cancels": ColumnType.TEXT,
        "seller_id": ColumnType.TEXT,
        "number": ColumnType.INTEGER,
        "issued_at": ColumnType.TIME,
        "account_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "transaction_id": ColumnType.TEXT,
        "charge_reference": ColumnType.TEXT,
        "invoice_number": ColumnType.TEXT,
        "refund_id": ColumnType.TEXT,
        "refund_reference": ColumnType.TEXT,
        "currency": ColumnType.TEXT,
        "credit": ColumnType.DECIMAL,
        "taxes": ColumnType.TEXT,
        "total": ColumnType.DECIMAL,
        "seller_name": ColumnType.TEXT,
        "seller_address": ColumnType.TEXT,
        "seller_tax_number": ColumnType.TEXT,
    },
    key=("document_id",),
    nullable=frozenset({"cancels", "seller_tax_number"}),
    indexes=(("account_id", "version"), ("transaction_id",), ("cancels",)),
)
"""One row per document of a series: a credit note, or the cancellation of the one that `cancels` names.

`version` is where the refund, or its return, stands in the account's history.
"""

CREDIT_NOTES_DUE = Table(
    name="credit_notes_due",
    columns={
        "account_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "refund_id": ColumnType.TEXT,
        "recorded_at": ColumnType.TIME,
    },
    key=("account_id", "version"),
)
"""Refunds, and returns of refunds, that have no document yet."""


def credit_note(query: Query, credit_note_id: str) -> CreditNote | None:
    """Return a credit note, None if there is none of this id."""
    found = query(f"{_SELECT} AND n.document_id=?", [credit_note_id])
    return _credit_note(found[0]) if found else None


def credit_notes(query: Query, account_id: str, *, after: int, limit: int) -> list[CreditNote]:
    """Return an account's credit notes in the order of their refunds, from just after a version."""
    found = query(
        f"{_SELECT} AND n.account_id=? AND n.version>? ORDER BY n.version LIMIT ?", [account_id, after, limit]
    )
    return [_credit_note(row) for row in found]


def credit_notes_of(query: Query, transaction_ids: Sequence[str]) -> list[tuple[str, CreditNote]]:
    """Return the credit notes of some transactions in order, each behind the charge that it is of."""
    marks = ", ".join("?" * len(transaction_ids))
    found = query(f"{_SELECT} AND n.transaction_id IN ({marks}) ORDER BY n.version", transaction_ids)
    return [(row["charge_reference"], _credit_note(row)) for row in found]


def credit_notes_due(query: Query, account_id: str | None) -> list[tuple[str, int, str]]:
    """Return account, version and refund of what has no document yet, the earliest first."""
    condition, parameters = ("WHERE account_id=?", [account_id]) if account_id else ("", [])
    found = query(f"SELECT * FROM credit_notes_due {condition} ORDER BY recorded_at, account_id, version", parameters)
    return [(row["account_id"], row["version"], row["refund_id"]) for row in found]


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of a document, or of what is due one."""
    event = recorded.event
    if isinstance(event, CreditNoteEntry):
        yield _document_row(recorded, event)
        yield CREDIT_NOTES_DUE.delete(account_id=event.account_id, version=event.account_version)
    elif is_answered_by_credit_note(event):
        yield CREDIT_NOTES_DUE.put(
            account_id=recorded.stream_id,
            version=recorded.version,
            refund_id=event.operations()[0],
            recorded_at=recorded.recorded_at,
        )


def _document_row(recorded: Recorded, event: CreditNoteEntry) -> RowChange:
    return CREDIT_NOTES.insert(
        document_id=event.operations()[0],
        cancels=event.credit_note_id if isinstance(event, CreditNoteCancelled) else None,
        seller_id=event.seller_id,
        number=recorded.version,
        issued_at=recorded.recorded_at,
        account_id=event.account_id,
        version=event.account_version,
        transaction_id=event.transaction_id,
        charge_reference=event.charge_reference,
        invoice_number=event.invoice_number,
        refund_id=event.refund_id,
        refund_reference=event.refund_reference,
        currency=event.currency,
        credit=event.credit,
        taxes=to_json(event.taxes).decode(),
        total=event.total,
        seller_name=event.seller_name,
        seller_address=event.seller_address,
        seller_tax_number=event.seller_tax_number,
    )


_SELECT = """
SELECT n.*, c.seller_id AS cancelling_seller_id, c.number AS cancelling_number, c.issued_at AS cancelled_at
FROM credit_notes n LEFT JOIN credit_notes c ON c.cancels = n.document_id
WHERE n.cancels IS NULL"""


def _credit_note(row: Mapping[str, Any]) -> CreditNote:
    read, currency = CREDIT_NOTES.read(row), row["currency"]
    cancelled_at = CREDIT_NOTES.read({"issued_at": row["cancelled_at"]})["issued_at"]
    return CreditNote(
        credit_note_id=read["document_id"],
        credit_note_number=credit_note_number(read["seller_id"], read["number"]),
        issued_at=read["issued_at"],
        cancellation_number=(
            credit_note_number(row["cancelling_seller_id"], row["cancelling_number"]) if cancelled_at else None
        ),
        cancelled_at=cancelled_at,
        seller_name=read["seller_name"],
        seller_address=tuple(read["seller_address"].split("\n")),
        seller_tax_number=read["seller_tax_number"],
        account_id=read["account_id"],
        version=read["version"],
        transaction_id=read["transaction_id"],
        invoice_number=read["invoice_number"],
        refund_id=read["refund_id"],
        gateway_reference=read["refund_reference"],
        credit=Money(read["credit"], currency),
        taxes=taxes_from_json(read["taxes"], currency),
        total=Money(read["total"], currency),
    )
