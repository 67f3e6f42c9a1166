"""The commands that are killed: what stands before them, the request itself, and what it comes to in the end."""

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
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.testing import START, LedgerKit, SequentialIds

BEFORE = Money("7.000001", "GBP")
"""On the account before anything is paid, so that a lost balance shows."""
CREDIT = Money("50", "GBP")
QUOTE_ID = SequentialIds().new("quote")
SETTINGS = Settings.default()
SEND = SETTINGS.send_within
with SandboxGateway() as _gateway:
    PROVEN = SEND + _gateway.capabilities.safe_delay + timedelta(minutes=1)
    """So long after a command, what the gateway does not know was never sent."""

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A command to be killed. Each function makes a call ready, so that making it ready is not killed."""

    request: Callable[[LedgerKit], Call]
    """What the customer asks for, under a key: it may be repeated at any time."""
    prepare: Callable[[LedgerKit], object]
    """What goes before."""
    killed: Callable[[LedgerKit], Call] | None = None
    """What is killed, if not the request."""
    after: timedelta = timedelta(0)
    """How long after the preparation it is killed."""
    captures: int = 0
    """How many payments it comes to."""
    cards: int = 0
    """How many saved cards there are in the end."""


def account_id(kit: LedgerKit) -> str:
    return kit.ledger.open_account("customer-1", "GBP", "GB", idempotency_key="open").account_id


def _quote(kit: LedgerKit) -> None:
    kit.ledger.adjust(account_id(kit), BEFORE, "carried over", idempotency_key="before")
    assert kit.ledger.checkout(account_id(kit), CREDIT).quote_id == QUOTE_ID


def _pay(kit: LedgerKit, token: str = "tok_visa") -> Call:
    key = {"idempotency_key": "pay"}
    return partial(kit.ledger.top_up, account_id(kit), QUOTE_ID, card_token=token, save_card=True, **key)


def _save(kit: LedgerKit) -> Call:
    return partial(kit.ledger.save_card, account_id(kit), "tok_visa", idempotency_key="save")


def _remove(kit: LedgerKit) -> Call:
    events = (recorded.event for recorded in kit.ledger.history(account_id(kit), limit=1000))
    card_id = next(event.card_id for event in events if isinstance(event, CardSaved))
    return partial(kit.ledger.remove_card, account_id(kit), card_id, idempotency_key="remove")


def _quote_and_save(kit: LedgerKit) -> None:
    _quote(kit)
    _save(kit)()


def _quote_and_pay_without_an_answer(kit: LedgerKit) -> None:
    _quote(kit)
    kit.gateway.fail_next("charge", Fault.AFTER)
    assert _pay(kit)().status == "unknown"


def _recover(kit: LedgerKit) -> Call:
    return kit.ledger.recover


SCENES = {
    "a top-up that saves its card": Scene(request=_pay, prepare=_quote, captures=1, cards=1),
    "a top-up that is declined": Scene(request=partial(_pay, token="tok_declined_insufficient_funds"), prepare=_quote),
    "the saving of a card": Scene(request=_save, prepare=_quote, cards=1),
    "the removal of a card": Scene(request=_remove, prepare=_quote_and_save),
    "the recovery of a charge without an answer": Scene(
        request=_pay,
        prepare=_quote_and_pay_without_an_answer,
        killed=_recover,
        after=PROVEN,
        captures=1,
        cards=1,
    ),
}


@contextmanager
def opened(directory: Path, after: timedelta = timedelta(0)) -> Iterator[LedgerKit]:
    """Open the ledger and the sandbox that are in a directory, so long after the beginning."""
    clock = MovableClock(START + after)
    url = f"sqlite:///{directory / 'ledger.db'}"
    with (
        SandboxGateway(directory / "sandbox.db", clock=clock) as gateway,
        Ledger.open(url, gateways=[gateway], settings=SETTINGS, clock=clock, ids=SequentialIds()) as ledger,
    ):
        yield LedgerKit(ledger, clock, gateway)
