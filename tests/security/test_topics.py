"""What is stored names no code: a topic is looked up in our own list, and bytes are JSON or nothing."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from interact_ledger.domain.events import TOPICS
from interact_ledger.errors import CorruptLog
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.testing import ledger_kit
from ledger_helpers import ONE_SEGMENT, funded

FOREIGN = [
    "os:system",
    "builtins:eval",
    "subprocess:Popen",
    "pickle:loads",
    "planted:Event",
    "planted",
    "interact_ledger.domain.events:Spent",
    "interact_ledger.storage.accounts:Accounts",
    "eventsourcing.domain:Snapshot",
    "../../planted:Event",
    "",
    "spent\0",
]


class Detonator:
    """Unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._folder),)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module on the path that no ledger has any reason to import."""
    (tmp_path / "planted.py").write_text("class Event: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    assert "planted" not in sys.modules


@pytest.fixture
def ledger_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A closed ledger of one account, with a snapshot."""
    monkeypatch.setattr(storage_accounts, "SNAPSHOT_EVERY", 5)
    path = tmp_path / "ledger.db"
    with ledger_kit(f"sqlite:///{path}") as kit:
        account_id = funded(kit)
        for number in range(6):
            kit.ledger.spend(account_id, ONE_SEGMENT, idempotency_key=f"k{number}")
    return path, account_id


def tamper(path: Path, sql: str, *parameters: object) -> None:
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    assert connection.execute(sql, parameters).rowcount > 0
    connection.close()


@pytest.mark.parametrize("topic", FOREIGN)
def test_a_stored_topic_imports_nothing(planted, ledger_file, topic):
    path, account_id = ledger_file
    before = set(sys.modules)
    tamper(path, "DELETE FROM stored_snapshots")
    tamper(path, "UPDATE stored_events SET topic=? WHERE originator_id=? AND originator_version=2", topic, account_id)
    with ledger_kit(f"sqlite:///{path}") as kit:
        with pytest.raises(CorruptLog, match="is no topic of this library"):
            kit.ledger.balance(account_id)
        with pytest.raises(CorruptLog):
            kit.ledger.history(account_id)
        assert not kit.ledger.audit().clean
    assert not {name for name in set(sys.modules) - before if not name.startswith("interact_ledger")}


@pytest.mark.parametrize("topic", FOREIGN)
def test_the_topic_of_a_snapshot_imports_nothing(planted, ledger_file, topic):
    path, account_id = ledger_file
    with ledger_kit(f"sqlite:///{path}") as kit:
        expected = kit.ledger.balance(account_id)
    tamper(path, "UPDATE stored_snapshots SET topic=?", topic)
    with ledger_kit(f"sqlite:///{path}") as kit:
        assert kit.ledger.balance(account_id) == expected


@pytest.mark.parametrize("table", ["stored_events", "stored_snapshots"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_stored_bytes_are_never_unpickled(ledger_file, tmp_path, table, protocol):
    path, account_id = ledger_file
    folder = tmp_path / "exploded"
    bomb = pickle.dumps(Detonator(folder), protocol)
    with ledger_kit(f"sqlite:///{path}") as kit:
        expected = kit.ledger.balance(account_id)
    tamper(path, f"UPDATE {table} SET state=?", bomb)
    with ledger_kit(f"sqlite:///{path}") as kit:
        if table == "stored_events":
            with pytest.raises(CorruptLog):
                kit.ledger.history(account_id)
            assert not kit.ledger.audit().clean
        else:
            assert kit.ledger.balance(account_id) == expected
    assert not folder.exists()
    pickle.loads(bomb)
    assert folder.exists(), "it would have exploded"


def test_the_environment_of_the_process_names_no_code_either(planted, tmp_path, monkeypatch):
    for name in (
        *("PERSISTENCE_MODULE", "INFRASTRUCTURE_FACTORY", "MAPPER_TOPIC", "TRANSCODER_TOPIC", "CIPHER_TOPIC"),
        *("COMPRESSOR_TOPIC", "AGGREGATE_RECORDER_TOPIC", "APPLICATION_RECORDER_TOPIC"),
    ):
        monkeypatch.setenv(name, "planted:Event")
        monkeypatch.setenv(f"INTERACT_LEDGER_{name}", "planted:Event")
    with ledger_kit(f"sqlite:///{tmp_path / 'ledger.db'}") as kit:
        assert funded(kit)


def test_the_list_of_topics_names_events_only():
    assert all(":" not in topic and topic.replace("-", "").isalpha() for topic in TOPICS)
