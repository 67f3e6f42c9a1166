"""The seller's book of credit notes."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event
from interact_ledger.domain.events.fields import TaxLine
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["CreditNoteCancelled", "CreditNoteEntry", "CreditNoteIssued"]


class CreditNoteEntry(Event):
    """A document of the seller's series of credit notes; its number is this event's own version in that book."""

    account_id: str
    account_version: int
    """Where the fact that it answers stands in the account's history."""
    transaction_id: str
    """The top-up whose receipt it names."""
    charge_reference: str
    """The charge, which has one receipt."""
    invoice_number: str
    """The receipt's, as it is written on it."""
    refund_id: str
    """The refund: ours, or one that somebody made at the gateway."""
    refund_reference: str
    """The gateway's id of it."""
    credit: Amount
    taxes: tuple[TaxLine, ...]
    total: Amount
    currency: CurrencyCode
    seller_id: str
    seller_name: str
    seller_address: str
    seller_tax_number: str | None


class CreditNoteIssued(CreditNoteEntry):
    """What a refund took back of a payment, in writing: credit and taxes, split as the refund was."""

    TOPIC = "credit-note-issued"
    OPERATIONS = ("credit_note_id",)
    STARTS = True

    credit_note_id: str
    """Derived from the account and the refund's place in its history, so that one refund gets one number."""


class CreditNoteCancelled(CreditNoteEntry):
    """A refund came back, so its credit note holds no more: all of it, by a document with a number of its own."""

    TOPIC = "credit-note-cancelled"
    OPERATIONS = ("cancellation_id", "credit_note_id")
    STARTS = True

    cancellation_id: str
    """Derived as a credit note's is."""
    credit_note_id: str
    """What is cancelled."""
    credit_note_number: str
    """As it is written on it."""
