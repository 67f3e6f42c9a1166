"""A seller's invoice numbers: the versions of the seller's own stream, which have no gaps by construction.

Numbers are given behind the append of a payment, so that writers of different accounts never meet there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from interact_ledger.clock import Clock
from interact_ledger.domain.events import InvoiceIssued, Recorded
from interact_ledger.errors import Busy
from interact_ledger.storage.accounts import Cause
from interact_ledger.storage.deadline import over_by
from interact_ledger.storage.log import Conflict, Log
from interact_ledger.storage.rows import SELLER_PREFIX, Reader, Step, rows_of_events

__all__ = ["InvoiceBook"]


class InvoiceBook:
    """The invoices of all sellers in a log."""

    def __init__(self, log: Log, clock: Clock, readers: Sequence[Reader], deadline: timedelta) -> None:
        self._log = log
        self._clock = clock
        self._readers = readers
        self._deadline_seconds = deadline.total_seconds()

    def issue(self, cause: Cause, event: InvoiceIssued) -> None:
        """Give a transaction its seller's next number; one that has a number keeps it.

        Raises:
            Busy: if others kept taking numbers until the deadline.
        """
        give_up_at = time.monotonic() + self._deadline_seconds
        with over_by(give_up_at):
            self._issue_until(give_up_at, cause, event)

    def _issue_until(self, give_up_at: float, cause: Cause, event: InvoiceIssued) -> None:
        stream_id = f"{SELLER_PREFIX}{event.seller_id}"
        while not self._is_issued(event):
            latest, link = self._log.last(stream_id)
            recorded_at = max(self._clock.now(), latest.recorded_at) if latest else self._clock.now()
            recorded = Recorded(stream_id, link.version + 1, recorded_at, cause.actor, cause.correlation_id, event)
            rows = list(rows_of_events([Step(recorded, None, None)], self._readers))
            try:
                self._log.append(link, [recorded], rows)
            except Conflict as conflict:
                if time.monotonic() > give_up_at:
                    busy = Busy("others kept taking invoice numbers; try again")
                    raise (conflict.storage_error or busy) from None

    def _is_issued(self, event: InvoiceIssued) -> bool:
        found = self._log.query("SELECT 1 FROM operations WHERE operation_id=?", (event.invoice_id,))
        return bool(found)
