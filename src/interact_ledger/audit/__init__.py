"""The audit: reads the raw log by its own road and holds everything else against it.

It shares no rule with what it audits: its own table of topics, its own sums in whole numbers, its own understanding of
what is open and of which rows must be where. `auditor` goes through the log, `validators/` look at single events,
`posting` keeps the books, `expected` and `tables` compare the ledger's tables, `across` asks what spans accounts.

What it cannot find without something kept elsewhere: that the newest events of a stream are missing together with
every row that follows from them, and a change in a stream's last event that no amount, row or snapshot depends on.
Nothing in the database vouches for its own end; only a copy of the chain's last values kept outside it does.
"""

from __future__ import annotations

from interact_ledger.audit.account import Fold, Folded
from interact_ledger.audit.auditor import audit
from interact_ledger.audit.findings import ATTENTION, CODES, Finding
from interact_ledger.audit.report import AuditReport, CurrencyTotals
from interact_ledger.audit.tables import Read

__all__ = ["ATTENTION", "CODES", "AuditReport", "CurrencyTotals", "Finding", "Fold", "Folded", "Read", "audit"]
