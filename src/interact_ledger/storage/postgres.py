"""The log in PostgreSQL: appends of different accounts side by side, and a reader of the whole log misses none.

Each append takes a shared advisory lock for its transaction. Whoever must know that no append is under way (a reader
that takes its high-water mark, a migration, the switch at the end of a rebuild) takes it exclusively for a moment. So
appends wait for each other only on the same account, and the library's table lock, under which throughput falls with
every writer, is not taken.

A commit whose answer is lost is no failure and no success: it is raised as `OperationalError`, and the log looks
whether its events are there. A COMMIT is never cancelled: when its deadline passes, the connection is closed. What only
reads is asked again on another connection, until the command's deadline; an append never is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import psycopg
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    InfrastructureFactory,
    IntegrityError,
    InterfaceError,
    InternalError,
    Notification,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import (
    PostgresAggregateRecorder,
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
)
from eventsourcing.utils import Environment
from psycopg.rows import DictRow

from interact_ledger.storage.deadline import deadline_of, over_by
from interact_ledger.storage.mapper import refuse_a_gap
from interact_ledger.storage.recorder import LedgerCursor, NeverSent, NotAllowed, Read
from interact_ledger.storage.sessions import LedgerConnection, Sessions
from interact_ledger.storage.sql import change_sql, create_table_sql
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["LedgerPostgresFactory", "LedgerPostgresRecorder"]

Answer = TypeVar("Answer")

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
    """CREATE TABLE IF NOT EXISTS subscribers (subscriber text PRIMARY KEY, position bigint NOT NULL)""",
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
_EVENT_BEFORE = "SELECT topic, state FROM stored_events WHERE originator_id=%s AND originator_version=%s"
_ERRORS: tuple[tuple[type[psycopg.Error], type[PersistenceError]], ...] = (
    (psycopg.errors.InsufficientPrivilege, NotAllowed),
    (psycopg.InterfaceError, InterfaceError),
    (psycopg.OperationalError, OperationalError),
    (psycopg.DataError, DataError),
    (psycopg.IntegrityError, IntegrityError),
    (psycopg.InternalError, InternalError),
    (psycopg.ProgrammingError, ProgrammingError),
    (psycopg.NotSupportedError, NotSupportedError),
    (psycopg.DatabaseError, DatabaseError),
    (psycopg.Error, PersistenceError),
)
_PAUSE_SECONDS_MAX = 0.05


class LedgerPostgresDatastore(PostgresDatastore):
    """One database, and how questions are put to it."""

    def __init__(self, conninfo: str, *, deadline_seconds: float) -> None:
        super().__init__("", "", "", "", "", originator_id_type="text")
        self._deadline_seconds = deadline_seconds
        self._sessions = Sessions(conninfo, deadline_seconds=deadline_seconds)
        self._jitter = random.Random()  # noqa: S311 - spreads retries, keeps no secret

    @contextmanager
    def get_connection(self) -> Iterator[LedgerConnection]:
        """Lend a connection, every wait on which ends by the deadline, and raise the library's errors."""
        try:
            with self._sessions.lent(deadline_of(self._deadline_seconds)) as connection:
                yield connection
        except psycopg.Error as error:
            kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
            raise kind(str(error)) from error

    def ask(self, question: Callable[[LedgerConnection], Answer]) -> Answer:
        """Ask until there is an answer, or the deadline has passed.

        Args:
            question: what may be asked again on another connection, because it changes nothing.
        """
        deadline = deadline_of(self._deadline_seconds)
        with over_by(deadline):
            while True:
                try:
                    with self.get_connection() as connection:
                        return question(connection)
                except NeverSent:
                    raise
                except (OperationalError, InterfaceError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(self._jitter.uniform(0, _PAUSE_SECONDS_MAX))

    def close(self) -> None:
        self._sessions.close()


class _Cursor:
    def __init__(self, cursor: psycopg.Cursor[DictRow]) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._cursor.execute(_marked(sql), parameters or None)

    def rows(self) -> list[dict[str, Any]]:
        return self._cursor.fetchall()


class _ReadsStreams:
    """Reads streams of one table, asking again until the deadline."""

    datastore: LedgerPostgresDatastore
    table: ClassVar[str]

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        sql = f"SELECT originator_id, originator_version, topic, state FROM {self.table} WHERE originator_id=%s"
        parameters: list[object] = [originator_id]
        for condition, value in ((" AND originator_version>%s", gt), (" AND originator_version<=%s", lte)):
            if value is not None:
                sql += condition
                parameters.append(value)
        sql += f" ORDER BY originator_version{' DESC' if desc else ''}"
        if limit is not None:
            sql += " LIMIT %s"
            parameters.append(limit)
        rows = self.datastore.ask(lambda connection: connection.execute(sql, parameters).fetchall())
        return [StoredEvent(*row.values()) for row in rows]


class LedgerPostgresRecorder(_ReadsStreams, PostgresApplicationRecorder):
    """Records events and, in the same transaction, the rows that follow from them."""

    datastore: LedgerPostgresDatastore
    table = "stored_events"

    def __init__(self, datastore: LedgerPostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        datastore.db_type_names.clear()
        super().__init__(datastore, events_table_name=events_table_name)
        self._lock = int.from_bytes(sha256(b"interact_ledger").digest()[:8], signed=True)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Write events and rows in one commit.

        Raises:
            IntegrityError: nothing was written, because an event or a row that must be new is there, or the event
                before is not.
            OperationalError: the answer was lost; whether it was written is unknown.
        """
        changes: Iterable[RowChange] = kwargs.get("changes", ())
        with self.datastore.get_connection() as connection:
            with connection.pipeline() as pipeline, connection.transaction():
                cursor = connection.cursor()
                cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [self._lock])
                first = stored_events[0]
                before = connection.cursor(row_factory=psycopg.rows.tuple_row)
                before.execute(_EVENT_BEFORE, [first.originator_id, first.originator_version - 1])
                for stored in stored_events:
                    cursor.execute(
                        _INSERT_EVENT, [stored.originator_id, stored.originator_version, stored.topic, stored.state]
                    )
                self.write_changes(_Cursor(cursor), changes)
                pipeline.sync()
                refuse_a_gap(first, kwargs["chain"], before.fetchone())
            _refuse_if_warned(connection)
        return None

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
        rows = self.query(
            "SELECT notification_id, originator_id, originator_version, topic, state FROM stored_events"
            " WHERE notification_id>? AND notification_id<=? ORDER BY notification_id LIMIT ?",
            [after, self.high_water_mark() if stop is None else stop, limit],
        )
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

        def question(connection: LedgerConnection) -> int:
            with connection.transaction():
                cursor = _Cursor(connection.cursor())
                self.lock_out_writers(cursor)
                cursor.execute("SELECT MAX(notification_id) AS latest FROM stored_events")
                return int(cursor.rows()[0]["latest"] or 0)

        return self.datastore.ask(question)

    def settle(self) -> None:
        """Commit something behind all that can be read now.

        A commit whose answer was lost can be read before a synchronous standby has it: when its session was ended
        while it waited for the standby, and after a restart. What is committed behind it is answered only when the
        standby has both.
        """

        def question(connection: LedgerConnection) -> None:
            connection.execute("SELECT pg_logical_emit_message(true, 'interact_ledger', '')")
            _refuse_if_warned(connection)

        self.datastore.ask(question)

    def table_names(self) -> frozenset[str]:
        rows = self.query("SELECT tablename FROM pg_tables WHERE schemaname=current_schema()")
        return frozenset(row["tablename"] for row in rows)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        def question(connection: LedgerConnection) -> list[dict[str, Any]]:
            return connection.execute(_marked(sql), parameters or None).fetchall()

        return self.datastore.ask(question)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[LedgerCursor]:
        with self.datastore.get_connection() as connection, connection.transaction(force_rollback=not write):
            yield _Cursor(connection.cursor())

    @contextmanager
    def at_one_moment(self) -> Iterator[Read]:
        """Read in one transaction that sees what was committed at its beginning, and has no deadline."""
        with self.datastore.get_connection() as connection, connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.deadline = None  # it takes as long as the log is

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


class LedgerPostgresSnapshotRecorder(_ReadsStreams, PostgresAggregateRecorder):
    """Keeps snapshots, which may always be lost."""

    datastore: LedgerPostgresDatastore
    table = "stored_snapshots"

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        with self.datastore.get_connection() as connection:
            for stored in stored_events:
                connection.execute(
                    "INSERT INTO stored_snapshots VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [stored.originator_id, stored.originator_version, stored.topic, stored.state],
                )
        return None


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


def _refuse_if_warned(connection: LedgerConnection) -> None:
    """Take a warning beside a commit for what it can mean: that no standby has it, although it was answered.

    That is what the server says when its wait for the standby is cancelled; its text depends on its language.
    """
    if connection.was_warned:
        raise OperationalError("the server warned beside the commit; it might not have been replicated")


@lru_cache(maxsize=512)
def _marked(sql: str) -> str:
    return sql.replace("?", "%s")
