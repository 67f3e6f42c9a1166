"""Workers who buy, hold, give back and pay at random on one account, and add up what the ledger acknowledged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar

from moneyed import Money

from interact_ledger import Ledger, Message
from interact_ledger.errors import Busy, InsufficientBalance, StorageUnavailable

Answer = TypeVar("Answer")

ZERO = Decimal(0)
ONE_SEGMENT = Message("m", "GB", segments=1)
TOP_UP = Decimal(10)


def gbp(amount: str | Decimal) -> Money:
    return Money(amount, "GBP")


def insisting(call: Callable[[], Answer]) -> Answer:
    """Repeat a request as a service does that is told to try again, but not for ever."""
    for _ in range(3):
        with suppress(Busy, StorageUnavailable):
            return call()
    return call()


def stubborn(call: Callable[[], Answer]) -> Answer:
    """Repeat a request under its key until it is answered, as a service does whose database comes and goes."""
    give_up_at = time.monotonic() + 120
    while True:
        try:
            return call()
        except (Busy, StorageUnavailable):
            assert time.monotonic() < give_up_at
            time.sleep(0.01)


class Tally(NamedTuple):
    """What a worker's acknowledged commands come to."""

    available: Decimal
    held: Decimal
    done: Counter[str]


class Worker:
    """Spends, holds, settles, gives back and adjusts at random, and adds up what the ledger acknowledged.

    Args:
        ledger: where it works.
        account_id: whose money it moves.
        name: what its idempotency keys and its choices follow from.
        insist: how it repeats a request that was not answered.
        tops_up: whether it also pays with cards.
    """

    def __init__(
        self,
        ledger: Ledger,
        account_id: str,
        name: str,
        insist: Callable[[Callable[[], Answer]], Answer] = insisting,
        *,
        tops_up: bool = False,
    ) -> None:
        self._ledger = ledger
        self._insist = insist
        self._tops_up = tops_up
        self._account_id = account_id
        self._name = name
        self._chance = random.Random(name)
        self._available = self._held = Decimal(0)
        self._done: Counter[str] = Counter()
        self._bought: list[tuple[str, Decimal]] = []
        self._holds: list[tuple[str, Decimal]] = []

    def work(self, numbers: Iterable[int]) -> Tally:
        """Do a command for each number, under a key of its own; one in eight is repeated."""
        for number in numbers:
            ways = [self._spend, self._spend, self._hold, self._adjust]
            ways += [self._give_back] if self._bought else []
            ways += [self._settle, self._release] if self._holds else []
            ways += [self._top_up] if self._tops_up else []
            way = self._chance.choice(ways)
            try:
                way(f"{self._name}-{number}")
                self._done[way.__name__] += 1
            except InsufficientBalance:
                self._done["refused"] += 1
        return Tally(self._available, self._held, self._done)

    def _ask(self, verb: Callable[..., Answer], *arguments: object, key: str) -> Answer:
        request = partial(verb, self._account_id, *arguments, idempotency_key=key)
        answer = self._insist(request)
        if self._chance.random() < 1 / 8:
            self._insist(request)
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

    def _top_up(self, key: str) -> None:
        quote = self._insist(partial(self._ledger.checkout, self._account_id, gbp(TOP_UP)))
        pay = partial(self._ledger.top_up, quote_id=quote.quote_id, card_token="tok_visa")
        give_up_at = time.monotonic() + 60
        while self._ask(pay, key=key).status != "succeeded":  # "unknown" for a while, if the answer was not recorded
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        self._moved(available=TOP_UP)
