"""Phone numbers rented by the month until they are released."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account, RentedNumber, Standing
from interact_ledger.domain.calendar import local_date, next_monthly_due
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import NumberAlreadyRented, NumberNotFound

__all__ = ["charge_rent", "release_number", "rent"]


def rent(account: Account, operation_id: str, number: str, monthly: e.SpendLine, now: datetime) -> e.NumberRented:
    """Start a number's monthly rent; its set-up and first month are lines of the purchase beside it.

    Args:
        account: the account that rents it.
        operation_id: the purchase.
        number: the number, as the service writes it.
        monthly: the line of the first month, whose item and price stay as agreed.
        now: the moment of the purchase, whose day of the month is the due day from now on.
    """
    if number in account.numbers:
        raise NumberAlreadyRented(f"the account rents {number} already", field="items")
    anchor_day = local_date(now, account.time_zone).day
    return e.NumberRented(
        operation_id=operation_id,
        number=number,
        item=monthly.item,
        monthly_price=monthly.unit_price,
        currency=account.currency,
        anchor_day=anchor_day,
        next_due_at=next_monthly_due(anchor_day, now, account.time_zone),
    )


def charge_rent(
    account: Account, request: Request, number: str, due_at: datetime, price_list: str, now: datetime
) -> list[e.Event]:
    """Debit one month that fell due, or say once that it cannot be: too little balance, or a suspended account.

    Nothing happens if that month is settled, the number was released, or the account is closed.
    """
    rented = account.numbers.get(number)
    if rented is None or rented.next_due_at != due_at or account.closed:
        return []
    available = lots.available(account, now)
    if rented.monthly_price > available or account.standing is Standing.SUSPENDED:
        return [] if rented.unpaid else [_unpaid(account, rented, available)]
    line = e.SpendLine(number, rented.item, 1, 1, rented.monthly_price)
    return [
        e.NumberRentalCharged(
            **request.fields,
            amount=rented.monthly_price,
            currency=account.currency,
            price_list=price_list,
            lines=(line,),
            lots=lots.split(account, rented.monthly_price, now),
            number=number,
            due_at=due_at,
            next_due_at=next_monthly_due(rented.anchor_day, due_at, account.time_zone),
        )
    ]


def release_number(account: Account, number: str) -> list[e.Event]:
    """Give a number back; what was paid for the running month stays paid."""
    refuse_closed(account)
    if number not in account.numbers:
        raise NumberNotFound("the account rents no such number", field="number")
    return [e.NumberReleased(number=number)]


def _unpaid(account: Account, rented: RentedNumber, available: Decimal) -> e.NumberRentalUnpaid:
    return e.NumberRentalUnpaid(
        number=rented.number,
        due_at=rented.next_due_at,
        amount=rented.monthly_price,
        currency=account.currency,
        available=available,
    )
