"""Books, which are no accounts: a seller's invoice numbers, and the notices of a gateway that nothing explains."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.entries import Entry
from interact_ledger.audit.expected import Shelves
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import Read

__all__ = ["GATEWAY_PREFIX", "INVOICES_PREFIX", "GatewayAudit", "InvoiceAudit"]

INVOICES_PREFIX = "seller_"
GATEWAY_PREFIX = "gateway_"


class InvoiceAudit:
    """The audit of one seller's book of invoices while it is read; that numbers have no gaps, its versions tell."""

    def __init__(self, read: Read, shelves: Shelves) -> None:
        self._read = read
        self._shelves = shelves

    def entry(self, entry: Entry) -> Iterator[Finding]:
        """Look at the next invoice."""
        if entry.topic != "invoice-issued":
            yield entry.finding("event_misplaced", "stands in a seller's invoice book")
            return
        event = entry.event
        if INVOICES_PREFIX + event["seller_id"] != entry.stream_id:
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


class GatewayAudit:
    """The audit of one gateway's book of notices while it is read: each entry is for a person to look at."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves

    def entry(self, entry: Entry) -> Iterator[Finding]:
        """Look at the next notice."""
        if entry.topic != "notice-unexplained" or GATEWAY_PREFIX + entry.event["gateway"] != entry.stream_id:
            yield entry.finding("event_misplaced", "stands in a gateway's book of notices")
            return
        message = f"{entry.event['subject']} {entry.event['about']} bears an id of ours, and no account is known for it"
        yield entry.finding("notice_unexplained", message)
        self._shelves.check_indexes(entry)
