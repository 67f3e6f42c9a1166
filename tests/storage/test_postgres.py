"""What only a server can do to us: sessions killed, answers lost, readers of a log that others are writing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import psycopg
import pytest
from moneyed import Money

from interact_ledger.errors import StorageUnavailable
from interact_ledger.testing import ledger_kit

T = TypeVar("T")


def gbp(amount: str) -> Money:
    return Money(amount, "GBP")


@pytest.fixture
def kit(postgres_url):
    with ledger_kit(postgres_url) as kit:
        yield kit


def kill_sessions(address: str) -> int:
    with psycopg.connect(address, autocommit=True) as connection:
        return connection.execute(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid<>pg_backend_pid()"
            " AND datname=current_database()"
        ).fetchone()[0]


def test_commands_go_on_while_their_sessions_are_killed_and_each_counts_once(kit, postgres_url):
    account_id = kit.account().account_id
    over = threading.Event()
    killed = []

    def kill() -> None:
        while not over.wait(0.02):
            killed.append(kill_sessions(postgres_url))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for number in range(300):
            key = {"idempotency_key": f"a{number}"}
            answered(partial(kit.ledger.adjust, account_id, gbp("1.00"), "one more", **key))
    finally:
        over.set()
        killer.join()
    assert sum(killed) >= 3
    assert answered(lambda: kit.ledger.balance(account_id)).total == gbp("300.00")
    assert answered(kit.ledger.audit).clean


def answered(call: Callable[[], T]) -> T:
    """Repeat a call until its session lives long enough."""
    while True:
        with contextlib.suppress(StorageUnavailable):
            return call()


def test_a_reader_of_the_whole_log_passes_over_no_event_while_eight_writers_append(kit):
    accounts = [kit.account().account_id for _ in range(8)]
    log = kit.ledger._log

    def write(account_id: str) -> None:
        for number in range(25):
            kit.ledger.adjust(account_id, gbp("1.00"), "one more", idempotency_key=f"w{number}")

    read: list[tuple[str, int]] = []
    position = 0
    with ThreadPoolExecutor(8) as threads:
        writers = [threads.submit(write, account_id) for account_id in accounts]
        while True:
            finished = all(writer.done() for writer in writers)
            for logged in log.all_events(after=position):
                read.append((logged.recorded.stream_id, logged.recorded.version))
                position = logged.position
            if finished:
                break
    for writer in writers:
        writer.result()
    assert sorted(read) == sorted((account_id, version) for account_id in accounts for version in range(1, 27))
