"""Commands that are killed before and after each of their HTTP requests, and the ledger that they are given to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from moneyed import Money

from braintree_bench import NOON, gateway_at
from interact_ledger import Ledger
from interact_ledger.clock import MovableClock
from interact_ledger.testing import SequentialIds

__all__ = ["CREDIT", "SCENES", "Kit", "Scene", "opened"]

CREDIT = Money("50", "GBP")
QUOTE_ID = SequentialIds().new("quote")

Call = Callable[[], Any]


@dataclass(frozen=True)
class Kit:
    """A ledger in a file whose gateway is Braintree's adapter."""

    ledger: Ledger
    clock: MovableClock

    @property
    def account_id(self) -> str:
        return self.ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open").account_id


@dataclass(frozen=True)
class Scene:
    """A command, made ready with a nonce of the browser's, and what it comes to in the end."""

    request: Callable[[Kit, str], Call]
    captures: int
    cards: int


def _pay(kit: Kit, nonce: str) -> Call:
    key = {"idempotency_key": "pay"}
    return partial(kit.ledger.top_up, kit.account_id, QUOTE_ID, card_token=nonce, save_card=True, **key)


def _save(kit: Kit, nonce: str) -> Call:
    return partial(kit.ledger.save_card, kit.account_id, nonce, idempotency_key="save")


SCENES = {
    "a top-up that saves its card": Scene(_pay, captures=1, cards=1),
    "the saving of a card": Scene(_save, captures=0, cards=1),
}


@contextmanager
def opened(directory: Path, port: int, after: timedelta = timedelta(0), *, request_keys: bool = True) -> Iterator[Kit]:
    """Open the ledger that is in a directory, so long after the beginning."""
    clock = MovableClock(NOON + after)
    url = f"sqlite:///{directory / 'ledger.db'}"
    gateway = gateway_at(port, clock, request_keys=request_keys)
    with Ledger.open(url, gateways=[gateway], clock=clock, ids=SequentialIds()) as ledger:
        yield Kit(ledger, clock)
