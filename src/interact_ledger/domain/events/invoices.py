"""The seller's invoice book."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event

__all__ = ["InvoiceIssued"]


class InvoiceIssued(Event):
    """A captured payment got the next number of its seller: this event's own version in the seller's stream."""

    TOPIC = "invoice-issued"
    OPERATIONS = ("invoice_id",)
    STARTS = True

    invoice_id: str
    """Derived from the transaction and its charge, so that one charge gets one number."""
    transaction_id: str
    gateway_reference: str
    """The charge: one transaction has one, or a number for each."""
    account_id: str
    seller_id: str
    seller_name: str
    seller_address: str
    seller_tax_number: str | None
