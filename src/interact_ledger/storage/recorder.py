"""What the log needs of a database, beside what the event-sourcing library asks of its recorders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

from eventsourcing.persistence import Notification, OperationalError, ProgrammingError, StoredEvent

from interact_ledger.tables import RowChange, Table
from interact_ledger.views import ReplicaLag

__all__ = ["LedgerCursor", "LedgerRecorder", "NeverSent", "NotAllowed", "Read", "ReplicaRecorder"]


class NeverSent(OperationalError):
    """The database could not be reached, so nothing was asked of it."""


class NotAllowed(ProgrammingError):
    """The database does not let us do this, whoever it takes us for."""


Read: TypeAlias = Callable[[str, Sequence[object]], Iterator[Sequence[Any]]]
"""Runs a reading statement and yields its rows as they come, however many there are."""


class LedgerCursor(Protocol):
    """Runs statements in one transaction."""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run a statement, with `?` for each parameter."""
        ...

    def rows(self) -> list[dict[str, Any]]:
        """Return what the last statement found, by column name."""
        ...


@runtime_checkable
class LedgerRecorder(Protocol):
    """A recorder that writes rows with its events. Its errors are those of the event-sourcing library."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Write events and the row changes given as `changes`, all or nothing, in one durable commit.

        Refuse it as an `IntegrityError` if the event before the first is not there or has not the chain value given
        as `chain`: a database can go back, and then lacks what the writer remembers.
        """
        ...

    def select_events(
        self,
        originator_id: str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]: ...

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]: ...

    def high_water_mark(self) -> int:
        """Return a position up to which every event is there and none will come any more; 0 if there is none."""
        ...

    def settle(self) -> None:
        """Make what can be read now as durable as a commit that was answered; only a server knows a difference."""
        ...

    def table_names(self) -> frozenset[str]:
        """Return the tables that are there."""
        ...

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run a reading statement, with `?` for each parameter, and return its rows by column name."""
        ...

    def transaction(self, *, write: bool) -> AbstractContextManager[LedgerCursor]:
        """Run statements all or nothing; without `write`, nothing that they did is kept."""
        ...

    def at_one_moment(self) -> AbstractContextManager[Read]:
        """Give what runs reading statements that all see this moment, while writers go on."""
        ...

    def lock_out_writers(self, cursor: LedgerCursor) -> None:
        """Keep every other writer waiting until the cursor's transaction ends."""
        ...

    def write_changes(self, cursor: LedgerCursor, changes: Iterable[RowChange]) -> None:
        """Write row changes in the cursor's transaction."""
        ...

    def log_sql(self) -> Sequence[str]:
        """Return the statements that create the log's own tables if they are not there."""
        ...

    def table_sql(self, table: Table) -> str:
        """Return the statement that creates a table, without its indexes, if it is not there."""
        ...


@runtime_checkable
class ReplicaRecorder(Protocol):
    """A recorder that reads from a server which may be behind another."""

    def lag(self) -> ReplicaLag:
        """Return how far it is behind, however far."""
        ...
