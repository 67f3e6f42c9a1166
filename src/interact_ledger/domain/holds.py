"""Reserving part of the balance, buying out of it, and letting it go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account, Hold
from interact_ledger.domain.operations import Request
from interact_ledger.domain.spending import refuse_uncovered, total_of
from interact_ledger.domain.standing import refuse_closed, refuse_inactive
from interact_ledger.errors import HoldEnded, HoldExceeded, HoldNotFound, InvalidAmount
from interact_ledger.money import plain

__all__ = ["expire", "hold", "release", "settle"]


def hold(
    account: Account, request: Request, amount: Decimal, reference: str, expires_at: datetime, now: datetime
) -> list[e.Event]:
    """Reserve an amount of the available balance until it is settled, released or expires."""
    if amount <= 0:
        raise InvalidAmount("must be more than zero", field="amount")
    refuse_inactive(account)
    refuse_uncovered(account, amount, "amount", now)
    return [
        e.FundsHeld(
            **request.fields,
            amount=amount,
            currency=account.currency,
            reference=reference,
            expires_at=expires_at,
            lots=lots.split(account, amount, now),
        )
    ]


def settle(
    account: Account,
    request: Request,
    hold_id: str,
    past: Sequence[e.Recorded],
    lines: tuple[e.SpendLine, ...],
    price_list: str,
    now: datetime,
) -> list[e.Event]:
    """Buy priced lines out of a hold; what the lines do not take stays reserved.

    Raises:
        HoldNotFound, HoldEnded, HoldExceeded, AccountSuspended, AccountClosed
    """
    refuse_inactive(account)
    reserved = _live_hold(account, hold_id, past, now)
    amount = total_of(lines)
    if amount > reserved.remaining:
        taken, left = plain(amount, account.currency), plain(reserved.remaining, account.currency)
        raise HoldExceeded(f"takes {taken} {account.currency}, but the hold still reserves {left}", field="items")
    return [
        e.HoldSettled(
            **request.fields,
            amount=amount,
            currency=account.currency,
            price_list=price_list,
            lines=lines,
            hold_id=hold_id,
            lots=lots.split_hold(account, reserved, amount),
        )
    ]


def release(account: Account, request: Request, hold_id: str, past: Sequence[e.Recorded]) -> list[e.Event]:
    """Make what is left of a hold available again."""
    refuse_closed(account)
    reserved = _hold(account, hold_id, past)
    return [e.HoldReleased(**request.fields, hold_id=hold_id, amount=reserved.remaining, currency=account.currency)]


def expire(account: Account, hold_id: str, now: datetime) -> list[e.Event]:
    """End a hold whose time is over; nothing if it is not, or ended before."""
    reserved = account.holds.get(hold_id)
    if reserved is None or now < reserved.expires_at:
        return []
    return [e.HoldExpired(hold_id=hold_id, amount=reserved.remaining, currency=account.currency)]


def _live_hold(account: Account, hold_id: str, past: Sequence[e.Recorded], now: datetime) -> Hold:
    reserved = _hold(account, hold_id, past)
    if now >= reserved.expires_at:
        raise HoldEnded(f"the hold expired at {reserved.expires_at:%Y-%m-%d %H:%M} UTC", field="hold_id")
    return reserved


def _hold(account: Account, hold_id: str, past: Sequence[e.Recorded]) -> Hold:
    if hold_id in account.holds:
        return account.holds[hold_id]
    if past and isinstance(past[0].event, e.FundsHeld):
        raise HoldEnded("the hold was settled, released or has expired", field="hold_id")
    raise HoldNotFound("there is no such hold on this account", field="hold_id")
