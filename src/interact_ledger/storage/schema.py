"""One migration step under a lock: opening a database makes it what this version needs, or refuses.

Processes that open a new database at the same moment must not race: whoever gets the lock first makes the tables,
the others find them made.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from eventsourcing.persistence import OperationalError, PersistenceError

from interact_ledger.errors import SchemaTooNew, StorageUnavailable
from interact_ledger.storage.recorder import LedgerCursor, LedgerRecorder
from interact_ledger.storage.sql import create_index_sql
from interact_ledger.tables import Table

__all__ = ["SCHEMA_VERSION", "migrate"]

SCHEMA_VERSION = 1


def migrate(recorder: LedgerRecorder, tables: Sequence[Table], *, deadline_seconds: float) -> None:
    """Bring the database to this version's schema.

    Raises:
        SchemaTooNew: if a newer version of this library wrote it.
        StorageUnavailable: if it cannot be opened or locked by the deadline.
    """
    give_up_at = time.monotonic() + deadline_seconds
    while True:
        try:
            with recorder.transaction(write=True) as cursor:
                recorder.lock_out_writers(cursor)
                _bring_up_to_date(recorder, cursor, tables)
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
