"""How long automatic payments wait before they go on, as the operator set it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Pace"]

_DOUBLINGS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The waits; those after a no double each time, up to the longest."""

    cool_down: timedelta
    """Between the starts of two automatic top-ups."""
    retry_after: timedelta
    """After a decline."""
    unsent_retry_after: timedelta
    """After the gateway surely was not reached."""
    retry_after_max: timedelta
    expiry_notice: timedelta
    """How long before a due date its customer is told that the card will have expired."""

    def after_failures(self, failures: int) -> timedelta:
        """Return how long to wait after so many declines in a row."""
        return self._doubled(self.retry_after, failures)

    def after_unsent(self, unsent: int) -> timedelta:
        """Return how long to wait after the gateway was not reached so often in a row."""
        return self._doubled(self.unsent_retry_after, unsent)

    def _doubled(self, wait: timedelta, times: int) -> timedelta:
        return min(wait * (1 << min(times - 1, _DOUBLINGS_MAX)), self.retry_after_max)
