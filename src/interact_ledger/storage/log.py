"""The log itself: streams of chained events, written all or nothing with the rows that follow from them."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import (
    ConnectionPoolClosedError,
    DataError,
    IntegrityError,
    Mapper,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.utils import Environment, EnvType

from interact_ledger.domain.events import Recorded
from interact_ledger.errors import Busy, StorageUnavailable
from interact_ledger.storage.deadline import deadline_of
from interact_ledger.storage.guarantees import Guarantees
from interact_ledger.storage.index import INDEX_TABLES
from interact_ledger.storage.mapper import CHAIN_START, Chained, LedgerMapper, chain_value
from interact_ledger.storage.recorder import LedgerRecorder, NeverSent, Read
from interact_ledger.storage.schema import migrate
from interact_ledger.storage.url import environment
from interact_ledger.tables import RowChange, Table

__all__ = ["LATEST_VERSIONS", "START", "Conflict", "Link", "Log", "LoggedEvent", "storage_errors"]

LATEST_VERSIONS = "SELECT originator_id, MAX(originator_version) AS latest FROM stored_events GROUP BY originator_id"
"""Every stream with the version that it ends at."""

_MOVE_SUBSCRIBER = """INSERT INTO subscribers (subscriber, position) VALUES (?, ?)
ON CONFLICT (subscriber) DO UPDATE SET position=excluded.position WHERE subscribers.position < excluded.position"""
_PAGE = 500
_PAUSE_SECONDS = 0.02
_NOTHING_DONE = (NeverSent, ProgrammingError, DataError, NotSupportedError, ConnectionPoolClosedError)
"""After one of these there is nothing to look for: it was not sent, or refused as it stands."""


class Conflict(Exception):
    """Nothing is known to be written: somebody else was first, or the database failed."""

    @property
    def storage_error(self) -> StorageUnavailable | None:
        """How the database failed, if that is what happened."""
        return self.__cause__ if isinstance(self.__cause__, StorageUnavailable) else None


class Link(NamedTuple):
    """The end of a stream, to which the next event is chained."""

    version: int
    chain: str


class LoggedEvent(NamedTuple):
    """An event in its place in the whole log."""

    position: int
    recorded: Recorded


START = Link(0, CHAIN_START)


class LedgerApplication(Application[str]):
    """The event-sourced application that keeps the log."""

    name = "interact_ledger"

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Take the configuration we pass and nothing from the process's environment."""
        return Environment(name, env)

    def construct_mapper(self) -> Mapper[str]:
        return LedgerMapper(transcoder=self.construct_transcoder())


class Log:
    """Append-only streams of events in one database.

    Args:
        url: an address as `url.environment` takes it.
        tables: the projections' tables, made beside the log's own.
        deadline_seconds: how long to wait for another writer's lock, or for an answer.
        copy_of: which persistence module keeps the events, if the database only holds a copy of them.
    """

    guarantees = Guarantees()

    def __init__(
        self, url: str, tables: Sequence[Table], *, deadline_seconds: float, copy_of: str | None = None
    ) -> None:
        self.tables = (*INDEX_TABLES, *tables)
        self._deadline_seconds = deadline_seconds
        self._copy_of = copy_of
        with storage_errors():
            self._application = LedgerApplication(env=self._environment(url, deadline_seconds))
        recorder = self._application.recorder
        assert isinstance(recorder, LedgerRecorder), "our factories make recorders of ours"
        self.recorder: LedgerRecorder = recorder
        try:
            self._make_ready()
        except BaseException:
            self.close()
            raise

    def append(self, link: Link, events: Sequence[Recorded], changes: Sequence[RowChange]) -> Link:
        """Append events of one stream behind `link`, with their row changes, in one durable commit.

        Returns the new end of the stream.

        Raises:
            Conflict: if the stream does not end there, a row that must be new is there, or the database failed.
            Busy: if the database stayed locked.
            StorageUnavailable: if it was not reached, refused what it was asked, or failed and cannot be asked either.
        """
        stored = []
        chain = link.chain
        for recorded in events:
            stored.append(self._application.mapper.to_stored_event(cast("Any", Chained(recorded, chain))))
            chain = chain_value(stored[-1])
        try:
            with storage_errors():
                self._write(stored, changes, link.chain)
        except IntegrityError as error:
            raise Conflict(str(error)) from error
        except StorageUnavailable as error:
            if isinstance(error.__cause__, _NOTHING_DONE):
                raise
            self._look_for(stored, error)
        return Link(events[-1].version, chain)

    def _look_for(self, stored: Sequence[StoredEvent], error: StorageUnavailable) -> None:
        # Maybe only the answer was lost: whether our very bytes are there tells. If not, they may yet come.
        unknown = StorageUnavailable(f"whether it was stored is unknown; repeat it with the same key ({error.message})")
        first = stored[0]
        give_up_at = deadline_of(self._deadline_seconds)
        while True:
            try:
                if self.select_stored(first.originator_id, first.originator_version - 1, len(stored)) != stored:
                    raise Conflict(str(error)) from unknown
                self.settle()
            except (StorageUnavailable, Busy):
                if time.monotonic() > give_up_at:
                    raise unknown from error
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def settle(self) -> None:
        """Make what was read as durable as a commit that was answered, before it is given as an answer.

        Raises:
            StorageUnavailable: if that is not done by the deadline.
        """
        with storage_errors():
            self.recorder.settle()

    def select_stored(self, stream_id: UUID | str, after: int, limit: int) -> list[StoredEvent]:
        """Return part of a stream as it is stored."""
        with storage_errors():
            return list(self._select(str(stream_id), after=after, limit=limit))

    def read(self, stream_id: str, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[Recorded, Link]]:
        """Yield a stream's events in order, each with the link that ends there; memory stays flat."""
        while True:
            page = self.select(stream_id, after=after, upto=upto, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1][0].version

    def select(
        self, stream_id: str, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[tuple[Recorded, Link]]:
        """Return part of a stream at once."""
        with storage_errors():
            stored = self._select(stream_id, after=after, upto=upto, limit=limit)
        return [self._linked(one) for one in stored]

    def last(self, stream_id: str) -> tuple[Recorded | None, Link]:
        """Return a stream's latest event and the link that ends there; (None, START) before its first."""
        with storage_errors():
            stored = self._select(stream_id, limit=1, newest_first=True)
        return self._linked(stored[0]) if stored else (None, START)

    def find(self, stream_id: str, versions: Sequence[int]) -> list[Recorded]:
        """Return some events of a stream by their versions, in order."""
        found: list[Recorded] = []
        for start in range(0, len(versions), _PAGE):
            wanted = versions[start : start + _PAGE]
            marks = ", ".join("?" * len(wanted))
            rows = self.query(
                f"SELECT * FROM stored_events WHERE originator_id=? AND originator_version IN ({marks})"
                " ORDER BY originator_version",
                [stream_id, *wanted],
            )
            found.extend(self.events_of(rows))
        return found

    def follow(self) -> None:
        """Have every event here, with its rows: each is, since it is written here."""

    def differences(self) -> Iterator[tuple[str, int]]:
        """Yield stream and version of every event that is not the same where else it is kept: it is only here."""
        return iter(())

    def all_events(self, *, after: int = 0) -> Iterator[LoggedEvent]:
        """Yield every event of every stream so far, in the order of the whole log; none is passed over."""
        stop = self.position()
        while after < stop:
            with storage_errors():
                page = self.recorder.select_notifications(after, _PAGE, stop, inclusive_of_start=False)
            for notification in page:
                yield LoggedEvent(notification.id, self._chained(notification).recorded)
            after = page[-1].id if page else stop

    def position(self) -> int:
        """Return a position up to which every event is there and none will come any more; 0 if there is none."""
        with storage_errors():
            return self.recorder.high_water_mark()

    def position_of(self, subscriber: str) -> int:
        """Return up to which position a subscriber has taken everything, 0 if it has taken nothing yet."""
        rows = self.query("SELECT position FROM subscribers WHERE subscriber=?", [subscriber])
        return int(rows[0]["position"]) if rows else 0

    def move_to(self, subscriber: str, position: int) -> None:
        """Remember that a subscriber has taken everything up to a position; it never goes back."""
        with storage_errors(), self.recorder.transaction(write=True) as cursor:
            cursor.execute(_MOVE_SUBSCRIBER, [subscriber, position])

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run a reading statement, with `?` for each parameter, and return its rows by column name."""
        with storage_errors():
            return self.recorder.query(sql, parameters)

    @contextlib.contextmanager
    def at_one_moment(self) -> Iterator[Read]:
        """Give what runs reading statements that all see this moment, and yields their rows as they come."""
        with storage_errors(), self.recorder.at_one_moment() as read:
            yield read

    def events_of(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Recorded]:
        """Yield the events in rows of `stored_events`."""
        for row in rows:
            stored = StoredEvent(row["originator_id"], row["originator_version"], row["topic"], bytes(row["state"]))
            yield self._chained(stored).recorded

    def latest_snapshot(self, stream_id: str) -> StoredEvent | None:
        """Return the latest snapshot of a stream, whatever it is worth."""
        assert self._application.snapshots is not None
        with storage_errors():
            found = self._application.snapshots.recorder.select_events(stream_id, desc=True, limit=1)
        return found[0] if found else None

    def save_snapshot(self, snapshot: StoredEvent) -> None:
        """Keep a snapshot, if that can be done: what it is of was appended, and is there without it."""
        assert self._application.snapshots is not None
        with contextlib.suppress(IntegrityError, Busy, StorageUnavailable), storage_errors():
            self._application.snapshots.recorder.insert_events([snapshot])

    def close(self) -> None:
        """Close every connection."""
        self._application.close()

    def _write(self, stored: Sequence[StoredEvent], changes: Sequence[RowChange], chain: str) -> None:
        """Write events of one stream, behind a chain value, and rows; raises as the event-sourcing library does."""
        self.recorder.insert_events(stored, changes=changes, chain=chain)

    def _select(
        self,
        stream_id: str,
        *,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[StoredEvent]:
        """Read part of a stream; raises as the event-sourcing library does."""
        return self.recorder.select_events(stream_id, gt=after, lte=upto, limit=limit, desc=newest_first)

    def _environment(self, url: str, deadline_seconds: float) -> dict[str, str]:
        return environment(url, deadline_seconds)

    def _make_ready(self) -> None:
        migrate(self.recorder, self.tables, deadline_seconds=self._deadline_seconds, copy_of=self._copy_of)

    def _linked(self, stored: StoredEvent) -> tuple[Recorded, Link]:
        return self._chained(stored).recorded, Link(stored.originator_version, chain_value(stored))

    def _chained(self, stored: StoredEvent) -> Chained:
        return cast("Chained", self._application.mapper.to_domain_event(stored))


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what a database driver raises into `Busy` or `StorageUnavailable`; conflicts pass."""
    try:
        yield
    except IntegrityError:
        raise
    except ConnectionPoolClosedError as error:
        raise StorageUnavailable("the ledger is closed; open it again") from error
    except (OperationalError, sqlite3.OperationalError, TimeoutError) as error:
        if "is locked" in str(error) or isinstance(error, TimeoutError):
            raise Busy("other writers kept the database locked until the deadline; try again") from error
        if "locking protocol" in str(error):  # SQLite gets over it when no connection of the process is left
            raise StorageUnavailable(
                "the file's locks are lost track of; restart the process, or close the ledger and open it again"
            ) from error
        raise StorageUnavailable(f"the database cannot be used: {error}") from error
    except (PersistenceError, sqlite3.Error) as error:
        raise StorageUnavailable(f"the database cannot be used: {error}") from error
