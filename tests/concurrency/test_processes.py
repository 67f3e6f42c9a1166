"""Eight processes, and eight threads, on one account in one file: exact money, no overdraft, each request once."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
import work
from work import PROCESSES, Files, opened

from interact_ledger import Ledger
from interact_ledger.domain import events as e
from tellers import Tally, Worker, gbp

START = gbp("30")
WORKER_COMMANDS = 85
THREAD_COMMANDS = 60


def prepared(files: Files, quotes: int = 0) -> tuple[str, list[str]]:
    """Open an account with some balance, and check out some payments of 50."""
    with opened(files) as (ledger, _):
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        ledger.adjust(account_id, START, "carried over", idempotency_key="start")
        return account_id, [ledger.checkout(account_id, gbp("50")).quote_id for _ in range(quotes)]


def assert_clean(ledger: Ledger) -> None:
    report = ledger.audit()
    assert report.clean, report.findings


def assert_adds_up(ledger: Ledger, account_id: str, tallies: list[Tally]) -> None:
    balance = ledger.balance(account_id)
    assert balance.available == START + gbp(sum(tally.available for tally in tallies))
    assert balance.held == gbp(sum(tally.held for tally in tallies))
    assert balance.available.amount >= 0
    done = sum((tally.done for tally in tallies), Counter())
    assert min(done[way] for way in ("_spend", "_hold", "_settle", "_release", "_give_back", "_adjust")) > 0
    assert done["refused"] > 0, "the balance sufficed for everything, so no overdraft was tried"
    assert_clean(ledger)


def events_of(ledger: Ledger, account_id: str, kind: type[e.Event]) -> int:
    return sum(isinstance(recorded.event, kind) for recorded in ledger.history(account_id, limit=1000))


@pytest.mark.programme(row=6, what="commands of 8 processes on one account", ci=2_000, release=50_000, each=1_000)
def test_eight_processes_on_one_account_leave_an_exact_balance_and_never_overdraw(part, files_of_store, together):
    account_id, _ = prepared(files_of_store)
    tallies = together(work.work, files_of_store, account_id, -(-len(part) // PROCESSES))
    with opened(files_of_store) as (ledger, _):
        assert_adds_up(ledger, account_id, tallies)


def test_eight_processes_do_the_same_where_another_event_store_keeps_the_events(files, umadb, together):
    files = files._replace(events=umadb.events)
    account_id, _ = prepared(files)
    tallies = together(work.work, files, account_id, WORKER_COMMANDS)
    with opened(files) as (ledger, _):
        assert_adds_up(ledger, account_id, tallies)


@pytest.mark.programme(row=7, what="events of 8 writers, tailed", ci=7_000, release=500_000, each=3_500)
def test_a_reader_of_the_whole_log_passes_over_no_event_of_eight_writing_processes(part, store_url_in_turn, processes):
    with Ledger.open(store_url_in_turn, gateways=[]) as ledger:
        account_ids = [ledger.open_account(f"customer-{n}", "GBP", "GB").account_id for n in range(PROCESSES)]
        commands = -(-len(part) // PROCESSES)
        numbered = [(store_url_in_turn, account_ids, commands, number) for number in range(PROCESSES)]
        writing = processes.starmap_async(work.append, numbered, chunksize=1)
        read, looks = [], 0
        is_over = False
        while not is_over:
            is_over = writing.ready()
            looks += 1
            read.extend(ledger._log.all_events(after=read[-1].position if read else 0))
            time.sleep(0.01)
        assert writing.get() == [commands] * PROCESSES
        seen = [(logged.recorded.stream_id, logged.recorded.version) for logged in read]
        assert sorted(seen) == sorted((one, version) for one in account_ids for version in range(1, commands + 2))
        assert looks > 20


def test_eight_threads_on_one_ledger_leave_an_exact_balance_and_never_overdraw(files):
    account_id, _ = prepared(files)
    with opened(files) as (ledger, _), ThreadPoolExecutor(8) as threads:
        workers = [Worker(ledger, account_id, f"thread-{number}") for number in range(8)]
        tallies = list(threads.map(lambda worker: worker.work(range(THREAD_COMMANDS)), workers))
        assert_adds_up(ledger, account_id, tallies)


def test_a_key_that_all_processes_use_at_once_spends_once(any_files, together):
    account_id, _ = prepared(any_files)
    answers = together(work.spend_same, any_files, account_id, 25)
    with opened(any_files) as (ledger, _):
        assert all(answer == answers[0] for answer in answers)
        assert len(set(answers[0])) == 25
        assert events_of(ledger, account_id, e.Spent) == 25
        assert ledger.balance(account_id).available == START - sum(amount for _, amount in answers[0])
        assert_clean(ledger)


def test_a_payment_that_all_processes_ask_for_at_once_is_charged_once(any_files, together):
    account_id, quotes = prepared(any_files, 6)
    answers = together(work.pay_same, any_files, account_id, quotes)
    with opened(any_files) as (ledger, gateway):
        assert all(answer == answers[0] for answer in answers)
        assert sorted(c.transaction_id for c in gateway.captured()) == sorted(answers[0])
        assert {ledger.top_up_result(account_id, payment).status for payment in answers[0]} == {"succeeded"}
        assert ledger.balance(account_id).available == START + gbp("50") * len(quotes)
        assert len(ledger.cards(account_id)) == len(gateway.saved_cards()) == len(quotes)
        assert_clean(ledger)


def test_processes_that_recover_while_others_pay_credit_each_capture_once(files, together):
    account_id, quotes = prepared(files, 24)
    recovered = together(work.send_or_recover, files, account_id, quotes)
    with opened(files) as (ledger, gateway):
        captured = gateway.captured()
        assert len({c.transaction_id for c in captured}) == len(captured)
        assert ledger.balance(account_id).available == START + gbp("50") * len(captured)
        assert {thing.kind for thing in gateway.chargeable()} <= {"card"}
        assert len(ledger.cards(account_id)) == len(gateway.saved_cards()) == len(captured)
        assert sum(recovered) > 0, "nothing was left for recovery"
        assert len(captured) > 0
        assert_clean(ledger)


def test_160_first_openings_of_a_database_at_the_same_moment_all_succeed(store_url, together):
    assert sum(together(work.open_first, store_url, 160 // PROCESSES)) == 160
    with Ledger.open(store_url, gateways=[]) as ledger:
        assert len(ledger.accounts().accounts) == 1
        assert_clean(ledger)


def test_a_first_opening_waits_for_one_that_is_at_work(tmp_path):
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(1) as thread:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE IF NOT EXISTS ledger_schema (version INTEGER NOT NULL)")
        opening = thread.submit(Ledger.open, f"sqlite:///{file}", gateways=[])
        assert wait([opening], timeout=0.5).not_done == {opening}
        other.execute("COMMIT")
        with opening.result() as ledger:
            assert_clean(ledger)
