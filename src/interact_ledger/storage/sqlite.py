"""The log in an SQLite file: durable on every commit, append-only, with the rows that follow from each event."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
    SQLiteTransaction,
)
from eventsourcing.utils import Environment

from interact_ledger.clock import iso
from interact_ledger.storage.forks import OPEN_FILES, refuse_files_after_fork
from interact_ledger.storage.mapper import refuse_a_gap
from interact_ledger.storage.recorder import LedgerCursor, Read
from interact_ledger.storage.sql import change_sql, create_table_sql
from interact_ledger.tables import ColumnType, RowChange, Table

__all__ = ["LedgerSQLiteFactory", "LedgerSQLiteRecorder"]

_TYPES = {
    ColumnType.TEXT: "TEXT",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.BOOLEAN: "INTEGER",
    ColumnType.DECIMAL: "TEXT",
    ColumnType.TIME: "TEXT",
}

_LOG_SQL = (
    """CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS copied_log (module TEXT NOT NULL, position INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS subscribers (subscriber TEXT PRIMARY KEY, position INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS stored_events (
        originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,
        PRIMARY KEY (originator_id, originator_version))""",
    """CREATE TABLE IF NOT EXISTS stored_snapshots (
        originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,
        PRIMARY KEY (originator_id, originator_version)) WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS stored_events_are_never_changed BEFORE UPDATE ON stored_events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS stored_events_are_never_deleted BEFORE DELETE ON stored_events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END""",
)


_EVENT_BEFORE = "SELECT topic, state FROM stored_events WHERE originator_id=? AND originator_version=?"


def _decimal_text(value: Decimal) -> str:
    """Write a decimal; zero always as 0, so that a statement's `amount<>'0'` finds every one of its forms."""
    return f"{value:f}" if value else "0"


_WRITERS: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.DECIMAL: _decimal_text,
    ColumnType.TIME: iso,
}


class LedgerSQLiteConnectionPool(SQLiteConnectionPool):
    """Connections that wait for the disk: a commit that was acknowledged survives a power cut.

    One that cannot be had gives its turn to write back; the library would keep it, and no writer ever came again.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = threading.local()
        if not self.is_sqlite_memory_mode:
            OPEN_FILES.add(self)

    def close(self) -> None:
        super().close()
        OPEN_FILES.discard(self)

    def get_connection(self, timeout: float | None = None, *, is_writer: bool | None = None) -> SQLiteConnection:
        refuse_files_after_fork()
        self._turn.taken = False
        try:
            return super().get_connection(timeout, is_writer=is_writer)
        except BaseException:
            if self._turn.taken and is_writer:
                self._num_writers -= 1
                self._writer_lock.release()
            raise

    def _get_connection(self, timeout: float = 0.0) -> SQLiteConnection:
        self._turn.taken = True
        return super()._get_connection(timeout)

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA recursive_triggers=ON")  # otherwise INSERT OR REPLACE passes the append-only triggers
        return connection


class LedgerSQLiteDatastore(SQLiteDatastore):
    """A database file, or a shared database in memory."""

    def __init__(self, db_name: str, *, lock_timeout: int) -> None:
        super().__init__(db_name, originator_id_type="text")
        self.pool = LedgerSQLiteConnectionPool(
            db_name=db_name, lock_timeout=lock_timeout, pool_timeout=float(lock_timeout), max_overflow=60
        )


class _Cursor:
    def __init__(self, cursor: SQLiteCursor) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._cursor.execute(sql, parameters)

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._cursor.fetchall()]


class _WriteTransaction(SQLiteTransaction):
    """Takes the write lock at once: a reader that turns writer midway may find that it read too early."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        return cursor


class LedgerSQLiteRecorder(SQLiteApplicationRecorder):
    """Records events and, in the same transaction, the rows that follow from them."""

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        notification_ids = super()._insert_events(c, stored_events)
        self.write_changes(_Cursor(c), kwargs.get("changes", ()))
        first = stored_events[0]  # looked at behind the writing, for what reads first does not wait for the lock
        c.execute(_EVENT_BEFORE, (first.originator_id, first.originator_version - 1))
        before = c.fetchone()
        refuse_a_gap(first, kwargs["chain"], None if before is None else (before["topic"], before["state"]))
        return notification_ids

    def high_water_mark(self) -> int:
        """Return the latest position: one writer at a time commits, in the order of positions."""
        return self.max_notification_id() or 0

    def settle(self) -> None:
        """Do nothing: a commit is durable before anybody can read it."""

    def table_names(self) -> frozenset[str]:
        return frozenset(row["name"] for row in self.query("SELECT name FROM sqlite_master WHERE type='table'"))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        # One statement sees one moment without a transaction around it.
        with self.datastore.get_connection(commit=False) as connection:
            cursor = _Cursor(connection.cursor())
            cursor.execute(sql, parameters)
            return cursor.rows()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[LedgerCursor]:
        with self.datastore.get_connection(commit=write) as connection:
            transaction = _WriteTransaction(connection, commit=True) if write else SQLiteTransaction(connection)
            with transaction as cursor:
                yield _Cursor(cursor)

    @contextmanager
    def at_one_moment(self) -> Iterator[Read]:
        """Read in one transaction; writers go on, but for a database in memory, where they wait."""
        with self.datastore.get_connection(commit=False) as connection:

            def read(sql: str, parameters: Sequence[object]) -> Iterator[Sequence[Any]]:
                cursor = connection.cursor()
                cursor.execute(sql, parameters)
                return iter(cursor.sqlite_cursor)

            read("BEGIN", ())
            try:
                yield read
            finally:
                connection.rollback()

    def lock_out_writers(self, cursor: LedgerCursor) -> None:
        """Do nothing: a writing transaction is alone from its beginning."""

    def write_changes(self, cursor: LedgerCursor, changes: Iterable[RowChange]) -> None:
        for change in changes:
            statement, columns = change_sql(change.kind, change.table, "?")
            values = change.values
            cursor.execute(statement, [_written(change.table, column, values[column]) for column in columns])

    def log_sql(self) -> Sequence[str]:
        return _LOG_SQL

    def table_sql(self, table: Table) -> str:
        return create_table_sql(table, _TYPES, " WITHOUT ROWID")


class LedgerSQLiteFactory(SQLiteFactory):
    """Makes the recorder above; tables come from `schema`, never from opening a recorder."""

    application_recorder_class = LedgerSQLiteRecorder

    def __init__(self, env: Environment) -> None:
        InfrastructureFactory.__init__(self, env)
        self.datastore = LedgerSQLiteDatastore(
            self.env[self.SQLITE_DBNAME], lock_timeout=int(self.env[self.SQLITE_LOCK_TIMEOUT])
        )


def _written(table: Table, column: str, value: Any) -> Any:
    writer = _WRITERS.get(table.columns[column])
    return value if writer is None or value is None else writer(value)
