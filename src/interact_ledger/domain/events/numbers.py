"""Rented numbers."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event, OperationEvent
from interact_ledger.domain.events.fields import PersonalText, UtcTime
from interact_ledger.domain.events.spending import Purchase
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["NumberReleased", "NumberRentalCharged", "NumberRentalUnpaid", "NumberRented"]


class NumberRented(OperationEvent):
    """A number bought in the same append; its monthly price stays as agreed until it is released."""

    TOPIC = "number-rented"

    number: PersonalText
    item: str
    """Its monthly item in the price list."""
    monthly_price: Amount
    currency: CurrencyCode
    anchor_day: int
    """The day of the month on which it falls due, 1 to 31; in shorter months the last."""
    next_due_at: UtcTime


class NumberRentalCharged(Purchase):
    TOPIC = "number-rental-charged"

    number: PersonalText
    due_at: UtcTime
    next_due_at: UtcTime


class NumberRentalUnpaid(Event):
    """The balance did not suffice on the due day, or the account was suspended; recorded once per month."""

    TOPIC = "number-rental-unpaid"

    number: PersonalText
    due_at: UtcTime
    amount: Amount
    currency: CurrencyCode
    available: Amount


class NumberReleased(Event):
    TOPIC = "number-released"

    number: PersonalText
