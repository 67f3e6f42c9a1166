"""Filling every table that follows from the log anew, while writers go on.

New tables are filled beside the old ones from all streams, without a lock. Then, under the write lock, what was
appended meanwhile is added, and the new tables take the old ones' names. Writers see one moment's wait. Run it in
one process at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import localcontext

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import AccountOpened, Recorded
from interact_ledger.domain.fold import evolve
from interact_ledger.money import EXACT
from interact_ledger.storage.accounts import Reader
from interact_ledger.storage.index import agenda_rows, index_rows
from interact_ledger.storage.log import Log, storage_errors
from interact_ledger.storage.sqlite import create_table_sql, write_changes
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
        total = log.position()
        done = 0
        folded: dict[str, int] = {}
        for stream_id in _streams(log.stream_ids()):
            rows: list[RowChange] = []
            account: Account | None = None
            for recorded, _ in log.read(stream_id):
                before, account = account, _next(account, recorded)
                rows.extend(_rows(recorded, before, account, readers))
                folded[stream_id] = recorded.version
                done += 1
                on_progress(done, max(done, total))
                if len(rows) >= _ROWS_PER_COMMIT:
                    _write(log, rows, fresh)
                    rows = []
            rows.extend(agenda_rows(None, account) if account else ())
            _write(log, rows, fresh)
        return _catch_up_and_switch(log, readers, fresh, folded)


def _catch_up_and_switch(
    log: Log, readers: Sequence[Reader], fresh: Mapping[str, Table], folded: Mapping[str, int]
) -> int:
    with log.datastore.get_connection(commit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            for stream_id in _streams(log.stream_ids(cursor)):
                known = folded.get(stream_id, 0)
                rows = list(_rows_after(log.read_locked(cursor, stream_id, known), readers, known))
                write_changes(cursor, _redirected(rows, fresh))
            for name, table in fresh.items():
                cursor.execute(f"DROP TABLE {name}")
                cursor.execute(f"ALTER TABLE {table.name} RENAME TO {name}")
            for table in log.tables:
                for statement in create_table_sql(table):
                    cursor.execute(statement)
            cursor.execute("SELECT COUNT(*) FROM stored_events")
            count = int(cursor.fetchone()[0])
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return count


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
    with log.datastore.transaction(commit=True) as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
            create, *_indexes_later = create_table_sql(table)
            cursor.execute(create)


def _write(log: Log, rows: Sequence[RowChange], fresh: Mapping[str, Table]) -> None:
    with log.datastore.transaction(commit=True) as cursor:
        write_changes(cursor, _redirected(rows, fresh))


def _redirected(rows: Iterable[RowChange], fresh: Mapping[str, Table]) -> list[RowChange]:
    return [replace(row, table=fresh[row.table.name]) for row in rows]
