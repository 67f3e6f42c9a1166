"""Buying from the balance and giving back what was not delivered (product rule 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed, refuse_inactive
from interact_ledger.errors import InsufficientBalance, InvalidRequest, NotReversible, TransactionNotFound
from interact_ledger.money import plain

__all__ = ["refuse_uncovered", "reverse_spend", "spend", "total_of"]


def total_of(lines: Sequence[e.SpendLine]) -> Decimal:
    """Return what the lines cost together, exactly."""
    return sum((line.amount for line in lines), Decimal(0))


def refuse_uncovered(account: Account, amount: Decimal, field: str, now: datetime) -> None:
    """No command takes more than is available (invariant I5)."""
    available = lots.available(account, now)
    if amount > available:
        taken, left = plain(amount, account.currency), plain(available, account.currency)
        raise InsufficientBalance(
            f"takes {taken} {account.currency}, but {left} is available; top up first", field=field
        )


def spend(
    account: Account, request: Request, lines: tuple[e.SpendLine, ...], price_list: str, now: datetime
) -> e.Spent:
    """Buy priced lines from the available balance, all or nothing.

    Raises:
        AccountSuspended, AccountClosed, InsufficientBalance
    """
    refuse_inactive(account)
    amount = total_of(lines)
    refuse_uncovered(account, amount, "items", now)
    return e.Spent(
        **request.fields,
        amount=amount,
        currency=account.currency,
        price_list=price_list,
        lines=lines,
        lots=lots.split(account, amount, now),
    )


def reverse_spend(
    account: Account,
    request: Request,
    spend_id: str,
    history: Callable[[str], Sequence[e.Recorded]],
    wanted: Sequence[tuple[str, int | None]] | None,
    reason: str,
) -> list[e.Event]:
    """Give lines of a purchase back to the balance.

    Args:
        account: the account that bought.
        request: the command, to be recognised when repeated.
        spend_id: the operation that bought.
        history: tells the account's events about an operation.
        wanted: the references of lines and how many of each (None: what is left of it); None gives back all.
        reason: why.

    Raises:
        TransactionNotFound: if the operation bought nothing on this account.
        NotReversible: if more is wanted than was bought and not yet given back.
    """
    refuse_closed(account)
    past = history(spend_id)
    purchase = _purchase(past)
    left = _left_to_give_back(purchase, past)
    if wanted is None:
        reversals = [e.LineReversal(line, quantity) for line, quantity in left.items() if quantity]
    else:
        reversals = [_reversal(purchase, left, reference, quantity) for reference, quantity in wanted]
    if len({reversal.line for reversal in reversals}) < len(reversals):
        raise InvalidRequest("names a line twice; add its quantities up", field="lines")
    if not reversals:
        raise NotReversible("everything was given back before", field="transaction_id")
    amount = sum((_amount_of(purchase.lines[r.line], r.quantity) for r in reversals), Decimal(0))
    return [
        e.SpendReversed(
            **request.fields,
            spend_id=spend_id,
            amount=amount,
            currency=account.currency,
            lines=tuple(reversals),
            reason=reason,
            lots=lots.returned(purchase, past, amount, history),
        )
    ]


def _purchase(past: Sequence[e.Recorded]) -> e.Purchase:
    purchase = past[0].event if past else None
    if not isinstance(purchase, e.Purchase):
        raise TransactionNotFound("is no purchase of this account", field="transaction_id")
    return purchase


def _left_to_give_back(purchase: e.Purchase, past: Sequence[e.Recorded]) -> Counter[int]:
    left = Counter({position: line.quantity for position, line in enumerate(purchase.lines)})
    for recorded in past:
        if isinstance(recorded.event, e.SpendReversed):
            left.subtract(dict(recorded.event.lines))
    return left


def _reversal(purchase: e.Purchase, left: Counter[int], reference: str, quantity: int | None) -> e.LineReversal:
    position = next((i for i, line in enumerate(purchase.lines) if line.reference == reference), None)
    if position is None:
        raise NotReversible(f"the purchase has no line {reference!r}", field="lines")
    wanted = left[position] if quantity is None else quantity
    if wanted <= 0 or wanted > left[position]:
        raise NotReversible(f"{left[position]} of line {reference!r} can be given back, not {wanted}", field="lines")
    return e.LineReversal(position, wanted)


def _amount_of(line: e.SpendLine, quantity: int) -> Decimal:
    return line._replace(quantity=quantity).amount
