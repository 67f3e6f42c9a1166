"""An append whose answer was lost may yet come: until its place is taken, nothing is said that it would make untrue."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError
from storage_helpers import account_with, forget_memory, gbp, ledger_on

from interact_ledger import Ledger
from interact_ledger.domain import events as e
from interact_ledger.errors import Busy, InsufficientBalance, StorageUnavailable
from interact_ledger.storage.accounts import Accounts, Cause


def lose_the_next_append(ledger: Ledger, meanwhile: Callable[[], Any]) -> None:
    """Have the next append go astray, while something else happens."""
    recorder = ledger._log.recorder
    insert = recorder.insert_events

    def lost(*_: Any, **__: Any) -> None:
        recorder.insert_events = insert
        meanwhile()
        raise OperationalError("the connection was lost")

    recorder.insert_events = lost


def willing_once() -> Callable[..., Any]:
    """Decide to add a pound at first, and refuse when asked again, as a decision may that depends on the time."""
    asked: list[object] = []

    def decide(account: object, _: object) -> tuple[e.Event, ...]:
        asked.append(account)
        if len(asked) > 1:
            raise InsufficientBalance("not any more", field="amount")
        return (e.GatewayCustomerLinked(gateway="sandbox", customer_id="cus_1"),)

    return decide


def test_a_refusal_is_not_believed_while_an_append_may_yet_come(file) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger)
        lose_the_next_append(ledger, lambda: None)
        with pytest.raises(StorageUnavailable, match="unknown; repeat it with the same key"):
            ledger._context.accounts.transact(account_id, Cause("test"), willing_once())


def test_a_refusal_is_believed_once_the_appends_place_is_taken(file) -> None:
    with ledger_on(file) as ledger, ledger_on(file) as other:
        account_id = account_with(ledger)
        lose_the_next_append(
            ledger, lambda: other.adjust(account_id, gbp("1.00"), "meanwhile", idempotency_key="meanwhile")
        )
        with pytest.raises(InsufficientBalance):
            ledger._context.accounts.transact(account_id, Cause("test"), willing_once())


def test_an_append_that_was_not_stored_is_decided_again(file) -> None:
    with ledger_on(file) as ledger:
        account_id = account_with(ledger, "1.00")
        lose_the_next_append(ledger, lambda: None)
        ledger.adjust(account_id, gbp("1.00"), "one more", idempotency_key="more")
        forget_memory(ledger)
        assert ledger.balance(account_id).total == gbp("2.00")
        assert ledger.audit().clean


def test_a_command_that_others_always_outpace_is_busy_at_its_deadline(file) -> None:
    with ledger_on(file) as ledger, ledger_on(file) as other:
        account_id = account_with(ledger)
        hasty = Accounts(ledger._log, ledger._context.clock, (), timedelta(seconds=0.5))
        paced = iter(range(10_000))

        def decide(*_: object) -> tuple[e.Event, ...]:
            other.adjust(account_id, gbp("0.01"), "faster", idempotency_key=f"faster-{next(paced)}")
            return (e.GatewayCustomerLinked(gateway="sandbox", customer_id="cus_1"),)

        began = time.monotonic()
        with pytest.raises(Busy, match=r"through \d+ tries"):
            hasty.transact(account_id, Cause("test"), decide)
        assert 0.4 < time.monotonic() - began < 5
