"""A ledger on a file as the tests of its storage want it, and ways to look at the file behind its back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moneyed import Money

from interact_ledger import Ledger, Message, MovableClock, Number, Settings
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import LedgerKit

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
NONE_DUE = ["invoices_due", "credit_notes_due"]
"""The tables that are empty once everything has its number."""
HASTY = Settings.default().model_copy(update={"command_deadline": timedelta(seconds=1)})
"""Gives up on a locked database after a second."""


def gbp(amount: str) -> Money:
    return Money(amount, "GBP")


def put_through_its_paces(kit: LedgerKit) -> str:
    """Do a bit of everything; return the account."""
    ledger, account_id = kit.ledger, kit.account().account_id
    paid = kit.top_up(account_id, gbp("50.00"), save_card=True)
    assert paid.status == "succeeded"
    for token in ("tok_pending", "tok_timeout_after_charging", "tok_declined_fraud"):
        kit.top_up(account_id, gbp("10.00"), card_token=token)
    bought = ledger.spend(account_id, Message("m-1", "GB", segments=2, quantity=3), idempotency_key="spend")
    ledger.reverse_spend(account_id, bought.transaction_id, "lost", idempotency_key="back", lines=[("m-1", 1)])
    ledger.spend(account_id, Number("n-1", "+442071234567", "GB"), idempotency_key="number")
    held = ledger.hold(account_id, gbp("5.00"), "campaign", idempotency_key="hold")
    ledger.settle(account_id, held.hold_id, [Message("m-2", "GB", segments=1)], idempotency_key="settle")
    ledger.adjust(account_id, gbp("-0.000001"), "rounding of a partner", idempotency_key="adjust")
    kit.clock.advance(timedelta(days=40))
    ledger.recover()
    ledger.run_due()
    ledger.refund(account_id, paid.transaction_id, gbp("1.20"), "asked", idempotency_key="refund")
    kit.gateway.open_dispute(str(paid.gateway_reference), gbp("6.00"))
    told = kit.gateway.notices_due()[-1]
    ledger.receive("sandbox", told.body, told.headers)
    return account_id


@contextmanager
def ledger_on(file: Path, **options: Any) -> Iterator[Ledger]:
    """Open a ledger on a file, with a sandbox that lasts until it is closed."""
    clock = MovableClock(NOON)
    with (
        SandboxGateway(clock=clock) as sandbox,
        Ledger.open(f"sqlite:///{file}", gateways=[sandbox], clock=clock, **options) as ledger,
    ):
        yield ledger


def account_with(ledger: Ledger, pounds: str = "100.00") -> str:
    account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
    ledger.adjust(account_id, Money(pounds, "GBP"), "to begin with", idempotency_key="fund")
    return account_id


def spend(ledger: Ledger, account_id: str, key: str, quantity: int = 1) -> Any:
    return ledger.spend(account_id, Message("one", "GB", segments=1, quantity=quantity), idempotency_key=key)


def forget_memory(ledger: Ledger) -> None:
    """Make the next load come from the file."""
    ledger._context.accounts._cache.clear()


def behind_its_back(file: Path, sql: str, *parameters: object) -> list[Any]:
    """Run a statement on the file as somebody would who is not this library, without its triggers' protection."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return connection.execute(sql, parameters).fetchall()


def unprotect(file: Path) -> None:
    behind_its_back(file, "DROP TRIGGER stored_events_are_never_changed")
    behind_its_back(file, "DROP TRIGGER stored_events_are_never_deleted")


def all_rows(ledger: Ledger) -> dict[str, list[Any]]:
    """Every row of every table that follows from the log."""
    tables = ledger._log.tables
    return {t.name: ledger._log.query(f"SELECT * FROM {t.name} ORDER BY {', '.join(t.key)}") for t in tables}
