"""What an audit reports, for a program and for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from interact_ledger.audit.findings import Finding

__all__ = ["AuditReport", "CurrencyTotals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyTotals:
    """Where the money of one currency came from and went to, over all accounts (invariant I1).

    `captured` is `credited` and `taxed`; `credited`, `granted`, `reversed` and `adjusted` are `refunded`,
    `refunded_elsewhere`, `lost`, `never_settled`, `expired`, `spent`, `paid_out`, `written_off` and `balance`.
    """

    currency: str
    accounts: int
    captured: Decimal
    """What cards were charged, tax included."""
    taxed: Decimal
    credited: Decimal
    granted: Decimal
    """What the service gave that nobody paid for."""
    expired: Decimal
    """Of what was granted."""
    refunded: Decimal
    """What cards were paid back, without tax."""
    refunded_elsewhere: Decimal
    """The same at a gateway, without the ledger."""
    lost: Decimal
    """In disputes, without tax."""
    never_settled: Decimal
    """What was captured and never came, without tax."""
    spent: Decimal
    reversed: Decimal
    """What was bought and given back."""
    adjusted: Decimal
    """By hand; negative if more was taken than given."""
    paid_out: Decimal
    """Outside the ledger, at closing."""
    written_off: Decimal
    balance: Decimal
    """What is on the accounts now, held or not."""
    held: Decimal

    conserved: bool
    """Whether what came in is what is there and what went out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit looked at and found."""

    events: int
    accounts: int
    currencies: tuple[CurrencyTotals, ...]
    findings: tuple[Finding, ...]
    """In the order they were found; of each code the first thousand."""
    counts: Mapping[str, int]
    """How many findings there were of each code, kept or not."""

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with the ledger. What only needs a person's attention does not count."""
        return not self.integrity

    @property
    def integrity(self) -> tuple[Finding, ...]:
        """What must not be: the log, a table or a snapshot was changed, or the ledger has a defect."""
        return tuple(finding for finding in self.findings if not finding.needs_attention_only)

    @property
    def attention(self) -> tuple[Finding, ...]:
        """What a person has to decide about, though the ledger is whole."""
        return tuple(finding for finding in self.findings if finding.needs_attention_only)
