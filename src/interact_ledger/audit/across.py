"""What no single stream can tell, asked of the tables that the pass over the streams has compared with the log."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import Read

__all__ = ["across_streams"]

_CREDITED_TWICE = """
SELECT MAX(account_id), gateway, reference FROM receipts GROUP BY gateway, reference HAVING COUNT(*) > 1"""

_NOT_DUE = """
SELECT r.account_id, r.version, r.transaction_id FROM receipts r
WHERE NOT EXISTS (SELECT 1 FROM invoices i WHERE i.transaction_id = r.transaction_id AND i.reference = r.reference)
AND NOT EXISTS (SELECT 1 FROM invoices_due d WHERE d.transaction_id = r.transaction_id AND d.reference = r.reference)"""

_DUE_FOR_NOTHING = """
SELECT d.account_id, d.transaction_id FROM invoices_due d
WHERE EXISTS (SELECT 1 FROM invoices i WHERE i.transaction_id = d.transaction_id AND i.reference = d.reference)
OR NOT EXISTS (SELECT 1 FROM receipts r WHERE r.transaction_id = d.transaction_id AND r.reference = d.reference)"""

_DUE_OTHERWISE = """
SELECT d.account_id, d.transaction_id FROM invoices_due d
WHERE EXISTS (SELECT 1 FROM receipts r WHERE r.transaction_id = d.transaction_id AND r.reference = d.reference)
AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.transaction_id = d.transaction_id AND r.reference = d.reference
                AND r.account_id = d.account_id AND r.recorded_at = d.recorded_at)"""


def across_streams(read: Read) -> Iterator[Finding]:
    """Look for charges credited twice, and hold the payments without an invoice number against the receipts."""
    for account_id, gateway, reference in read(_CREDITED_TWICE, ()):
        yield Finding("capture_repeated", account_id, None, f"{gateway} {reference} was credited more than once")
    for account_id, version, transaction_id in read(_NOT_DUE, ()):
        yield Finding("invoices_due_missing", account_id, version, f"{transaction_id} has no number and is not due one")
    for account_id, transaction_id in read(_DUE_FOR_NOTHING, ()):
        message = f"{transaction_id} is due a number, and has one or was not captured"
        yield Finding("invoices_due_surplus", account_id, None, message)
    for account_id, transaction_id in read(_DUE_OTHERWISE, ()):
        yield Finding("invoices_due_differs", account_id, None, f"{transaction_id} is not due as it was captured")
