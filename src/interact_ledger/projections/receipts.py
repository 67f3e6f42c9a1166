"""Receipts of captured payments, and the invoice numbers that their seller gave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from moneyed import Money
from pydantic_core import to_json

from interact_ledger.domain.account import Account
from interact_ledger.domain.charges import Charge
from interact_ledger.domain.credit_notes import invoice_number
from interact_ledger.domain.events import InvoiceIssued, PaymentCaptured, Recorded
from interact_ledger.gateways.protocol import DisputeStatus
from interact_ledger.tables import ColumnType, Query, RowChange, Table
from interact_ledger.views import CreditNote, Tax, taxes_from_json

__all__ = [
    "INVOICES",
    "INVOICES_DUE",
    "RECEIPTS",
    "Receipt",
    "followed_by_anything",
    "invoices_due",
    "receipt",
    "receipts",
    "rows",
    "with_what_followed",
]

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
    indexes=(("account_id", "version"),),
)

INVOICES = Table(
    name="invoices",
    columns={
        "transaction_id": ColumnType.TEXT,
        "reference": ColumnType.TEXT,
        "seller_id": ColumnType.TEXT,
        "number": ColumnType.INTEGER,
        "issued_at": ColumnType.TIME,
        "seller_name": ColumnType.TEXT,
        "seller_address": ColumnType.TEXT,
        "seller_tax_number": ColumnType.TEXT,
    },
    key=("transaction_id", "reference"),
    nullable=frozenset({"seller_tax_number"}),
)


INVOICES_DUE = Table(
    name="invoices_due",
    columns={
        "transaction_id": ColumnType.TEXT,
        "reference": ColumnType.TEXT,
        "account_id": ColumnType.TEXT,
        "recorded_at": ColumnType.TIME,
    },
    key=("transaction_id", "reference"),
    indexes=(("account_id",),),
)
"""Captured payments that have no number yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A captured payment, as the customer and the tax office want to see it."""

    transaction_id: str
    """The same as on the payment confirmation."""
    invoice_number: str
    """Gapless per seller: the seller's id and a number from 1."""
    issued_at: datetime
    seller_name: str
    seller_address: tuple[str, ...]
    seller_tax_number: str | None
    account_id: str
    version: int
    """The capture, by its position in the account's history; pass it as `after` for the receipts that follow."""
    paid_at: datetime
    """The gateway's own time of the capture, UTC."""
    credit: Money
    """What the balance grew by, net of tax."""
    taxes: tuple[Tax, ...]
    total: Money
    """What the card was charged."""
    brand: str
    last_four: str
    funding: str
    """credit, debit, prepaid or unknown."""
    gateway: str
    gateway_reference: str
    credit_notes: tuple[CreditNote, ...]
    """What refunds took back of it, the earliest first; a cancelled one counts for nothing."""
    left: Money
    """What of the total nothing took back: no refund, no dispute that was lost, no settlement that failed."""
    dispute: str | None
    """open while its cardholder's bank wants it back, lost if one got (part of) it; else None."""
    is_reversed: bool
    """Whether its settlement failed: the money never came."""


def receipt(query: Query, transaction_id: str) -> Receipt | None:
    """Return the receipt of a transaction, None if it has none or no number yet."""
    found = query(f"{_SELECT} WHERE r.transaction_id=? ORDER BY r.version LIMIT 1", [transaction_id])
    return _receipt(found[0]) if found else None


def receipts(query: Query, account_id: str, *, after: int, limit: int) -> list[Receipt]:
    """Return an account's receipts in the order they were recorded, from just after a version."""
    found = query(
        f"{_SELECT} WHERE r.account_id=? AND r.version>? ORDER BY r.version LIMIT ?", [account_id, after, limit]
    )
    return [_receipt(row) for row in found]


def followed_by_anything(query: Query, found: Sequence[Receipt]) -> set[str]:
    """Return the transactions of an account's receipts, given in order, of which anything was recorded since."""
    if not found:
        return set()
    since = query(
        "SELECT DISTINCT r.transaction_id FROM receipts r JOIN operation_steps s ON s.subject_id = r.transaction_id"
        " AND s.version > r.version WHERE r.account_id=? AND r.version>=? AND r.version<=?",
        [found[0].account_id, found[0].version, found[-1].version],
    )
    return {row["transaction_id"] for row in since}


def with_what_followed(found: Receipt, charge: Charge, notes: Sequence[CreditNote]) -> Receipt:
    """Return a receipt with what took its payment back."""
    statuses = {dispute.status for dispute in charge.disputes.values()}
    told = (status.value for status in (DisputeStatus.OPEN, DisputeStatus.LOST) if status in statuses)
    return replace(
        found,
        credit_notes=tuple(notes),
        left=Money(max(charge.kept.total, Decimal(0)), found.total.currency),
        dispute=next(told, None),
        is_reversed=charge.reversal is not None,
    )


def invoices_due(query: Query, account_id: str | None) -> list[tuple[str, str, str]]:
    """Return transaction, charge and account of payments that have no number yet, the earliest first."""
    condition, parameters = ("WHERE account_id=?", [account_id]) if account_id else ("", [])
    found = query(f"SELECT * FROM invoices_due {condition} ORDER BY recorded_at, transaction_id", parameters)
    return [(row["transaction_id"], row["reference"], row["account_id"]) for row in found]


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
        yield INVOICES_DUE.put(
            transaction_id=event.operation_id,
            reference=event.reference,
            account_id=recorded.stream_id,
            recorded_at=recorded.recorded_at,
        )
    elif isinstance(event, InvoiceIssued):
        yield INVOICES.insert(
            transaction_id=event.transaction_id,
            reference=event.gateway_reference,
            seller_id=event.seller_id,
            number=recorded.version,
            issued_at=recorded.recorded_at,
            seller_name=event.seller_name,
            seller_address=event.seller_address,
            seller_tax_number=event.seller_tax_number,
        )
        yield INVOICES_DUE.delete(transaction_id=event.transaction_id, reference=event.gateway_reference)


_SELECT = """
SELECT r.*, i.seller_id, i.number, i.issued_at, i.seller_name, i.seller_address, i.seller_tax_number
FROM receipts r JOIN invoices i ON i.transaction_id = r.transaction_id AND i.reference = r.reference"""


def _receipt(row: Mapping[str, Any]) -> Receipt:
    read = {**INVOICES.read(row), **RECEIPTS.read(row), "issued_at": INVOICES.read(row)["issued_at"]}
    currency = read["currency"]
    return Receipt(
        transaction_id=read["transaction_id"],
        invoice_number=invoice_number(read["seller_id"], read["number"]),
        issued_at=read["issued_at"],
        seller_name=read["seller_name"],
        seller_address=tuple(read["seller_address"].split("\n")),
        seller_tax_number=read["seller_tax_number"],
        account_id=read["account_id"],
        version=read["version"],
        paid_at=read["captured_at"],
        credit=Money(read["credit"], currency),
        taxes=taxes_from_json(read["taxes"], currency),
        total=Money(read["total"], currency),
        brand=read["brand"],
        last_four=read["last_four"],
        funding=read["funding"],
        gateway=read["gateway"],
        gateway_reference=read["reference"],
        credit_notes=(),
        left=Money(read["total"], currency),
        dispute=None,
        is_reversed=False,
    )
