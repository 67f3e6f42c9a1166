"""A ledger whose events another event store keeps: what still holds there, and what is said not to."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from following_helpers import Open, dying_before_its_rows
from storage_helpers import (
    HASTY,
    NONE_DUE,
    account_with,
    all_rows,
    behind_its_back,
    forget_memory,
    gbp,
    put_through_its_paces,
    spend,
    unprotect,
)

from interact_ledger import EventsElsewhere, Guarantees, Ledger, NoticeOutcome, Settings
from interact_ledger.errors import (
    ConfigurationError,
    CorruptLog,
    InsufficientBalance,
    StorageUnavailable,
    TransactionNotFound,
)
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.ids import operation_id
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.storage import following
from interact_ledger.storage.books import Books
from interact_ledger.storage.elsewhere import OtherStore
from interact_ledger.storage.index import OPERATIONS
from interact_ledger.testing import ledger_kit
from other_store import UmaServer, uma_server

# What is said ------------------------------------------------------------------------------------------------------


def test_opening_says_which_guarantees_are_off(open_ledger: Open, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "interact_ledger"):
        ledger = open_ledger()
    off = ("rows_with_events", "one_order", "ends_by_deadline", "append_only", "one_invoice_per_payment")
    assert ledger.guarantees.off == off
    assert all(name in caplog.text for name in off)


def test_a_database_of_ours_gives_every_guarantee_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with ledger_kit() as kit:
        assert kit.ledger.guarantees == Guarantees()
        assert kit.ledger.guarantees.off == ()
    assert caplog.text == ""


def test_the_environment_can_name_the_other_event_store(umadb: UmaServer, tmp_path: Path) -> None:
    environ = {
        "INTERACT_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
        "INTERACT_LEDGER_EVENTS": umadb.events.module,
        **umadb.events.environment,
    }
    with Ledger.from_env(environ) as ledger:
        assert not ledger.guarantees.rows_with_events
        account_with(ledger)
    with ledger_kit(events=umadb.events) as kit:
        assert len(kit.ledger.accounts().accounts) == 1


# What is refused ---------------------------------------------------------------------------------------------------


def test_a_copy_is_never_opened_as_if_it_were_the_log(beside: Ledger, tmp_path: Path) -> None:
    account_with(beside)
    with pytest.raises(ConfigurationError, match="is a copy of events that eventsourcing_umadb keeps"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[])
    with pytest.raises(ConfigurationError, match="is a copy of events that eventsourcing_umadb keeps"):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db", gateways=[], events=EventsElsewhere("eventsourcing.popo", {}))


def test_a_log_is_never_taken_for_a_copy(umadb: UmaServer, tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/log.db", gateways=[]) as ledger:
        account_with(ledger)
    with pytest.raises(ConfigurationError, match="keeps events of its own"):
        Ledger.open(f"sqlite:///{tmp_path}/log.db", gateways=[], events=umadb.events)
    with Ledger.open(f"sqlite:///{tmp_path}/log.db", gateways=[]) as ledger:
        assert ledger.audit().clean


@pytest.mark.parametrize("module", ["no_such_module", "json", "eventsourcing_umadb"])
def test_a_module_that_is_none_or_not_configured_is_refused(module: str) -> None:
    with pytest.raises(ConfigurationError, match=module):
        Ledger.open("sqlite://", gateways=[], events=EventsElsewhere(module, {}))


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        Ledger.open("sqlite://", gateways=[], events=UmaServer.events_at(1))


def test_what_the_other_event_store_says_of_an_event_is_never_shown(umadb: UmaServer) -> None:
    store = OtherStore(umadb.events)
    stored = StoredEvent("acct_1", 1, "topic", b"tok_secret")
    store.append([stored])
    with pytest.raises(IntegrityError) as caught:
        store.append([stored])
    assert str(caught.value) == "the version is there already"
    assert caught.value.__suppress_context__
    umadb.kill()
    with pytest.raises(Exception, match=r"failed: TransportError$"):
        store.head()
    assert "UMADB_URI" not in repr(umadb.events)
    umadb.start()


def test_an_event_store_that_lost_events_is_not_believed(beside: Ledger, umadb: UmaServer, open_ledger: Open) -> None:
    account_id = account_with(beside)
    with uma_server() as empty:
        with pytest.raises(CorruptLog, match=f"stream {account_id}, version 2: the other event store has not what"):
            open_ledger(events=empty.events)
        beside._log._elsewhere = OtherStore(empty.events)
        with pytest.raises(CorruptLog, match=f"stream {account_id}, version 2: the other event store has not what"):
            beside.balance(account_id)
        beside._log._elsewhere = OtherStore(umadb.events)
        beside.recover()
        beside._log._elsewhere = OtherStore(empty.events)
        with pytest.raises(CorruptLog, match="has lost events"):
            beside.recover()
        found = [finding for finding in beside.audit().findings if finding.code == "copy_differs"]
        assert [(finding.account_id, finding.version) for finding in found] == [(account_id, 2)]


def test_events_that_do_not_follow_from_what_was_copied_are_not_taken_over_and_keep_no_other_account_waiting(
    beside: Ledger, umadb: UmaServer, open_ledger: Open
) -> None:
    account_id, another = account_with(beside), account_with(beside)
    (known,) = OtherStore(umadb.events).after(account_id, 1)
    OtherStore(umadb.events).append([StoredEvent(account_id, 3, known.topic, known.state)])
    spend(open_ledger("copy"), another, "key")
    before = all_rows(beside)

    with pytest.raises(CorruptLog, match=f"stream {account_id}, version 3: does not follow"):
        beside.balance(account_id)
    assert all_rows(beside) == before

    beside.recover()
    assert len(all_rows(beside)["statement_lines"]) == len(before["statement_lines"]) + 1
    found = [finding for finding in beside.audit().findings if finding.code == "copy_differs"]
    assert [(finding.account_id, finding.version) for finding in found] == [(account_id, 3)]


def test_events_that_are_no_ledgers_are_refused(beside: Ledger, umadb: UmaServer) -> None:
    OtherStore(umadb.events)._recorder.insert_events([StoredEvent(uuid4(), 1, "topic", b"acct_1\n{}")])
    with pytest.raises(CorruptLog, match="is no event of a ledger"):
        beside.recover()


# What holds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["eventsourcing.sqlite", "eventsourcing.popo"])
def test_it_works_with_any_persistence_module(module: str, tmp_path: Path) -> None:
    events = EventsElsewhere(module, {"SQLITE_DBNAME": str(tmp_path / "other.db")})
    with ledger_kit(events=events) as kit:
        put_through_its_paces(kit)
        assert kit.ledger.audit().integrity == ()


def test_a_new_copy_has_the_same_rows_from_the_events_alone(umadb: UmaServer) -> None:
    with ledger_kit(events=umadb.events) as kit:
        put_through_its_paces(kit)
        written = all_rows(kit.ledger)
        assert [name for name, rows in written.items() if not rows] == NONE_DUE
    with ledger_kit(events=umadb.events) as kit:
        assert all_rows(kit.ledger) == written
        assert kit.ledger.audit().findings == ()


def test_a_repeat_is_refused_before_its_events_go_out(beside: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    account_id = account_with(beside)
    spend(beside, account_id, "key")
    sent: list[Any] = []
    monkeypatch.setattr(OtherStore, "append", lambda _store, events: sent.extend(events))
    spend(beside, account_id, "key")
    assert sent == []


def test_a_request_whose_rows_are_missing_is_known_from_its_events(
    beside: Ledger, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = account_with(beside)
    other = open_ledger()
    other.balance(account_id)
    with dying_before_its_rows(monkeypatch):
        spend(beside, account_id, "key")

    assert spend(other, account_id, "key").balance == gbp("99.9675")
    assert spend(beside, account_id, "key").balance == gbp("99.9675")
    assert other.audit().findings == ()


def test_what_is_taken_over_is_folded_from_a_snapshot(
    beside: Ledger, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_accounts, "SNAPSHOT_EVERY", 5)
    account_id = account_with(beside)
    for number in range(9):
        spend(beside, account_id, f"key-{number}")
    folded: list[int] = []
    evolve = following.evolve
    other = open_ledger()
    with dying_before_its_rows(monkeypatch):
        spend(beside, account_id, "last")
    monkeypatch.setattr(following, "evolve", lambda *arguments: folded.append(1) or evolve(*arguments))
    forget_memory(other)
    assert other.balance(account_id).total == gbp("99.675")
    assert len(folded) == 1, "from the snapshot of 10 to the copy's 11"
    assert other.audit().findings == ()


def test_a_new_copy_is_filled_with_its_snapshots_page_by_page(
    beside: Ledger, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SNAPSHOT_EVERY", 5)
    monkeypatch.setattr(following, "_PAGE", 7)
    account_id = account_with(beside)
    for number in range(30):
        spend(beside, account_id, f"key-{number}")
    folded: list[int] = []
    evolve = following.evolve
    monkeypatch.setattr(following, "evolve", lambda *arguments: folded.append(1) or evolve(*arguments))
    copy = open_ledger("copy")
    snapshot = copy._log.latest_snapshot(account_id)
    assert snapshot is not None
    assert snapshot.originator_version == 32
    assert folded == [], "each page goes on from the snapshot of the one before"
    assert all_rows(copy) == all_rows(beside)
    assert copy.audit().findings == ()


def test_copies_of_their_own_do_not_let_two_processes_spend_the_same_money(open_ledger: Open) -> None:
    one, two = open_ledger("one"), open_ledger("two")
    account_id = account_with(one, "1.00")
    two.balance(account_id)
    spend(one, account_id, "all", quantity=30)
    with pytest.raises(InsufficientBalance):
        spend(two, account_id, "more", quantity=30)
    assert spend(two, account_id, "all", quantity=30).balance == gbp("0.025")
    for ledger in (one, two):
        assert ledger.audit().findings == ()


def test_invoice_numbers_have_no_gaps_whoever_gives_them(open_ledger: Open) -> None:
    ledgers = [open_ledger("one"), open_ledger("two"), open_ledger("two")]
    accounts = [account_with(ledger) for ledger in ledgers]

    def pay(number: int) -> None:
        ledger, account_id = ledgers[number % 3], accounts[number // 3 % 3]
        quote = ledger.checkout(account_id, gbp("10.00"))
        ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key=quote.quote_id)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(pay, range(18)))
    for ledger in ledgers:
        ledger.recover()
        numbers = [receipt.invoice_number for account_id in accounts for receipt in ledger.receipts(account_id)]
        assert sorted(numbers) == [f"interact-gb-{number:06d}" for number in range(1, 19)]
        assert ledger._query("SELECT * FROM invoices_due", ()) == []
        assert ledger.audit().findings == ()


def test_payments_are_taken_over_before_their_invoice_numbers(
    open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = open_ledger("one"), open_ledger("two")
    first, second = account_with(one), account_with(one)

    def pay(account_id: str) -> None:
        quote = one.checkout(account_id, gbp("10.00"))
        one.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")

    with monkeypatch.context() as patched:
        patched.setattr(Books, "enter", lambda *_: None)
        pay(first)
    two._log.follow()
    one.recover()
    pay(second)

    two._log.follow()
    assert two._query("SELECT * FROM invoices_due", ()) == []
    assert two.audit().findings == ()


def test_a_reader_of_the_whole_log_passes_over_no_event_while_others_append(open_ledger: Open) -> None:
    reader, writers = open_ledger("one"), [open_ledger("one"), open_ledger("two")]
    accounts = [account_with(writers[number % 2]) for number in range(8)]

    def write(number: int) -> None:
        for count in range(15):
            spend(writers[number % 2], accounts[number], f"key-{count}")

    read: list[tuple[str, int]] = []
    position = 0
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(write, number) for number in range(8)]
        finished = False
        while not finished:
            finished = all(future.done() for future in futures)
            for logged in reader._log.all_events(after=position):
                read.append((logged.recorded.stream_id, logged.recorded.version))
                position = logged.position
    for future in futures:
        future.result()
    assert sorted(read) == sorted((account_id, version) for account_id in accounts for version in range(1, 18))
    for account_id in accounts:
        assert [version for stream_id, version in read if stream_id == account_id] == list(range(1, 18))


# What does not hold ------------------------------------------------------------------------------------------------


def test_what_nothing_explains_is_entered_in_the_gateways_book_by_whichever_process(open_ledger: Open) -> None:
    one, other = open_ledger("one"), open_ledger("other")
    for number, ledger in enumerate((one, other, one, other)):
        gateway = ledger._context.gateway("sandbox")
        assert isinstance(gateway, SandboxGateway)
        content = {"id": f"evt_{number // 2}", "subject": "charge", "reference": "pay_lost", "operation_id": "txn_lost"}
        body = json.dumps(content | {"occurred_at": "2026-01-01T00:00:00.000000Z"}).encode()
        (notice,) = ledger.receive("sandbox", body, gateway.signed(body))
        assert notice.outcome is NoticeOutcome.UNEXPLAINED
    for ledger in (one, other):
        assert len(ledger._log.select("gateway_sandbox")) == 2
        assert ledger.audit().counts == {"notice_unexplained": 2}


def test_what_names_no_account_may_be_behind_until_the_log_is_followed(beside: Ledger, open_ledger: Open) -> None:
    other = open_ledger("another")
    account_id = account_with(beside)
    quote = beside.checkout(account_id, gbp("10.00"))
    paid = beside.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key="pay")

    assert other.accounts().accounts == ()
    with pytest.raises(TransactionNotFound):
        other.receipt(paid.transaction_id)
    assert other.balance(account_id).total == gbp("110.00"), "what names the account is not behind"

    other.recover()
    assert [account.account_id for account in other.accounts().accounts] == [account_id]
    assert other.receipt(paid.transaction_id) == beside.receipt(paid.transaction_id)


def test_processes_with_different_sellers_may_number_a_payment_twice_and_the_audit_reports_it(
    umadb: UmaServer, tmp_path: Path
) -> None:
    default = Settings.default()
    renamed = default.model_copy(update={"seller": default.seller.model_copy(update={"id": "another"})})
    with ledger_kit(events=umadb.events) as one, ledger_kit(events=umadb.events, settings=renamed) as two:
        account_id = one.account().account_id
        one.top_up(account_id, gbp("10.00"))
        (again,) = two.ledger.receipts(account_id)
        assert again.invoice_number == "another-000001"
        for kit in (one, two):
            kit.ledger.recover()
            codes = {finding.code for finding in kit.ledger.audit().findings}
            assert codes == {"operations_missing", "invoices_missing"}, "of the number that was overwritten"
        one.top_up(account_id, gbp("20.00"))
        assert one.ledger.balance(account_id) == two.ledger.balance(account_id)


def test_a_server_that_hangs_keeps_a_command_waiting_beyond_its_deadline(
    beside: Ledger, umadb: UmaServer, tmp_path: Path
) -> None:
    account_id = account_with(beside)
    with (
        Ledger.open(f"sqlite:///{tmp_path}/hasty.db", gateways=[], settings=HASTY, events=umadb.events) as hasty,
        ThreadPoolExecutor(1) as thread,
    ):
        umadb.pause()
        try:
            waiting = thread.submit(spend, hasty, account_id, "key")
            assert wait([waiting], HASTY.command_deadline.total_seconds() + 0.5).not_done == {waiting}
        finally:
            umadb.resume()
        assert waiting.result(30).balance == gbp("99.9675")


def test_rows_that_cannot_be_written_are_told_and_not_tried_for_ever(
    umadb: UmaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_overwriting", lambda row: row)
    with ledger_kit(events=umadb.events) as one, ledger_kit(events=umadb.events) as two:
        account_id = one.account().account_id
        two.ledger.balance(account_id)
        taken = {"operation_id": operation_id(account_id, "taken"), "stream_id": account_id, "version": 1}
        recorder = two.ledger._log.recorder
        with recorder.transaction(write=True) as cursor:
            recorder.write_changes(cursor, [OPERATIONS.insert(**taken)])
        one.ledger.adjust(account_id, gbp("1.00"), "one", idempotency_key="taken")
        with pytest.raises(CorruptLog, match=f"stream {account_id}, version 2: has impossible rows"):
            two.ledger.balance(account_id)


# The audit ---------------------------------------------------------------------------------------------------------


def test_the_audit_finds_an_event_that_is_not_the_same_in_the_other_event_store(beside: Ledger, tmp_path: Path) -> None:
    account_id = account_with(beside)
    file = tmp_path / "ledger.db"
    unprotect(file)
    nobody = "REPLACE(CAST(state AS TEXT), '\"service\"', '\"nobody\"')"
    behind_its_back(file, f"UPDATE stored_events SET state=CAST({nobody} AS BLOB) WHERE originator_version=2")
    found = [(finding.code, finding.account_id, finding.version) for finding in beside.audit().findings]
    assert found == [("fold_differs", account_id, 2), ("copy_differs", account_id, 2)]


def test_the_audit_finds_an_event_that_the_other_event_store_never_had(beside: Ledger, tmp_path: Path) -> None:
    account_id = account_with(beside)
    with Ledger.open(f"sqlite:///{tmp_path}/forged.db", gateways=[]) as forged:
        extra = account_with(forged)
        events = [tuple(row.values()) for row in forged._query("SELECT * FROM stored_events", ())]
    for event in events:
        behind_its_back(tmp_path / "ledger.db", "INSERT INTO stored_events VALUES (?, ?, ?, ?)", *event)
    found = [one for one in beside.audit().findings if one.code == "copy_differs"]
    assert [(one.account_id, one.version) for one in found] == [(extra, 2)]
    assert account_id != extra
