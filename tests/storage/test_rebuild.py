"""Rebuilding from the log gives, row by row, what was written with each event."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moneyed import Money
from storage_helpers import NONE_DUE, NOON, account_with, all_rows, behind_its_back, ledger_on, spend
from storage_processes import write_until

from interact_ledger import Ledger, Message, MovableClock, Number
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.storage import rebuild as rebuilding


def live(ledger: Ledger, clock: MovableClock) -> str:
    """Do a bit of everything; return the account that most of it was done to."""
    account_id = account_with(ledger)
    for token in ("tok_visa", "tok_declined_fraud", "tok_pending", "tok_authentication_required", "tok_captures_less"):
        quote = ledger.checkout(account_id, Money("20.00", "GBP"))
        ledger.top_up(account_id, quote.quote_id, card_token=token, save_card=True, idempotency_key=token)
    ledger.remove_card(account_id, ledger.cards(account_id)[0].card_id, idempotency_key="remove")
    ledger.save_card(account_id, "tok_mastercard", idempotency_key="save")
    items = [Message("one", "FR", segments=2, quantity=5), Number("two", "+442071234567", "GB")]
    bought = ledger.spend_many(account_id, items, idempotency_key="campaign")
    ledger.reverse_spend(account_id, bought.transaction_id, "not delivered", idempotency_key="back", lines=[("one", 2)])
    for number in range(3):
        hold = ledger.hold(account_id, Money("2.00", "GBP"), "a call", idempotency_key=f"hold-{number}")
        if number:
            ledger.settle(account_id, hold.hold_id, [Message("m", "GB", segments=1)], idempotency_key=f"s-{number}")
        if number == 1:
            ledger.release(account_id, hold.hold_id, idempotency_key="release")
    ledger.suspend(account_id, "fraud check")
    ledger.reinstate(account_id, "checked")
    ledger.change_details(account_id, country="FR", region=None, tax_status="business", time_zone="Europe/Paris")
    clock.advance(timedelta(days=32))
    ledger.run_due()
    ledger.recover()
    (paid,) = (receipt.transaction_id for receipt in ledger.receipts(account_id))
    ledger.refund(account_id, paid, Money("1.20", "GBP"), "asked", idempotency_key="refund")
    gateway = ledger._context.gateway("sandbox")
    gateway.open_dispute(gateway.captured()[0].reference, Money("6.00", "GBP"))
    told = gateway.notices_due()[-1]
    ledger.receive("sandbox", told.body, told.headers)
    empty = ledger.open_account("customer-2", "JPY", "JP").account_id
    ledger.close_account(empty, "not wanted", idempotency_key="close")
    return account_id


@pytest.fixture
def lived(file: Path) -> Any:
    with ledger_on(file) as ledger:
        live(ledger, ledger._context.clock)
        yield ledger


def test_every_table_is_the_same_row_by_row(lived: Ledger, file: Path) -> None:
    before = all_rows(lived)
    assert [name for name, rows in before.items() if not rows] == NONE_DUE, "all others have rows to compare"

    count = lived.rebuild()

    assert all_rows(lived) == before
    assert count == len(behind_its_back(file, "SELECT 1 FROM stored_events"))


def test_tables_that_were_spoilt_or_dropped_are_whole_again(lived: Ledger, file: Path) -> None:
    before = all_rows(lived)
    for table in before:
        behind_its_back(file, f"DELETE FROM {table}")

    lived.rebuild()

    assert all_rows(lived) == before


def test_indexes_are_there_again(lived: Ledger, file: Path) -> None:
    sql = "SELECT name, tbl_name FROM sqlite_master WHERE type IN ('index', 'table') ORDER BY name"
    before = behind_its_back(file, sql)
    lived.rebuild()
    assert behind_its_back(file, sql) == before


def test_the_ledger_goes_on_after_it_and_so_do_others(lived: Ledger, file: Path) -> None:
    with ledger_on(file) as other:
        account_id = account_with(other)
        lived.rebuild()
        spend(other, account_id, "key")
        assert spend(lived, account_id, "key").transaction_id == spend(other, account_id, "key").transaction_id


def test_progress_goes_up_to_all_events(lived: Ledger) -> None:
    told: list[tuple[int, int]] = []
    lived.rebuild(lambda done, of: told.append((done, of)))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("when", ["before the streams are read", "before the switch"])
def test_what_is_written_meanwhile_is_in_the_new_tables(
    when: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock(NOON)
    with (
        SandboxGateway(clock=clock) as sandbox,
        Ledger.open(f"sqlite:///{file}", gateways=[sandbox], clock=clock) as ledger,
        Ledger.open(f"sqlite:///{file}", gateways=[sandbox], clock=clock) as other,
    ):
        live(ledger, clock)
        account_id = account_with(other)
        name = "_make_empty" if when == "before the streams are read" else "_catch_up_and_switch"
        step: Callable[..., Any] = getattr(rebuilding, name)

        def interrupted(*arguments: Any) -> Any:
            quote = other.checkout(account_id, Money("10.00", "GBP"))
            other.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="meanwhile")
            spend(other, account_id, "meanwhile-too")
            live(other, clock)
            return step(*arguments)

        monkeypatch.setattr(rebuilding, name, interrupted)
        ledger.rebuild()
        monkeypatch.undo()

        rebuilt = all_rows(ledger)
        ledger.rebuild()
        assert all_rows(ledger) == rebuilt
        assert ledger.receipt(ledger.receipts(account_id)[0].transaction_id).total == Money("12.00", "GBP")


def test_an_invoice_numbered_between_the_reading_of_two_streams_is_due_no_more(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovableClock(NOON)
    with (
        SandboxGateway(clock=clock) as sandbox,
        Ledger.open(f"sqlite:///{file}", gateways=[sandbox], clock=clock) as ledger,
    ):
        live(ledger, clock)
        account_id = account_with(ledger)
        write: Callable[..., Any] = rebuilding._write
        paid: list[str] = []

        def interrupted(*arguments: Any) -> Any:
            written = write(*arguments)
            if not paid:
                quote = ledger.checkout(account_id, Money("10.00", "GBP"))
                paid.append(quote.quote_id)
                for stream in (one.account_id for one in ledger.accounts().accounts):
                    if ledger.account(stream).currency == "GBP":
                        quote = ledger.checkout(stream, Money("10.00", "GBP"))
                        ledger.top_up(stream, quote.quote_id, card_token="tok_visa", idempotency_key=quote.quote_id)
            return written

        monkeypatch.setattr(rebuilding, "_write", interrupted)
        ledger.rebuild()
        monkeypatch.undo()

        assert ledger._query("SELECT * FROM invoices_due", ()) == []
        rebuilt = all_rows(ledger)
        ledger.rebuild()
        assert all_rows(ledger) == rebuilt


def test_two_processes_may_write_all_the_while(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with (
        SandboxGateway() as sandbox,
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[sandbox]) as ledger,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes,
    ):
        account_id = account_with(ledger, "9000.00")
        writers = [processes.submit(write_until, tmp_path, account_id, who, stop) for who in ("one", "two")]
        try:
            give_up_at = time.monotonic() + 60
            while ledger.account(account_id).version < 30 and time.monotonic() < give_up_at:
                time.sleep(0.05)
            for _ in range(5):
                ledger.rebuild()
        finally:
            stop.touch()
        rounds = [writer.result(timeout=120) for writer in writers]

        assert min(rounds) > 3
        written = all_rows(ledger)
        ledger.rebuild()
        assert all_rows(ledger) == written
        assert ledger._query("SELECT * FROM invoices_due", ()) == []
