"""A process lives on while its database goes back: a standby that lacks its last events takes over, or a copy returns.

What was lost is lost. But what the process remembers of it must neither be told nor be built upon: an event behind one
that is not there would break the account for good.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import available, gbp, opened, pay
from servers.postgres import Cluster

WAIT_SECONDS = 30


@pytest.fixture
def postgres(new_cluster: Callable[..., Cluster]) -> Iterator[tuple[LedgerKit, Callable[[], None], Callable[[], None]]]:
    """A ledger, what keeps from its standby all that follows, and what makes that standby take over."""
    primary = new_cluster(fsync="off")
    with primary.standby() as standby:
        primary.wait_for_standby(state="async")
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"

        def keep_back() -> None:
            standby.set(primary_conninfo="host=127.0.0.1 port=1")
            give_up_at = time.monotonic() + WAIT_SECONDS
            while primary.execute("SELECT count(*) FROM pg_stat_replication") != [(0,)]:
                assert time.monotonic() < give_up_at
                time.sleep(0.05)

        def go_back() -> None:
            primary.kill()
            standby.promote()

        with ledger_kit(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write") as kit:
            yield kit, keep_back, go_back


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[LedgerKit, Callable[[], None], Callable[[], None]]]:
    """A ledger, what makes a copy, and what restores it into the file that is in use."""
    live, copy = tmp_path / "ledger.db", tmp_path / "copy.db"

    def backed_up(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)

    with ledger_kit(f"sqlite:///{live}") as kit:
        yield kit, lambda: backed_up(live, copy), lambda: backed_up(copy, live)


def test_after_a_failover_that_lost_events_nothing_is_told_of_them_or_built_upon_them(postgres):
    check(*postgres)


def test_after_a_copy_was_restored_nothing_is_told_of_lost_events_or_built_upon_them(sqlite):
    check(*sqlite)


def check(kit: LedgerKit, keep_back: Callable[[], None], go_back: Callable[[], None]) -> None:
    read, written, raced = (opened(kit).account_id for _ in range(3))
    keep_back()
    for account_id in (read, written, raced):
        kit.ledger.adjust(account_id, gbp("7.00"), "lost", idempotency_key="lost")
    lost = kit.ledger.receipt(pay(kit, written).transaction_id)
    go_back()

    assert available(kit, read) == gbp("0")
    assert kit.ledger.adjust(written, gbp("1.00"), "kept", idempotency_key="kept") == gbp("1.00")
    with_another_memory(kit, raced)
    assert kit.ledger.adjust(raced, gbp("1.00"), "kept", idempotency_key="kept") == gbp("3.00")
    assert kit.ledger.receipt(pay(kit, raced).transaction_id).invoice_number == lost.invoice_number
    assert kit.ledger.audit().clean


def with_another_memory(kit: LedgerKit, account_id: str) -> None:
    """Let a process that remembers nothing write where the lost events were."""
    accounts = kit.ledger._context.accounts
    remembered = accounts._cache[account_id]
    del accounts._cache[account_id]
    kit.ledger.adjust(account_id, gbp("2.00"), "another", idempotency_key="another")
    accounts._cache[account_id] = remembered
