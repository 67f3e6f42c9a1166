"""Adjustments and granted credit."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event, OperationStarted
from interact_ledger.domain.events.fields import LotPart, PersonalText, UtcTime
from interact_ledger.money import Amount, CurrencyCode

__all__ = ["BalanceAdjusted", "CreditExpired", "CreditGranted"]


class BalanceAdjusted(OperationStarted):
    """An operator changed the balance by hand; the envelope says who."""

    TOPIC = "balance-adjusted"

    amount: Amount
    """What the balance changed by, negative if it fell."""
    currency: CurrencyCode
    reason: PersonalText
    lots: tuple[LotPart, ...] = ()
    """What is taken of granted credit; purchased credit bears the rest."""


class CreditGranted(OperationStarted):
    """The service gave credit that nobody paid for; the lot is named by this operation's id."""

    TOPIC = "credit-granted"

    amount: Amount
    currency: CurrencyCode
    reason: PersonalText
    priority: int
    """0 to 100, the lower is used first; purchased credit has 50."""
    expires_at: UtcTime | None


class CreditExpired(Event):
    """What was left of a lot, and not held, is gone: its time was over, or the account was closed."""

    TOPIC = "credit-expired"
    OPERATIONS = ("lot_id",)

    lot_id: str
    amount: Amount
    currency: CurrencyCode
    at_closing: bool
    """Whether the account is closed by the events that follow, rather than the lot's time over."""
