"""A standby of PostgreSQL, from which nothing is read while it is further behind than was allowed.

How far a standby is behind cannot be read off one number. The time of the last commit it replayed says nothing of a
primary that is idle; that all it received is replayed says nothing of one that no longer sends. Here a standby is as of
the latest moment for which it can show that it has all of what was committed before: the last commit it replayed, or,
if it has replayed up to where the primary's log ended when the primary last spoke, that moment. On an idle primary that
is up to half of `wal_receiver_timeout` ago. Each connection that is lent for reading is looked at first, for an address
may name several servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.utils import Environment

from interact_ledger.errors import ReplicaTooFarBehind
from interact_ledger.storage.postgres import LedgerPostgresDatastore, LedgerPostgresFactory, LedgerPostgresRecorder
from interact_ledger.storage.sessions import LedgerConnection
from interact_ledger.views import ReplicaLag

__all__ = ["StandbyFactory", "StandbyRecorder"]

# A receiver that has just connected calls itself streaming, with the time of its start for that of a message, and with
# the end of the log that the one before it heard of. Only a message that came has two times, its sender's and its own.
_LAG = """
    SELECT clock_timestamp() AS now, pg_is_in_recovery() AS is_standby,
        pg_last_xact_replay_timestamp() AS last_commit_at, heard.at AS heard_at,
        pg_last_wal_replay_lsn() >= heard.log_end AS has_all_heard_of
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT last_msg_send_time AS at, latest_end_lsn AS log_end FROM pg_stat_wal_receiver
        WHERE status = 'streaming' AND last_msg_send_time <> last_msg_receipt_time
    ) AS heard ON true"""


class StandbyDatastore(LedgerPostgresDatastore):
    """A database that is only asked where it is fresh enough."""

    def __init__(self, conninfo: str, *, deadline_seconds: float, max_behind: timedelta) -> None:
        super().__init__(conninfo, deadline_seconds=deadline_seconds)
        self._max_behind = max_behind

    @contextmanager
    def get_connection(self) -> Iterator[LedgerConnection]:
        """Lend a connection to a server that is not too far behind.

        Raises:
            ReplicaTooFarBehind: if it is, or may be.
        """
        with super().get_connection() as connection:
            _refuse_if_behind(_lag(connection), self._max_behind)
            yield connection

    def lag(self) -> ReplicaLag:
        """Return how far a server is behind, however far."""
        with super().get_connection() as connection:
            return _lag(connection)


class StandbyRecorder(LedgerPostgresRecorder):
    """Reads from a standby."""

    datastore: StandbyDatastore

    def lag(self) -> ReplicaLag:
        return self.datastore.lag()


class StandbyFactory(LedgerPostgresFactory):
    """Makes recorders that read from a standby."""

    MAX_BEHIND = "POSTGRES_MAX_BEHIND_SECONDS"

    application_recorder_class: type[PostgresApplicationRecorder] = StandbyRecorder

    def __init__(self, env: Environment) -> None:
        InfrastructureFactory.__init__(self, env)
        self.datastore = StandbyDatastore(
            self.env[self.CONNINFO],
            deadline_seconds=float(self.env[self.DEADLINE]),
            max_behind=timedelta(seconds=float(self.env[self.MAX_BEHIND])),
        )


def _lag(connection: LedgerConnection) -> ReplicaLag:
    row = connection.execute(_LAG).fetchone()
    assert row is not None, "it selects one row"
    if not row["is_standby"]:
        return ReplicaLag(is_standby=False, is_receiving=False, as_of=row["now"], by=timedelta(0))
    shown = [row["last_commit_at"], row["heard_at"] if row["has_all_heard_of"] else None]
    as_of = max((moment for moment in shown if moment is not None), default=None)
    by = None if as_of is None else max(row["now"] - as_of, timedelta(0))
    return ReplicaLag(is_standby=True, is_receiving=row["heard_at"] is not None, as_of=as_of, by=by)


def _refuse_if_behind(lag: ReplicaLag, max_behind: timedelta) -> None:
    if lag.by is None:
        raise ReplicaTooFarBehind("the replica cannot say how far it is behind")
    if lag.by > max_behind:
        raise ReplicaTooFarBehind(f"the replica may be behind by {lag.by}, and {max_behind} is allowed")
