"""Giving captured payments their invoice numbers, behind the append that captured them."""

from __future__ import annotations

from interact_ledger.domain.events import InvoiceIssued
from interact_ledger.ids import derived_id
from interact_ledger.processes.context import Context
from interact_ledger.projections.receipts import invoices_due
from interact_ledger.storage.books import Books
from interact_ledger.storage.rows import SELLER_PREFIX
from interact_ledger.tables import Query

__all__ = ["issue_invoices"]


def issue_invoices(context: Context, books: Books, query: Query, account_id: str | None = None) -> int:
    """Number every receipt that has no invoice yet, the earliest first; return how many there were.

    Args:
        context: what to work with.
        books: where numbers are taken.
        query: reads receipts.
        account_id: only this account's, or all if None.
    """
    due = invoices_due(query, account_id)
    seller = context.settings.seller
    for transaction_id, reference, account in due:
        books.enter(
            context.cause,
            f"{SELLER_PREFIX}{seller.id}",
            InvoiceIssued(
                invoice_id=derived_id("inv", transaction_id, reference),
                transaction_id=transaction_id,
                gateway_reference=reference,
                account_id=account,
                seller_id=seller.id,
                seller_name=seller.name,
                seller_address="\n".join(seller.address),
                seller_tax_number=seller.tax_number,
            ),
        )
    return len(due)
