"""What all events share, and the envelope around each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from interact_ledger.domain.events.fields import PersonalText

__all__ = ["Event", "OperationEvent", "OperationStarted", "Recorded"]


class Event(BaseModel):
    """A fact. Subclasses with a TOPIC are what streams hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    TOPIC: ClassVar[str]
    VERSION: ClassVar[int] = 1
    UPCASTS: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
    """By old version: turns that version's stored fields into the next one's."""

    OPERATIONS: ClassVar[tuple[str, ...]] = ()
    """The fields that name what this event is found by again: its own operation first, then a card, hold or quote."""
    STARTS: ClassVar[bool] = False
    """Whether it is the first event of its own operation."""

    def operations(self) -> tuple[str, ...]:
        """Return the ids of the operations under which this event is found again."""
        return tuple(getattr(self, field) for field in self.OPERATIONS)


class OperationEvent(Event):
    """A fact about one operation."""

    OPERATIONS: ClassVar[tuple[str, ...]] = ("operation_id",)

    operation_id: str


class OperationStarted(OperationEvent):
    """The first fact about an operation; the request it answers can be recognised when it is repeated."""

    STARTS = True

    idempotency_key: PersonalText
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place in the log."""

    stream_id: str
    """The account, or a book: a seller's of invoices or of credit notes, or a gateway's of what nothing explains."""
    version: int
    """Its position in the stream: 1, 2, 3, … without gaps."""
    recorded_at: datetime
    """UTC; never before its predecessor's."""
    actor: str
    """Who caused it."""
    correlation_id: str | None
    """The request or job that caused it, as the service names it."""
    event: Event
