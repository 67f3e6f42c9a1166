"""Backups that are made while writers go on, restored, and opened: what is there, what is lost, and who can tell.

The gateway remembers what it captured, whatever becomes of our database. What was open when the backup ends is brought
to its true end by recovery; of what began later only the gateway's own reports and its notices tell.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from interact_ledger import Ledger, Message, Settings
from interact_ledger.domain import events as e
from interact_ledger.errors import TransactionNotFound
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import available, gbp, opened, pay
from servers.postgres import Cluster

SAFE = timedelta(minutes=3)
SMS = Message("message-1", "GB", segments=1)


class Writer:
    """Adjusts an account by a pound again and again, and keeps the keys that were acknowledged."""

    def __init__(self, kit: LedgerKit) -> None:
        self._kit = kit
        self.account_id = opened(kit, "writer").account_id
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Writer:
        self._thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for_more(self) -> None:
        wanted = len(self.acknowledged) + 20
        give_up_at = time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < give_up_at, "the writer stands still"
            time.sleep(0.01)

    def _work(self) -> None:
        number = 0
        while not self._stop.is_set():
            self._kit.ledger.adjust(self.account_id, gbp("1.00"), "test", idempotency_key=str(number))
            self.acknowledged.append(str(number))
            number += 1


def keys_in(kit: LedgerKit, account_id: str) -> set[str]:
    return {
        recorded.event.idempotency_key
        for recorded, _ in kit.ledger._log.read(account_id)
        if isinstance(recorded.event, e.BalanceAdjusted)
    }


@contextmanager
def reopened(kit: LedgerKit, url: str, settings: Settings | None = None) -> Iterator[LedgerKit]:
    """Open a restored database with the gateway that was there all the time."""
    gateways = [kit.gateway]
    with Ledger.open(url, gateways=gateways, settings=settings, clock=kit.clock) as ledger:
        yield LedgerKit(ledger, kit.clock, kit.gateway)


# PostgreSQL: a base backup and the archive of the log --------------------------------------------------------------


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    archiving = new_cluster(fsync="off")
    archiving.settings.update(archiving.archiving())
    archiving.restart()
    return archiving


def test_postgres_is_restored_to_a_moment_and_recovery_brings_back_what_was_open_then(cluster):
    with ledger_kit(cluster.url()) as kit, Writer(kit) as writer:
        customer = opened(kit, "customer").account_id
        paid = pay(kit, customer, key="paid").transaction_id
        backup = cluster.copy()
        writer.wait_for_more()

        kit.gateway.fail_next("charge", Fault.AFTER)
        assert pay(kit, customer, key="answer lost").status == "unknown"
        pending = pay(kit, customer, key="pending", card_token="tok_pending")
        before = list(writer.acknowledged)
        ((moment,),) = cluster.execute("SELECT clock_timestamp()::text")
        writer.wait_for_more()

        kit.gateway.settle(pending.gateway_reference)
        kit.ledger.complete(customer, pending.transaction_id)
        lost = pay(kit, customer, key="lost")
        spent = kit.ledger.spend(customer, SMS, idempotency_key="spend").amount
        kit.ledger.refund(customer, paid, gbp("60.00"), "asked for", idempotency_key="refund")
        lost_notice = next(n for n in kit.gateway.notices_due() if lost.gateway_reference.encode() in n.body)
        cluster.archive_now()

        with cluster.restored(backup, moment) as again, reopened(kit, again.url()) as restored:
            # All that was acknowledged before the moment is there, and it is sound.
            assert restored.ledger.audit().clean
            assert keys_in(restored, writer.account_id) >= set(before)
            assert restored.ledger.receipt(paid).transaction_id == paid
            assert available(restored, customer) == gbp("50.00")

            # Recovery brings back what was open at the moment, whatever became of it later.
            kit.clock.advance(SAFE)
            assert {one.outcome for one in restored.ledger.recover()} == {"succeeded"}
            assert restored.ledger.recover() == []
            assert available(restored, customer) == gbp("150.00")

            # What began later is not known, to recovery neither; the gateway's report shows it, and its notices.
            with pytest.raises(TransactionNotFound):
                restored.ledger.receipt(lost.transaction_id)
            report = {charge.transaction_id for charge in kit.gateway.captured()}
            known = {receipt.transaction_id for receipt in restored.ledger.receipts(customer)}
            assert report - known == {lost.transaction_id}
            assert [one.outcome for one in heard(restored, lost_notice.body)] == ["unexplained"]

            # Nor is the refund: the ledger would pay it back once more, but that the gateway knows its key.
            assert kit.gateway.refunded_total("GBP") == gbp("60.00")
            assert restored.ledger.refundable(customer, paid) == gbp("60.00")
            restored.ledger.refund(customer, paid, gbp("60.00"), "asked for", idempotency_key="refund")
            assert kit.gateway.refunded_total("GBP") == gbp("60.00")

            # What the service repeats from its own records under the same key counts once.
            for _ in range(2):
                assert restored.ledger.spend(customer, SMS, idempotency_key="spend").amount == spent
            restored.ledger.adjust(customer, gbp("50.00"), f"lost {lost.transaction_id}", idempotency_key="restored")
            kit.ledger.recover()
            assert available(restored, customer) == available(kit, customer)
            assert restored.ledger.audit().clean


def test_a_lost_payment_that_is_repeated_under_its_key_is_credited_without_another_capture(cluster):
    with ledger_kit(cluster.url()) as kit:
        customer = opened(kit).account_id
        backup = cluster.copy()
        ((moment,),) = cluster.execute("SELECT clock_timestamp()::text")
        opened(kit, "a commit behind the moment")
        lost = pay(kit, customer, key="lost")
        cluster.archive_now()
        with cluster.restored(backup, moment) as again, reopened(kit, again.url()) as restored:
            assert available(restored, customer) == gbp("0")
            assert pay(restored, customer, key="lost").transaction_id == lost.transaction_id
            assert available(restored, customer) == gbp("50.00")
            assert len(kit.gateway.captured()) == 1


def test_an_invoice_number_that_was_lost_is_given_again_unless_another_series_is_begun(cluster):
    with ledger_kit(cluster.url()) as kit:
        customer = opened(kit).account_id
        backup = cluster.copy()
        ((moment,),) = cluster.execute("SELECT clock_timestamp()::text")
        opened(kit, "a commit behind the moment")
        lost = kit.ledger.receipt(pay(kit, customer, key="lost").transaction_id)
        cluster.archive_now()
        seller = Settings.default().seller.model_copy(update={"id": "another-series"})
        another_series = Settings.default().model_copy(update={"seller": seller})
        with cluster.restored(backup, moment) as again:
            with reopened(kit, again.url(), another_series) as restored:
                other = restored.ledger.receipt(pay(restored, customer, key="other").transaction_id)
                assert other.invoice_number == "another-series-000001"
            with reopened(kit, again.url()) as restored:
                third = restored.ledger.receipt(pay(restored, customer, key="third").transaction_id)
                assert third.invoice_number == lost.invoice_number
                assert restored.ledger.audit().clean


def heard(kit: LedgerKit, body: bytes) -> list[object]:
    """Let the gateway send a notice once more, as long after it as it ever does."""
    kit.clock.advance(kit.ledger._context.settings.notice_retry_within)
    return kit.ledger.receive(kit.gateway.gateway_id, body, kit.gateway.signed(body))


# SQLite: a copy that is made while writers go on -------------------------------------------------------------------


def by_the_backup_interface(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=10, sleep=0.001)


def by_vacuum_into(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as live:
        live.execute("VACUUM INTO ?", (str(target),))


@pytest.mark.parametrize("back_up", [by_the_backup_interface, by_vacuum_into])
def test_sqlite_is_backed_up_while_writers_go_on_and_opens_with_all_that_was_acknowledged(tmp_path, back_up):
    live, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    with ledger_kit(f"sqlite:///{live}") as kit, Writer(kit) as writer:
        customer = opened(kit, "customer").account_id
        kit.gateway.fail_next("charge", Fault.AFTER)
        assert pay(kit, customer).status == "unknown"
        writer.wait_for_more()
        before = list(writer.acknowledged)
        back_up(live, copy)
        writer.wait_for_more()
        lost = pay(kit, customer, key="lost")
        with reopened(kit, f"sqlite:///{copy}") as restored:
            assert restored.ledger.audit().clean
            assert set(before) <= keys_in(restored, writer.account_id)
            kit.clock.advance(SAFE)
            assert [one.outcome for one in restored.ledger.recover()] == ["succeeded"]
            assert available(restored, customer) == gbp("50.00")
            report = {charge.transaction_id for charge in kit.gateway.captured()}
            assert report - {r.transaction_id for r in restored.ledger.receipts(customer)} == {lost.transaction_id}
    with closing(sqlite3.connect(copy)) as checked:
        assert checked.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert checked.execute("PRAGMA journal_mode").fetchone() == ("wal",)
