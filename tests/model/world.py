"""The real parts that the machine drives: a ledger that can crash, a sandbox behind a cable, a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from interact_ledger import Ledger, MovableClock, Settings
from interact_ledger.gateways.protocol import NotAttempted
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.settings import CardTesting
from interact_ledger.testing import SequentialIds

MANY_CARDS = Settings.default().model_copy(update={"card_testing": CardTesting(declines_max=100, cards_max=100)})
"""The limits against card testing are not the machine's subject, and its clock hardly moves."""
START = datetime(2027, 1, 29, 9, 30, tzinfo=UTC)
CALLS = {"link_customer", "begin", "charge", "cancel", "save", "complete_save", "cancel_save", "forget", "refund"}


class PowerCut(BaseException):
    """The process ends here; no handler of the library may run as if it went on."""


class Cable:
    """The way to the sandbox, on which a chosen call goes wrong.

    `before`, `after`: the process dies just then. `asleep`: it is paused before sending, and wakes up when nobody
    expects it any more. `refused`: no connection, and an adapter that does not remember what went before.
    """

    def __init__(self, sandbox: SandboxGateway) -> None:
        self._sandbox = sandbox
        self.trouble: tuple[str, str] | None = None
        self.begins = True
        """Whether there is a step before charging; if not, the sandbox makes its payment when it is charged."""
        self.asleep: list[Callable[[], Any]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._sandbox, name)
        return partial(self._call, name, found) if name in CALLS else found

    def _call(self, name: str, method: Any, *arguments: Any) -> Any:
        if name == "begin" and not self.begins:
            return None
        at, what = self.trouble or (None, None)
        if at != name:
            return method(*arguments)
        if what == "refused":
            return NotAttempted(why="the connection was refused")
        if what == "asleep":
            self.asleep.append(partial(method, *arguments))
        if what == "after":
            method(*arguments)
        raise PowerCut

    def wake(self) -> None:
        """Send what sleepers meant to send."""
        while self.asleep:
            self.asleep.pop()()


IN_MEMORY = "sqlite://"


class World:
    """A ledger in an empty database, and what is around it."""

    def __init__(self, url: str) -> None:
        self.clock = MovableClock(START)
        self.sandbox = SandboxGateway(clock=self.clock)
        self.gateway = Cable(self.sandbox)
        self._ids = SequentialIds()
        self._url = url
        self.ledger = self._opened()

    def _opened(self) -> Ledger:
        return Ledger.open(self._url, gateways=[self.gateway], clock=self.clock, ids=self._ids, settings=MANY_CARDS)

    def restart(self) -> None:
        """Forget all that was in memory; a ledger that is in memory only forgets what it cached."""
        self.gateway.trouble = None
        if self._url == IN_MEMORY:
            self.ledger._context.accounts._cache.clear()
            return
        self.ledger.close()
        self.ledger = self._opened()

    def fail_next(self, faults: Iterable[tuple[str, str]]) -> None:
        for verb, kind in faults:
            self.sandbox.fail_next(verb, Fault(kind))

    def repair(self) -> None:
        """No fault is left over for a later step."""
        self.gateway.trouble = None
        for faults in self.sandbox._faults.values():
            faults.clear()

    def close(self) -> None:
        self.ledger.close()
        self.sandbox.close()
