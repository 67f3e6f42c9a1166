"""What a ledger promises on SQLite and on PostgreSQL alike, and also where another event store keeps its events."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from storage_helpers import NONE_DUE, gbp, put_through_its_paces

from interact_ledger import Ledger, Message, Settings
from interact_ledger.errors import InsufficientBalance, StorageUnavailable
from interact_ledger.testing import SequentialIds, ledger_kit


def test_a_ledger_that_did_everything_audits_clean(kit):
    account_id = put_through_its_paces(kit)
    assert kit.ledger.audit().integrity == ()
    # Two payments, less a refund, two messages of two segments, a number and one more month of it, one segment, the
    # rounding.
    spent = gbp("1.00") + 4 * gbp("0.0325") + gbp("3.00") + gbp("0.0325") + gbp("0.000001")
    assert kit.ledger.balance(account_id).total == gbp("60.00") - spent


def test_tables_that_are_rebuilt_are_as_they_were(kit):
    put_through_its_paces(kit)
    tables = [table.name for table in kit.ledger._log.tables]
    before = {name: rows_of(kit, name) for name in tables}
    kit.ledger.rebuild()
    assert {name: rows_of(kit, name) for name in tables} == before
    assert [name for name, rows in before.items() if not rows] == NONE_DUE, "all others have rows to compare"


def rows_of(kit, table):
    return sorted(map(str, kit.ledger._log.query(f"SELECT * FROM {table}")))


def test_reading_gives_the_same_on_every_database(kit):
    account_id = put_through_its_paces(kit)
    statement = kit.ledger.statement(account_id)
    assert statement.closing == kit.ledger.balance(account_id).total
    assert sum((line.amount for line in statement.lines), gbp("0")) == statement.closing
    assert [receipt.invoice_number for receipt in kit.ledger.receipts(account_id)] == [
        "interact-gb-000001",
        "interact-gb-000002",
    ]
    (line,) = (line for line in statement.lines if line.kind == "spend-reversed")
    assert kit.ledger.balance(account_id, version=line.version).total == line.balance
    assert kit.ledger.balance(account_id, at=line.recorded_at + timedelta(days=1)).held == gbp("4.9675")


def test_a_repeated_request_is_answered_once(kit):
    account_id = kit.account().account_id
    kit.ledger.adjust(account_id, gbp("1.00"), "start", idempotency_key="start")
    first = kit.ledger.spend(account_id, Message("m", "GB", segments=1), idempotency_key="same")
    assert kit.ledger.spend(account_id, Message("m", "GB", segments=1), idempotency_key="same") == first
    assert kit.ledger.balance(account_id).total == gbp("0.9675")


def test_eight_threads_on_one_account_spend_exactly_what_is_there(kit):
    account_id = kit.account().account_id
    kit.ledger.adjust(account_id, gbp("0.65"), "twenty messages' worth", idempotency_key="start")

    def spend(number: int) -> bool:
        try:
            kit.ledger.spend(account_id, Message("m", "GB", segments=1), idempotency_key=f"s{number}")
        except InsufficientBalance:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(spend, range(32))) == 20
    assert kit.ledger.balance(account_id).total == gbp("0")
    assert kit.ledger.audit().clean


def test_a_look_at_one_moment_may_take_longer_than_a_command(url):
    hasty = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=0.5)})
    with ledger_kit(url, settings=hasty) as kit:
        account_id = kit.account().account_id
        with kit.ledger._log.at_one_moment() as read:
            assert len(list(read("SELECT topic FROM stored_events", ()))) == 1
            kit.ledger.adjust(account_id, gbp("1.00"), "afterwards", idempotency_key="later")
            time.sleep(1)
            assert len(list(read("SELECT topic FROM stored_events", ()))) == 1
        assert kit.ledger.balance(account_id).total == gbp("1.00")


def test_another_ledger_sees_what_this_one_wrote_and_the_other_way_round(kit, where):
    account_id = kit.account().account_id
    with Ledger.open(**where, gateways=[kit.gateway], clock=kit.clock, ids=SequentialIds()) as other:
        kit.ledger.adjust(account_id, gbp("1.00"), "start", idempotency_key="start")
        assert other.balance(account_id).total == gbp("1.00")
        other.adjust(account_id, gbp("1.00"), "more", idempotency_key="more")
        kit.ledger.adjust(account_id, gbp("-2.00"), "all", idempotency_key="all")
        assert other.balance(account_id).total == gbp("0")


def test_the_log_cannot_be_changed_or_emptied(kit):
    put_through_its_paces(kit)
    for statement in ("UPDATE stored_events SET topic='x'", "DELETE FROM stored_events"):
        with pytest.raises(Exception, match="append-only"), kit.ledger._log.recorder.transaction(write=True) as cursor:
            cursor.execute(statement)
    assert kit.ledger.audit().clean


def test_twenty_ledgers_open_a_new_database_at_once(where):
    def open_and_close(_: int) -> bool:
        with Ledger.open(**where, gateways=[]) as ledger:
            return ledger.accounts().accounts == ()

    with ThreadPoolExecutor(20) as threads:
        assert all(threads.map(open_and_close, range(20)))


def test_a_server_that_is_not_there_is_unavailable():
    hasty = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=0.5)})
    with pytest.raises(StorageUnavailable):
        Ledger.open("postgresql://nobody@127.0.0.1:1/nothing", gateways=[], settings=hasty)
