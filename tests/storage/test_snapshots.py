"""Snapshots make a cold load short; whatever does not fit discards them, and nothing but speed depends on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moneyed import Money
from storage_helpers import account_with, behind_its_back, forget_memory, ledger_on, spend

from interact_ledger import Ledger
from interact_ledger.domain.account import Account
from interact_ledger.domain.fold import evolve
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.storage.log import Log

EVERY = 10


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_accounts, "SNAPSHOT_EVERY", EVERY)


@pytest.fixture
def account_id(ledger: Ledger) -> str:
    """An account of 24 events, with snapshots at 10 and 20, that has one of everything."""
    account_id = account_with(ledger)
    ledger.save_card(account_id, "tok_visa", idempotency_key="card")
    ledger.save_card(account_id, "tok_pending", idempotency_key="another")
    ledger.hold(account_id, ledger.balance(account_id).total / 4, "a call", idempotency_key="hold")
    while ledger.account(account_id).version < 24:
        spend(ledger, account_id, f"key-{ledger.account(account_id).version}")
    return account_id


@pytest.fixture
def read_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From behind which versions streams were read."""
    versions: list[int] = []
    read: Callable[..., Any] = Log.read

    def watched(log: Log, stream_id: str, *, after: int = 0, upto: int | None = None) -> Any:
        versions.append(after)
        return read(log, stream_id, after=after, upto=upto)

    monkeypatch.setattr(Log, "read", watched)
    return versions


def replayed(ledger: Ledger, account_id: str) -> Account | None:
    account = None
    for recorded in ledger.history(account_id, limit=1000):
        account = evolve(account, recorded)
    return account


def stored(file: Path) -> list[int]:
    return [version for (version,) in behind_its_back(file, "SELECT originator_version FROM stored_snapshots")]


def change(file: Path, **changes: Any) -> None:
    """Change every snapshot; `account` changes the account in it."""
    for version, state in behind_its_back(file, "SELECT originator_version, state FROM stored_snapshots"):
        content = json.loads(state)
        content["account"].update(changes.get("account", {}))
        content.update({name: value for name, value in changes.items() if name != "account"})
        behind_its_back(
            file,
            "UPDATE stored_snapshots SET state=? WHERE originator_version=?",
            json.dumps(content).encode(),
            version,
        )


def test_a_cold_load_reads_only_what_came_after_the_snapshot(
    ledger: Ledger, account_id: str, file: Path, read_after: list[int]
) -> None:
    assert len(stored(file)) == 2
    forget_memory(ledger)

    loaded = ledger._account(account_id)

    assert read_after[0] == max(stored(file)) >= 20
    assert loaded == replayed(ledger, account_id)


def test_a_snapshot_and_what_came_after_it_is_the_same_as_replaying_everything(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        for number in range(3 * EVERY):
            spend(ledger, account_id, f"key-{number}")
            forget_memory(ledger)
            assert ledger._account(account_id) == replayed(ledger, account_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"fold_version": 0},
        {"fold_version": 2},
        {"chain": "0" * 64},
        {"account": {"version": 19}},
        {"account": {"account_id": "acct_of_somebody_else"}},
        {"account": {"balance": "a million"}},
        {"account": {"holds": None}},
        {"account": "gone"},
    ],
    ids=str,
)
def test_a_snapshot_that_does_not_fit_is_discarded(
    ledger: Ledger, account_id: str, file: Path, read_after: list[int], changes: dict[str, Any]
) -> None:
    if changes == {"account": "gone"}:
        behind_its_back(file, "UPDATE stored_snapshots SET state='{}'")
    else:
        change(file, **changes)
    forget_memory(ledger)

    loaded = ledger._account(account_id)

    assert read_after[0] == 0
    assert loaded == replayed(ledger, account_id)


@pytest.mark.parametrize("garbage", [b"", b"not json", b"\xff\xfe", b"[]", b'{"fold_version": 1}'])
def test_garbage_is_no_snapshot(
    ledger: Ledger, account_id: str, file: Path, read_after: list[int], garbage: bytes
) -> None:
    behind_its_back(file, "UPDATE stored_snapshots SET state=?", garbage)
    forget_memory(ledger)

    assert ledger._account(account_id) == replayed(ledger, account_id)
    assert read_after[0] == 0


def test_a_snapshot_of_a_version_that_the_log_does_not_have_is_discarded(
    ledger: Ledger, account_id: str, file: Path, read_after: list[int]
) -> None:
    behind_its_back(file, "UPDATE stored_snapshots SET originator_version=99 WHERE originator_version>=20")
    forget_memory(ledger)

    assert ledger._account(account_id) == replayed(ledger, account_id)
    assert read_after[0] == 0


def test_without_any_snapshot_everything_is_replayed(
    ledger: Ledger, account_id: str, file: Path, read_after: list[int]
) -> None:
    behind_its_back(file, "DELETE FROM stored_snapshots")
    forget_memory(ledger)

    assert ledger._account(account_id) == replayed(ledger, account_id)
    assert read_after[0] == 0


def test_a_decision_on_a_cold_account_is_the_same_as_on_a_warm_one(ledger: Ledger, account_id: str) -> None:
    forget_memory(ledger)
    before = ledger.balance(account_id).available
    forget_memory(ledger)
    assert spend(ledger, account_id, "on a cold one").balance == before - Money("0.0325", "GBP")


def test_a_snapshot_that_cannot_be_kept_does_not_make_a_command_fail(file: Path) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        behind_its_back(
            file, "CREATE TRIGGER t BEFORE INSERT ON stored_snapshots BEGIN INSERT INTO nowhere VALUES (1); END"
        )
        for number in range(2 * EVERY):
            forget_memory(ledger)
            assert spend(ledger, account_id, f"key-{number}").amount == Money("0.0325", "GBP")
        assert ledger.account(account_id).version == 2 + 2 * EVERY
