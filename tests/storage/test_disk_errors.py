"""A file that cannot be used is said to be so, in one kind of error; a lock that is held too long in another."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError
from storage_helpers import HASTY, account_with, behind_its_back, ledger_on, spend
from storage_processes import hold_the_lock

from interact_ledger import Ledger
from interact_ledger.errors import Busy, ConfigurationError, StorageUnavailable
from interact_ledger.storage.log import storage_errors


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable), ledger_on(tmp_path):
        pass


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    asked = pytest.raises(StorageUnavailable, match="is its folder there, and may this user write into it")
    with asked, ledger_on(tmp_path / "nowhere" / "ledger.db"):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_is_no_database_is_left_alone(file: Path) -> None:
    file.write_text("this is a letter to a friend, and no database at all" * 100)
    before = file.read_bytes()
    with pytest.raises(StorageUnavailable), ledger_on(file):
        pass
    assert file.read_bytes() == before


def test_a_database_that_turns_read_only_refuses_to_write_and_can_be_read(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        for connection in connections_of(ledger):
            connection.execute("PRAGMA query_only=ON")

        with pytest.raises(StorageUnavailable, match="readonly"):
            spend(ledger, account_id, "key")

        for connection in connections_of(ledger):
            connection.execute("PRAGMA query_only=OFF")
        assert spend(ledger, account_id, "key").amount.amount > 0
        assert ledger.account(account_id).version == 3


def connections_of(ledger: Ledger) -> list[sqlite3.Connection]:
    """The writer's connection, and a reader's."""
    found = []
    for commit in (True, False):
        with ledger._log.recorder.datastore.get_connection(commit=commit) as connection:
            found.append(connection._sqlite_conn)
    return found


def test_a_full_disk_refuses_a_command_and_leaves_nothing_of_it(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        [writer, _] = connections_of(ledger)
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count={pages}")
        bought = spend_until_it_is_full(ledger, account_id)

        assert ledger.account(account_id).version == 2 + bought
        writer.execute(f"PRAGMA max_page_count={pages + 1000}")
        spend(ledger, account_id, f"key-{bought}")
        assert ledger.account(account_id).version == 3 + bought


def spend_until_it_is_full(ledger: Ledger, account_id: str) -> int:
    for number in range(10_000):
        try:
            spend(ledger, account_id, f"key-{number}")
        except StorageUnavailable:
            return number
    raise AssertionError("the disk is never full")


def test_a_file_with_overwritten_pages_is_said_to_be_unusable(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        for number in range(300):
            spend(ledger, account_id, f"key-{number}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = b"\xa5" * len(content[4096 * 2 :])
    file.write_bytes(bytes(content))

    with pytest.raises(StorageUnavailable), ledger_on(file) as ledger:
        ledger.balance(account_id)


def test_an_error_that_only_names_something_locked_is_not_busy() -> None:
    with pytest.raises(StorageUnavailable), storage_errors():
        raise OperationalError('password authentication failed for user "blocked_user"')


def test_a_lock_that_another_process_holds_past_the_deadline_is_busy(file: Path, tmp_path: Path) -> None:
    ready, stop = tmp_path / "ready", tmp_path / "stop"
    with ledger_on(file, settings=HASTY) as ledger:
        account_id = account_with(ledger)
        process = multiprocessing.get_context("spawn").Process(target=hold_the_lock, args=(file, ready, stop))
        process.start()
        try:
            while not ready.exists():
                time.sleep(0.01)
            began = time.monotonic()
            with pytest.raises(Busy, match="locked"):
                spend(ledger, account_id, "key")
            assert 0.5 < time.monotonic() - began < 10
            assert ledger.balance(account_id).total.amount == 100, "readers do not wait"
            with ledger_on(file, settings=HASTY) as other:
                assert other.balance(account_id).total.amount == 100, "opening what is ready only reads"
        finally:
            stop.touch()
            process.join(30)
        assert spend(ledger, account_id, "key").balance.amount < 100
    assert len(behind_its_back(file, "SELECT * FROM stored_events")) == 3


@pytest.mark.parametrize("url", ["ledger.db", "sqlite:/x", "mysql://host/x", "sqlite:///x?mode=ro", "sqlite:///", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Ledger.open(url, gateways=[])


def test_where_sqlite_cannot_get_over_an_error_the_ledger_says_to_open_it_again() -> None:
    # Only a failing call to the system brings this about, and it lasts; tests/crash makes it fail in a release.
    with pytest.raises(StorageUnavailable, match="open it again"), storage_errors():
        raise sqlite3.OperationalError("locking protocol")
