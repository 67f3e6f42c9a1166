"""A synchronous standby that is absent: a COMMIT waits for it, and what is not confirmed is never called done.

The server lets no timeout end that wait, and calls a COMMIT done whose wait was cancelled, with a warning beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from interact_ledger import Settings
from interact_ledger.errors import StorageUnavailable
from interact_ledger.testing import LedgerKit, ledger_kit
from servers.postgres import Cluster
from tellers import gbp, stubborn

DEADLINE = 1.0
HASTY = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=DEADLINE)})
COMMITTING = "SELECT pid FROM pg_stat_activity WHERE wait_event='SyncRep'"
ABSENT = {"synchronous_standby_names": "standby"}


@pytest.fixture
def cluster(new_cluster) -> Cluster:
    return new_cluster(fsync="off")


@pytest.fixture
def kit(cluster: Cluster) -> Iterator[LedgerKit]:
    with ledger_kit(cluster.url(), settings=HASTY) as opened:
        yield opened


def adjusted(kit: LedgerKit, account_id: str, key: str = "key"):
    return kit.ledger.adjust(account_id, gbp("1.00"), "one more", idempotency_key=key)


def committing(cluster: Cluster) -> list[int]:
    return [pid for (pid,) in cluster.execute(COMMITTING)]


def test_a_command_is_unknown_by_its_deadline_and_counts_once_when_the_standby_comes(cluster, kit):
    account_id = kit.account().account_id
    cluster.set(**ABSENT)
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match="unknown; repeat it with the same key"):
        adjusted(kit, account_id)
    assert DEADLINE - 0.1 < time.monotonic() - began < DEADLINE + 2
    assert len(committing(cluster)) == 1, "the COMMIT was not cancelled"
    assert kit.ledger.balance(account_id).total == gbp("0.00"), "nobody sees what is not confirmed"

    again = partial(adjusted, kit, account_id)
    with pytest.raises(StorageUnavailable):
        again()
    with cluster.standby():
        cluster.wait_for_standby()
        assert stubborn(again) == stubborn(again)
    assert kit.ledger.balance(account_id).total == gbp("1.00")
    assert kit.ledger.audit().clean


def test_a_command_counts_once_when_nobody_waits_for_the_standby_any_more(cluster, kit):
    account_id = kit.account().account_id
    cluster.set(**ABSENT)
    with pytest.raises(StorageUnavailable):
        adjusted(kit, account_id)
    cluster.set(synchronous_standby_names="")
    assert stubborn(partial(adjusted, kit, account_id)).amount == 1
    assert kit.ledger.balance(account_id).total == gbp("1.00")
    assert kit.ledger.audit().clean


@pytest.mark.parametrize("interruption", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_whose_wait_is_interrupted_is_unknown_although_it_can_be_read(cluster, kit, interruption):
    account_id = kit.account().account_id
    cluster.set(**ABSENT)
    interrupted = []

    def interrupt() -> None:
        while not interrupted:
            interrupted.extend(committing(cluster))
        cluster.execute(f"SELECT {interruption}(%s)", interrupted[0])

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(StorageUnavailable, match="unknown"):
        adjusted(kit, account_id)
    thread.join()
    assert kit.ledger.balance(account_id).total == gbp("1.00"), "it is on the primary"

    with pytest.raises(StorageUnavailable):
        adjusted(kit, account_id)  # a repeat is answered only when the standby has it too
    with cluster.standby() as standby:
        cluster.wait_for_standby()
        stubborn(partial(adjusted, kit, account_id))
        cluster.kill()
        standby.promote()
        with ledger_kit(standby.url()) as other:
            assert other.ledger.balance(account_id).total == gbp("1.00")
            assert other.ledger.audit().clean
