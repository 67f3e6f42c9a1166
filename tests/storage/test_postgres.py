"""What only a server with sessions can do to us: appends that wait for each other, and readers that pass one over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from storage_helpers import gbp, put_through_its_paces

from interact_ledger import Message, Settings
from interact_ledger.ids import RandomIds
from interact_ledger.testing import LedgerKit, ledger_kit

HASTY = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=5)})


class Paused:
    """A ledger whose appends stop when everything is written and nothing committed, until they are let on."""

    def __init__(self, kit: LedgerKit) -> None:
        recorder = kit.ledger._log.recorder
        self._write: Callable[..., None] = recorder.write_changes
        self._stopped, self._goes_on = threading.Semaphore(0), threading.Semaphore(0)
        self.over = threading.Event()
        recorder.write_changes = self._write_and_stop

    def _write_and_stop(self, cursor: Any, changes: Any) -> None:
        self._write(cursor, changes)
        cursor.execute("SELECT 1")
        cursor.rows()  # so that the server has done it all
        self._stopped.release()
        assert self._goes_on.acquire(timeout=30)

    def wait(self) -> bool:
        """Wait for the next append to stop; return whether one did."""
        while not self._stopped.acquire(timeout=0.02):
            if self.over.is_set():
                return False
        return True

    def go_on(self) -> None:
        self._goes_on.release()


@contextmanager
def working(paused: Paused, work: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Work in a thread of its own."""

    def to_its_end() -> Any:
        try:
            return work()
        finally:
            paused.over.set()

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(to_its_end)


def test_no_command_waits_for_another_accounts_open_transaction(postgres_url):
    with two_ledgers(postgres_url) as (slow, quick):
        account_id = quick.account().account_id
        paused = Paused(slow)
        appends = 0
        with working(paused, lambda: put_through_its_paces(slow)) as work:
            while paused.wait():
                key = f"while-{appends}"
                quick.ledger.adjust(account_id, gbp("2.00"), "meanwhile", idempotency_key=key)
                held = quick.ledger.hold(account_id, gbp("1.00"), "meanwhile", idempotency_key=f"{key}-hold")
                quick.ledger.spend(account_id, Message("m", "GB", segments=1), idempotency_key=f"{key}-spend")
                quick.ledger.release(account_id, held.hold_id, idempotency_key=f"{key}-release")
                quick.ledger.checkout(account_id, gbp("10.00"))
                appends += 1
                paused.go_on()
            work.result()
        assert appends > 20
        assert quick.ledger.audit().clean


@contextmanager
def two_ledgers(url: str) -> Iterator[tuple[LedgerKit, LedgerKit]]:
    """One ledger to be paused, and one that goes on."""
    with ledger_kit(url) as slow, ledger_kit(url, settings=HASTY) as quick:
        quick.ledger._ids = RandomIds()
        yield slow, quick


def test_a_reader_of_the_whole_log_waits_for_an_append_that_has_its_place_and_is_not_committed(postgres_url):
    with two_ledgers(postgres_url) as (slow, quick):
        first, second = slow.account().account_id, quick.account().account_id
        paused = Paused(slow)
        with working(paused, lambda: adjusted(slow, first)) as work, ThreadPoolExecutor(1) as thread:
            assert paused.wait()
            adjusted(quick, second)
            reading = thread.submit(read, quick)
            assert wait([reading], timeout=0.5).not_done, "an event before the last is still to come"
            paused.go_on()
            work.result()
            assert reading.result() == [(first, 1), (second, 1), (first, 2), (second, 2)]


def test_a_reader_passes_an_event_over_if_appends_do_not_take_the_lock(postgres_url):
    """The test above fails without the lock; this is how."""
    with two_ledgers(postgres_url) as (slow, quick):
        first, second = slow.account().account_id, quick.account().account_id
        paused = Paused(slow)
        slow.ledger._log.recorder._lock += 1
        with working(paused, lambda: adjusted(slow, first)) as work:
            assert paused.wait()
            adjusted(quick, second)
            assert read(quick) == [(first, 1), (second, 1), (second, 2)]
            paused.go_on()
            work.result()


def adjusted(kit: LedgerKit, account_id: str) -> None:
    kit.ledger.adjust(account_id, gbp("1.00"), "one more", idempotency_key="more")


def read(kit: LedgerKit) -> list[tuple[str, int]]:
    return [(logged.recorded.stream_id, logged.recorded.version) for logged in kit.ledger._log.all_events()]


@pytest.mark.parametrize(
    "statement", ["TRUNCATE stored_events", "DELETE FROM stored_events", "UPDATE stored_events SET topic='x'"]
)
def test_not_even_the_owner_changes_the_log_by_mistake(postgres_url, statement):
    with ledger_kit(postgres_url) as kit:
        account_id = kit.account().account_id
        with pytest.raises(Exception, match="append-only"), kit.ledger._log.recorder.transaction(write=True) as cursor:
            cursor.execute(statement)
        assert kit.ledger.account(account_id).version == 1
