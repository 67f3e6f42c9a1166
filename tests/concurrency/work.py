"""What the processes and threads do to one account, each with a record of its own of what was acknowledged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

from moneyed import Money

from interact_ledger import EventsElsewhere, Ledger, Message, Settings, TopUpResult
from interact_ledger.domain.events import TopUpRequested
from interact_ledger.errors import InsufficientBalance
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.settings import CardTesting
from tellers import ONE_SEGMENT, Tally, Worker, gbp, insisting

PROCESSES = 8
MANY = Message("m", "GB", segments=1, quantity=40)
"""Messages for £1.30."""
OVER = frozenset({"succeeded", "declined", "not_attempted"})

_barriers: list[Barrier] = []


def get_ready(barrier: Barrier) -> None:
    """Keep the barrier in this process."""
    _barriers.append(barrier)


def begin() -> None:
    """Wait for all other processes."""
    _barriers[0].wait(timeout=60)


class Files(NamedTuple):
    """Where the ledger and the sandbox are, and who keeps the events if not the ledger's database."""

    url: str
    sandbox: str
    events: EventsElsewhere | None = None


@contextmanager
def opened(
    files: Files, settings: Settings | None = None, **sandbox: timedelta
) -> Iterator[tuple[Ledger, SandboxGateway]]:
    with (
        SandboxGateway(files.sandbox, **sandbox) as gateway,
        Ledger.open(files.url, gateways=[gateway], settings=settings or MANY_CARDS, events=files.events) as ledger,
    ):
        yield ledger, gateway


# What a process does, given its number last ------------------------------------------------------------------------


def work(files: Files, account_id: str, commands: int, number: int) -> Tally:
    with opened(files) as (ledger, _):
        begin()
        return Worker(ledger, account_id, f"process-{number}").work(range(commands))


def append(url: str, account_ids: Sequence[str], commands: int, number: int) -> int:
    """Append an event to one of the accounts again and again, an account for each process."""
    with Ledger.open(url, gateways=[]) as ledger:
        begin()
        for key in range(commands):
            ask = partial(ledger.adjust, account_ids[number], gbp("1"), "one more", idempotency_key=f"key-{key}")
            insisting(ask)
    return commands


def spend_same(files: Files, account_id: str, keys: int, _number: int) -> list[tuple[str, Money]]:
    """Ask for the same purchases as every other process."""
    with opened(files) as (ledger, _):
        begin()
        calls = (partial(ledger.spend, account_id, ONE_SEGMENT, idempotency_key=f"same-{key}") for key in range(keys))
        return [(answer.transaction_id, answer.amount) for answer in map(insisting, calls)]


def pay_same(files: Files, account_id: str, quotes: list[str], _number: int) -> list[str]:
    """Pay the same quotes under the same keys as every other process."""
    with opened(files) as (ledger, _):
        begin()
        return [insisting(partial(_pay, ledger, account_id, quote)).transaction_id for quote in quotes]


def _pay(ledger: Ledger, account_id: str, quote: str, token: str = "tok_visa") -> TopUpResult:
    return ledger.top_up(account_id, quote, card_token=token, save_card=True, idempotency_key=quote)


def open_first(url: str, threads: int, _number: int) -> int:
    """Open a database that nobody opened before, in several threads, at the same moment as every other process."""
    begin()
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(_open, [url] * threads))


def _open(url: str) -> bool:
    with Ledger.open(url, gateways=[]) as ledger:
        account = ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open")
        return ledger.balance(account.account_id).available == gbp("0")


MANY_CARDS = Settings.default().model_copy(update={"card_testing": CardTesting(declines_max=100, cards_max=100)})
HASTY = MANY_CARDS.model_copy(update={"send_within": timedelta(milliseconds=150)})
"""An attempt may be sent for so short a time that recovery meets its sender at work."""
SOON = timedelta(milliseconds=150)
TOKENS = ("tok_visa", "tok_timeout_after_charging", "tok_timeout_before_charging", "tok_declined_insufficient_funds")


def send_or_recover(files: Files, account_id: str, quotes: list[str], number: int) -> int:
    """Pay in two processes, each its share of the quotes; recover in all others until every payment is over.

    Returns how many payments this process brought to their end.
    """
    with opened(files, HASTY, settles_within=SOON) as (ledger, _):
        begin()
        if number < 2:
            for index, quote in enumerate(quotes[number::2]):
                insisting(partial(_pay, ledger, account_id, quote, TOKENS[index % len(TOKENS)]))
            return 0
        return sum(_recovered_while_sending(ledger, account_id, len(quotes)))


def _recovered_while_sending(ledger: Ledger, account_id: str, payments: int) -> Iterator[int]:
    give_up_at = time.monotonic() + 60
    while _payments_over(ledger, account_id) < payments:
        assert time.monotonic() < give_up_at
        yield sum(one.is_over for one in insisting(ledger.recover))
        time.sleep(0.02)


def _payments_over(ledger: Ledger, account_id: str) -> int:
    asked = (recorded.event for recorded in ledger.history(account_id, limit=1000))
    operations = [event.operation_id for event in asked if isinstance(event, TopUpRequested)]
    return sum(ledger.top_up_result(account_id, operation).status in OVER for operation in operations)


def spend_and_run_due(files: Files, account_id: str, commands: int, number: int) -> int:
    """Spend a balance down and charge what falls due, as every other process does; return how much was bought."""
    settings = Settings.default().model_copy(update={"auto_top_up_cool_down": timedelta(milliseconds=1)})
    bought = 0
    with opened(files, settings) as (ledger, _):
        begin()
        for command in range(commands):
            key = f"process-{number}-{command}"
            ask = partial(ledger.spend, account_id, MANY, idempotency_key=key, top_up_at_once=command % 5 == 0)
            with contextlib.suppress(InsufficientBalance):
                insisting(ask)
                bought += 1
            insisting(ledger.run_due)
    return bought
