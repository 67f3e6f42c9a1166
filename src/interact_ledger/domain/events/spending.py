"""Spending."""

from __future__ import annotations

from interact_ledger.domain.events.event import OperationStarted
from interact_ledger.domain.events.fields import LineReversal, LotPart, LotReturn, PersonalText, SpendLine
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["Purchase", "SpendReversed", "Spent"]


class Purchase(OperationStarted):
    """Something bought from the balance; a line is addressed by the operation and the line's position."""

    amount: Amount
    """The sum of the lines."""
    currency: CurrencyCode
    price_list: str
    """The version of the price list that it was priced from."""
    lines: tuple[SpendLine, ...]
    lots: tuple[LotPart, ...] = ()
    """What granted credit pays of the amount; purchased credit pays the rest."""


class Spent(Purchase):
    TOPIC = "spent"


class SpendReversed(OperationStarted):
    """Lines of an earlier purchase given back to the balance."""

    TOPIC = "spend-reversed"
    OPERATIONS = ("operation_id", "spend_id")

    spend_id: str
    amount: Amount
    currency: CurrencyCode
    lines: tuple[LineReversal, ...]
    reason: PersonalText
    lots: tuple[LotReturn, ...] = ()
    """What granted credit gets back of the amount; purchased credit gets the rest."""
