"""How a repeated request is recognised: same key and same request, or a conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from interact_ledger.domain.events import OperationStarted, Recorded
from interact_ledger.errors import IdempotencyConflict

__all__ = ["Request", "RequestFields"]


class RequestFields(TypedDict):
    """What an operation's first event keeps of its request."""

    operation_id: str
    idempotency_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it can be recognised again."""

    operation_id: str
    idempotency_key: str
    fingerprint: str

    def is_repeated(self, past: Sequence[Recorded]) -> bool:
        """Say whether the operation's past begins with this very request.

        Raises:
            IdempotencyConflict: if its key was used for another request.
        """
        if not past:
            return False
        started = past[0].event
        if not isinstance(started, OperationStarted) or started.fingerprint != self.fingerprint:
            raise IdempotencyConflict(
                "was used before for another request; use a new key, or repeat exactly what it was used for",
                field="idempotency_key",
            )
        return True

    @property
    def fields(self) -> RequestFields:
        return {
            "operation_id": self.operation_id,
            "idempotency_key": self.idempotency_key,
            "fingerprint": self.fingerprint,
        }
