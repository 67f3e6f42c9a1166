"""The log in an SQLite file: durable on every commit, append-only, with the rows that follow from each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from eventsourcing.persistence import InfrastructureFactory, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
)
from eventsourcing.utils import Environment

from interact_ledger.clock import iso
from interact_ledger.tables import ColumnType, RowChange, RowChangeKind, Table

__all__ = ["LedgerSQLiteFactory", "LedgerSQLiteRecorder", "create_table_sql"]

_SQL_TYPES = {
    ColumnType.TEXT: "TEXT",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.BOOLEAN: "INTEGER",
    ColumnType.DECIMAL: "TEXT",
    ColumnType.TIME: "TEXT",
}


def _decimal_text(value: Decimal) -> str:
    """Write a decimal; zero always as 0, so that a statement's `amount<>'0'` finds every one of its forms."""
    return f"{value:f}" if value else "0"


_WRITERS: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.DECIMAL: _decimal_text,
    ColumnType.TIME: iso,
}


class LedgerSQLiteConnectionPool(SQLiteConnectionPool):
    """Connections that wait for the disk: a commit that was acknowledged survives a power cut."""

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


class LedgerSQLiteRecorder(SQLiteApplicationRecorder):
    """Records events and, in the same transaction, the rows that follow from them."""

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        notification_ids = super()._insert_events(c, stored_events)
        changes: Sequence[RowChange] = kwargs.get("changes", ())
        write_changes(c, changes)
        return notification_ids


class LedgerSQLiteFactory(SQLiteFactory):
    """Makes the recorder above; tables come from `schema`, never from opening a recorder."""

    application_recorder_class = LedgerSQLiteRecorder

    def __init__(self, env: Environment) -> None:
        InfrastructureFactory.__init__(self, env)
        self.datastore = LedgerSQLiteDatastore(
            self.env[self.SQLITE_DBNAME], lock_timeout=int(self.env[self.SQLITE_LOCK_TIMEOUT])
        )


def write_changes(cursor: SQLiteCursor, changes: Sequence[RowChange]) -> None:
    """Write row changes in the cursor's transaction."""
    for change in changes:
        statement, columns = _statement(change.kind, change.table)
        values = change.values
        cursor.execute(statement, [_written(change.table, column, values[column]) for column in columns])


def create_table_sql(table: Table, name: str | None = None) -> Iterator[str]:
    """Yield the statements that create a table (under another name, while it is rebuilt) and its indexes."""
    name = name or table.name
    columns = ", ".join(
        f"{column} {_SQL_TYPES[kind]}{'' if column in table.nullable else ' NOT NULL'}"
        for column, kind in table.columns.items()
    )
    yield f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({', '.join(table.key)})) WITHOUT ROWID"
    for index in table.indexes:
        yield f"CREATE INDEX IF NOT EXISTS {name}_by_{'_'.join(index)} ON {name} ({', '.join(index)})"


@lru_cache(maxsize=512)
def _statement(kind: RowChangeKind, table: Table) -> tuple[str, tuple[str, ...]]:
    columns = tuple(table.columns)
    key = ", ".join(table.key)
    if kind is RowChangeKind.DELETE:
        return f"DELETE FROM {table.name} WHERE {' AND '.join(f'{c}=?' for c in table.key)}", tuple(table.key)
    insert = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    if kind is RowChangeKind.INSERT:
        return insert, columns
    updates = ", ".join(f"{c}=excluded.{c}" for c in columns if c not in table.key)
    return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {updates}", columns


def _written(table: Table, column: str, value: Any) -> Any:
    writer = _WRITERS.get(table.columns[column])
    return value if writer is None or value is None else writer(value)
