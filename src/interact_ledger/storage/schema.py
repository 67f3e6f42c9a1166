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
from interact_ledger.storage.recorder import LedgerCursor, LedgerRecorder, NotAllowed
from interact_ledger.storage.sql import create_index_sql
from interact_ledger.tables import Table

__all__ = ["SCHEMA_VERSION", "migrate", "refuse_unless_ready"]

SCHEMA_VERSION = 1
_VERSION = "SELECT MAX(version) AS version FROM ledger_schema"
_COPIED = "SELECT module FROM copied_log"


def migrate(
    recorder: LedgerRecorder, tables: Sequence[Table], *, deadline_seconds: float, copy_of: str | None = None
) -> None:
    """Bring the database to this version's schema.

    A database that has all of it is only read, so that processes may work under a role that may not create tables.

    Raises:
        ConfigurationError: if the database's role may not do what is to be done, or its events are kept elsewhere than
            the caller says.
        SchemaTooNew: if a newer version of this library wrote it.
        StorageUnavailable: if it cannot be opened or locked by the deadline.
    """
    give_up_at = time.monotonic() + deadline_seconds
    while True:
        try:
            if not _is_up_to_date(recorder, tables, copy_of):
                with recorder.transaction(write=True) as cursor:
                    recorder.lock_out_writers(cursor)
                    _bring_up_to_date(recorder, cursor, tables)
                    _check_where_events_are_kept(cursor, copy_of)
        except NotAllowed as error:
            raise ConfigurationError(
                "the database is not ready for this release, or not for this role, which may not change that: run"
                f" `interact-ledger migrate` as the owner of its tables, and grant the role what it needs ({error})",
                field="url",
            ) from error
        except (OperationalError, sqlite3.OperationalError) as error:
            # Two first openings can collide on switching SQLite to write-ahead logging, where it does not wait.
            if "is locked" not in str(error) or time.monotonic() > give_up_at:
                raise _unopened(error) from error
            time.sleep(0.02)
        except (PersistenceError, sqlite3.Error) as error:
            raise _unopened(error) from error
        else:
            return


def _unopened(error: Exception) -> StorageUnavailable:
    look = "; is its folder there, and may this user write into it?" if "unable to open" in str(error) else ""
    return StorageUnavailable(f"the database cannot be opened: {error}{look}")


def refuse_unless_ready(recorder: LedgerRecorder, tables: Sequence[Table]) -> None:
    """Look whether the database has this version's schema, and change nothing.

    Raises:
        ConfigurationError: if it has not, or its role may not read it.
        SchemaTooNew: if a newer version of this library wrote it.
    """
    try:
        is_ready = _is_up_to_date(recorder, tables, None)
    except NotAllowed as error:
        raise ConfigurationError(f"the database may not be read by this role ({error})", field="url") from error
    if not is_ready:
        raise ConfigurationError("the database is not ready for this release; migrate its primary first", field="url")


def _is_up_to_date(recorder: LedgerRecorder, tables: Sequence[Table], copy_of: str | None) -> bool:
    there = recorder.table_names()
    if not there.issuperset(("ledger_schema", "copied_log", "subscribers", *(table.name for table in tables))):
        return False
    (row,) = recorder.query(_VERSION)
    _refuse_the_future(row["version"])
    kept_by = [known["module"] for known in recorder.query(_COPIED)]
    return row["version"] == SCHEMA_VERSION and kept_by == ([] if copy_of is None else [copy_of])


def _bring_up_to_date(recorder: LedgerRecorder, cursor: LedgerCursor, tables: Sequence[Table]) -> None:
    for statement in recorder.log_sql():
        cursor.execute(statement)
    cursor.execute(_VERSION)
    present = cursor.rows()[0]["version"]
    _refuse_the_future(present)
    for table in tables:
        cursor.execute(recorder.table_sql(table))
        for statement in create_index_sql(table):
            cursor.execute(statement)
    if present is None:
        cursor.execute("INSERT INTO ledger_schema (version) VALUES (?)", (SCHEMA_VERSION,))


def _refuse_the_future(present: int | None) -> None:
    if present is not None and present > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the database has schema version {present}, this release knows {SCHEMA_VERSION};"
            " upgrade interact_ledger before opening it"
        )


def _check_where_events_are_kept(cursor: LedgerCursor, copy_of: str | None) -> None:
    """Never let a copy be written as if it were the log, nor a log be taken for a copy."""
    cursor.execute(_COPIED)
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
