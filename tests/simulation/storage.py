"""The recorder, which fails: before the commit, after it, or later than anybody waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent

from simulation.scheduler import Scheduler

__all__ = ["TroubledRecorder"]


class TroubledRecorder:
    """A real recorder, with a point before and after each call, and faults at appends and reads.

    Args:
        recorder: the real one.
        scheduler: says what fails.
        committed: called after each commit.
        comes_late: has the database commit something after a delay, whatever became of who asked for it.
    """

    def __init__(
        self,
        recorder: Any,
        scheduler: Scheduler,
        committed: Callable[[], None],
        comes_late: Callable[[timedelta, Sequence[StoredEvent], Any], None],
    ) -> None:
        self._recorder = recorder
        self._scheduler = scheduler
        self._committed = committed
        self._comes_late = comes_late

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Any:
        topics = " ".join(stored.topic for stored in stored_events)
        scheduler = self._scheduler
        scheduler.point(f"append {topics}")
        fault = None
        if scheduler.fails("append", scheduler.plan.storage_faults):
            fault = scheduler.chance.choice(
                ["fails", "is locked out", "lost", "lost", "lost as conflict", "comes late"]
            )
            scheduler.count(f"append {fault}")
            scheduler.tell(f"append {fault}")
        if fault == "fails":
            raise OperationalError("simulated: the disk failed")
        if fault == "is locked out":
            raise OperationalError("simulated: database is locked")
        if fault == "comes late":
            delay = timedelta(milliseconds=scheduler.chance.choice([1, 20, 500, 20_000]))
            self._comes_late(delay, stored_events, kwargs)
            raise OperationalError("simulated: the connection was lost")
        result = self._recorder.insert_events(stored_events, **kwargs)
        self._committed()
        if fault == "lost":
            raise OperationalError("simulated: the connection was lost")
        if fault == "lost as conflict":
            raise IntegrityError("simulated: the driver tried again and met its own commit")
        scheduler.point("appended")
        return result

    def select_events(self, *arguments: Any, **kwargs: Any) -> Any:
        self._read()
        result = self._recorder.select_events(*arguments, **kwargs)
        self._scheduler.point("was read")
        return result

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Any]:
        self._read()
        with self._recorder.transaction(write=write) as cursor:
            yield cursor
        self._scheduler.point("written" if write else "was read")

    @contextmanager
    def at_one_moment(self) -> Iterator[Any]:
        self._read()
        with self._recorder.at_one_moment() as read:
            yield read
        self._scheduler.point("was read")

    def _read(self) -> None:
        self._scheduler.point("read")
        if self._scheduler.fails("read", self._scheduler.plan.storage_faults / 10):
            raise OperationalError("simulated: the database cannot be reached")
