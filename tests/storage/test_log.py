"""The log: what is appended comes back, chained, and nothing that is there is ever changed."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, ClassVar

import pytest
from storage_helpers import NOON, account_with, behind_its_back, forget_memory, ledger_on, spend, unprotect

from interact_ledger import Ledger
from interact_ledger.domain import events as e
from interact_ledger.errors import CorruptLog, StorageUnavailable
from interact_ledger.storage import mapper
from interact_ledger.storage.log import START, Conflict, Link, Log
from interact_ledger.storage.mapper import CHAIN_START

SECRET = "hunter2-not-to-be-told"
ENVELOPE = '{"event_version":1,"recorded_at":"NOON","actor":"a","correlation_id":null,"previous":"0","event":EVENT}'


@pytest.fixture
def log(file: Path) -> Iterator[Log]:
    opened = Log(f"sqlite:///{file}", (), deadline_seconds=5)
    yield opened
    opened.close()


def opening(stream: str = "acct_1", version: int = 1, owner: str = "customer-1") -> e.Recorded:
    event = e.AccountOpened(
        owner=owner,
        currency="GBP",
        country="GB",
        region=None,
        tax_status=e.TaxStatus.CONSUMER,
        time_zone="UTC",
    )
    return e.Recorded(stream, version, NOON, "tester", "request-1", event)


def suspension(version: int, reason: str = "fraud check") -> e.Recorded:
    return e.Recorded("acct_1", version, NOON, "tester", None, e.AccountSuspended(reason=reason))


def test_what_is_appended_is_read_again_with_the_link_that_ends_there(log: Log) -> None:
    events = [opening(), suspension(2), suspension(3)]

    end = log.append(START, events, [])

    read = list(log.read("acct_1"))
    assert [recorded for recorded, _ in read] == events
    assert read[-1][1] == end == log.last("acct_1")[1]
    assert [recorded for recorded, _ in log.read("acct_1", after=1, upto=2)] == [events[1]]
    assert log.find("acct_1", [1, 3]) == [events[0], events[2]]


def test_an_unknown_stream_is_empty_and_ends_at_the_start(log: Log) -> None:
    assert list(log.read("acct_9")) == []
    assert log.last("acct_9") == (None, START)


def test_a_long_stream_is_read_page_by_page_without_a_gap(log: Log) -> None:
    link = log.append(START, [opening()], [])
    for version in range(2, 1203, 100):
        link = log.append(link, [suspension(v) for v in range(version, version + 100)], [])

    versions = [recorded.version for recorded, _ in log.read("acct_1")]

    assert versions == list(range(1, link.version + 1))
    assert link.version > 1000
    assert [logged.recorded.version for logged in log.all_events()] == versions


def test_each_event_is_chained_to_the_one_before(log: Log, file: Path) -> None:
    link = log.append(START, [opening()], [])
    end = log.append(link, [suspension(2)], [])

    states = behind_its_back(file, "SELECT state FROM stored_events ORDER BY originator_version")

    assert json.loads(states[0][0])["previous"] == START.chain
    assert json.loads(states[1][0])["previous"] == link.chain
    assert len({START.chain, link.chain, end.chain}) == 3


def test_the_same_event_elsewhere_in_a_chain_has_another_value(log: Log) -> None:
    link = log.append(START, [opening()], [])
    first = log.append(link, [suspension(2)], [])
    second = log.append(first, [suspension(3)], [])
    assert first.chain != second.chain


def test_an_append_behind_an_old_end_conflicts_and_writes_nothing(log: Log) -> None:
    link = log.append(START, [opening()], [])
    log.append(link, [suspension(2)], [])

    with pytest.raises(Conflict):
        log.append(link, [suspension(2, "another"), suspension(3)], [])

    assert [recorded.event for recorded, _ in log.read("acct_1", after=1)] == [suspension(2).event]


def test_an_append_whose_second_event_conflicts_leaves_no_first_one(log: Log) -> None:
    link = log.append(START, [opening()], [])
    with log.recorder.transaction(write=True) as cursor:
        cursor.execute(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
            " SELECT originator_id, 3, topic, state FROM stored_events"
        )

    with pytest.raises(Conflict):
        log.append(link, [suspension(2), suspension(3)], [])

    assert [stored.originator_version for stored in log.select_stored("acct_1", 0, 10)] == [1, 3]


@pytest.mark.parametrize("behind", [Link(2, CHAIN_START), Link(1, CHAIN_START)])
def test_an_append_behind_an_event_that_is_not_there_or_is_another_is_refused(log: Log, behind: Link) -> None:
    log.append(START, [opening()], [])
    with pytest.raises(Conflict, match="before it"):
        log.append(behind, [suspension(behind.version + 1)], [])
    assert [recorded.version for recorded, _ in log.read("acct_1")] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stored_events SET state='{}'",
        "DELETE FROM stored_events",
        "INSERT OR REPLACE INTO stored_events SELECT originator_id, originator_version, topic, '{}' FROM stored_events",
        "REPLACE INTO stored_events SELECT originator_id, originator_version, topic, '{}' FROM stored_events",
        "INSERT INTO stored_events SELECT * FROM stored_events WHERE 1 ON CONFLICT DO UPDATE SET state='{}'",
    ],
)
def test_a_connection_of_ours_changes_nothing_that_is_in_the_log(ledger: Ledger, file: Path, statement: str) -> None:
    account_with(ledger)
    before = behind_its_back(file, "SELECT * FROM stored_events")

    with (
        pytest.raises(Exception, match="append-only"),
        ledger._log.recorder.transaction(write=True) as cursor,
    ):
        cursor.execute(statement)

    assert behind_its_back(file, "SELECT * FROM stored_events") == before


def test_every_connection_waits_for_the_disk(ledger: Ledger) -> None:
    here = Barrier(6)
    seen: list[tuple[int, int, str]] = []

    def look(*, writer: bool) -> None:
        with ledger._log.recorder.datastore.get_connection(commit=writer) as connection:
            cursor = connection.cursor()
            if not writer:
                here.wait(30)
            values = []
            for pragma in ("synchronous", "recursive_triggers", "journal_mode"):
                cursor.execute(f"PRAGMA {pragma}")
                values.append(cursor.fetchone()[0])
            seen.append(tuple(values))

    readers = [Thread(target=look, kwargs={"writer": False}) for _ in range(6)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    look(writer=True)

    full = 2
    assert seen == [(full, 1, "wal")] * 7


@pytest.mark.parametrize(
    "state",
    [
        f"{SECRET}",
        f'{{"event_version": "{SECRET}"}}',
        ENVELOPE.replace("NOON", "2027-03-01T12:00:00Z").replace(
            "EVENT", f'{{"owner":"{SECRET}","currency":"{SECRET}"}}'
        ),
        ENVELOPE.replace("NOON", SECRET).replace("EVENT", "{}"),
        ENVELOPE.replace("NOON", "2027-03-01T12:00:00Z").replace("EVENT", "{}").replace(":1,", ":0,"),
        "",
    ],
)
def test_a_corrupt_event_names_its_place_and_never_its_value(ledger: Ledger, file: Path, state: str) -> None:
    account_id = account_with(ledger)
    unprotect(file)
    behind_its_back(file, "UPDATE stored_events SET state=? WHERE originator_version=1", state.encode())
    forget_memory(ledger)

    with pytest.raises(CorruptLog) as caught:
        ledger.balance(account_id)

    assert f"stream {account_id}, version 1" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)
    assert caught.value.__suppress_context__


def test_an_unknown_topic_is_refused_and_imports_nothing(ledger: Ledger, file: Path, tmp_path: Path) -> None:
    (tmp_path / "planted_module.py").write_text("raise AssertionError('was imported')\nclass Thing: pass\n")
    account_id = account_with(ledger)
    unprotect(file)
    behind_its_back(file, "UPDATE stored_events SET topic='planted_module:Thing' WHERE originator_version=2")
    forget_memory(ledger)
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(CorruptLog, match="planted_module:Thing"):
            ledger.balance(account_id)
    finally:
        sys.path.remove(str(tmp_path))
    assert "planted_module" not in sys.modules


def test_an_event_of_an_older_version_is_read_as_the_present_one(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(e.Event):
        TOPIC = "renamed"
        VERSION = 3
        UPCASTS: ClassVar[dict[int, Any]] = {
            1: lambda fields: {"why": fields["reason"]},
            2: lambda fields: {**fields, "by": "nobody"},
        }
        why: str
        by: str

    class Original(e.Event):
        TOPIC = "renamed"
        reason: str

    class Between(e.Event):
        TOPIC = "renamed"
        VERSION = 2
        why: str

    monkeypatch.setattr(mapper, "TOPICS", {**e.TOPICS, "renamed": Renamed})
    old = e.Recorded("acct_1", 1, NOON, "tester", None, Original(reason="an old one"))
    newer = e.Recorded("acct_1", 2, NOON, "tester", None, Between(why="a newer one"))
    log.append(START, [old, newer], [])

    events = [recorded.event for recorded, _ in log.read("acct_1")]

    assert events == [Renamed(why="an old one", by="nobody"), Renamed(why="a newer one", by="nobody")]


def test_an_event_of_a_newer_release_is_corrupt_rather_than_misread(log: Log) -> None:
    class Newer(e.Event):
        TOPIC = e.AccountSuspended.TOPIC
        VERSION = 2
        reason: str
        until: str

    log.append(START, [e.Recorded("acct_1", 1, NOON, "tester", None, Newer(reason="x", until="y"))], [])
    with pytest.raises(CorruptLog, match="stream acct_1, version 1"):
        list(log.read("acct_1"))


def test_an_event_of_a_newer_version_with_the_same_fields_is_refused_too(log: Log) -> None:
    class Newer(e.Event):
        TOPIC = e.AccountSuspended.TOPIC
        VERSION = 2
        reason: str

    log.append(START, [e.Recorded("acct_1", 1, NOON, "tester", None, Newer(reason="meant otherwise"))], [])
    with pytest.raises(CorruptLog, match="stream acct_1, version 1"):
        list(log.read("acct_1"))


def test_a_closed_ledger_says_that_its_storage_is_gone(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
    with pytest.raises(StorageUnavailable, match="closed"):
        ledger.balance(account_id)
    with pytest.raises(StorageUnavailable, match="closed"):
        spend(ledger, account_id, "late")


def test_an_acknowledged_event_is_in_the_file_at_once(ledger: Ledger, file: Path) -> None:
    account_id = account_with(ledger)
    spend(ledger, account_id, "key")
    with closing(sqlite3.connect(file)) as other:
        [(count,)] = other.execute("SELECT COUNT(*) FROM stored_events WHERE originator_id=?", (account_id,))
    assert count == 3
