"""A log whose events are kept elsewhere: our database holds a copy of them, with the rows that follow, and follows.

An append goes to the other event store first, whose (stream, version) decides between writers, and then with its rows
into the copy, in one commit. What a crash leaves out in between is taken over from there by whoever next reads the
stream, through the same fold and the same readers. So what is decided on is never behind; tables may be.

The two commits make a row too late to refuse anything. A request is therefore looked for before its events go out:
the copy is complete up to the version that is appended to, and another writer of that version is refused elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import localcontext

from eventsourcing.persistence import IntegrityError, StoredEvent

from interact_ledger.domain.account import Account
from interact_ledger.domain.events import Recorded
from interact_ledger.domain.fold import evolve
from interact_ledger.errors import CorruptLog
from interact_ledger.money import EXACT
from interact_ledger.storage.accounts import SNAPSHOT_EVERY
from interact_ledger.storage.elsewhere import EventsElsewhere, OtherStore
from interact_ledger.storage.guarantees import Guarantees
from interact_ledger.storage.index import OPERATIONS
from interact_ledger.storage.log import LATEST_VERSIONS, START, Link, Log, storage_errors
from interact_ledger.storage.mapper import chain_value
from interact_ledger.storage.rows import Reader, accounts_first, is_book, rows_of_events, steps
from interact_ledger.storage.snapshots import Loaded, from_snapshot, snapshot_of
from interact_ledger.tables import RowChange, RowChangeKind, Table

__all__ = ["FollowingLog"]

_PAGE = 500


class FollowingLog(Log):
    """The log of another event store, over a copy in a database of ours.

    Args:
        url: our database, as for any log.
        tables: the projections' tables.
        readers: the projections.
        events: where the events are kept.
        deadline_seconds: how long to wait for another writer's lock on our database.
    """

    guarantees = Guarantees(
        rows_with_events=False,
        one_order=False,
        ends_by_deadline=False,
        append_only=False,
        one_invoice_per_payment=False,
    )

    def __init__(
        self,
        url: str,
        tables: Sequence[Table],
        readers: Sequence[Reader],
        events: EventsElsewhere,
        *,
        deadline_seconds: float,
    ) -> None:
        self._readers = readers
        self._elsewhere = OtherStore(events)
        try:
            super().__init__(url, tables, deadline_seconds=deadline_seconds, copy_of=events.module)
        except BaseException:
            self._elsewhere.close()
            raise
        try:
            self._check_newest()
            self.follow()
        except BaseException:
            self.close()
            raise

    def follow(self) -> None:
        """Take over every event that is not here yet, in the order of the other store.

        A stream that is not what it was keeps no other waiting: whoever names it is told, and the audit tells all.
        """
        position = self._position()
        with storage_errors():
            if self._elsewhere.head() < position:
                raise CorruptLog("the other event store has lost events that were copied")
            while page := self._elsewhere.page(position, _PAGE):
                found: dict[str, list[StoredEvent]] = {}
                for _, stored in page:
                    found.setdefault(str(stored.originator_id), []).append(stored)
                for stream_id in accounts_first(found):
                    with contextlib.suppress(CorruptLog):
                        self._take(stream_id, found[stream_id])
                position = page[-1].position
                with self.recorder.transaction(write=True) as cursor:
                    cursor.execute("UPDATE copied_log SET position=? WHERE position<?", [position, position])

    def differences(self) -> Iterator[tuple[str, int]]:
        """Yield stream and version of every event that was followed and is not the same here and elsewhere."""
        position, end = 0, self._position()
        with storage_errors():
            while position < end and (page := self._elsewhere.page(position, _PAGE)):
                for _, stored in page:
                    stream_id, version = str(stored.originator_id), stored.originator_version
                    if list(super()._select(stream_id, after=version - 1, upto=version)) != [stored]:
                        yield stream_id, version
                position = page[-1].position
            for row in self.query(LATEST_VERSIONS):
                if not self._elsewhere.after(row["originator_id"], row["latest"] - 1):
                    yield row["originator_id"], row["latest"]

    def position(self) -> int:
        self.follow()
        return super().position()

    def close(self) -> None:
        super().close()
        self._elsewhere.close()

    def _write(self, stored: Sequence[StoredEvent], changes: Sequence[RowChange], chain: str) -> None:
        self._refuse_repeats(changes)
        self._elsewhere.append(stored)
        try:
            super()._write(stored, changes, chain)
        except IntegrityError:
            self._follow_stream(str(stored[0].originator_id))  # another process has copied them already

    def _refuse_repeats(self, changes: Sequence[RowChange]) -> None:
        for change in changes:
            if change.table is OPERATIONS:
                asked = change.values["operation_id"]
                if self.query("SELECT 1 FROM operations WHERE operation_id=?", (asked,)):
                    raise IntegrityError("the request was answered before")

    def _select(
        self,
        stream_id: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[StoredEvent]:
        if upto is None or self._end_of_copy(stream_id).version < upto:
            self._follow_stream(stream_id)
        return super()._select(stream_id, after=after, upto=upto, limit=limit, newest_first=newest_first)

    def _check_newest(self) -> None:
        """See that the other event store has what was copied last: it may be another one, or an old copy restored."""
        mark = super().position()
        with storage_errors():
            for newest in self.recorder.select_notifications(mark, 1, mark):
                self._follow_stream(str(newest.originator_id))

    # Following ----------------------------------------------------------------------------------------------------

    def _follow_stream(self, stream_id: str) -> None:
        """Take over what is new in a stream, and see that the newest known event is still what it was."""
        known = super()._select(stream_id, limit=1, newest_first=True)
        version = known[0].originator_version if known else 0
        found = self._elsewhere.after(stream_id, max(0, version - 1))
        if list(known) != found[: len(known)]:
            raise CorruptLog(f"stream {stream_id}, version {version}: the other event store has not what was copied")
        if is_book(stream_id) and found[len(known) :]:
            self.follow()  # a number answers a payment or a refund, which must be here first
        self._take(stream_id, found)

    def _take(self, stream_id: str, found: Sequence[StoredEvent]) -> None:
        """Copy what is not here yet of some events of a stream, with the rows that follow."""
        end = self._end_of_copy(stream_id)
        new = [stored for stored in found if stored.originator_version > end.version]
        if not new:
            return
        events, link = self._chained_behind(end, new)
        with localcontext(EXACT):
            done = list(steps(self._account_at(stream_id, end.version), events))
            rows = [_overwriting(row) for row in rows_of_events(done, self._readers)]
        try:
            super()._write(new, rows, end.chain)
        except IntegrityError as error:
            if self._end_of_copy(stream_id) == end:
                raise CorruptLog(f"stream {stream_id}, version {end.version + 1}: has impossible rows") from error
            self._take(stream_id, found)  # another process was faster, with some of them or all
            return
        account = done[-1].after
        if account is not None and link.version // SNAPSHOT_EVERY > end.version // SNAPSHOT_EVERY:
            self.save_snapshot(snapshot_of(Loaded(account, link)))

    def _chained_behind(self, end: Link, new: Sequence[StoredEvent]) -> tuple[list[Recorded], Link]:
        """Read events that must follow from the end of a stream; return them, and the end that they make."""
        events = []
        for stored in new:
            chained = self._chained(stored)
            version = stored.originator_version
            if (version, chained.previous) != (end.version + 1, end.chain):
                where = f"stream {stored.originator_id}, version {version}"
                raise CorruptLog(f"{where}: does not follow from what was copied before")
            end = Link(version, chain_value(stored))
            events.append(chained.recorded)
        return events, end

    def _account_at(self, stream_id: str, version: int) -> Account | None:
        if version == 0 or is_book(stream_id):
            return None
        known = from_snapshot(self, stream_id)
        account, link = known if known is not None and known.link.version <= version else (None, START)
        for recorded, _ in self.read(stream_id, after=link.version, upto=version):
            account = evolve(account, recorded)
        return account

    def _end_of_copy(self, stream_id: str) -> Link:
        newest = super()._select(stream_id, limit=1, newest_first=True)
        return Link(newest[0].originator_version, chain_value(newest[0])) if newest else START

    def _position(self) -> int:
        return int(self.query("SELECT position FROM copied_log")[0]["position"])


def _overwriting(row: RowChange) -> RowChange:
    """Return what writes a row also if it is there: what is in the log is so, and what is wrong the audit reports."""
    return replace(row, kind=RowChangeKind.PUT) if row.kind is RowChangeKind.INSERT else row
