"""Books: streams that are no account's, whose entries stand alone and are each made once.

A seller's book of invoices, and another of credit notes, give numbers: they are its versions, which have no gaps by
construction. A gateway's book keeps the notices that nothing explains. Entries are made behind the appends of accounts,
so that writers of different accounts never meet there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from interact_ledger.clock import Clock
from interact_ledger.domain.events import Event, Recorded
from interact_ledger.errors import Busy
from interact_ledger.storage.accounts import Cause
from interact_ledger.storage.deadline import over_by
from interact_ledger.storage.log import Conflict, Log
from interact_ledger.storage.rows import Reader, Step, rows_of_events

__all__ = ["Books"]


class Books:
    """All books in a log."""

    def __init__(self, log: Log, clock: Clock, readers: Sequence[Reader], deadline: timedelta) -> None:
        self._log = log
        self._clock = clock
        self._readers = readers
        self._deadline_seconds = deadline.total_seconds()

    def enter(self, cause: Cause, stream_id: str, event: Event) -> None:
        """Make an entry, which starts an operation of its own; one that was made before stays the only one.

        Raises:
            Busy: if others kept writing in the book until the deadline.
        """
        assert event.STARTS, "an entry is found again by its own operation"
        give_up_at = time.monotonic() + self._deadline_seconds
        with over_by(give_up_at):
            self._enter_until(give_up_at, cause, stream_id, event)

    def _enter_until(self, give_up_at: float, cause: Cause, stream_id: str, event: Event) -> None:
        while not self.is_entered(event):
            latest, link = self._log.last(stream_id)
            recorded_at = max(self._clock.now(), latest.recorded_at) if latest else self._clock.now()
            recorded = Recorded(stream_id, link.version + 1, recorded_at, cause.actor, cause.correlation_id, event)
            rows = list(rows_of_events([Step(recorded, None, None)], self._readers))
            try:
                self._log.append(link, [recorded], rows)
            except Conflict as conflict:
                if time.monotonic() > give_up_at:
                    busy = Busy("others kept writing in this book; try again")
                    raise (conflict.storage_error or busy) from None

    def is_entered(self, event: Event) -> bool:
        """Say whether an entry was made before, in a book or in any other stream."""
        return self.place(event.operations()[0]) is not None

    def place(self, entry_id: str) -> tuple[str, int] | None:
        """Return the stream of an entry and its version there, None if it was not made."""
        found = self._log.query("SELECT stream_id, version FROM operations WHERE operation_id=?", (entry_id,))
        return (found[0]["stream_id"], found[0]["version"]) if found else None
