"""A ledger whose events another event store keeps, when processes die and connections and servers fail."""

from __future__ import annotations

import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from cutting_proxy import CuttingProxy
from eventsourcing.persistence import StoredEvent
from following_helpers import Open, dying_before_its_rows
from storage_helpers import NOON, account_with, forget_memory, gbp, spend
from storage_processes import pay_and_die, pay_and_spend_until_killed

from interact_ledger import Ledger, MovableClock, NoticeOutcome
from interact_ledger.domain import events as e
from interact_ledger.errors import StorageUnavailable
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.storage.log import Log
from other_store import UmaServer

PROVEN = timedelta(minutes=5)
"""So long after a payment, what the sandbox does not know was never sent."""
CAPTURED_BY = 4
"""Which append of a payment's has the capture: request, customer, beginning, capture, invoice."""


# Crashes between the events and their rows -------------------------------------------------------------------------


@pytest.mark.parametrize("append", [1, 2, 3, 4, 5])
def test_a_payment_that_is_killed_between_events_and_rows_is_recovered_and_done_once(
    append: int, umadb: UmaServer, tmp_path: Path
) -> None:
    killed = multiprocessing.get_context("spawn").Process(target=pay_and_die, args=(tmp_path, umadb.events, append))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -9

    clock = MovableClock(NOON + PROVEN)
    with (
        SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway,
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[gateway], clock=clock, events=umadb.events) as ledger,
    ):
        ledger.recover()
        captured = gateway.captured()
        assert len(captured) == (append >= CAPTURED_BY)
        account_id, quote_id = (tmp_path / "asked").read_text().split()
        assert ledger.balance(account_id).total == gbp("20.00") * len(captured)
        paid = ledger.top_up(account_id, quote_id, card_token="tok_visa", idempotency_key="pay")
        assert paid.status == "succeeded"
        assert len(gateway.captured()) == 1
        assert ledger.balance(account_id).total == gbp("20.00")
        assert ledger.receipt(paid.transaction_id).invoice_number == "interact-gb-000001"
        assert ledger.audit().findings == ()


@pytest.mark.programme(row=3, what="processes killed beside UmaDB", ci=2, release=200, each=20)
def test_processes_that_are_killed_at_any_moment_lose_nothing_and_do_nothing_twice(
    part: range, umadb: UmaServer, tmp_path: Path
) -> None:
    clock = MovableClock(datetime.now(UTC) + PROVEN)
    with (
        SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway,
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[gateway], clock=clock, events=umadb.events) as ledger,
    ):
        account_id = account_with(ledger)
        for number in part:
            kill_at_work(tmp_path, umadb, account_id, f"process-{number}", after=Random(number).uniform(0, 0.3))
            ledger.recover()

            events = [recorded.event for recorded, _ in ledger._log.read(account_id)]
            spent = [event.idempotency_key for event in events if isinstance(event, e.Spent)]
            acknowledged = len((tmp_path / f"process-{number}").read_text().splitlines())
            assert len(set(spent)) == len(spent)
            assert sum(key.startswith(f"process-{number}-") for key in spent) - acknowledged in {0, 1}
            captured = len(gateway.captured())
            assert sum(isinstance(event, e.PaymentCaptured) for event in events) == captured
            total = gbp("100.00") + captured * gbp("10.00") - len(spent) * gbp("0.0325")
            assert ledger.balance(account_id).total == total
            assert ledger.audit().findings == ()


def kill_at_work(directory: Path, umadb: UmaServer, account_id: str, name: str, *, after: float) -> None:
    """Let a process begin to pay and spend, and kill it so many seconds after its first answer."""
    arguments = (directory, umadb.events, account_id, name)
    worker = multiprocessing.get_context("spawn").Process(target=pay_and_spend_until_killed, args=arguments)
    worker.start()
    first = directory / name
    while not (first.exists() and first.read_text()):
        assert worker.is_alive()
        time.sleep(0.01)
    time.sleep(after)
    worker.kill()
    worker.join(60)
    assert worker.exitcode == -9


def test_what_a_dead_process_left_to_do_is_found_by_others(
    beside: Ledger, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, clock = open_ledger(), beside._context.clock
    account_id = account_with(beside)
    with dying_before_its_rows(monkeypatch):
        beside.hold(account_id, gbp("5.00"), "a call", idempotency_key="hold")
    clock.advance(timedelta(days=40))
    assert [done.outcome for done in other.run_due()] == ["expired"]

    quote = beside.checkout(account_id, gbp("10.00"))
    with dying_before_its_rows(monkeypatch):
        beside.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")
    clock.advance(timedelta(hours=2))
    assert [done.outcome for done in other.recover()] == ["not_attempted"]
    assert other.audit().findings == ()


def test_a_notice_about_what_only_another_process_knows_is_not_thought_foreign(open_ledger: Open) -> None:
    one, two = open_ledger("one"), open_ledger("two")
    account_id = account_with(one)
    quote = one.checkout(account_id, gbp("10.00"))
    one.top_up(account_id, quote.quote_id, card_token="tok_pending", idempotency_key="pay")
    gateway = one._context.gateway("sandbox")
    gateway.settle(one.history(account_id)[-1].event.reference)

    for notice in gateway.notices_due():
        (received,) = two.receive("sandbox", notice.body, notice.headers)
        assert (received.outcome, received.account_id) == (NoticeOutcome.RECORDED, account_id)
    assert one.balance(account_id).total == gbp("110.00")
    assert one.audit().findings == two.audit().findings == ()


# The connection to the other event store ---------------------------------------------------------------------------


@pytest.mark.programme(row=5, what="UmaDB acknowledgements cut", ci=20, release=1_000, each=100)
def test_a_command_whose_acknowledgement_is_lost_counts_once(
    part: range, umadb: UmaServer, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for: list[list[StoredEvent]] = []
    select_stored = Log.select_stored
    monkeypatch.setattr(
        Log, "select_stored", lambda *arguments: looked_for.append(select_stored(*arguments)) or looked_for[-1]
    )
    with CuttingProxy(umadb.port) as proxy:
        ledger = open_ledger(events=UmaServer.events_at(proxy.port))
        account_id = account_with(ledger, "100.00")
        for number in part:
            proxy.cut.set()
            spend(ledger, account_id, f"key-{number}")
        assert proxy.answers_lost >= len(part)
        assert any(looked_for), "no answer was lost of what was stored"
        assert ledger.balance(account_id).total == gbp("100.00") - len(part) * gbp("0.0325")
        assert ledger.audit().findings == ()


def test_commands_go_on_after_the_server_was_killed_and_lose_nothing(umadb: UmaServer, beside: Ledger) -> None:
    account_id = account_with(beside)
    acknowledged = 0
    for number in range(3):
        acknowledged += spend(beside, account_id, f"before-{number}").amount.amount > 0
        umadb.kill()
        with pytest.raises(StorageUnavailable):
            spend(beside, account_id, f"while-{number}")
        umadb.start()
        forget_memory(beside)
    assert beside.balance(account_id).total == gbp("100.00") - acknowledged * gbp("0.0325")
    assert beside.audit().findings == ()
