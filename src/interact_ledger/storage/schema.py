"""One migration step under a lock: opening a database makes it what this version needs, or refuses.

Processes that open a new database at the same moment must not race: whoever gets the lock first makes the tables,
the others find them made.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from eventsourcing.persistence import OperationalError, PersistenceError

from interact_ledger.errors import ConfigurationError, SchemaTooNew, StorageUnavailable
from interact_ledger.storage.recorder import LedgerCursor, LedgerRecorder
from interact_ledger.storage.sql import create_index_sql
from interact_ledger.tables import Table

__all__ = ["SCHEMA_VERSION", "migrate"]

SCHEMA_VERSION = 1


def migrate(
    recorder: LedgerRecorder, tables: Sequence[Table], *, deadline_seconds: float, copy_of: str | None = None
) -> None:
    """Bring the database to this version's schema.

    Raises:
        ConfigurationError: if its events are kept elsewhere than the caller says.
        SchemaTooNew: if a newer version of this library wrote it.
        StorageUnavailable: if it cannot be opened or locked by the deadline.
    """
    give_up_at = time.monotonic() + deadline_seconds
    while True:
        try:
            with recorder.transaction(write=True) as cursor:
                recorder.lock_out_writers(cursor)
                _bring_up_to_date(recorder, cursor, tables)
                _check_where_events_are_kept(cursor, copy_of)
        except (OperationalError, sqlite3.OperationalError) as error:
            # Two first openings can collide on switching SQLite to write-ahead logging, where it does not wait.
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise StorageUnavailable(f"the database cannot be opened: {error}") from error
            time.sleep(0.02)
        except (PersistenceError, sqlite3.Error) as error:
            raise StorageUnavailable(f"the database cannot be opened: {error}") from error
        else:
            return


def _bring_up_to_date(recorder: LedgerRecorder, cursor: LedgerCursor, tables: Sequence[Table]) -> None:
    for statement in recorder.log_sql():
        cursor.execute(statement)
    cursor.execute("SELECT MAX(version) AS version FROM ledger_schema")
    present = cursor.rows()[0]["version"]
    if present is not None and present > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the database has schema version {present}, this release knows {SCHEMA_VERSION};"
            " upgrade interact_ledger before opening it"
        )
    for table in tables:
        cursor.execute(recorder.table_sql(table))
        for statement in create_index_sql(table):
            cursor.execute(statement)
    if present is None:
        cursor.execute("INSERT INTO ledger_schema (version) VALUES (?)", (SCHEMA_VERSION,))


def _check_where_events_are_kept(cursor: LedgerCursor, copy_of: str | None) -> None:
    """Never let a copy be written as if it were the log, nor a log be taken for a copy."""
    cursor.execute("SELECT module FROM copied_log")
    known = cursor.rows()
    if known:
        if known[0]["module"] != copy_of:
            raise ConfigurationError(
                f"the database is a copy of events that {known[0]['module']} keeps", field="events"
            )
    elif copy_of is not None:
        cursor.execute("SELECT 1 FROM stored_events LIMIT 1")
        if cursor.rows():
            raise ConfigurationError("the database keeps events of its own; name an empty one", field="url")
        cursor.execute("INSERT INTO copied_log (module, position) VALUES (?, 0)", (copy_of,))
