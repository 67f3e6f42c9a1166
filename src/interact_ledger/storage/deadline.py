"""By when a command is to be over: each of its steps in the database has what the steps before it left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["deadline_of", "over_by"]

_over_by: ContextVar[float] = ContextVar("over_by")


@contextmanager
def over_by(moment: float) -> Iterator[None]:
    """Have every step within over by a moment of the monotonic clock, or sooner if that was said before."""
    token = _over_by.set(min(moment, _over_by.get(moment)))
    try:
        yield
    finally:
        _over_by.reset(token)


def deadline_of(seconds: float) -> float:
    """Return by when a step that may take so long has to be over."""
    moment = time.monotonic() + seconds
    return min(moment, _over_by.get(moment))
