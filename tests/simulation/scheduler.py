"""Who runs next, and what time it is.

Each thread of a simulated process is a task that gives way at points: before and after every call to the database and
to the gateway. At a point the task may go on, give way, sleep for long, or die with its whole process; chance says.
Time passes only here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Protocol

from greenlet import getcurrent, greenlet

from interact_ledger.clock import MovableClock
from interact_ledger.storage import accounts, books
from simulation.plan import Plan

__all__ = ["OPERATOR", "Mortal", "ProcessDied", "Scheduler", "Task"]

NAPS = [timedelta(seconds=s) for s in (0.05, 1, 20, 70, 90, 700, 1500, 5000, 100_000)]
"""How long a process may be paused: within every delay there is, and longer than any."""
OPERATOR = ".op"
BOUNDARIES = 12
STEP_MICROSECONDS_MAX = 8_000


class ProcessDied(BaseException):
    """The process ends here; no handler of the library may go on as if it lived."""


class Mortal(Protocol):
    """What tasks run in."""

    dead: bool

    def die(self) -> None: ...


@dataclass(eq=False)
class Task:
    """One thread of a process, or somebody outside."""

    name: str
    process: Mortal | None
    body: greenlet = field(repr=False)
    wakes_at: datetime


class Scheduler:
    """Runs tasks, one at a time, in an order that follows from the seed alone."""

    def __init__(self, chance: Random, plan: Plan, clock: MovableClock) -> None:
        self.chance = chance
        self.plan = plan
        self.clock = clock
        self.trace: list[tuple[datetime, str, str]] = []
        self.faults: dict[str, int] = {}
        self.calm = False
        """Whether nothing goes wrong any more."""
        self._under_way: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self.boundaries: list[datetime] = []
        """Moments from which something is too late, or is believed."""
        self._tasks: list[Task] = []
        self._current: Task | None = None
        self._hub = getcurrent()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def spawn(self, name: str, run: Callable[[], None], process: Mortal | None = None) -> None:
        self._tasks.append(Task(name, process, greenlet(run), self.now))

    def run(self) -> None:
        """Run until every task has ended."""
        while self._tasks:
            ready = [task for task in self._tasks if task.wakes_at <= self.now]
            if not ready:
                self.pass_time(min(task.wakes_at for task in self._tasks) - self.now)
                continue
            self.pass_time(timedelta(microseconds=self.chance.randrange(STEP_MICROSECONDS_MAX)))
            self._go_on(ready[self.chance.randrange(len(ready))])

    def _go_on(self, task: Task) -> None:
        self._current = task
        try:
            task.body.switch()
        except ProcessDied:
            pass
        finally:
            self._current = None
            if task.body.dead:
                self._tasks.remove(task)

    def threads_of(self, process: Mortal) -> int:
        """Return how many tasks of a process have not ended."""
        return sum(task.process is process for task in self._tasks)

    @property
    def workers(self) -> int:
        """How many tasks serve customers."""
        return sum(task.process is not None and not task.name.endswith(OPERATOR) for task in self._tasks)

    @property
    def is_operating(self) -> bool:
        """Whether what runs now is the operator's, who recovers and never charges."""
        return self._current is not None and self._current.name.endswith(OPERATOR)

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass, and what is under way arrive in it."""
        end = self.now + duration
        while self._under_way and self._under_way[0][0] <= end:
            moment, _, arrive = heapq.heappop(self._under_way)
            self.clock.set(moment)
            self.tell("something arrives late")
            arrive()
        self.clock.set(end)

    def later(self, delay: timedelta, arrive: Callable[[], None]) -> None:
        """Have something arrive after a delay."""
        heapq.heappush(self._under_way, (self.now + delay, next(self._numbers), arrive))

    # What tasks call --------------------------------------------------------------------------------------------

    def tell(self, what: str) -> None:
        """Write a line of the story."""
        self.trace.append((self.now, self._current.name if self._current else "-", what))

    def point(self, what: str, *, risk: float = 1) -> None:
        """Go on, give way, sleep or die, before or after something that others can see.

        Args:
            what: what comes, or has just come.
            risk: how much likelier than elsewhere it is to sleep or to die here.
        """
        task = self._current
        self.tell(what)
        if task is None:
            return
        self._refuse_the_dead(task)
        if self.calm:
            return
        drawn = self.chance.random()
        plan = self.plan
        crashes, pauses = plan.crashes * risk, plan.pauses * risk
        if task.process is not None and drawn < crashes:
            self.count("crash")
            self.tell("dies")
            task.process.die()
            for other in self._tasks:
                if other.process is task.process:
                    other.wakes_at = self.now
            raise ProcessDied
        if drawn < crashes + pauses:
            self.count("pause")
            self.sleep(self.until_boundary() or self.chance.choice(NAPS))
        elif drawn < crashes + pauses + plan.switches:
            self.give_way()

    def until_boundary(self) -> timedelta | None:
        """Return, half of the time, how long it is until about a moment from which something else holds."""
        ahead = [moment for moment in self.boundaries[-BOUNDARIES:] if self.now < moment < self.now + NAPS[-1]]
        if not ahead or self.chance.random() < 0.5:
            return None
        wobble = timedelta(milliseconds=self.chance.choice([-9_000, -4_000, -300, -50, 50, 300, 4_000, 9_000]))
        return max(self.chance.choice(ahead) + wobble - self.now, timedelta(0))

    def give_way(self) -> None:
        """Let others go on first."""
        task = self._current
        if task is None:
            return
        self._hub.switch()
        self._refuse_the_dead(task)

    def sleep(self, duration: timedelta) -> None:
        """Go on after so long at the earliest."""
        if self._current is None:
            self.pass_time(duration)
            return
        self._current.wakes_at = self.now + duration
        self.tell(f"sleeps {duration}")
        self.give_way()

    def fails(self, what: str, rate: float) -> bool:
        """Say whether something goes wrong now."""
        if self.calm or self.chance.random() >= rate:
            return False
        self.count(what)
        return True

    def count(self, what: str) -> None:
        self.faults[what] = self.faults.get(what, 0) + 1

    def _refuse_the_dead(self, task: Task) -> None:
        if task.process is not None and task.process.dead:
            raise ProcessDied

    # The time that the library takes from the system ----------------------------------------------------------------

    def take_over_time(self) -> Callable[[], None]:
        """Give the library's retries this time instead of the system's; return what gives the system's back."""

        def monotonic() -> float:
            return self.now.timestamp()

        def sleep(seconds: float) -> None:
            self.sleep(timedelta(seconds=seconds))

        simulated = SimpleNamespace(monotonic=monotonic, sleep=sleep)
        modules = (accounts, books)
        originals = [module.time for module in modules]
        for module in modules:
            module.time = simulated

        def give_back() -> None:
            for module, original in zip(modules, originals, strict=True):
                module.time = original

        return give_back
