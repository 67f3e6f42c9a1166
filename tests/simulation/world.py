"""Everything that simulated processes share: one database, one gateway, one true time, one network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from eventsourcing.persistence import IntegrityError, StoredEvent

from interact_ledger import Ledger, Settings
from interact_ledger.clock import MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.storage import accounts
from interact_ledger.testing import SequentialIds
from simulation.gateway_watch import GatewayWatch
from simulation.plan import Plan
from simulation.process import Process
from simulation.scheduler import Scheduler
from simulation.violation import Violation
from simulation.witness import Witness

__all__ = ["SETTINGS", "World"]

START = datetime(2027, 1, 30, 23, 30, tzinfo=UTC)
"""Soon a day begins on which cards are charged for the month."""
SETTINGS = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=2)})


class World:
    """One seed's world.

    Args:
        chance: the seed's one source of chance.
        directory: where its database is; an empty one is made there once and copied for each seed.
    """

    def __init__(self, chance: Random, directory: Path) -> None:
        self.chance = chance
        self.plan = plan = Plan.of(chance)
        self.settings = SETTINGS.model_copy(
            update={"quote_lifetime": plan.quote_lifetime, "clock_difference_max": plan.clock_difference_max}
        )
        self.clock = MovableClock(START)
        self.ids = SequentialIds()
        self.path = _new_database(directory)
        self.scheduler = Scheduler(chance, plan, self.clock)
        self.sandbox = SandboxGateway(
            clock=self.clock,
            replay_window=plan.replay_window,
            settles_within=plan.settles_within,
            lookup_lag=plan.lookup_lag,
        )
        self._database = Ledger.open(f"sqlite:///{self.path}", gateways=[], settings=SETTINGS)
        self.witness = Witness(self.path)
        self.watch = GatewayWatch(self.sandbox, self.scheduler, self.witness)
        self.processes: list[Process] = []
        self._numbers = count(1)
        self._give_back_time = self.scheduler.take_over_time()
        self._cache_sizes = accounts.SNAPSHOT_EVERY, accounts.CACHED_ACCOUNTS_MAX
        accounts.SNAPSHOT_EVERY, accounts.CACHED_ACCOUNTS_MAX = plan.snapshot_every, plan.cached_accounts_max

    def close(self) -> None:
        accounts.SNAPSHOT_EVERY, accounts.CACHED_ACCOUNTS_MAX = self._cache_sizes
        self._give_back_time()
        for process in self.processes:
            process.close()
        self._database.close()
        self.witness.close()
        self.sandbox.close()

    def started(self) -> Process:
        """Start a process."""
        process = Process(f"p{next(self._numbers)}", self)
        process.set_clock()
        self.processes.append(process)
        return process

    def ended(self, process: Process) -> None:
        self.processes.remove(process)
        process.close()

    # What observers are told ------------------------------------------------------------------------------------

    def committed(self) -> None:
        """Hold what was just committed against the gateway."""
        captures = self.witness.look()
        if captures:
            really = {one.reference: one for one in self.sandbox.captured()}
            for capture in captures:
                one = really.get(capture["reference"])
                if one is None or one.transaction_id != capture["operation_id"]:
                    raise Violation("I4", f"{capture['reference']} was credited and is no capture of that operation")
                if one.amount.amount != Decimal(capture["total"]):
                    raise Violation("I4", f"{capture['reference']} was credited with another amount than was captured")
        self.watch.check()

    # The network ------------------------------------------------------------------------------------------------

    def commit_late(self, delay: timedelta, stored_events: Sequence[StoredEvent], appended: dict[str, Any]) -> None:
        """Have the database commit something after a delay, unless something else came first."""

        def commit() -> None:
            with suppress(IntegrityError):
                self._database._log.recorder.insert_events(stored_events, **appended)
                self.committed()

        self.scheduler.later(delay, commit)


def _new_database(directory: Path) -> Path:
    empty = directory / "empty.db"
    if not empty.exists():
        Ledger.open(f"sqlite:///{empty}", gateways=[], settings=SETTINGS).close()
    path = directory / "ledger.db"
    for old in directory.glob("ledger.db*"):
        old.unlink()
    shutil.copyfile(empty, path)
    return path
