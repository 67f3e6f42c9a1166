"""A command of a process of its own, whose calls to the system about a ledger's files are made to fail."""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from crash_places import Place, Store
from crash_scenes import Scene
from killing import Staged, ask

__all__ = ["FailingDisk", "Fault", "Told"]

HOWS = {
    "killed at": "signal=KILL:when={}",
    "an error at": "error=EIO:when={}",
    "no space from": "error=ENOSPC:when={}+",
}
TAKES_SPACE = {"fallocate", "fdatasync", "fsync", "ftruncate", "openat", "pwrite64", "write"}
"""What fails on a full disk, and goes on failing."""
_CALL = re.compile(r"^\d+ +(\w+)\((.*)", re.MULTILINE)


class Fault(NamedTuple):
    """What happens at a call."""

    how: str
    call: str
    number: int

    @property
    def injection(self) -> str:
        return f"inject={self.call}:{HOWS[self.how].format(self.number)}"


class Told(NamedTuple):
    """What a command said."""

    killed: bool
    happened: bool
    """Whether the fault was met at all."""
    first: dict[str, str | None]
    """Which error it raised on the failing disk."""
    second: dict[str, str | None]
    """Which error the same ledger raised for the same request, once the disk worked."""
    third: dict[str, str | None]
    """Which error it raised in a ledger that the same process opened anew."""
    calls: str
    """What it asked of the system."""


class FailingDisk(Staged):
    """A scene on SQLite files, and a process whose children meet faults in it."""

    def __init__(self, process: subprocess.Popen[str], store: Store, scene: Scene) -> None:
        super().__init__(store, scene)
        self._process = process

    @cached_property
    def faults(self) -> list[Fault]:
        """Every fault at every call about the ledger's files, but for errors at those of `unreturned`."""
        found = []
        for call, number, _ in self.calls:
            hows = HOWS if call in TAKES_SPACE else ("killed at", "an error at")
            found.extend(Fault(how, call, number) for how in hows)
        return [fault for fault in found if fault not in self.unreturned]

    @cached_property
    def unreturned(self) -> list[Fault]:
        """Errors where a lock is given back that was taken just before, for SQLite's own book-keeping.

        It cannot come back from them: until every connection of the process is closed, the lock counts as taken.
        """
        return [
            Fault("an error at", call, number)
            for (_, _, before), (call, number, arguments) in pairwise(self.calls)
            if arguments == before.replace("F_WRLCK", "F_UNLCK") != before
        ]

    @cached_property
    def calls(self) -> list[tuple[str, int, str]]:
        """What the command asks of the system if nothing fails: name, how manieth of that name, arguments."""
        with self.copied() as place:
            calls = _CALL.findall(self._told(place, []).calls)
        assert calls, "the command was traced"
        counted: Counter[str] = Counter()
        found = []
        for call, arguments in calls:
            counted[call] += 1
            found.append((call, counted[call], arguments))
        return found

    @contextmanager
    def after(self, fault: Fault) -> Iterator[tuple[Place, Told]]:
        """Give what a command leaves behind that meets a fault, and what it said."""
        with self.copied() as place:
            yield place, self._told(place, ["-e", fault.injection])

    @contextmanager
    def answered(self) -> Iterator[Place]:
        with self.copied() as place:
            self._told(place, [])
            yield place

    def _told(self, place: Place, injections: list[str]) -> Told:
        pid = ask(self._process, {"scene": self.scene.name, "place": place})["pid"]
        with strace(pid, place, injections) as calls:
            first = ask(self._process, "go on")
        killed = "status" in first
        second = {} if killed else ask(self._process, "go on")
        third = {} if killed else ask(self._process, "go on")
        status = first["status"] if killed else ask(self._process, "go on")["status"]
        assert status == (signal.SIGKILL if killed else 0), "the process said on standard error what is wrong"
        text = calls.read_text()
        return Told(killed, killed or "(INJECTED)" in text, first, second, third, text)


@contextmanager
def strace(pid: int, place: Place, injections: list[str]) -> Iterator[Path]:
    """Trace what a process asks of the system about a ledger's files; afterwards, let it go on alone."""
    ledger = place.url.removeprefix("sqlite:///")
    calls = Path(place.sandbox).with_name("calls")
    paths = [str(Path(ledger).parent), *(ledger + part for part in ("", "-wal", "-shm", "-journal"))]
    arguments = ["strace", "-f", "-p", str(pid), "-o", str(calls), *injections]
    arguments += [argument for path in paths for argument in ("-P", path)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as tracing:
        assert tracing.stderr is not None
        said = tracing.stderr.readline()
        assert "attached" in said, f"strace must be able to attach to a process of ours: {said}"
        try:
            yield calls
        finally:
            tracing.send_signal(signal.SIGINT)
            tracing.wait(60)
