"""A command that keeps running until it is told to stop, and then ends between two things that it does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "repeatedly"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop(Exception):
    """Whoever started the command wants it to end."""


def repeatedly(run: Callable[[Callable[[int, int], None]], None], every_seconds: float) -> bool:
    """Run something again and again until SIGTERM or SIGINT, which never cuts short what is being done.

    Returns whether the last run was ended while there was more to do.

    Args:
        run: called with what it calls after each thing that it did; there it ends, if it is to.
        every_seconds: how long to wait after each run.
    """
    with _stopped_by_signals() as stopped:

        def told(done: int, of: int) -> None:
            if stopped.is_set() and done < of:
                raise Stop

        try:
            while not stopped.is_set():
                run(told)
                stopped.wait(every_seconds)
        except Stop:
            return True
        return False


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
