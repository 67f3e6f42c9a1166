"""Granting credit that nobody paid for, such as a promotion."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import InvalidAmount, InvalidRequest

__all__ = ["PRIORITY_MAX", "grant"]

PRIORITY_MAX = 100


def grant(
    account: Account,
    request: Request,
    amount: Decimal,
    reason: str,
    *,
    priority: int,
    expires_at: datetime | None,
    now: datetime,
) -> list[e.Event]:
    """Add a lot of credit to the balance.

    Args:
        account: whose.
        request: the command, to be recognised when repeated.
        amount: more than zero.
        reason: why, for the record.
        priority: 0 to 100; the lower is used first (`lots.PURCHASED_PRIORITY` is that of purchased credit).
        expires_at: when what is left of it is gone; None for never.
        now: what time it is.

    Raises:
        InvalidAmount, InvalidRequest, AccountClosed
    """
    refuse_closed(account)
    if amount <= 0:
        raise InvalidAmount("must be more than zero", field="amount")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("is not in the future", field="expires_at")
    return [
        e.CreditGranted(
            **request.fields,
            amount=amount,
            currency=account.currency,
            reason=reason,
            priority=priority,
            expires_at=expires_at,
        )
    ]
