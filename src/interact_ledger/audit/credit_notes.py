"""A seller's book of credit notes: each is what its refund gave back, and all of a receipt come to no more than it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from pydantic_core import from_json

from interact_ledger.audit.amounts import decimal, millionths
from interact_ledger.audit.entries import MALFORMED, Entry
from interact_ledger.audit.expected import Shelves
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import Read, amount
from interact_ledger.audit.topics import PAID_BACK, RETURNED

__all__ = ["CREDIT_NOTES_PREFIX", "CreditNoteAudit", "notes_within_receipts"]

CREDIT_NOTES_PREFIX = "credit_notes_"

_EVENT = "SELECT topic, state FROM stored_events WHERE originator_id=? AND originator_version=?"

_REFUND = """
SELECT e.topic, e.state FROM operation_steps s
JOIN stored_events e ON e.originator_id = s.stream_id AND e.originator_version = s.version
WHERE s.subject_id=? AND s.stream_id=? AND e.topic IN ('refund-attempted', 'refunded', 'refund-mismatched')
ORDER BY e.originator_version DESC"""

_INVOICE = "SELECT seller_id, number FROM invoices WHERE transaction_id=? AND reference=?"

_CANCELLED = """
SELECT seller_id, number FROM credit_notes
WHERE document_id=? AND cancels IS NULL AND refund_id=? AND refund_reference=?"""

_HOLDING = """
SELECT n.account_id, n.invoice_number, r.credit, r.taxes, n.credit, n.taxes
FROM credit_notes n JOIN receipts r ON r.transaction_id = n.transaction_id AND r.reference = n.charge_reference
WHERE n.cancels IS NULL AND NOT EXISTS (SELECT 1 FROM credit_notes c WHERE c.cancels = n.document_id)
ORDER BY n.account_id, n.invoice_number"""

_OF_THE_REFUND = ("transaction_id", "charge_reference", "credit", "taxes", "currency")


class CreditNoteAudit:
    """The audit of one seller's book of credit notes while it is read; that it has no gaps, its versions tell."""

    def __init__(self, read: Read, shelves: Shelves) -> None:
        self._read = read
        self._shelves = shelves

    def entry(self, entry: Entry) -> Iterator[Finding]:
        """Look at the next credit note, or the next cancellation of one."""
        if entry.topic not in {"credit-note-issued", "credit-note-cancelled"}:
            yield entry.finding("event_misplaced", "stands in a seller's book of credit notes")
            return
        event, cancels = entry.event, entry.topic == "credit-note-cancelled"
        if CREDIT_NOTES_PREFIX + event["seller_id"] != entry.stream_id:
            yield entry.finding("credit_note_wrong", f"is of the seller {event['seller_id']}")
        yield from self._answers(entry, RETURNED if cancels else PAID_BACK)
        invoices = [f"{seller}-{number:06d}" for seller, number in self._read(_INVOICE, _charge(event))]
        if event["invoice_number"] not in invoices:
            yield entry.finding("credit_note_differs", f"names the receipt {event['invoice_number']}")
        if cancels:
            yield from self._cancels(entry)
        self._shelves.check_indexes(entry)
        own = event["cancellation_id" if cancels else "credit_note_id"]
        self._shelves.check_credit_note(entry, own, event["credit_note_id"] if cancels else None)

    def _answers(self, entry: Entry, topics: frozenset[str]) -> Iterator[Finding]:
        """Hold a document against the fact that it is of, and against how that was split."""
        event = entry.event
        fact = self._fact(event["account_id"], event["account_version"], topics)
        refund = (event["refund_id"], event["refund_reference"])
        if fact is None or (fact["operation_id"], fact["reference"]) != refund:
            yield entry.finding("credit_note_without_refund", f"{refund[1]} is not at {event['account_version']}")
            return
        share = self._share(event["account_id"], fact)
        if (
            share is None
            or any(share[field] != event[field] for field in _OF_THE_REFUND)
            or sum(_parts(share["credit"], share["taxes"])) != entry.amount("total")
        ):
            yield entry.finding("credit_note_differs", f"is not what {refund[1]} gave back")

    def _fact(self, account_id: str, version: int, topics: frozenset[str]) -> Mapping[str, Any] | None:
        for topic, state in list(self._read(_EVENT, (account_id, version))):
            if topic in topics:
                return _event(state)
        return None

    def _share(self, account_id: str, fact: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return how what a refund took was split, with the charge that it is of."""
        if "charge_reference" in fact:
            return fact
        took: Mapping[str, Any] = {}
        for topic, state in self._read(_REFUND, (fact["operation_id"], account_id)):
            event = _event(state)
            if event["attempt_id"] != fact["attempt_id"]:
                continue
            if topic == "refund-attempted":
                return {**event, **took}
            if event["reference"] == fact["reference"] and event.get("taxes") is not None:
                took = {"credit": event["credit"], "taxes": event["taxes"]}
        return None

    def _cancels(self, entry: Entry) -> Iterator[Finding]:
        event = entry.event
        named = (event["credit_note_id"], event["refund_id"], event["refund_reference"])
        numbers = [f"{seller}-CN-{number:06d}" for seller, number in self._read(_CANCELLED, named)]
        if event["credit_note_number"] not in numbers:
            yield entry.finding("credit_note_differs", f"cancels {event['credit_note_number']}")


def notes_within_receipts(read: Read) -> Iterator[Finding]:
    """Look for receipts of which credit notes that hold come to more than they, in the credit or in any tax."""
    for (account_id, invoice_number), notes in groupby(read(_HOLDING, ()), key=itemgetter(0, 1)):
        left: list[int] = []
        try:
            for _, _, credit, taxes, given_credit, given_taxes in notes:
                left = left or _parts(credit, json.loads(taxes))
                given = _parts(given_credit, json.loads(given_taxes))
                left = [there - part for there, part in zip(left, given, strict=True)]
        except MALFORMED:
            continue  # a row that is not what follows from the log, which was reported
        if any(part < 0 for part in left):
            message = f"credit notes of {invoice_number} come to {decimal(-min(left))} more than it in one part"
            yield Finding("credit_note_exceeds", account_id, None, message)


def _charge(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["transaction_id"], event["charge_reference"]


def _event(state: Any) -> Mapping[str, Any]:
    event: Mapping[str, Any] = from_json(state)["event"]
    return event


def _parts(credit: Any, taxes: Sequence[Mapping[str, Any]]) -> list[int]:
    return [amount(credit), *(millionths(tax["amount"]) for tax in taxes)]
