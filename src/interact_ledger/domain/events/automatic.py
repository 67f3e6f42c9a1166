"""Automatic payments."""

from __future__ import annotations

from enum import StrEnum

from interact_ledger.domain.events.event import Event, OperationEvent
from interact_ledger.domain.events.fields import PersonalText, UtcTime
from interact_ledger.money import Amount, CurrencyCode

__all__ = [
    "AutoTopUpDisabled",
    "AutoTopUpEnabled",
    "AutoTopUpFailed",
    "AutoTopUpPaused",
    "AutoTopUpPostponed",
    "AutoTopUpResumed",
    "AutoTopUpStarted",
    "CardExpiryAnnounced",
    "ConsentGiven",
    "MonthlyRechargeCalledOff",
    "MonthlyRechargeDisabled",
    "MonthlyRechargeEnabled",
    "MonthlyRechargePostponed",
    "MonthlyRechargeStarted",
    "PostponeReason",
    "StopReason",
]


class ConsentGiven(Event):
    """What a customer agreed to have charged automatically: who agreed, when, to which text and which amounts."""

    card_id: str
    """The only card that is charged."""
    ceiling: Amount
    """The most that one charge may come to, taxes included."""
    currency: CurrencyCode
    consent_text: PersonalText
    given_by: PersonalText
    given_at: UtcTime


class AutoTopUpEnabled(ConsentGiven):
    """From here on the card is charged when the balance runs low. It replaces whatever was agreed before."""

    TOPIC = "auto-top-up-enabled"

    threshold: Amount
    """It is charged when what is available and under way is less."""
    amount: Amount | None
    """The recharge amount; or"""
    target: Amount | None
    """what the balance is brought up to."""
    max_per_month: int
    """How many charges there may be in one calendar month."""
    max_value_per_day: Amount | None
    """What all charges of one calendar day may come to, taxes included."""
    max_value_per_month: Amount | None


class AutoTopUpStarted(Event):
    """Why the top-up that follows in the same append was charged."""

    TOPIC = "auto-top-up-started"
    OPERATIONS = ("quote_id",)

    operation_id: str
    """The top-up."""
    quote_id: str
    available: Amount
    """What was available and under way."""
    threshold: Amount
    total: Amount
    currency: CurrencyCode
    month: str
    """The calendar month that it counts in, where the account is: 2026-11."""
    day: str
    """2026-11-23."""
    next_try_at: UtcTime
    """Before this moment no other one starts."""


class AutoTopUpFailed(OperationEvent):
    """The card was declined."""

    TOPIC = "auto-top-up-failed"

    failures: int
    """How many in a row, this one included."""
    next_try_at: UtcTime


class PostponeReason(StrEnum):
    """Why an automatic top-up that is due has to wait."""

    NOT_ATTEMPTED = "not_attempted"
    """The gateway was surely not reached. It is no failure of the card."""
    MAX_PER_MONTH = "max_per_month"
    MAX_VALUE_PER_DAY = "max_value_per_day"
    MAX_VALUE_PER_MONTH = "max_value_per_month"


class AutoTopUpPostponed(Event):
    TOPIC = "auto-top-up-postponed"

    reason: PostponeReason
    next_try_at: UtcTime


class StopReason(StrEnum):
    """Why nothing is charged automatically until somebody acts."""

    FAILURES = "failures"
    """Too many declines in a row, each of which said to try later."""
    CARD_REFUSED = "card_refused"
    """A decline that said never to try this card again, or not as it is."""
    AUTHENTICATION = "authentication"
    """The customer has to be there."""
    CARD_REMOVED = "card_removed"
    CANCELLED = "cancelled"
    """An automatic payment was called off before it was paid."""
    ABOVE_CEILING = "above_ceiling"
    """With today's taxes it would come to more than was agreed to."""
    MISMATCHED = "mismatched"
    """The gateway captured another amount than was asked for."""
    DISPUTED = "disputed"
    """A payment of the account is disputed: whoever does not know a charge is not charged again unasked."""
    REVERSED = "reversed"
    """The settlement of a captured payment failed."""
    REQUESTED = "requested"
    """Somebody asked for it; never the reason of a pause."""
    ACCOUNT_CLOSED = "account_closed"
    """Never the reason of a pause."""


class AutoTopUpPaused(Event):
    TOPIC = "auto-top-up-paused"

    reason: StopReason
    operation_id: str | None
    """The top-up that showed it."""


class AutoTopUpResumed(Event):
    TOPIC = "auto-top-up-resumed"

    operation_id: str | None
    """The payment that showed that the card works again; None if somebody asked for it."""


class AutoTopUpDisabled(Event):
    TOPIC = "auto-top-up-disabled"

    reason: StopReason


class MonthlyRechargeEnabled(ConsentGiven):
    """From here on the card is charged once a month. It replaces whatever was agreed before."""

    TOPIC = "monthly-recharge-enabled"

    day: int
    """The day of the month, 1 to 31; in shorter months the last."""
    amount: Amount
    """The recharge amount."""
    next_month: str
    """The first calendar month that is charged: 2026-12."""
    next_due_at: UtcTime
    card_checked_at: UtcTime
    """When the customer is told if the card will have expired by then."""


class MonthlyRechargeStarted(Event):
    """Why the top-up that follows in the same append was charged."""

    TOPIC = "monthly-recharge-started"
    OPERATIONS = ("quote_id",)

    operation_id: str
    """The top-up."""
    quote_id: str
    total: Amount
    currency: CurrencyCode
    month: str
    """The calendar month that it is for. No other one is charged for it."""
    due_at: UtcTime
    passed_over: tuple[str, ...]
    """Earlier months that fell due while nothing could be charged; they are charged no more."""
    next_month: str
    next_due_at: UtcTime
    card_checked_at: UtcTime


class MonthlyRechargePostponed(OperationEvent):
    """The gateway was surely not reached; the same top-up is attempted again."""

    TOPIC = "monthly-recharge-postponed"

    next_try_at: UtcTime


class MonthlyRechargeCalledOff(OperationEvent):
    """The owner wants the top-up attempted no more that waits for it; its month passes without a charge."""

    TOPIC = "monthly-recharge-called-off"


class MonthlyRechargeDisabled(Event):
    TOPIC = "monthly-recharge-disabled"

    reason: StopReason
    operation_id: str | None
    """The top-up that showed it."""


class CardExpiryAnnounced(Event):
    """The card will have expired when it is to be charged next; said once."""

    TOPIC = "card-expiry-announced"

    card_id: str
    expiry_month: int
    expiry_year: int
    due_at: UtcTime
