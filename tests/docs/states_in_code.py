"""What the fold makes of states: probed with each event in each state, and watched in real histories."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, get_args

from pages import ROOT
from states_page import START, Edge

from interact_ledger import Ledger
from interact_ledger.domain import events as e
from interact_ledger.domain.account import (
    Account,
    AttemptStatus,
    AutoTopUp,
    CardSaving,
    Hold,
    Refund,
    TopUp,
)
from interact_ledger.domain.charges import Charge, evolve_charge, fold_charges
from interact_ledger.domain.events import TOPICS, Event
from interact_ledger.domain.fold import evolve
from interact_ledger.domain.fold.operations import (
    evolve_card_saving,
    evolve_refund,
    evolve_top_up,
    fold_card_saving,
    fold_refund,
    fold_top_up,
)

__all__ = ["moves", "observed"]

NONE = START
NOW = datetime(2026, 11, 23, tzinfo=UTC)
GOLDEN = ROOT / "tests" / "domain" / "golden"


def _examples() -> Iterator[Event]:
    """Yield an example of each event, with each outcome that it may tell, and about one and the same thing."""
    found = [one for path in sorted(GOLDEN.glob("*.json")) for one in json.loads(path.read_text())]
    for one in found:
        kind = TOPICS[one["topic"]]
        if one["version"] == kind.VERSION:
            event = kind.model_validate(one["event"])
            same = {"operation_id", "attempt_id", "reference", "card_id", "hold_id", "number", "charge_reference"}
            names = {
                name: name for name in same & kind.model_fields.keys() if kind.model_fields[name].annotation is str
            }
            taxes = {"taxes": ()} if "taxes" in kind.model_fields else {}
            lots = {"lots": ()} if "lots" in kind.model_fields else {}
            outcomes = get_args(kind.model_fields["outcome"].annotation) if "outcome" in kind.model_fields else ()
            for outcome in outcomes or (None,):
                changed = {"outcome": outcome} if outcome else {}
                yield event.model_copy(update={**names, **taxes, **lots, **changed})


EXAMPLES = list(_examples())


def example(kind: type[Event]) -> Any:
    return next(event for event in EXAMPLES if type(event) is kind)


class Machine(NamedTuple):
    """One thing that has states."""

    starts: Callable[[], Iterator[Any]]
    """As many as it takes for each event to do whatever it may."""
    step: Callable[[Any, Event], Any]
    state: Callable[[Any], str]


def moves(title: str) -> set[tuple[str, str]]:
    """Return which events bring about which states, by trying each event on each start."""
    machine, found = MACHINES[title], set()
    for event in EXAMPLES:
        for start in machine.starts():
            with suppress(KeyError, AssertionError):  # what is not there cannot be moved
                after = machine.state(machine.step(start, event))
                if after != machine.state(start):
                    found.add((after, event.TOPIC))
    return found


# What an operation is ---------------------------------------------------------------------------------------------


def _top_ups() -> Iterator[TopUp | None]:
    yield None
    intent, captured = example(e.PaymentAttempted), example(e.PaymentCaptured)
    for status in AttemptStatus:
        for reason in (None, *e.CancelReason):
            yield TopUp(intent=intent, status=status, cancelling=reason)
    yield TopUp(intent=intent, status=AttemptStatus.SUCCEEDED, captured=captured, captured_references=("reference",))


def _savings() -> Iterator[CardSaving | None]:
    yield None
    yield from (CardSaving(intent=example(e.CardSavingAttempted), status=status) for status in AttemptStatus)


def _refunds() -> Iterator[Refund | None]:
    yield None
    yield from (Refund(intents=(example(e.RefundAttempted),), status=status) for status in AttemptStatus)


def _status(operation: TopUp | CardSaving | Refund | None) -> str:
    if operation is None:
        return NONE
    return operation.outcome.value if isinstance(operation, TopUp) else operation.status.value


def _charges() -> Iterator[Charge]:
    (fresh,) = fold_charges([_recorded(1, example(e.PaymentCaptured))]).values()
    opened = evolve_charge(fresh, example(e.DisputeOpened))
    yield from (fresh, opened)
    yield from (evolve_charge(opened, example(kind)) for kind in (e.DisputeWon, e.DisputeLost))


def _dispute(charge: Charge) -> str:
    return charge.disputes["reference"].status.value if charge.disputes else NONE


# What an account has ----------------------------------------------------------------------------------------------


def _opened() -> Account:
    return evolve(None, _recorded(1, example(e.AccountOpened)))


def _recorded(version: int, event: Event) -> e.Recorded:
    return e.Recorded(stream_id="acct_1", version=version, recorded_at=NOW, actor="x", correlation_id="x", event=event)


def _apply(account: Account | None, event: Event) -> Account:
    return evolve(account, _recorded(account.version + 1 if account else 1, event))


def _accounts() -> Iterator[Account | None]:
    """Yield accounts with one card, hold, number and agreement of each kind, in each state."""
    yield None
    saved, held, rented = (_apply(_opened(), example(kind)) for kind in (e.CardSaved, e.FundsHeld, e.NumberRented))
    rich = replace(
        _opened(),
        balance=Decimal(10**9),
        cards=saved.cards,
        holds=held.holds,
        numbers=rented.numbers,
        auto_top_up=AutoTopUp(terms=example(e.AutoTopUpEnabled)),
        monthly_recharge=_apply(_opened(), example(e.MonthlyRechargeEnabled)).monthly_recharge,
    )
    yield replace(_opened(), balance=Decimal(10**9))
    yield rich
    stopped = e.StopReason.REQUESTED
    assert rich.auto_top_up is not None
    assert rich.monthly_recharge is not None
    for hold_amount in (event.amount for event in EXAMPLES if isinstance(event, e.HoldSettled | e.HoldReleased)):
        yield replace(
            rich, holds={"hold_id": Hold(hold_id="hold_id", remaining=hold_amount, reference="x", expires_at=NOW)}
        )
    for removal in (None, "removal"):
        card = replace(saved.cards["card_id"], removal_id=removal)
        yield replace(
            rich,
            suspended=True,
            cards={"card_id": card},
            numbers={"number": replace(rented.numbers["number"], unpaid=True)},
            auto_top_up=replace(rich.auto_top_up, paused=stopped),
            monthly_recharge=replace(rich.monthly_recharge, disabled=stopped),
        )
    yield replace(rich, auto_top_up=replace(rich.auto_top_up, disabled=stopped))


def _cards_state(account: Account | None) -> str:
    if account is None or "card_id" not in account.cards:
        return "gone"
    return "being_removed" if account.cards["card_id"].removal_id else "kept"


def _hold_state(account: Account | None) -> str:
    return "reserved" if account is not None and account.holds else "ended"


def _number_state(account: Account | None) -> str:
    if account is None or not account.numbers:
        return "released"
    return "unpaid" if any(number.unpaid for number in account.numbers.values()) else "paid"


def _auto_top_up_state(account: Account | None) -> str:
    policy = account.auto_top_up if account else None
    if policy is None:
        return NONE
    return "disabled" if not policy.enabled else "paused" if policy.paused else "enabled"


def _monthly_recharge_state(account: Account | None) -> str:
    policy = account.monthly_recharge if account else None
    return NONE if policy is None else "enabled" if policy.enabled else "disabled"


def _standing(account: Account | None) -> str:
    return NONE if account is None else account.standing.value


MACHINES: Mapping[str, Machine] = {
    "Top-up": Machine(_top_ups, evolve_top_up, _status),
    "Card saving": Machine(_savings, evolve_card_saving, _status),
    "Saved card": Machine(_accounts, _apply, _cards_state),
    "Refund": Machine(_refunds, evolve_refund, _status),
    "Dispute": Machine(_charges, evolve_charge, _dispute),
    "Hold": Machine(_accounts, _apply, _hold_state),
    "Rented number": Machine(_accounts, _apply, _number_state),
    "Auto top-up": Machine(_accounts, _apply, _auto_top_up_state),
    "Monthly recharge": Machine(_accounts, _apply, _monthly_recharge_state),
    "Account standing": Machine(_accounts, _apply, _standing),
}


# Real histories ---------------------------------------------------------------------------------------------------

_FOLDS = {e.TopUpRequested: "Top-up", e.CardSavingRequested: "Card saving", e.RefundRequested: "Refund"}
_ENDS = {"Saved card": "gone", "Hold": "ended", "Rented number": "released"}


def observed(ledger: Ledger, account_id: str) -> set[tuple[str, Edge]]:
    """Return which states followed which in an account's history, of each thing in it."""
    history = list(_whole(ledger, account_id))
    found = set(_edges(states for states in _states_of_account(history)))
    for recorded in history:
        if type(recorded.event) in _FOLDS:
            operation_id = recorded.event.operation_id
            events = ledger._context.accounts.history(account_id, operation_id)
            found |= set(_edges(_states_of_operation(_FOLDS[type(recorded.event)], operation_id, events)))
    return found


def _whole(ledger: Ledger, account_id: str) -> Iterator[e.Recorded]:
    after = 0
    while page := ledger.history(account_id, after=after, limit=1000):
        yield from page
        after = page[-1].version


def _edges(moments: Iterator[dict[tuple[str, str], str]]) -> Iterator[tuple[str, Edge]]:
    before: dict[tuple[str, str], str] = {}
    for states in moments:
        gone = {key: _ENDS[key[0]] for key in before.keys() - states.keys()}
        for key, state in {**states, **gone}.items():
            was = before.get(key, START)
            if state != was:
                yield key[0], Edge(was, state)
        before = {**before, **states, **gone}


def _states_of_account(history: list[e.Recorded]) -> Iterator[dict[tuple[str, str], str]]:
    account: Account | None = None
    for recorded in history:
        account = evolve(account, recorded)
        states = {("Account standing", ""): account.standing.value}
        states |= {("Hold", hold_id): "reserved" for hold_id in account.holds}
        states |= {("Rented number", n): "unpaid" if rented.unpaid else "paid" for n, rented in account.numbers.items()}
        for card_id, card in account.cards.items():
            states["Saved card", card_id] = "being_removed" if card.removal_id else "kept"
        for name, state in (("Auto top-up", _auto_top_up_state), ("Monthly recharge", _monthly_recharge_state)):
            if state(account) != NONE:
                states[name, ""] = state(account)
        yield states


def _states_of_operation(
    kind: str, operation_id: str, events: Sequence[e.Recorded]
) -> Iterator[dict[tuple[str, str], str]]:
    fold: Any = {"Top-up": fold_top_up, "Card saving": fold_card_saving, "Refund": fold_refund}[kind]
    for count in range(1, len(events) + 1):
        states, operation = {}, fold(events[:count])
        if operation is not None:
            states[kind, operation_id] = _status(operation)
        charges = fold_charges(events[:count]) if kind == "Top-up" else {}
        for charge in charges.values():
            states |= {("Dispute", reference): known.status.value for reference, known in charge.disputes.items()}
        yield states
