"""What operators and schedulers run: recovery, what is due, rebuilding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext

from interact_ledger.audit import AuditReport, Folded, audit
from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import CorruptLog
from interact_ledger.money import EXACT
from interact_ledger.processes import invoicing, recovery, schedule
from interact_ledger.storage.rebuild import rebuild
from interact_ledger.verbs.base import Verbs

__all__ = ["OperationVerbs"]


def _silently(_done: int, _of: int) -> None:
    return


class OperationVerbs(Verbs):
    """Verbs that services call at start-up and from a schedule."""

    def recover(self, on_progress: Callable[[int, int], None] = _silently) -> list[recovery.Recovered]:
        """Bring everything open at a gateway, of whatever kind, to its true end.

        Run it at start-up and every minute. It is safe at any moment and by several processes at once, and never
        charges, saves or pays back. What is younger than its `send_before` is left alone, as its sender may be at work;
        it comes back as "not due yet". What comes back with `is_over` false is still open.

        Args:
            on_progress: called with how many are done, of how many.
        """
        recovered = recovery.recover(self._context, self._query, on_progress)
        invoicing.issue_invoices(self._context, self._invoices, self._query)
        return recovered

    def run_due(self, on_progress: Callable[[int, int], None] = _silently) -> list[schedule.Done]:
        """Do all that has fallen due: expire holds, charge rented numbers, number invoices.

        Harmless when repeated, late, or run by several processes at once.
        """
        done = schedule.run_due(self._context, self._query, on_progress)
        invoicing.issue_invoices(self._context, self._invoices, self._query)
        return done

    def rebuild(self, on_progress: Callable[[int, int], None] = _silently) -> int:
        """Fill every table that follows from the log anew, while writers go on; return how many events were read."""
        return rebuild(self._log, self._readers, on_progress)

    def audit(self, on_progress: Callable[[int, int], None] = _silently) -> AuditReport:
        """Read the whole log by a road of its own and hold everything else against it, while writers go on.

        What is wrong is never raised: it is in the report's findings, and `clean` says whether there is any. What
        only a person can decide about, such as a capture that came late, is there too and does not count.

        Args:
            on_progress: called with how many events are done, of how many.

        Raises:
            Busy, StorageUnavailable: if the database cannot be read.
        """
        with self._log.at_one_moment() as read:
            return audit(read, self._folded, on_progress, self._context.now())

    def _folded(self, account_id: str, version: int) -> Folded:
        account: Account | None = None
        with localcontext(EXACT):
            for recorded, _ in self._log.read(account_id, upto=version):
                account = evolve(account, recorded)
        if account is None:
            raise CorruptLog("the account has no events")
        loaded = self._account(account_id)
        if loaded.version == version and loaded != account:
            raise CorruptLog("commands decide on another account than its events come to; a snapshot may be false")
        return Folded(account.balance, account.held, account.pending, account.version)
