"""A ledger that is only read, from a standby of its database: wiring, and how far behind it may be."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import ConfigurationError
from interact_ledger.ledger import READERS, TABLES
from interact_ledger.processes.context import Context
from interact_ledger.settings import Settings
from interact_ledger.storage.accounts import Accounts, Cause
from interact_ledger.storage.replica import ReplicaLog
from interact_ledger.verbs.reading import ReadingVerbs
from interact_ledger.views import ReplicaLag

__all__ = ["LedgerReplica"]


class LedgerReplica(ReadingVerbs):
    """The reading verbs of a ledger, answered by a streaming standby of its PostgreSQL database.

    A read is never staler than was allowed at opening: it raises `ReplicaTooFarBehind` where the standby is further
    behind, or cannot show that it is not. What a customer has just done may be missing within that bound, so decide
    nothing about money on it, and let who has just paid read from the primary. Nothing is migrated and nothing is
    written: a receipt or credit note is there once it was numbered on the primary. Safe to share between threads.
    """

    _log: ReplicaLog

    def __init__(self, log: ReplicaLog, context: Context) -> None:
        self._log = log
        self._context = context

    @classmethod
    def open(cls, url: str, *, max_behind: timedelta, clock: Clock | None = None) -> Self:
        """Open a ledger's standby for reading.

        Args:
            url: `postgresql://…`; several hosts may be named. A primary is behind nothing. A standby of a standby
                knows only how far it is behind that one: do not name one.
            max_behind: how far behind the primary an answer may be. On an idle primary a standby only knows what it
                heard up to half of `wal_receiver_timeout` ago (30 seconds, if nobody changed that): allow more.
            clock: what time it is, for the audit; the system's if None.

        Raises:
            ConfigurationError: if the url cannot be used, or the database is not migrated to this release.
            SchemaTooNew: if a newer release wrote the database.
            ReplicaTooFarBehind: if the standby is, or may be, further behind than that.
            StorageUnavailable: if it cannot be reached.
        """
        if not isinstance(max_behind, timedelta) or max_behind <= timedelta(0):
            raise ConfigurationError("pass a positive timedelta", field="max_behind")
        settings = Settings.default()  # reading needs none of them but how long to wait
        deadline = settings.command_deadline
        log = ReplicaLog(url, TABLES, deadline_seconds=deadline.total_seconds(), max_behind=max_behind)
        clock = clock or SystemClock()
        accounts = Accounts(log, clock, READERS, deadline)
        return cls(log, Context(accounts, gateways={}, settings=settings, clock=clock, cause=Cause("replica")))

    def behind(self) -> ReplicaLag:
        """Return how far behind its primary the standby is, however far: for people and for alarms."""
        return self._log.lag()

    def close(self) -> None:
        """Close the database's connections."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _give_due_numbers(self, account_id: str) -> None:
        """Leave it to the primary."""
