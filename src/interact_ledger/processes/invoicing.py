"""Giving what was captured and what was paid back their numbers, behind the appends that recorded it."""

from __future__ import annotations

from typing import Any

from interact_ledger.domain.credit_notes import credit_note_number, entry, invoice_id, invoice_number
from interact_ledger.domain.events import InvoiceIssued
from interact_ledger.processes.context import Context
from interact_ledger.projections.credit_notes import credit_notes_due
from interact_ledger.projections.receipts import invoices_due
from interact_ledger.settings import Seller
from interact_ledger.storage.books import Books
from interact_ledger.storage.rows import CREDIT_NOTES_PREFIX, INVOICES_PREFIX
from interact_ledger.tables import Query

__all__ = ["issue_credit_notes", "issue_due", "issue_invoices"]


def issue_due(context: Context, books: Books, query: Query, account_id: str | None = None) -> None:
    """Give every number that is due: invoices first, which credit notes name.

    Args:
        context: what to work with.
        books: where numbers are taken.
        query: reads what is due.
        account_id: only this account's, or all if None.
    """
    issue_invoices(context, books, query, account_id)
    issue_credit_notes(context, books, query, account_id)


def issue_invoices(context: Context, books: Books, query: Query, account_id: str | None) -> None:
    """Number every receipt that has no invoice yet, the earliest first."""
    seller = context.settings.seller
    for transaction_id, reference, account in invoices_due(query, account_id):
        books.enter(
            context.cause,
            f"{INVOICES_PREFIX}{seller.id}",
            InvoiceIssued(
                invoice_id=invoice_id(transaction_id, reference),
                transaction_id=transaction_id,
                gateway_reference=reference,
                account_id=account,
                **_said_of(seller),
            ),
        )


def issue_credit_notes(context: Context, books: Books, query: Query, account_id: str | None) -> None:
    """Give every refund its credit note, and cancel those of refunds that came back, the earliest first."""
    seller = context.settings.seller

    def number_of(document_id: str) -> str | None:
        place = books.place(document_id)
        if place is None:
            return None
        stream_id, number = place
        if stream_id.startswith(INVOICES_PREFIX):
            return invoice_number(stream_id.removeprefix(INVOICES_PREFIX), number)
        return credit_note_number(stream_id.removeprefix(CREDIT_NOTES_PREFIX), number)

    for account, version, refund_id in credit_notes_due(query, account_id):
        refund = context.accounts.history(account, refund_id)
        document = entry(account, refund, version, number_of, _said_of(seller))
        if document is not None:
            books.enter(context.cause, f"{CREDIT_NOTES_PREFIX}{seller.id}", document)


def _said_of(seller: Seller) -> dict[str, Any]:
    return {
        "seller_id": seller.id,
        "seller_name": seller.name,
        "seller_address": "\n".join(seller.address),
        "seller_tax_number": seller.tax_number,
    }
