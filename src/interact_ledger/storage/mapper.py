"""How a recorded event becomes bytes and back, and how each is chained to the one before it.

The bytes are one JSON object: the envelope's fields, the chain value of the stream's previous event, and the event.
The chain value of an event is the SHA-256 over its stream, version, topic and bytes, each behind its length. As the
bytes hold the time and the previous value, no event can be changed, dropped or moved without breaking the chain.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple, cast

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import IntegrityError, Mapper, StoredEvent
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from interact_ledger.clock import iso
from interact_ledger.domain.events import TOPICS, Event, Recorded, UtcTime
from interact_ledger.errors import CorruptLog

__all__ = ["CHAIN_START", "Chained", "LedgerMapper", "chain_value", "refuse_a_gap"]

CHAIN_START = "0" * 64
"""What the first event of a stream is chained to."""


class Chained(NamedTuple):
    """A recorded event with the chain value of its predecessor: what the event store is given to keep."""

    recorded: Recorded
    previous: str

    @property
    def originator_id(self) -> str:
        return self.recorded.stream_id

    @property
    def originator_version(self) -> int:
        return self.recorded.version


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    event_version: int
    recorded_at: UtcTime
    actor: str
    correlation_id: str | None
    previous: str
    event: dict[str, Any]


def chain_value(stored: StoredEvent) -> str:
    """Return the chain value of a stored event, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in (
        str(stored.originator_id).encode(),
        str(stored.originator_version).encode(),
        stored.topic.encode(),
        bytes(stored.state),
    ):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def refuse_a_gap(first: StoredEvent, chain: str, before: tuple[str, bytes] | None) -> None:
    """Look whether an event follows on the one before it.

    Args:
        first: the event that is to be written.
        chain: the chain value of the event before it, as its writer knows it.
        before: topic and state of the event before it, None if there is none.

    Raises:
        IntegrityError: if it does not: the database has gone back behind what the writer knows.
    """
    if before is None:
        follows = first.originator_version == 1
    else:
        follows = chain_value(StoredEvent(first.originator_id, first.originator_version - 1, *before)) == chain
    if not follows:
        raise IntegrityError("the event before it is not there, or is another")


class LedgerMapper(Mapper[str]):
    """Writes envelopes; reads only the topics of our own list, whatever a stored topic says."""

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Write a chained event."""
        recorded, previous = cast("Chained", domain_event)
        event = recorded.event
        state = b'{"event_version":%d,"recorded_at":"%s","actor":%s,"correlation_id":%s,"previous":"%s","event":%s}' % (
            event.VERSION,
            iso(recorded.recorded_at).encode(),
            to_json(recorded.actor),
            to_json(recorded.correlation_id),
            previous.encode(),
            event.__pydantic_serializer__.to_json(event),
        )
        return StoredEvent(recorded.stream_id, recorded.version, event.TOPIC, state)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Read a chained event.

        Raises:
            CorruptLog: if the topic is not ours or the bytes are not what we write.
        """
        where = f"stream {stored_event.originator_id}, version {stored_event.originator_version}"
        kind = TOPICS.get(stored_event.topic)
        if kind is None:
            raise CorruptLog(f"{where}: {stored_event.topic!r} is no topic of this library, or of a newer release")
        try:
            envelope = _Envelope.model_validate_json(stored_event.state)
            event = _read(kind, envelope)
        except ValidationError as error:
            raise CorruptLog(f"{where}: the stored bytes are not a {stored_event.topic}: {error}") from None
        except LookupError:
            raise CorruptLog(f"{where}: this release cannot read that version of {stored_event.topic}") from None
        recorded = Recorded(
            stream_id=str(stored_event.originator_id),
            version=stored_event.originator_version,
            recorded_at=envelope.recorded_at,
            actor=envelope.actor,
            correlation_id=envelope.correlation_id,
            event=event,
        )
        return Chained(recorded, envelope.previous)


def _read(kind: type[Event], envelope: _Envelope) -> Event:
    if envelope.event_version > kind.VERSION:
        raise LookupError("written by a newer release, which may mean something else by the same fields")
    fields = envelope.event
    for version in range(envelope.event_version, kind.VERSION):
        fields = kind.UPCASTS[version](fields)
    return kind.model_validate(fields)
