"""The one source of time: always aware, always UTC, always replaceable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["BEGINNING", "END", "Clock", "MovableClock", "SystemClock", "iso"]

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


class Clock(Protocol):
    """Anything that tells the present time as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return datetime.now(UTC)


class MovableClock:
    """A clock that stands still until it is moved, for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        """Start at `start`, which must carry a time zone."""
        self._now = _in_utc(start)

    def now(self) -> datetime:
        """Return the time that the clock was last moved to."""
        return self._now

    def advance(self, duration: timedelta) -> datetime:
        """Move by `duration` (which may be negative, as real clocks are set back) and return the new time."""
        self._now += duration
        return self._now

    def set(self, moment: datetime) -> datetime:
        """Move to `moment`, which must carry a time zone, and return it in UTC."""
        self._now = _in_utc(moment)
        return self._now


def iso(moment: datetime) -> str:
    """Write a moment in UTC with microseconds, always 27 characters, so that texts sort as times do.

    Raises:
        ValueError: if the moment carries no time zone: it would be taken for this machine's local time.
    """
    return _in_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a datetime without a time zone; pass datetime(..., tzinfo=UTC)")
    return moment.astimezone(UTC)
