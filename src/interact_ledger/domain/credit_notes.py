"""What goes into the seller's books: the numbers as they are written, and which refund gets which credit note.

A credit note says what a refund took back of a payment: ours, or one that somebody made at the gateway. A refund that
comes back cancels its note by another document of the same series. Lost disputes and failed settlements get none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interact_ledger.domain import events as e
from interact_ledger.domain.charges import Parts, taxes_paid_back
from interact_ledger.ids import derived_id

__all__ = ["DOCUMENTED", "credit_note_number", "entry", "invoice_id", "invoice_number", "is_answered_by_credit_note"]

_PAID_BACK = (e.Refunded, e.RefundMismatched, e.RefundMadeElsewhere)
_RETURNED = (e.RefundReturned, e.RefundElsewhereReturned)

DOCUMENTED = frozenset(fact.TOPIC for fact in (e.PaymentCaptured, *_PAID_BACK, *_RETURNED))
"""The topics of what gets an invoice, a credit note or the cancellation of one."""


def invoice_number(seller_id: str, number: int) -> str:
    """Write an invoice's number."""
    return f"{seller_id}-{number:06d}"


def credit_note_number(seller_id: str, number: int) -> str:
    """Write a credit note's number, which no seller's invoice can have: their ids are in lower case."""
    return f"{seller_id}-CN-{number:06d}"


def invoice_id(transaction_id: str, charge_reference: str) -> str:
    """Return the id of a charge's invoice."""
    return derived_id("inv", transaction_id, charge_reference)


def is_answered_by_credit_note(event: e.Event) -> bool:
    """Say whether a fact gets a document of the series of credit notes: a note, or the cancellation of one."""
    match event:
        case e.RefundMismatched(taxes=taxes):
            return taxes is None or event.credit > 0 or any(tax.amount > 0 for tax in taxes)
        case e.Refunded() | e.RefundMadeElsewhere() | e.RefundReturned() | e.RefundElsewhereReturned():
            return event.total > 0  # else nothing was left of its charge to take
    return False


def entry(
    account_id: str,
    refund: Sequence[e.Recorded],
    version: int,
    number_of: Callable[[str], str | None],
    seller: Mapping[str, Any],
) -> e.CreditNoteEntry | None:
    """Return the document that answers a fact about a refund, None as long as what it has to name has no number.

    Args:
        account_id: whose payment it was.
        refund: the events of the refund's operation.
        version: where the fact stands in the account's history.
        number_of: the number of an invoice or credit note by its id, as it is written; None if it has none.
        seller: who gives the note, as the fields of its event.
    """
    fact = next((recorded.event for recorded in refund if recorded.version == version), None)
    if not isinstance(fact, _PAID_BACK + _RETURNED):
        return None
    share = _share(refund, fact)
    invoice = number_of(invoice_id(share.transaction_id, share.charge_reference))
    if invoice is None:
        return None
    said = {
        "account_id": account_id,
        "account_version": version,
        "transaction_id": share.transaction_id,
        "charge_reference": share.charge_reference,
        "invoice_number": invoice,
        "refund_id": fact.operation_id,
        "refund_reference": fact.reference,
        "credit": share.credit,
        "taxes": share.taxes,
        "total": share.total,
        "currency": share.currency,
        **seller,
    }
    if isinstance(fact, _PAID_BACK):
        return e.CreditNoteIssued(credit_note_id=_credit_note_id(account_id, version), **said)
    note_id = _credit_note_id(account_id, _version_paid(refund, fact))
    number = number_of(note_id)
    if number is None:
        return None
    cancellation_id = derived_id("ccn", account_id, str(version))
    return e.CreditNoteCancelled(
        cancellation_id=cancellation_id, credit_note_id=note_id, credit_note_number=number, **said
    )


def _share(
    refund: Sequence[e.Recorded], fact: e.Refunded | e.RefundMismatched | e.RefundReturned | e.ChargeShare
) -> e.RefundAttempted | e.ChargeShare:
    """Return how what a refund took was split, with the charge that it is of."""
    if isinstance(fact, e.ChargeShare):
        return fact
    of_attempt = [recorded.event for recorded in refund if getattr(recorded.event, "attempt_id", "") == fact.attempt_id]
    intent = next(event for event in of_attempt if isinstance(event, e.RefundAttempted))
    paid = next(
        event
        for event in of_attempt
        if isinstance(event, e.Refunded | e.RefundMismatched) and event.reference == fact.reference
    )
    took, taxes = Parts.paid_back(intent, paid), taxes_paid_back(intent, paid)
    return intent.model_copy(update={"credit": took.credit, "taxes": taxes, "total": took.total})


def _version_paid(refund: Sequence[e.Recorded], returned: e.RefundReturned | e.RefundElsewhereReturned) -> int:
    return next(
        recorded.version
        for recorded in refund
        if isinstance(recorded.event, _PAID_BACK) and recorded.event.reference == returned.reference
    )


def _credit_note_id(account_id: str, version: int) -> str:
    return derived_id("crn", account_id, str(version))
