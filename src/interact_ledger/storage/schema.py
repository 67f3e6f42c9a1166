"""One migration step under a lock: opening a database makes it what this version needs, or refuses.

Two processes that open a new file at the same moment must not race: whoever takes the write lock first makes the
tables, the other finds them made.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from eventsourcing.persistence import OperationalError, PersistenceError
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore

from interact_ledger.errors import SchemaTooNew, StorageUnavailable
from interact_ledger.storage.sqlite import create_table_sql
from interact_ledger.tables import Table

__all__ = ["SCHEMA_VERSION", "migrate"]

SCHEMA_VERSION = 1

_LOG_SQL = (
    """CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)""",
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


def migrate(datastore: SQLiteDatastore, tables: Sequence[Table], *, deadline_seconds: float) -> None:
    """Bring the database to this version's schema.

    Raises:
        SchemaTooNew: if a newer version of this library wrote it.
        StorageUnavailable: if it cannot be opened or locked by the deadline.
    """
    give_up_at = time.monotonic() + deadline_seconds
    while True:
        try:
            _migrate_once(datastore, tables)
        except (OperationalError, sqlite3.OperationalError) as error:
            # Two first openings can collide on switching to write-ahead logging, where SQLite does not wait.
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise StorageUnavailable(f"the database cannot be opened: {error}") from error
            time.sleep(0.02)
        except (PersistenceError, sqlite3.Error) as error:
            raise StorageUnavailable(f"the database cannot be opened: {error}") from error
        else:
            return


def _migrate_once(datastore: SQLiteDatastore, tables: Sequence[Table]) -> None:
    with datastore.get_connection(commit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            _bring_up_to_date(cursor, tables)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def _bring_up_to_date(cursor: SQLiteCursor, tables: Sequence[Table]) -> None:
    for statement in _LOG_SQL:
        cursor.execute(statement)
    cursor.execute("SELECT MAX(version) FROM ledger_schema")
    present = cursor.fetchone()[0]
    if present is not None and present > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the database has schema version {present}, this release knows {SCHEMA_VERSION};"
            " upgrade interact_ledger before opening it"
        )
    for table in tables:
        for statement in create_table_sql(table):
            cursor.execute(statement)
    if present is None:
        cursor.execute("INSERT INTO ledger_schema (version) VALUES (?)", (SCHEMA_VERSION,))
