"""Filling every table that follows from the log anew, while writers go on.

New tables are filled beside the old ones from all streams as they are at one moment, without a lock. Then, under the
write lock, what was appended since is added, and the new tables take the old ones' names. Writers see one moment's
wait. Run it in one process at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import localcontext
from typing import Any

from interact_ledger.domain.account import Account
from interact_ledger.errors import ConfigurationError
from interact_ledger.money import EXACT
from interact_ledger.storage.index import agenda_rows
from interact_ledger.storage.log import LATEST_VERSIONS, Log, storage_errors
from interact_ledger.storage.recorder import NotAllowed
from interact_ledger.storage.rows import Reader, accounts_first, rows_of_event, rows_of_events, steps
from interact_ledger.storage.sql import create_index_sql
from interact_ledger.tables import RowChange, Table

__all__ = ["rebuild"]

_ROWS_PER_COMMIT = 2000


def rebuild(log: Log, readers: Sequence[Reader], on_progress: Callable[[int, int], None]) -> int:
    """Rebuild all tables of the log's indexes and projections; return how many events they follow from.

    Args:
        log: the log, whose events stay as they are.
        readers: the projections.
        on_progress: called with how many events are done, of how many.

    Raises:
        ConfigurationError: if the database's role may not make tables.
    """
    fresh = {table.name: replace(table, name=f"rebuilt_{table.name}") for table in log.tables}
    with storage_errors(), localcontext(EXACT):
        try:
            _make_empty(log, fresh.values())
        except NotAllowed as error:
            raise ConfigurationError("rebuilding makes tables anew: do it as their owner", field="url") from error
        done = 0
        folded: dict[str, int] = {}
        latest = _versions(log.query(LATEST_VERSIONS))
        total = sum(latest.values())
        for stream_id in accounts_first(latest):
            rows: list[RowChange] = []
            account: Account | None = None
            # No further than that moment: otherwise an invoice could be read, and the payment before it be missed.
            events = (recorded for recorded, _ in log.read(stream_id, upto=latest[stream_id]))
            for step in steps(None, events):
                account = step.after
                rows.extend(rows_of_event(step, readers))
                folded[stream_id] = step.recorded.version
                done += 1
                on_progress(done, total)
                if len(rows) >= _ROWS_PER_COMMIT:
                    _write(log, rows, fresh)
                    rows = []
            rows.extend(agenda_rows(None, account) if account else ())
            _write(log, rows, fresh)
        return _catch_up_and_switch(log, readers, fresh, folded)


def _catch_up_and_switch(
    log: Log, readers: Sequence[Reader], fresh: Mapping[str, Table], folded: Mapping[str, int]
) -> int:
    with log.recorder.transaction(write=True) as cursor:
        log.recorder.lock_out_writers(cursor)
        cursor.execute(LATEST_VERSIONS)
        versions = _versions(cursor.rows())
        for stream_id in accounts_first(versions):
            known = folded.get(stream_id, 0)
            if versions[stream_id] > known:
                cursor.execute(_EVENTS_OF_STREAM, [stream_id])
                every = steps(None, log.events_of(cursor.rows()))
                rows = rows_of_events([step for step in every if step.recorded.version > known], readers)
                log.recorder.write_changes(cursor, _redirected(rows, fresh))
        for name, table in fresh.items():
            cursor.execute(f"DROP TABLE {name}")
            cursor.execute(f"ALTER TABLE {table.name} RENAME TO {name}")
        for table in log.tables:
            for statement in create_index_sql(table):
                cursor.execute(statement)
    return sum(versions.values())


def _versions(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {row["originator_id"]: row["latest"] for row in rows}


def _make_empty(log: Log, tables: Iterable[Table]) -> None:
    with log.recorder.transaction(write=True) as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
            cursor.execute(log.recorder.table_sql(table))


def _write(log: Log, rows: Sequence[RowChange], fresh: Mapping[str, Table]) -> None:
    with log.recorder.transaction(write=True) as cursor:
        log.recorder.write_changes(cursor, _redirected(rows, fresh))


def _redirected(rows: Iterable[RowChange], fresh: Mapping[str, Table]) -> Iterator[RowChange]:
    for row in rows:
        yield replace(row, table=fresh[row.table.name])


_EVENTS_OF_STREAM = "SELECT * FROM stored_events WHERE originator_id=? ORDER BY originator_version"
