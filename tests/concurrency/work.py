"""What the processes and threads do to one account, each with a record of its own of what was acknowledged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import NamedTuple, TypeVar

from moneyed import Money

from interact_ledger import EventsElsewhere, Ledger, Message, Settings, TopUpResult
from interact_ledger.domain.events import TopUpRequested
from interact_ledger.errors import Busy, InsufficientBalance
from interact_ledger.gateways.sandbox import SandboxGateway

Answer = TypeVar("Answer")

PROCESSES = 8
ZERO = Decimal(0)
ONE_SEGMENT = Message("m", "GB", segments=1)
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
        Ledger.open(files.url, gateways=[gateway], settings=settings, events=files.events) as ledger,
    ):
        yield ledger, gateway


def gbp(amount: str | Decimal) -> Money:
    return Money(amount, "GBP")


def insisting(call: Callable[[], Answer]) -> Answer:
    """Repeat a request as a service does that is told to try again, but not for ever."""
    for _ in range(3):
        with suppress(Busy):
            return call()
    return call()


class Tally(NamedTuple):
    """What a worker's acknowledged commands come to."""

    available: Decimal
    held: Decimal
    done: Counter[str]


class Worker:
    """Spends, holds, settles, gives back and adjusts at random, and adds up what the ledger acknowledged."""

    def __init__(self, ledger: Ledger, account_id: str, name: str) -> None:
        self._ledger = ledger
        self._account_id = account_id
        self._name = name
        self._chance = random.Random(name)
        self._available = self._held = Decimal(0)
        self._done: Counter[str] = Counter()
        self._bought: list[tuple[str, Decimal]] = []
        self._holds: list[tuple[str, Decimal]] = []

    def work(self, commands: int) -> Tally:
        """Do as many commands, each under a key of its own; one in eight is repeated."""
        for number in range(commands):
            ways = [self._spend, self._spend, self._hold, self._adjust]
            ways += [self._give_back] if self._bought else []
            ways += [self._settle, self._release] if self._holds else []
            way = self._chance.choice(ways)
            try:
                way(f"{self._name}-{number}")
                self._done[way.__name__] += 1
            except InsufficientBalance:
                self._done["refused"] += 1
        return Tally(self._available, self._held, self._done)

    def _ask(self, verb: Callable[..., Answer], *arguments: object, key: str) -> Answer:
        request = partial(verb, self._account_id, *arguments, idempotency_key=key)
        answer = insisting(request)
        if self._chance.random() < 1 / 8:
            insisting(request)
        return answer

    def _moved(self, *, available: Decimal = ZERO, held: Decimal = ZERO) -> None:
        self._available += available
        self._held += held

    def _spend(self, key: str) -> None:
        message = Message("m", "GB", segments=1, quantity=self._chance.randint(1, 40))
        bought = self._ask(self._ledger.spend, message, key=key)
        assert bought.balance.amount >= 0
        self._moved(available=-bought.amount.amount)
        self._bought.append((bought.transaction_id, bought.amount.amount))

    def _hold(self, key: str) -> None:
        amount = Decimal(self._chance.randint(40_000, 2_000_000)).scaleb(-6)
        hold = self._ask(self._ledger.hold, gbp(amount), "campaign", key=key)
        assert hold.balance.amount >= 0
        self._moved(available=-amount, held=amount)
        self._holds.append((hold.hold_id, amount))

    def _settle(self, key: str) -> None:
        hold_id, left = self._holds.pop(0)
        paid = self._ask(self._ledger.settle, hold_id, [ONE_SEGMENT], key=key).amount.amount
        self._moved(held=-paid)
        if left - paid >= paid:
            self._holds.append((hold_id, left - paid))
        else:  # too little for another message: nothing more is asked of this hold
            self._done["used up"] += 1

    def _release(self, key: str) -> None:
        hold_id, left = self._holds.pop()
        assert self._ask(self._ledger.release, hold_id, key=key).remaining.amount == 0
        self._moved(available=left, held=-left)

    def _give_back(self, key: str) -> None:
        transaction_id, amount = self._bought.pop()
        assert self._ask(self._ledger.reverse_spend, transaction_id, "undelivered", key=key).amount.amount == amount
        self._moved(available=amount)

    def _adjust(self, key: str) -> None:
        amount = Decimal(self._chance.randint(-3_000_000, 1_500_000)).scaleb(-6)
        assert self._ask(self._ledger.adjust, gbp(amount), "by hand", key=key).amount >= 0
        self._moved(available=amount)


# What a process does, given its number last ------------------------------------------------------------------------


def work(files: Files, account_id: str, commands: int, number: int) -> Tally:
    with opened(files) as (ledger, _):
        begin()
        return Worker(ledger, account_id, f"process-{number}").work(commands)


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


def open_first(directory: str, rounds: int, threads: int, _number: int) -> int:
    """Open files that nobody opened before, in several threads, at the same moment as every other process."""
    with ThreadPoolExecutor(threads) as pool:
        succeeded = 0
        for count in range(rounds):
            begin()
            succeeded += sum(pool.map(_open, [f"sqlite:///{directory}/ledger-{count}.db"] * threads))
        return succeeded


def _open(url: str) -> bool:
    with Ledger.open(url, gateways=[]) as ledger:
        account = ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open")
        return ledger.balance(account.account_id).available == gbp("0")


HASTY = Settings.default().model_copy(update={"send_within": timedelta(milliseconds=150)})
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
