"""The stored events as the audit reads them: raw rows, the chain that it computes itself, the JSON within.

The chain value of an event is the SHA-256 over its stream, version, topic and stored bytes, each preceded by its
length as eight bytes, the most significant first. Each event's bytes name the value of the one before it; the first
names 64 zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json

from interact_ledger.audit.amounts import is_canonical, millionths
from interact_ledger.audit.book import Purchase
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.tables import Read
from interact_ledger.audit.topics import TOPICS

__all__ = ["EVENTS_SQL", "MALFORMED", "PURCHASES", "Entry", "StreamReader", "purchase_finder"]

EVENTS_SQL = (
    "SELECT originator_id, originator_version, topic, state FROM stored_events"
    " ORDER BY originator_id, originator_version"
)

PURCHASES = frozenset({"spent", "hold-settled", "number-rental-charged"})
"""The topics with lines that were bought."""

_PURCHASE_SQL = (
    "SELECT e.originator_version, e.topic, e.state FROM operations o JOIN stored_events e"
    " ON e.originator_id=o.stream_id AND e.originator_version=o.version WHERE o.operation_id=? AND o.stream_id=?"
)

MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading an event's fields raises if they are not what the ledger writes."""

_ENVELOPE = {"event_version", "recorded_at", "actor", "correlation_id", "previous", "event"}


class Entry(NamedTuple):
    """A stored event, read."""

    stream_id: str
    version: int
    topic: str
    recorded_at: str
    """UTC with microseconds; these texts sort as times do."""
    event: Mapping[str, Any]
    chain: str

    def amount(self, field: str) -> int:
        """Return an amount of the event in millionths."""
        return millionths(self.event[field])

    @property
    def parts(self) -> tuple[int, ...]:
        """What the event says of a charge, in millionths: the credit, then each tax."""
        return self.amount("credit"), *(millionths(tax["amount"]) for tax in self.event["taxes"])

    def finding(self, code: str, message: str) -> Finding:
        """Return a finding about this event."""
        return Finding(code, self.stream_id, self.version, f"{self.topic}: {message}")


class StreamReader:
    """Reads one stream's rows in order, and follows its versions, times and chain (invariants I6 and I7)."""

    def __init__(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self._framed_stream = _framed(stream_id.encode())
        self.version = 0
        self.chain = "0" * 64
        self._recorded_at = ""

    def read(self, row: Sequence[Any], found: list[Finding]) -> Entry | None:
        """Return the row's event, None if it cannot be read; append what is wrong with it to `found`."""
        _, version, topic, state = row
        if version != self.version + 1:
            found.append(self._finding("version_gap", version, f"{version} follows {self.version}"))
        known = TOPICS.get(topic)
        if known is None:
            found.append(self._finding("topic_unknown", version, f"{topic!r} is no topic of this release"))
        try:
            envelope = _envelope(state)
        except (ValueError, TypeError, RecursionError) as error:
            found.append(self._finding("event_unreadable", version, f"{topic}: {error}"))
            self._move_on(version, topic, state)
            return None
        found.extend(self._follow(version, envelope))
        self._move_on(version, topic, state)
        if known is None:
            return None
        if envelope["event_version"] not in known.versions:
            found.append(self._finding("event_unreadable", version, f"{topic}: is of an unknown version"))
            return None
        return Entry(self._stream_id, self.version, topic, self._recorded_at, envelope["event"], self.chain)

    def _follow(self, version: int, envelope: Mapping[str, Any]) -> Iterator[Finding]:
        if envelope["previous"] != self.chain:
            yield self._finding(
                "chain_broken", version, f"does not name the chain value of {self.version}; one of the two was changed"
            )
        recorded_at = envelope["recorded_at"]
        if recorded_at < self._recorded_at:
            yield self._finding("time_reversed", version, f"{recorded_at} is before {self._recorded_at}")
        self._recorded_at = recorded_at

    def _move_on(self, version: Any, topic: str, state: Any) -> None:
        self.version = version if isinstance(version, int) else self.version + 1
        self.chain = self._chain_value(self.version, topic, state if isinstance(state, bytes) else str(state).encode())

    def _chain_value(self, version: int, topic: str, state: bytes) -> str:
        place = self._framed_stream + _framed(b"%d" % version) + _framed_topic(topic)
        return hashlib.sha256(b"".join((place, len(state).to_bytes(8, "big"), state))).hexdigest()

    def _finding(self, code: str, version: Any, message: str) -> Finding:
        return Finding(code, self._stream_id, version, message)


@lru_cache(maxsize=256)
def _framed_topic(topic: object) -> bytes:
    return _framed(str(topic).encode())


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(8, "big") + part


def _envelope(state: Any) -> dict[str, Any]:
    """Read stored bytes, or say why they are none of ours."""
    if not isinstance(state, bytes):
        raise TypeError("the state is not kept as bytes")
    envelope = from_json(state)
    if not isinstance(envelope, dict) or envelope.keys() != _ENVELOPE or not isinstance(envelope["event"], dict):
        raise ValueError("the bytes are no envelope of an event")
    if not is_canonical(envelope["recorded_at"]):
        raise ValueError("the recorded time is no moment")
    if not isinstance(envelope["actor"], str) or not isinstance(envelope["correlation_id"], str | None):
        raise TypeError("actor and correlation are no texts")
    return envelope


def purchase_finder(read: Read) -> Callable[[str, str], Purchase | None]:
    """Return what finds a purchase by stream and operation, so that no purchase need be kept in memory."""

    def find(stream_id: str, operation_id: str) -> Purchase | None:
        for version, topic, state in list(read(_PURCHASE_SQL, (operation_id, stream_id))):
            event = from_json(state)["event"]
            if topic in PURCHASES and event["operation_id"] == operation_id:
                return Purchase(version, event["lines"], millionths(event["amount"]), event.get("lots", ()))
        return None

    return find
