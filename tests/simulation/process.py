"""A process of a service: a ledger opened from the database alone, with a cache, a clock and a cable of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from interact_ledger import Ledger
from interact_ledger.clock import MovableClock
from simulation.cable import Cable
from simulation.storage import TroubledRecorder

if TYPE_CHECKING:
    from simulation.world import World

__all__ = ["Process", "ProcessClock"]


class ProcessClock:
    """A clock that differs from the true time by as much as it is set to."""

    def __init__(self, true: MovableClock) -> None:
        self._true = true
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._true.now() + self.ahead


class Process:
    """It lives until it dies; then nothing of it has an effect any more, and another has to be started."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.dead = False
        self.clock = ProcessClock(world.clock)
        self._world = world
        self.ledger = self._opened()

    def _opened(self) -> Ledger:
        world = self._world
        scheduler = world.scheduler
        cable = Cable(world.sandbox, self.clock, scheduler, world.watch, world.settings.clock_difference_max)
        ledger = Ledger.open(
            f"sqlite:///{world.path}", gateways=[cable], settings=world.settings, clock=self.clock, ids=world.ids
        )
        log = ledger._log
        log.recorder = TroubledRecorder(log.recorder, scheduler, world.committed, world.commit_late)
        ledger._context.accounts._jitter = Random(scheduler.chance.random())
        return ledger

    def set_clock(self) -> None:
        """Set the clock, no further from the true time than half of what two clocks may differ by."""
        half = self._world.settings.clock_difference_max / 2
        chance = self._world.scheduler.chance
        self.clock.ahead = half * chance.choice([-1, 1, chance.uniform(-1, 1)])

    def die(self) -> None:
        self.dead = True

    def close(self) -> None:
        """Close what the operating system closes when a process has ended."""
        self.ledger.close()
