"""What an audit can find, and how findings are kept: every code with what it means.

A validator never raises about the ledger it looks at; it returns findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["ATTENTION", "CODES", "Finding", "Findings"]

KEPT_PER_CODE_MAX = 1000


class Finding(NamedTuple):
    """One thing that is not as it must be, or that a person has to look at."""

    code: str
    """What kind of thing; one of `CODES`."""
    account_id: str
    """The stream: an account, or a book: `seller_…` of invoices, `credit_notes_…`, `gateway_…` of notices."""
    version: int | None
    """The event by its position in the stream, None where it is no single event's."""
    message: str
    """What was found, for a person."""

    @property
    def needs_attention_only(self) -> bool:
        """Whether the ledger is whole and this only asks a person to decide something."""
        return self.code in ATTENTION


ATTENTION = frozenset(
    {
        *("capture_late", "capture_mismatched"),
        *("refund_exceeds", "refund_late", "refund_mismatched", "refund_returned"),
        *("credit_note_exceeds", "notice_unexplained", "unsettled"),
    }
)
"""What is reported though nothing is wrong with the ledger: what a gateway did unasked, or leaves open."""

_LOG_CODES = {
    # The log itself
    "version_gap": "I6: a stream's versions are not 1, 2, 3, …",
    "chain_broken": "I7: an event does not name its predecessor's chain value; one of the two was changed",
    "time_reversed": "an event was recorded before its predecessor",
    "topic_unknown": "a stored event has a topic that this release does not know",
    "event_unreadable": "the stored bytes are not what the ledger writes under this topic",
    "event_misplaced": "an event stands where none of its kind can: before the opening, or in another's stream",
    "copy_differs": "an event is not the same here and in the other event store that keeps it",
    # Standing and currency
    "standing_ignored": "a command was recorded that the account's standing forbids",
    "currency_wrong": "an amount is in another currency than its account",
    # Arithmetic
    "amount_wrong": "an amount is not the sum of its lines",
    "breakdown_wrong": "credit and taxes do not add up to the total, or to the recharge",
    "tax_wrong": "a tax is not its rate of the credit",
    "closing_unbalanced": "an account was closed with something left on it, or open",
    # Payments
    "quote_differs": "a top-up is not what its quote showed, or has no quote",
    "quote_reused": "a quote was charged twice",
    "attempt_misplaced": "an attempt was opened before a definite no to the one before it",
    "attempt_differs": "an attempt is not what was requested",
    "attempt_unknown": "a fact about an attempt that was never opened",
    "capture_without_attempt": "I4: credit for a payment that was never attempted",
    "capture_differs": "a capture is not what its attempt asked for",
    "capture_repeated": "I2: one charge at a gateway was credited twice",
    "capture_late": "a capture came after its attempt was thought to be over; the customer may have paid twice",
    "capture_mismatched": "a gateway captured another amount or currency than was asked for; nothing was credited",
    "notice_unexplained": "a gateway told of something of ours that nothing explains; look at it at the gateway",
    "dispute_wrong": "a dispute is of no charge of ours, or takes, gives or holds what it cannot",
    "refund_elsewhere_wrong": "a refund made at a gateway is of no charge of ours, or takes or gives what it cannot",
    "settlement_wrong": "a failed settlement is of no charge of ours, or takes what it cannot",
    "unsettled": "something could have been decided at a gateway for a day and is not; recover, run_due, or ask there",
    "card_unknown": "a fact about a card that is not on the account, or not any more",
    # Refunds
    "refund_wrong": "a refund is of no charge of this account, or more than is left of it",
    "refund_differs": "what was paid back is not what its attempt asked for",
    "refund_repeated": "one refund at a gateway was debited twice",
    "refund_exceeds": "the gateway paid back more than was left of the charge; the rest is the seller's loss",
    "refund_late": "a refund was confirmed after its attempt was thought to be over; the customer may be paid twice",
    "refund_mismatched": "a gateway paid back another amount or currency than asked for; what was asked for is debited",
    "refund_returned": "a refund failed after its gateway had confirmed it; the customer is still to be paid",
    # Spending
    "overdrawn": "I5: a command took more than was available",
    "reversal_wrong": "something was given back that the account had not bought",
    "reversal_exceeds": "more was given back than was bought",
    "hold_not_open": "a hold was used that never was, or had ended",
    "hold_exceeded": "a hold was settled for more than it had left",
    "credit_wrong": "granted credit was used out of its order, by more than it had, or paid back to a card",
    "hold_wrong": "a hold ended with another amount than it had left",
    "rent_wrong": "a number's rent is not as agreed, or not of its month",
    "number_unknown": "a fact about a number that the account does not rent, or rents already",
    # Automatic payments
    "agreement_unknown": "a fact about an automatic payment that nobody has agreed to, or not any more",
    "automatic_forbidden": "an automatic payment was started that its agreement, a guard or the standing forbids",
    "automatic_unexplained": "a card was charged automatically, and no start of an agreement explains it",
    "recharge_wrong": "a month was recharged twice, or another one than was due",
    # Money as a whole
    "money_not_conserved": "I1: what came in is not what is there and what went out",
    "fold_differs": "I8, I9: the ledger's own fold comes to another account than its events",
    # Invoices
    "invoice_wrong": "an invoice number was given in another's book",
    "invoice_without_capture": "an invoice number was given to a payment that was never captured",
    "credit_note_wrong": "a credit note was given in another's book",
    "credit_note_without_refund": "a credit note is of no refund, or cancels that of one which did not come back",
    "credit_note_differs": "a credit note is not what its refund gave back, or names another document than it must",
    "credit_note_exceeds": "credit notes come to more than their receipt",
}

_TABLES = {
    "operations": "the index of operations",
    "operation_steps": "the index of operations' later events",
    "gateway_references": "the index of gateways' references",
    "gateway_customers": "the index of gateways' customers",
    "agenda": "the work that is due",
    "accounts": "the list of accounts",
    "checkouts": "the checkout summaries",
    "receipts": "the receipts",
    "invoices": "the invoice numbers",
    "invoices_due": "the payments without an invoice number",
    "credit_notes": "the credit notes",
    "credit_notes_due": "the refunds without a credit note",
    "statement_lines": "the statements",
    "notifications": "what customers should be told of",
    "disputes": "the list of disputes",
    "at_gateways": "the list of charges and cards at gateways",
}


def _table_codes() -> dict[str, str]:
    codes = {
        "snapshots_differs": "I8: a snapshot is not what its events come to",
        "snapshots_surplus": "I8: a snapshot is of events that are not in the log",
    }
    for table, what in _TABLES.items():
        codes[f"{table}_missing"] = f"I8: {what} ({table}) lacks a row that follows from the log"
        codes[f"{table}_surplus"] = f"I8: {what} ({table}) has a row that follows from nothing in the log"
        codes[f"{table}_differs"] = f"I8: a row of {what} ({table}) is not what follows from the log"
    # All that these hold is their rows' place, so that a changed row is a missing and a surplus one.
    for table in ("operations", "operation_steps", "gateway_customers"):
        del codes[f"{table}_differs"]
    return codes


CODES: Mapping[str, str] = MappingProxyType(_LOG_CODES | _table_codes())
"""Every code with what it means, and the number of the invariant where it has one."""


class Findings:
    """Collects findings in bounded memory: all are counted, the first thousand of each code are kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Take one finding."""
        self.counts[finding.code] += 1
        if self.counts[finding.code] <= KEPT_PER_CODE_MAX:
            self.kept.append(finding)

    def extend(self, found: Iterable[Finding]) -> None:
        """Take what a validator returned."""
        for finding in found:
            self.add(finding)
