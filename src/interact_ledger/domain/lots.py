"""Which credit pays for what is bought: granted lots, each with a priority and an expiry, and purchased credit.

A debit takes what is first in this order: the lower priority number; of the same number granted credit before
purchased; of those the earlier expiry. Purchased credit has the number `PURCHASED_PRIORITY`. What is given back goes
where it came from, what was taken last first. Only purchased credit is ever paid back to a card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import reduce

from interact_ledger.clock import END
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, CreditLot, Hold
from interact_ledger.money import EXACT

__all__ = [
    "PURCHASED_PRIORITY",
    "available",
    "expire",
    "forfeit",
    "lapsed",
    "live",
    "returned",
    "split",
    "split_hold",
    "total",
]

PURCHASED_PRIORITY = 50


def lapsed(account: Account, now: datetime) -> Decimal:
    """Return how much granted credit is over by the clock, though its expiry is not recorded yet."""
    over = (lot.free for lot in account.lots.values() if _is_over(lot, account, now))
    return reduce(EXACT.add, over, Decimal(0))


def live(account: Account, now: datetime) -> list[CreditLot]:
    """Return lots as they are at a moment, in the order in which they pay: of one that is over, what holds reserve."""
    ordered = sorted(account.lots.values(), key=_order)
    left = (replace(lot, remaining=lot.held) if _is_over(lot, account, now) else lot for lot in ordered)
    return [lot for lot in left if lot.remaining]


def available(account: Account, now: datetime) -> Decimal:
    """Return what can be spent or held at a moment."""
    return EXACT.subtract(account.available, lapsed(account, now)) if account.lots else account.available


def total(account: Account, now: datetime) -> Decimal:
    """Return all that is on the account at a moment, held or not."""
    return EXACT.subtract(account.balance, lapsed(account, now)) if account.lots else account.balance


def expire(account: Account, lot_id: str, now: datetime) -> list[e.Event]:
    """End a lot whose time is over, but for what a hold still reserves of it; nothing if there is nothing to end."""
    lot = account.lots.get(lot_id)
    if lot is None or not lot.free or not _is_over(lot, account, now):
        return []
    return [_ended(account, lot, at_closing=False)]


def forfeit(account: Account) -> list[e.Event]:
    """End all lots, as closing an account does."""
    return [_ended(account, lot, at_closing=True) for lot in account.lots.values()]


def split(account: Account, amount: Decimal, now: datetime) -> tuple[e.LotPart, ...]:
    """Return which lots pay how much of a debit; purchased credit pays the rest."""
    if not account.lots:
        return ()
    return _split(amount, {lot.lot_id: lot.free for lot in live(account, now)}, account.lots, account.purchased)


def split_hold(account: Account, reserved: Hold, amount: Decimal) -> tuple[e.LotPart, ...]:
    """Return which of the lots that a hold reserves pay how much of what is bought out of it, expired or not."""
    if not reserved.lots:
        return ()
    purchased = reserved.remaining - sum(reserved.lots.values(), Decimal(0))
    return _split(amount, reserved.lots, account.lots, purchased)


def returned(
    purchase: e.Purchase,
    past: Iterable[e.Recorded],
    amount: Decimal,
    history: Callable[[str], Sequence[e.Recorded]],
) -> tuple[e.LotReturn, ...]:
    """Return which lots get how much of what is given back of a purchase; purchased credit gets the rest.

    Args:
        purchase: what was bought.
        past: its operation's events, with what was given back before.
        amount: what is given back now.
        history: tells how each lot was granted.
    """
    if not purchase.lots:
        return ()
    before = [recorded.event for recorded in past if isinstance(recorded.event, e.SpendReversed)]
    taken = {part.lot_id: part.amount for part in purchase.lots}
    grants = {lot_id: _granted(history(lot_id)) for lot_id in taken}
    first = [lot_id for lot_id in taken if grants[lot_id].priority <= PURCHASED_PRIORITY]
    last = [lot_id for lot_id in taken if grants[lot_id].priority > PURCHASED_PRIORITY]
    bought = purchase.amount - sum(taken.values(), Decimal(0))
    for reversal in before:
        bought -= reversal.amount - sum((part.amount for part in reversal.lots), Decimal(0))
        for part in reversal.lots:
            taken[part.lot_id] -= part.amount
    back = []
    for lot_id in (*reversed(last), None, *reversed(first)):
        most = min(amount, bought if lot_id is None else taken[lot_id])
        amount -= most
        if lot_id is not None and most:
            back.append(e.LotReturn(lot_id, most, grants[lot_id].priority, grants[lot_id].expires_at))
    return tuple(back)


def _split(
    amount: Decimal, free: Mapping[str, Decimal], lots: Mapping[str, CreditLot], purchased: Decimal
) -> tuple[e.LotPart, ...]:
    parts = []
    for lot_id in _in_order(free, lots):
        part = min(amount, max(purchased, Decimal(0)) if lot_id is None else free[lot_id])
        amount -= part
        if lot_id is not None and part:
            parts.append(e.LotPart(lot_id, part))
    return tuple(parts)


def _in_order(lot_ids: Iterable[str], lots: Mapping[str, CreditLot]) -> Sequence[str | None]:
    """Return lots in the order in which they pay, with None in the place of purchased credit."""
    ordered = sorted(lot_ids, key=lambda lot_id: _order(lots[lot_id]))
    first = [lot_id for lot_id in ordered if lots[lot_id].priority <= PURCHASED_PRIORITY]
    return (*first, None, *ordered[len(first) :])


def _order(lot: CreditLot) -> tuple[int, datetime, str]:
    return lot.priority, lot.expires_at or END, lot.lot_id


def _is_over(lot: CreditLot, account: Account, now: datetime) -> bool:
    """Say whether a lot's time is over; an account's time never runs backwards, even if a clock does."""
    return lot.expires_at is not None and lot.expires_at <= max(now, account.recorded_at)


def _ended(account: Account, lot: CreditLot, *, at_closing: bool) -> e.CreditExpired:
    return e.CreditExpired(lot_id=lot.lot_id, amount=lot.free, currency=account.currency, at_closing=at_closing)


def _granted(past: Sequence[e.Recorded]) -> e.CreditGranted:
    event = past[0].event
    assert isinstance(event, e.CreditGranted), "a lot is named by the operation that granted it"
    return event
