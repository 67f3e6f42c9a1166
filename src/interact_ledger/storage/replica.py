"""A log that is only read: nothing is made ready, and a server that is too far behind is not asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from interact_ledger.errors import ConfigurationError
from interact_ledger.storage.log import Log, storage_errors
from interact_ledger.storage.recorder import ReplicaRecorder
from interact_ledger.storage.schema import refuse_unless_ready
from interact_ledger.storage.url import environment
from interact_ledger.tables import Table
from interact_ledger.views import ReplicaLag

__all__ = ["ReplicaLog"]


class ReplicaLog(Log):
    """The log on a standby.

    Args:
        url: `postgresql://…`
        tables: the projections' tables, which must be there.
        deadline_seconds: how long to wait for an answer.
        max_behind: how far behind its primary a server may be for its answers to be taken.
    """

    def __init__(self, url: str, tables: Sequence[Table], *, deadline_seconds: float, max_behind: timedelta) -> None:
        self._max_behind = max_behind
        super().__init__(url, tables, deadline_seconds=deadline_seconds)

    def lag(self) -> ReplicaLag:
        """Return how far the server is behind, however far."""
        assert isinstance(self.recorder, ReplicaRecorder), "the environment says so"
        with storage_errors():
            return self.recorder.lag()

    def _environment(self, url: str, deadline_seconds: float) -> dict[str, str]:
        if not url.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError("a replica is a PostgreSQL standby: postgresql://user@host/database", field="url")
        return {
            **environment(url, deadline_seconds),
            "PERSISTENCE_MODULE": "interact_ledger.storage.standby:StandbyFactory",
            "POSTGRES_MAX_BEHIND_SECONDS": str(self._max_behind.total_seconds()),
        }

    def _make_ready(self) -> None:
        with storage_errors():
            refuse_unless_ready(self.recorder, self.tables)
