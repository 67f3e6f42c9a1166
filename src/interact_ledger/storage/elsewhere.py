"""An event store that is not ours, as any persistence module of the event-sourcing library offers it.

All that is asked of it is an application recorder: to append events of one stream all or nothing, to refuse a version
that is there, to give a stream's events back, and to give all events back in some order.

Such modules take UUIDs for streams, so a stream is stored under a UUID that is derived from its name, and the name
stands before the event's bytes. What they raise may be of any kind and may show events, so nothing of it is passed on
but its kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid5

from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    OperationalError,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from interact_ledger.errors import ConfigurationError, CorruptLog, StorageUnavailable

__all__ = ["EventsElsewhere", "OtherStore", "Placed"]

_STREAMS = UUID("6f0c4a2e-5d0b-4d1c-9a43-3b8e0d6c5f21")
"""The namespace of the UUIDs that streams have elsewhere. It never changes."""


@dataclass(frozen=True, slots=True)
class EventsElsewhere:
    """Where events are kept, if not in the ledger's own database.

    Args:
        module: a persistence module of the event-sourcing library, as its `PERSISTENCE_MODULE` names it, such as
            "eventsourcing_umadb".
        environment: the variables that configure the module, such as {"UMADB_URI": "http://127.0.0.1:50051"}.
    """

    module: str
    environment: Mapping[str, str] = field(repr=False)


class Placed(NamedTuple):
    """An event in its place in the other store's log."""

    position: int
    stored: StoredEvent


class OtherStore:
    """The other event store, with streams by their names and errors that the ledger knows."""

    def __init__(self, events: EventsElsewhere) -> None:
        environment = Environment("interact_ledger", {**events.environment, "PERSISTENCE_MODULE": events.module})
        with _opening(events.module):
            self._factory: InfrastructureFactory[TrackingRecorder] = InfrastructureFactory.construct(environment)
            self._recorder: ApplicationRecorder = self._factory.application_recorder()

    def append(self, events: Sequence[StoredEvent]) -> None:
        """Append events of one stream.

        Raises:
            IntegrityError: nothing was written, because one of the versions is there.
            OperationalError: whether it was written is unknown.
        """
        with _their_errors():
            self._recorder.insert_events([_outward(stored) for stored in events])

    def after(self, stream_id: str, version: int) -> list[StoredEvent]:
        """Return a stream's events behind a version, oldest first."""
        with _their_errors():
            # From the newest back: there are modules that read every older event otherwise.
            found = self._recorder.select_events(_uuid_of(stream_id), gt=version, desc=True)
        return [_inward(stored) for stored in reversed(found)]

    def page(self, position: int, limit: int) -> list[Placed]:
        """Return some events of all streams behind a position, in the other store's order."""
        with _their_errors():
            found = self._recorder.select_notifications(position, limit, inclusive_of_start=False)
        return [Placed(notification.id, _inward(notification)) for notification in found]

    def head(self) -> int:
        """Return the position of the latest event, 0 if there is none."""
        with _their_errors():
            return self._recorder.max_notification_id() or 0

    def close(self) -> None:
        """Close every connection."""
        self._factory.close()


def _uuid_of(stream_id: str) -> UUID:
    return uuid5(_STREAMS, stream_id)


def _outward(stored: StoredEvent) -> StoredEvent:
    stream_id = str(stored.originator_id)
    state = stream_id.encode() + b"\n" + stored.state
    return StoredEvent(_uuid_of(stream_id), stored.originator_version, stored.topic, state)


def _inward(stored: StoredEvent) -> StoredEvent:
    name, _, state = bytes(stored.state).partition(b"\n")
    stream_id = name.decode(errors="replace")
    if stored.originator_id != _uuid_of(stream_id):
        raise CorruptLog(f"stream {stored.originator_id}, version {stored.originator_version}: is no event of a ledger")
    return StoredEvent(stream_id, stored.originator_version, stored.topic, state)


@contextlib.contextmanager
def _their_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise IntegrityError("the version is there already") from None
    except Exception as error:  # noqa: BLE001 - a module raises what its driver does, of which we know nothing
        raise OperationalError(f"the other event store failed: {type(error).__name__}") from None


@contextlib.contextmanager
def _opening(module: str) -> Iterator[None]:
    try:
        yield
    except (InfrastructureFactoryError, ImportError) as error:
        raise ConfigurationError(f"{module!r} is no persistence module that is installed", field="events") from error
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):
            raise StorageUnavailable(f"the other event store cannot be reached: {type(error).__name__}") from None
        raise ConfigurationError(f"{module!r} is not configured: {error}", field="events") from None
    except Exception as error:  # noqa: BLE001 - a module raises what its driver does, of which we know nothing
        raise StorageUnavailable(f"the other event store cannot be reached: {type(error).__name__}") from None
