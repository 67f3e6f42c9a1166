"""Receipts of captured payments, and the invoice numbers that their seller gave them (product rule 13)."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import to_json

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import InvoiceIssued, PaymentCaptured, Recorded
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["INVOICES", "RECEIPTS", "rows"]

RECEIPTS = Table(
    name="receipts",
    columns={
        "transaction_id": ColumnType.TEXT,
        "version": ColumnType.INTEGER,
        "account_id": ColumnType.TEXT,
        "captured_at": ColumnType.TIME,
        "recorded_at": ColumnType.TIME,
        "currency": ColumnType.TEXT,
        "credit": ColumnType.DECIMAL,
        "taxes": ColumnType.TEXT,
        "total": ColumnType.DECIMAL,
        "balance": ColumnType.DECIMAL,
        "brand": ColumnType.TEXT,
        "last_four": ColumnType.TEXT,
        "funding": ColumnType.TEXT,
        "gateway": ColumnType.TEXT,
        "reference": ColumnType.TEXT,
    },
    key=("transaction_id", "version"),
    indexes=(("account_id", "recorded_at"),),
)

INVOICES = Table(
    name="invoices",
    columns={
        "transaction_id": ColumnType.TEXT,
        "seller_id": ColumnType.TEXT,
        "number": ColumnType.INTEGER,
        "issued_at": ColumnType.TIME,
        "seller_name": ColumnType.TEXT,
        "seller_address": ColumnType.TEXT,
        "seller_tax_number": ColumnType.TEXT,
    },
    key=("transaction_id",),
    nullable=frozenset({"seller_tax_number"}),
)


def rows(recorded: Recorded, before: Account | None, after: Account | None) -> Iterator[RowChange]:
    """Yield the row of a capture or of an invoice number."""
    event = recorded.event
    if isinstance(event, PaymentCaptured):
        assert after is not None, "a capture belongs to an account"
        yield RECEIPTS.insert(
            transaction_id=event.operation_id,
            version=recorded.version,
            account_id=recorded.stream_id,
            captured_at=event.captured_at,
            recorded_at=recorded.recorded_at,
            currency=event.currency,
            credit=event.credit,
            taxes=to_json(event.taxes).decode(),
            total=event.total,
            balance=after.balance,
            brand=event.brand,
            last_four=event.last_four,
            funding=event.funding.value,
            gateway=event.gateway,
            reference=event.reference,
        )
    elif isinstance(event, InvoiceIssued):
        yield INVOICES.insert(
            transaction_id=event.transaction_id,
            seller_id=event.seller_id,
            number=recorded.version,
            issued_at=recorded.recorded_at,
            seller_name=event.seller_name,
            seller_address=event.seller_address,
            seller_tax_number=event.seller_tax_number,
        )
