"""The commands that are killed at Stripe's door: what stands before them, the request, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from moneyed import Money

from interact_ledger import Ledger, Settings
from interact_ledger.clock import MovableClock
from interact_ledger.domain.events import CardSaved
from interact_ledger.gateways.stripe import StripeGateway
from interact_ledger.testing import START, SequentialIds
from servers.stripe import API_KEY

__all__ = ["BEFORE", "CREDIT", "PROVEN", "SCENES", "Opened", "Scene", "opened"]

BEFORE = Money("7.000001", "GBP")
"""On the account before anything is paid, so that a lost balance shows."""
CREDIT = Money("50", "GBP")
QUOTE_ID = SequentialIds().new("quote")
SETTINGS = Settings.default()
PROVEN = SETTINGS.send_within + StripeGateway(API_KEY).capabilities.safe_delay + timedelta(minutes=1)
"""So long after a command, what Stripe does not know was never sent."""

Call = Callable[[], Any]


@dataclass(frozen=True)
class Opened:
    """A ledger whose gateway is Stripe."""

    ledger: Ledger
    clock: MovableClock

    @property
    def account_id(self) -> str:
        return self.ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open").account_id


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A command to be killed. Each function makes a call ready, so that making it ready is not killed."""

    prepare: Callable[[Opened], object]
    request: Callable[[Opened], Call]
    requests: int
    """How many HTTP requests it sends."""
    captures: int = 0
    credits: int = 0
    """How many credits are on the account in the end."""
    cards: int = 0


def _quote(at: Opened) -> None:
    at.ledger.adjust(at.account_id, BEFORE, "carried over", idempotency_key="before")
    assert at.ledger.checkout(at.account_id, CREDIT).quote_id == QUOTE_ID


def _pay(at: Opened, token: str = "pm_card_visa") -> Call:
    return partial(at.ledger.top_up, at.account_id, QUOTE_ID, card_token=token, save_card=True, idempotency_key="pay")


def _save(at: Opened, token: str = "pm_card_visa") -> Call:
    return partial(at.ledger.save_card, at.account_id, token, idempotency_key="save")


def _remove(at: Opened) -> Call:
    events = (recorded.event for recorded in at.ledger.history(at.account_id, limit=1000))
    card_id = next(event.card_id for event in events if isinstance(event, CardSaved))
    return partial(at.ledger.remove_card, at.account_id, card_id, idempotency_key="remove")


def _refund(at: Opened) -> Call:
    transaction_id = _pay(at)().transaction_id
    return partial(at.ledger.refund, at.account_id, transaction_id, None, "asked for", idempotency_key="refund")


def _quote_and_save(at: Opened) -> None:
    _quote(at)
    _save(at)()


def _quote_and_pay(at: Opened) -> None:
    _quote(at)
    assert _pay(at)().status == "succeeded"


SCENES = {
    "a top-up that saves its card": Scene(prepare=_quote, request=_pay, requests=3, captures=1, credits=1, cards=1),
    "a top-up that is declined": Scene(
        prepare=_quote, request=partial(_pay, token="pm_card_chargeDeclined"), requests=4
    ),
    "the saving of a card": Scene(prepare=_quote, request=_save, requests=3, cards=1),
    "the saving of a card that is declined": Scene(
        prepare=_quote, request=partial(_save, token="pm_card_chargeDeclined"), requests=4
    ),
    "the removal of a card": Scene(prepare=_quote_and_save, request=_remove, requests=2),
    "a refund": Scene(prepare=_quote_and_pay, request=_refund, requests=1, captures=1, cards=1),
}


@contextmanager
def opened(directory: Path, address: str, after: timedelta = timedelta(0)) -> Iterator[Opened]:
    """Open the ledger that is in a directory, so long after the beginning, with Stripe at an address."""
    clock = MovableClock(START + after)
    gateway = StripeGateway(API_KEY, clock=clock, api_base=address, timeouts=(5, 5), pauses=())
    url = f"sqlite:///{directory / 'ledger.db'}"
    with Ledger.open(url, gateways=[gateway], settings=SETTINGS, clock=clock, ids=SequentialIds()) as ledger:
        yield Opened(ledger, clock)
