"""What is kept in memory is never believed against the file: somebody else may have written between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moneyed import Money
from storage_helpers import HASTY, account_with, ledger_on, spend

from interact_ledger import Ledger
from interact_ledger.errors import AccountSuspended, Busy, IdempotencyConflict, InsufficientBalance
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.storage.log import Conflict, Log


@pytest.fixture
def other(file: Path, ledger: Ledger) -> Iterator[Ledger]:
    """Another ledger on the same file, as another process would have it."""
    with ledger_on(file) as opened:
        yield opened


@pytest.fixture
def account_id(ledger: Ledger, other: Ledger) -> str:
    """An account that both have in memory."""
    account_id = account_with(ledger, "10.00")
    other.balance(account_id)
    return account_id


def test_a_refusal_on_an_old_state_is_decided_again_on_the_new_one(
    ledger: Ledger, other: Ledger, account_id: str
) -> None:
    other.adjust(account_id, Money("90.00", "GBP"), "more", idempotency_key="more")
    assert spend(ledger, account_id, "big", quantity=1000).amount == Money("32.5", "GBP")


def test_money_that_somebody_else_spent_is_not_spent_again(ledger: Ledger, other: Ledger, account_id: str) -> None:
    spend(other, account_id, "theirs", quantity=300)
    with pytest.raises(InsufficientBalance):
        spend(ledger, account_id, "ours", quantity=300)
    assert ledger.balance(account_id).total == Money("0.25", "GBP")


def test_a_suspension_by_somebody_else_holds_at_once(ledger: Ledger, other: Ledger, account_id: str) -> None:
    other.suspend(account_id, "fraud check")
    with pytest.raises(AccountSuspended):
        spend(ledger, account_id, "late")
    other.reinstate(account_id, "checked")
    assert spend(ledger, account_id, "again").amount == Money("0.0325", "GBP")


def test_a_request_that_somebody_else_answered_is_a_repeat(ledger: Ledger, other: Ledger, account_id: str) -> None:
    theirs = spend(other, account_id, "key")
    ours = spend(ledger, account_id, "key")
    assert ours.transaction_id == theirs.transaction_id
    assert ledger.balance(account_id).total == Money("9.9675", "GBP")


def test_a_key_that_somebody_else_used_for_another_request_conflicts(
    ledger: Ledger, other: Ledger, account_id: str
) -> None:
    spend(other, account_id, "key")
    with pytest.raises(IdempotencyConflict):
        spend(ledger, account_id, "key", quantity=2)


def test_a_command_with_nothing_to_do_on_an_old_state_is_decided_on_the_new_one(
    ledger: Ledger, other: Ledger, account_id: str
) -> None:
    ledger.suspend(account_id, "fraud check")
    assert other.reinstate(account_id, "checked").version == 4
    assert ledger.suspend(account_id, "fraud check").version == 5
    assert other.account(account_id).standing == "suspended"


def test_reading_sees_what_somebody_else_wrote(ledger: Ledger, other: Ledger, account_id: str) -> None:
    ledger.balance(account_id)
    other.hold(account_id, Money("4.00", "GBP"), "a call", idempotency_key="hold", expires_in=timedelta(hours=1))
    balance = ledger.balance(account_id)
    assert (balance.held, balance.available) == (Money("4.00", "GBP"), Money("6.00", "GBP"))


def test_an_account_that_fell_out_of_memory_is_loaded_again(
    ledger: Ledger, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_accounts, "CACHED_ACCOUNTS_MAX", 2)
    others = [account_with(ledger, "1.00") for _ in range(4)]
    assert len(ledger._context.accounts._cache) == 2
    assert spend(ledger, account_id, "key").balance == Money("9.9675", "GBP")
    assert all(ledger.balance(one).total == Money("1.00", "GBP") for one in others)


def test_an_append_whose_acknowledgement_was_lost_is_not_repeated(
    ledger: Ledger, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Log.append
    lost: list[str] = []

    def commits_and_reports_a_conflict(log: Log, *arguments: object) -> object:
        link = append(log, *arguments)
        if not lost:
            lost.append("the answer")
            raise Conflict("as a retry inside a driver reports it")
        return link

    monkeypatch.setattr(Log, "append", commits_and_reports_a_conflict)
    spend(ledger, account_id, "key")

    assert lost
    assert ledger.balance(account_id).total == Money("9.9675", "GBP")


def test_a_command_gives_up_when_others_keep_changing_the_account_until_the_deadline(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger_on(file, settings=HASTY) as ledger, ledger_on(file) as other:
        account_id = account_with(ledger)
        append = Log.append
        numbers = iter(range(10**6))

        def overtaken(log: Log, *arguments: object) -> object:
            if log is ledger._log:
                spend(other, account_id, f"other-{next(numbers)}")
            return append(log, *arguments)

        monkeypatch.setattr(Log, "append", overtaken)
        with pytest.raises(Busy, match="kept changing"):
            spend(ledger, account_id, "key")
        monkeypatch.undo()

        spent = next(numbers)
        assert spent > 3
        assert other.balance(account_id).total == Money(100 - spent * Money("0.0325", "GBP").amount, "GBP")
