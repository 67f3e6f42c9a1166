"""A seller's invoice book: numbers without gaps, each for a payment that was captured."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.entries import Entry
from interact_ledger.audit.expected import Shelves
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import Read

__all__ = ["SELLER_PREFIX", "SellerAudit"]

SELLER_PREFIX = "seller_"


class SellerAudit:
    """The audit of one seller's book while it is read; that numbers have no gaps, its versions tell."""

    def __init__(self, read: Read, shelves: Shelves) -> None:
        self._read = read
        self._shelves = shelves

    def entry(self, entry: Entry) -> Iterator[Finding]:
        """Look at the next invoice."""
        if entry.topic != "invoice-issued":
            yield entry.finding("event_misplaced", "stands in a seller's invoice book")
            return
        event = entry.event
        if SELLER_PREFIX + event["seller_id"] != entry.stream_id:
            yield entry.finding("invoice_wrong", f"is of the seller {event['seller_id']}")
        transaction = (event["transaction_id"], event["gateway_reference"], event["account_id"])
        if not list(
            self._read("SELECT 1 FROM receipts WHERE transaction_id=? AND reference=? AND account_id=?", transaction)
        ):
            yield entry.finding(
                "invoice_without_capture", f"{transaction[0]} was not captured on {event['account_id']}"
            )
        self._shelves.check_indexes(entry)
        self._shelves.check_invoice(entry)
