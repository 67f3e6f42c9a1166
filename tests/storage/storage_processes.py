"""What other processes do to a ledger file."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from moneyed import Money
from storage_helpers import NOON, spend

from interact_ledger import EventsElsewhere, Ledger, MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.storage.log import Log


def write_until(directory: Path, account_id: str, who: str, stop: Path) -> int:
    """Spend, hold, top up and open accounts until a file appears; return how many rounds."""
    rounds = 0
    with (
        SandboxGateway(directory / f"sandbox-{who}.db") as sandbox,
        Ledger.open(f"sqlite:///{directory}/ledger.db", gateways=[sandbox]) as ledger,
    ):
        while not stop.exists():
            rounds += 1
            key = f"{who}-{rounds}"
            spend(ledger, account_id, f"{key}-spend")
            hold = ledger.hold(account_id, Money("1.00", "GBP"), "a call", idempotency_key=f"{key}-hold")
            if rounds % 2:
                ledger.release(account_id, hold.hold_id, idempotency_key=f"{key}-release")
            own = ledger.open_account(who, "GBP", "GB").account_id
            quote = ledger.checkout(own, Money("10.00", "GBP"))
            ledger.top_up(own, quote.quote_id, card_token="tok_visa", save_card=True, idempotency_key=key)
            quote = ledger.checkout(own, Money("10.00", "GBP"))
            ledger.top_up(own, quote.quote_id, card_token="tok_pending", idempotency_key=f"{key}-pending")
    return rounds


def hold_the_lock(file: Path, ready: Path, stop: Path) -> None:
    """Keep the write lock until a file appears."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        ready.touch()
        give_up_at = time.monotonic() + 60
        while not stop.exists() and time.monotonic() < give_up_at:
            time.sleep(0.01)


def pay_and_die(directory: Path, events: EventsElsewhere, last: int) -> None:
    """Pay, and be killed when the events of so many appends are stored elsewhere, but not the last one's rows."""
    clock, write = MovableClock(NOON), Log._write
    appends = 0

    def killed(*arguments: Any) -> None:
        nonlocal appends
        appends += 1
        if appends == last:
            os.kill(os.getpid(), signal.SIGKILL)
        write(*arguments)

    with (
        SandboxGateway(directory / "sandbox.db", clock=clock) as gateway,
        Ledger.open(f"sqlite:///{directory}/ledger.db", gateways=[gateway], clock=clock, events=events) as ledger,
    ):
        account_id = ledger.open_account("customer-1", "GBP", "GB").account_id
        quote_id = ledger.checkout(account_id, Money("20.00", "GBP")).quote_id
        (directory / "asked").write_text(f"{account_id} {quote_id}")
        setattr(Log, "_write", killed)  # noqa: B010 - this process ends here, so nothing need put it back
        ledger.top_up(account_id, quote_id, card_token="tok_visa", idempotency_key="pay")


def pay_and_spend_until_killed(directory: Path, events: EventsElsewhere, account_id: str, name: str) -> None:
    """Spend, and pay now and then; write down each spend that was acknowledged."""
    with (
        SandboxGateway(directory / "sandbox.db") as gateway,
        Ledger.open(f"sqlite:///{directory}/ledger.db", gateways=[gateway], events=events) as ledger,
        (directory / name).open("w") as acknowledged,
    ):
        for number in itertools.count():
            spend(ledger, account_id, f"{name}-{number}")
            print(number, file=acknowledged, flush=True)
            if number % 3 == 0:
                quote = ledger.checkout(account_id, Money("10.00", "GBP"))
                ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key=quote.quote_id)
