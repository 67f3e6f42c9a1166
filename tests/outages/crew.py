"""Several processes that go on working on one ledger, whatever happens to its database, until they are told to stop."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, takewhile
from pathlib import Path

from interact_ledger import Ledger, Settings
from interact_ledger.gateways.sandbox import SandboxGateway
from tellers import Tally, Worker, gbp, stubborn

PROCESSES = 3
THREADS = 2
START = gbp("200")
SETTINGS = Settings.default().model_copy(
    update={
        "command_deadline": timedelta(seconds=3),
        "send_within": timedelta(seconds=2),
        "clock_difference_max": timedelta(0),
    }
)
"""What is not known is soon looked for, and soon known."""
SOON = timedelta(milliseconds=100)


class Crew:
    """Workers on one account, in processes of their own.

    Args:
        directory: an empty folder, for the gateway's file and the sign to stop.
        url: where the workers find the ledger.
        settings: those of the workers' ledgers.
    """

    def __init__(self, directory: Path, url: str, settings: Settings = SETTINGS) -> None:
        self._directory = directory
        self._url = url
        with opened(directory, url, settings) as (ledger, _):
            self.account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
            ledger.adjust(self.account_id, START, "carried over", idempotency_key="start")
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(PROCESSES, mp_context=context)
        self._working = [
            self._pool.submit(work_until_told, directory, url, settings, self.account_id, number)
            for number in range(PROCESSES)
        ]

    def wait_until_all_work(self) -> None:
        """Wait until every process has begun."""
        give_up_at = time.monotonic() + 60
        while len(list(self._directory.glob("at-work-*"))) < PROCESSES:
            assert time.monotonic() < give_up_at
            for working in self._working:
                if working.done():
                    working.result()
            time.sleep(0.01)

    def stopped(self) -> list[Tally]:
        """Tell the workers to stop, and return what was acknowledged to them."""
        (self._directory / "stop").touch()
        tallies = [tally for working in self._working for tally in working.result(timeout=180)]
        self._pool.shutdown()
        return tallies

    def check(self, url: str | None = None) -> int:
        """Stop, and hold what was acknowledged against the ledger; return how many commands that were."""
        tallies = self.stopped()
        with opened(self._directory, url or self._url, SETTINGS) as (ledger, gateway):
            balance = ledger.balance(self.account_id)
            assert balance.available == START + gbp(sum(tally.available for tally in tallies))
            assert balance.held == gbp(sum(tally.held for tally in tallies))
            assert balance.available.amount >= 0
            captured = [capture.transaction_id for capture in gateway.captured()]
            assert len(set(captured)) == len(captured) == sum(tally.done["_top_up"] for tally in tallies)
            report = ledger.audit()
            assert report.clean, report.findings
        return sum(sum(tally.done.values()) for tally in tallies)


@contextmanager
def opened(directory: Path, url: str, settings: Settings) -> Iterator[tuple[Ledger, SandboxGateway]]:
    """Open the ledger and its gateway, however long the database takes to be there."""
    with (
        SandboxGateway(directory / "sandbox.db", settles_within=SOON, lookup_lag=timedelta(0)) as gateway,
        stubborn(lambda: Ledger.open(url, gateways=[gateway], settings=settings)) as ledger,
    ):
        yield ledger, gateway


def work_until_told(directory: Path, url: str, settings: Settings, account_id: str, number: int) -> list[Tally]:
    """Work in several threads until a file appears; return what was acknowledged to each."""
    stop = directory / "stop"
    with opened(directory, url, settings) as (ledger, _), ThreadPoolExecutor(THREADS) as threads:

        def work(thread: int) -> Tally:
            worker = Worker(ledger, account_id, f"process-{number}-{thread}", stubborn, tops_up=True)
            return worker.work(takewhile(lambda _: not stop.exists(), count()))

        (directory / f"at-work-{number}").touch()
        return list(threads.map(work, range(THREADS)))
