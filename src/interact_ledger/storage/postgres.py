"""The log in PostgreSQL: appends of different accounts side by side, and a reader of the whole log misses none.

Each append takes a shared advisory lock for its transaction. Whoever must know that no append is under way (a reader
that takes its high-water mark, a migration, the switch at the end of a rebuild) takes it exclusively for a moment. So
appends wait for each other only on the same account, and the library's table lock, under which throughput falls with
every writer, is not taken.

A commit whose answer is lost is no failure and no success: it is raised as `OperationalError`, and the log looks
whether its events are there. A COMMIT is never cancelled: when its deadline passes, the connection is closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import (
    InfrastructureFactory,
    Notification,
    OperationalError,
    StoredEvent,
)
from eventsourcing.postgres import (
    ConnectionPool,
    PostgresAggregateRecorder,
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
)
from eventsourcing.utils import Environment
from psycopg.abc import RV, PQGen
from psycopg.rows import DictRow, dict_row

from interact_ledger.storage.recorder import LedgerCursor, Read
from interact_ledger.storage.sql import change_sql, create_table_sql
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["LedgerPostgresFactory", "LedgerPostgresRecorder"]

_TYPES = {
    ColumnType.TEXT: 'text COLLATE "C"',
    ColumnType.INTEGER: "bigint",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DECIMAL: "numeric",
    ColumnType.TIME: "timestamptz",
}

_LOG_SQL = (
    """CREATE TABLE IF NOT EXISTS ledger_schema (version bigint NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS copied_log (module text NOT NULL, position bigint NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS stored_events (
        originator_id text COLLATE "C" NOT NULL, originator_version bigint NOT NULL,
        topic text NOT NULL, state bytea NOT NULL, notification_id bigserial NOT NULL,
        PRIMARY KEY (originator_id, originator_version))""",
    """CREATE UNIQUE INDEX IF NOT EXISTS stored_events_notification_id_idx ON stored_events (notification_id)""",
    """CREATE TABLE IF NOT EXISTS stored_snapshots (
        originator_id text COLLATE "C" NOT NULL, originator_version bigint NOT NULL,
        topic text NOT NULL, state bytea NOT NULL,
        PRIMARY KEY (originator_id, originator_version))""",
    """CREATE OR REPLACE FUNCTION refuse_to_change_the_log() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$""",
    """CREATE OR REPLACE TRIGGER stored_events_are_never_changed
        BEFORE UPDATE OR DELETE ON stored_events FOR EACH ROW EXECUTE FUNCTION refuse_to_change_the_log()""",
    """CREATE OR REPLACE TRIGGER stored_events_are_never_emptied
        BEFORE TRUNCATE ON stored_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_log()""",
)

_INSERT_EVENT = (
    "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (%s, %s, %s, %s)"
    " RETURNING notification_id"
)
_NOT_REPLICATED = "might not have been replicated"
_POOL_SIZE_MAX = 20


class LedgerConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends at a deadline."""

    deadline: float | None = None
    """On the monotonic clock; None waits for ever."""
    commit_is_unknown = False
    """Whether the server said that a commit may not have reached its standby."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if self.deadline is not None:
            rest = max(0.0, self.deadline - time.monotonic())
            timeout = rest if timeout is None else min(timeout, rest)
        return super().wait(gen, interval, timeout)


class LedgerPostgresDatastore(PostgresDatastore):
    """A pool of connections to one database; whatever the address says (TLS, options, several hosts) is passed on."""

    def __init__(self, conninfo: str, *, deadline_seconds: float) -> None:
        super().__init__("", "", "", "", "", originator_id_type="text")
        milliseconds = max(1, round(deadline_seconds * 1000))

        def configure(connection: psycopg.Connection[Any]) -> None:
            connection.autocommit = True
            connection.execute(f"SET statement_timeout = {milliseconds}")
            connection.execute(f"SET lock_timeout = {milliseconds}")
            connection.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
            connection.execute("SET synchronous_commit = on")
            connection.add_notice_handler(_note_unreplicated(connection))

        self.deadline_seconds = deadline_seconds
        self.pool = ConnectionPool(
            conninfo,
            connection_class=LedgerConnection,
            kwargs={"row_factory": dict_row},
            configure=configure,
            min_size=1,
            max_size=_POOL_SIZE_MAX,
            timeout=deadline_seconds,
            open=False,
        )

    @contextmanager
    def by_deadline(self) -> Iterator[LedgerConnection]:
        """Lend a connection on which every wait ends at the deadline; one that missed it is closed, never cancelled."""
        with self.get_connection() as connection:
            assert isinstance(connection, LedgerConnection), "the pool makes connections of ours"
            connection.deadline = time.monotonic() + self.deadline_seconds
            connection.commit_is_unknown = False
            try:
                yield connection
            except psycopg.OperationalError:
                connection.close()
                raise
            finally:
                connection.deadline = None
            if connection.commit_is_unknown:
                connection.close()
                raise OperationalError(f"the commit {_NOT_REPLICATED}")


def _note_unreplicated(connection: psycopg.Connection[Any]) -> Any:
    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if _NOT_REPLICATED in (diagnostic.message_detail or ""):
            assert isinstance(connection, LedgerConnection), "the pool makes connections of ours"
            connection.commit_is_unknown = True

    return note


class _Cursor:
    def __init__(self, cursor: psycopg.Cursor[DictRow]) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._cursor.execute(_marked(sql), parameters or None)

    def rows(self) -> list[dict[str, Any]]:
        return self._cursor.fetchall()


class LedgerPostgresRecorder(PostgresApplicationRecorder):
    """Records events and, in the same transaction, the rows that follow from them."""

    datastore: LedgerPostgresDatastore

    def __init__(self, datastore: LedgerPostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        datastore.db_type_names.clear()
        super().__init__(datastore, events_table_name=events_table_name)
        self._lock = int.from_bytes(sha256(b"interact_ledger").digest()[:8], signed=True)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Write events and rows in one commit.

        Raises:
            IntegrityError: nothing was written, because an event or a row that must be new is there.
            OperationalError: the answer was lost; whether it was written is unknown.
        """
        changes: Iterable[RowChange] = kwargs.get("changes", ())
        with self.datastore.by_deadline() as connection, connection.pipeline() as pipeline, connection.transaction():
            cursor = connection.cursor()
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [self._lock])
            for stored in stored_events:
                cursor.execute(
                    _INSERT_EVENT, [stored.originator_id, stored.originator_version, stored.topic, stored.state]
                )
            self.write_changes(_Cursor(cursor), changes)
            pipeline.sync()
        return None

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return _select_events(self.datastore, "stored_events", originator_id, gt=gt, lte=lte, desc=desc, limit=limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        assert not topics, "the log is read whole"
        after = (start or 0) - (1 if inclusive_of_start else 0)
        with self.datastore.by_deadline() as connection:
            rows = connection.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
                " WHERE notification_id>%s AND notification_id<=%s ORDER BY notification_id LIMIT %s",
                [after, self.high_water_mark() if stop is None else stop, limit],
            ).fetchall()
        return [
            Notification(
                id=row["notification_id"],
                originator_id=row["originator_id"],
                originator_version=row["originator_version"],
                topic=row["topic"],
                state=row["state"],
            )
            for row in rows
        ]

    def high_water_mark(self) -> int:
        """Return the latest position at a moment when no append is under way."""
        with self.transaction(write=True) as cursor:
            self.lock_out_writers(cursor)
            cursor.execute("SELECT MAX(notification_id) AS latest FROM stored_events")
            return int(cursor.rows()[0]["latest"] or 0)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[LedgerCursor]:
        with self.datastore.by_deadline() as connection:
            if write:
                with connection.transaction():
                    yield _Cursor(connection.cursor())
            else:
                yield _Cursor(connection.cursor())

    @contextmanager
    def at_one_moment(self) -> Iterator[Read]:
        """Read in one transaction that sees what was committed at its beginning."""
        with self.datastore.get_connection() as connection, connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL statement_timeout = 0")

            def read(sql: str, parameters: Sequence[object]) -> Iterator[Sequence[Any]]:
                cursor = connection.cursor(f"read_{uuid4().hex}", row_factory=psycopg.rows.tuple_row)
                cursor.itersize = 2000
                cursor.execute(_marked(sql), parameters or None)
                yield from cursor
                cursor.close()

            yield read

    def lock_out_writers(self, cursor: LedgerCursor) -> None:
        cursor.execute("SELECT pg_advisory_xact_lock(?)", [self._lock])

    def write_changes(self, cursor: LedgerCursor, changes: Iterable[RowChange]) -> None:
        for change in changes:
            statement, columns = change_sql(change.kind, change.table, "?")
            cursor.execute(statement, [change.values[column] for column in columns])

    def log_sql(self) -> Sequence[str]:
        return _LOG_SQL

    def table_sql(self, table: Table) -> str:
        return create_table_sql(table, _TYPES)


class LedgerPostgresSnapshotRecorder(PostgresAggregateRecorder):
    """Keeps snapshots, which may always be lost."""

    datastore: LedgerPostgresDatastore

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        with self.datastore.by_deadline() as connection:
            for stored in stored_events:
                connection.execute(
                    "INSERT INTO stored_snapshots VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [stored.originator_id, stored.originator_version, stored.topic, stored.state],
                )
        return None

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return _select_events(self.datastore, "stored_snapshots", originator_id, gt=gt, lte=lte, desc=desc, limit=limit)


class LedgerPostgresFactory(PostgresFactory):
    """Makes the recorders above; tables come from `schema`, never from opening a recorder."""

    CONNINFO = "POSTGRES_CONNINFO"
    DEADLINE = "POSTGRES_DEADLINE_SECONDS"

    application_recorder_class: type[PostgresApplicationRecorder] = LedgerPostgresRecorder
    aggregate_recorder_class: type[PostgresAggregateRecorder] = LedgerPostgresSnapshotRecorder

    def __init__(self, env: Environment) -> None:
        InfrastructureFactory.__init__(self, env)
        self.datastore = LedgerPostgresDatastore(
            self.env[self.CONNINFO], deadline_seconds=float(self.env[self.DEADLINE])
        )


def _select_events(
    datastore: LedgerPostgresDatastore,
    table: str,
    originator_id: str,
    *,
    gt: int | None,
    lte: int | None,
    desc: bool,
    limit: int | None,
) -> list[StoredEvent]:
    sql = f"SELECT originator_id, originator_version, topic, state FROM {table} WHERE originator_id=%s"
    parameters: list[object] = [originator_id]
    for condition, value in ((" AND originator_version>%s", gt), (" AND originator_version<=%s", lte)):
        if value is not None:
            sql += condition
            parameters.append(value)
    sql += f" ORDER BY originator_version{' DESC' if desc else ''}"
    if limit is not None:
        sql += " LIMIT %s"
        parameters.append(limit)
    with datastore.by_deadline() as connection:
        rows = connection.execute(sql, parameters).fetchall()
    return [StoredEvent(*row.values()) for row in rows]


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    return sql.replace("?", "%s")
