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
from interact_ledger.domain.events import AccountOpened, Recorded
from interact_ledger.domain.fold import evolve
from interact_ledger.money import EXACT
from interact_ledger.storage.accounts import Reader
from interact_ledger.storage.index import agenda_rows, index_rows
from interact_ledger.storage.log import Log, storage_errors
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
    """
    fresh = {table.name: replace(table, name=f"rebuilt_{table.name}") for table in log.tables}
    with storage_errors(), localcontext(EXACT):
        _make_empty(log, fresh.values())
        done = 0
        folded: dict[str, int] = {}
        latest = _versions(log.query(_LATEST_VERSIONS))
        total = sum(latest.values())
        for stream_id in _streams(latest):
            rows: list[RowChange] = []
            account: Account | None = None
            # No further than that moment: otherwise an invoice could be read, and the payment before it be missed.
            for recorded, _ in log.read(stream_id, upto=latest[stream_id]):
                before, account = account, _next(account, recorded)
                rows.extend(_rows(recorded, before, account, readers))
                folded[stream_id] = recorded.version
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
        cursor.execute(_LATEST_VERSIONS)
        versions = _versions(cursor.rows())
        for stream_id in _streams(versions):
            known = folded.get(stream_id, 0)
            if versions[stream_id] > known:
                cursor.execute(_EVENTS_OF_STREAM, [stream_id])
                rows = _rows_after(log.events_of(cursor.rows()), readers, known)
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


def _rows_after(events: Iterable[Recorded], readers: Sequence[Reader], known: int) -> Iterator[RowChange]:
    account: Account | None = None
    at_known: Account | None = None
    for recorded in events:
        before, account = account, _next(account, recorded)
        if recorded.version <= known:
            at_known = account
        else:
            yield from _rows(recorded, before, account, readers)
    if account is not None:
        yield from agenda_rows(at_known, account)


def _rows(
    recorded: Recorded, before: Account | None, after: Account | None, readers: Sequence[Reader]
) -> Iterator[RowChange]:
    yield from index_rows(recorded)
    for reader in readers:
        yield from reader(recorded, before, after)


def _next(account: Account | None, recorded: Recorded) -> Account | None:
    """Return the account after an event, None in a stream that is no account's."""
    if account is None and not isinstance(recorded.event, AccountOpened):
        return None
    return evolve(account, recorded)


def _streams(stream_ids: Iterable[str]) -> list[str]:
    """Put accounts before the sellers' invoice books, whose rows answer theirs."""
    return sorted(stream_ids, key=lambda stream_id: (stream_id.startswith("seller_"), stream_id))


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


_LATEST_VERSIONS = "SELECT originator_id, MAX(originator_version) AS latest FROM stored_events GROUP BY originator_id"
_EVENTS_OF_STREAM = "SELECT * FROM stored_events WHERE originator_id=? ORDER BY originator_version"
