"""Changing a balance by hand, with a reason and a person who answers for it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account
from interact_ledger.domain.operations import Request
from interact_ledger.domain.spending import refuse_uncovered
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import InvalidAmount

__all__ = ["adjust"]


def adjust(account: Account, request: Request, amount: Decimal, reason: str, now: datetime) -> list[e.Event]:
    """Raise the balance by `amount`, or lower it if negative, never below what is held."""
    refuse_closed(account)
    if not amount:
        raise InvalidAmount("must not be zero", field="amount")
    refuse_uncovered(account, -amount, "amount", now)
    taken = lots.split(account, -amount, now) if amount < 0 else ()
    return [e.BalanceAdjusted(**request.fields, amount=amount, currency=account.currency, reason=reason, lots=taken)]
