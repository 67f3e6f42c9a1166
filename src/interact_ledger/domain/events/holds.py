"""Holds."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event, OperationStarted
from interact_ledger.domain.events.fields import LotPart, PersonalText, UtcTime
from interact_ledger.domain.events.spending import Purchase
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["FundsHeld", "HoldExpired", "HoldReleased", "HoldSettled"]


class FundsHeld(OperationStarted):
    """Part of the balance is reserved; the hold is named by this operation's id."""

    TOPIC = "funds-held"

    amount: Amount
    currency: CurrencyCode
    reference: PersonalText
    expires_at: UtcTime
    lots: tuple[LotPart, ...] = ()
    """What is reserved of granted credit; such a lot does not expire before the hold ends."""


class HoldSettled(Purchase):
    """Something bought out of a hold."""

    TOPIC = "hold-settled"
    OPERATIONS = ("operation_id", "hold_id")

    hold_id: str


class HoldReleased(OperationStarted):
    """What was left of a hold is available again."""

    TOPIC = "hold-released"
    OPERATIONS = ("operation_id", "hold_id")

    hold_id: str
    amount: Amount
    currency: CurrencyCode


class HoldExpired(Event):
    TOPIC = "hold-expired"
    OPERATIONS = ("hold_id",)

    hold_id: str
    amount: Amount
    currency: CurrencyCode
