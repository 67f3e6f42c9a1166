"""Monthly recharge: a card is charged on a chosen day of each month, and never twice for one month (product rule 10).

The day is kept as chosen and reckoned for each month anew, so that a 31st falls on 28 February and again on 31 March.
A month is charged in the zone where the account is. After an outage the latest month that was missed is charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Self

from interact_ledger.domain import events as e
from interact_ledger.domain.account import UNDECIDED, Account, Card, MonthlyRecharge, Standing, TopUp
from interact_ledger.domain.calendar import due_in_month, month_after, month_of
from interact_ledger.domain.pace import Pace
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import AutomaticPaymentNotFound
from interact_ledger.gateways.protocol import Advice
from interact_ledger.ids import derived_id

__all__ = [
    "DueMonth",
    "after_payment",
    "announce_expiry",
    "call_off",
    "card_removed",
    "disable",
    "due_at",
    "enable",
    "expiry_announced_at",
    "first_due",
    "month_due",
    "operation_of",
    "start",
    "stop",
]


class DueMonth(NamedTuple):
    """A month, and when it falls due."""

    month: str
    due_at: datetime

    @classmethod
    def of(cls, month: str, day: int, time_zone: str) -> Self:
        return cls(month, due_in_month(month, day, time_zone))


def first_due(account: Account, day: int, now: datetime) -> DueMonth:
    """Return the first month that an agreement made now is charged for: due after now, and not charged before."""
    latest = account.monthly_recharge.latest_month if account.monthly_recharge else ""
    due = DueMonth.of(month_of(now, account.time_zone), day, account.time_zone)
    while due.month <= latest or due.due_at <= now:
        due = DueMonth.of(month_after(due.month), day, account.time_zone)
    return due


def enable(account: Account, terms: e.MonthlyRechargeEnabled) -> list[e.Event]:
    """Agree to be charged each month. The same agreement again changes nothing; another one replaces it."""
    refuse_closed(account)
    policy = account.monthly_recharge
    return [] if policy is not None and policy.enabled and _agreed(policy.terms) == _agreed(terms) else [terms]


def _agreed(terms: e.MonthlyRechargeEnabled) -> dict[str, object]:
    return terms.model_dump(exclude={"next_month", "next_due_at", "card_checked_at"})


def stop(account: Account) -> list[e.Event]:
    """Charge no more, as its owner asks. Repeating it changes nothing.

    Raises:
        AutomaticPaymentNotFound: if there never was one.
    """
    refuse_closed(account)
    if account.monthly_recharge is None:
        raise AutomaticPaymentNotFound("the account never had a monthly recharge", field="account_id")
    return disable(account, e.StopReason.REQUESTED)


def disable(account: Account, reason: e.StopReason) -> list[e.Event]:
    """Charge no more. What is under way goes on. Repeating it changes nothing."""
    policy = account.monthly_recharge
    return [_disabled(reason, None)] if policy is not None and policy.enabled else []


def call_off(account: Account, top_up: TopUp) -> list[e.Event]:
    """Attempt a month no more that did not reach the gateway, as its owner asks; nothing if none waits for that."""
    policy = account.monthly_recharge
    waits = policy is not None and policy.retry_at is not None and policy.latest == top_up.operation_id
    return [e.MonthlyRechargeCalledOff(operation_id=top_up.operation_id)] if waits else []


def card_removed(account: Account, card_id: str) -> list[e.Event]:
    """Stop when the card goes; no other card is charged instead."""
    policy = account.monthly_recharge
    uses_it = policy is not None and policy.terms.card_id == card_id
    return disable(account, e.StopReason.CARD_REMOVED) if uses_it else []


# When -------------------------------------------------------------------------------------------------------------


def due_at(account: Account) -> datetime | None:
    """Return when the card is to be charged next, as the account is now; None while it is not.

    While another automatic payment is under way this one waits. It is not skipped.
    """
    policy = account.monthly_recharge
    if policy is None or not policy.enabled or account.standing is not Standing.OPEN or account.automatic_in_flight:
        return None
    return min(policy.next_due_at, policy.retry_at or policy.next_due_at)


def month_due(policy: MonthlyRecharge, time_zone: str, now: datetime) -> tuple[DueMonth, Sequence[str]]:
    """Return the latest month that has fallen due, and those before it that are passed over."""
    due, passed_over = DueMonth(policy.next_month, policy.next_due_at), []
    while (later := _month_after(due, policy, time_zone)).due_at <= now:
        passed_over.append(due.month)
        due = later
    return due, passed_over


def _month_after(due: DueMonth, policy: MonthlyRecharge, time_zone: str) -> DueMonth:
    return DueMonth.of(month_after(due.month), policy.terms.day, time_zone)


def operation_of(account: Account, month: str) -> str:
    """Return the top-up of a month; it is the same for whoever starts it, so that one can."""
    # Derived otherwise than from a key, so that no key of a service's request can come to the same.
    return derived_id("txn", account.account_id, "monthly recharge", month)


def start(account: Account, quote: e.CheckoutQuoted, pace: Pace, now: datetime) -> list[e.Event]:
    """Start the top-up of the latest month that is due, as quoted, unless it is above what was agreed to."""
    policy = account.monthly_recharge
    assert policy is not None, "what is due was enabled"
    if quote.total > policy.terms.ceiling:
        return [_disabled(e.StopReason.ABOVE_CEILING, None)]
    due, passed_over = month_due(policy, account.time_zone, now)
    later = _month_after(due, policy, account.time_zone)
    return [
        e.MonthlyRechargeStarted(
            operation_id=operation_of(account, due.month),
            quote_id=quote.quote_id,
            total=quote.total,
            currency=quote.currency,
            month=due.month,
            due_at=due.due_at,
            passed_over=tuple(passed_over),
            next_month=later.month,
            next_due_at=later.due_at,
            card_checked_at=later.due_at - pace.expiry_notice,
        )
    ]


# The card's expiry ------------------------------------------------------------------------------------------------


def expiry_announced_at(account: Account) -> datetime | None:
    """Return when the customer is to be told that the card will have expired on the due date; None if it will not."""
    policy = account.monthly_recharge
    if policy is None or not policy.enabled or account.standing is not Standing.OPEN:
        return None
    card = account.cards.get(policy.terms.card_id)
    if card is None or _is_announced(policy, card):
        return None
    # A card is good until the end of its month.
    has_expired = policy.next_month > f"{card.expiry_year:04d}-{card.expiry_month:02d}"
    return policy.card_checked_at if has_expired else None


def announce_expiry(account: Account, now: datetime) -> list[e.Event]:
    """Say that the card will have expired on the due date, once for a card and its expiry."""
    announced_at = expiry_announced_at(account)
    if announced_at is None or announced_at > now:
        return []
    policy = account.monthly_recharge
    assert policy is not None, "an expiry is announced for an agreement"
    card = account.cards[policy.terms.card_id]
    return [
        e.CardExpiryAnnounced(
            card_id=card.card_id,
            expiry_month=card.expiry_month,
            expiry_year=card.expiry_year,
            due_at=policy.next_due_at,
        )
    ]


def _is_announced(policy: MonthlyRecharge, card: Card) -> bool:
    told = policy.announced
    return told is not None and (told.card_id, told.expiry_year, told.expiry_month) == (
        card.card_id,
        card.expiry_year,
        card.expiry_month,
    )


# What payments mean for it ----------------------------------------------------------------------------------------


def after_payment(account: Account, top_up: TopUp, fact: e.Event, pace: Pace, now: datetime) -> list[e.Event]:
    """Return what a fact about a top-up, of whatever kind, means for the agreement; for the same append.

    A card that cannot pay ends it. A gateway that was not reached does not, nor a customer who called a month off.
    """
    policy, intent = account.monthly_recharge, top_up.intent
    if policy is None or not policy.enabled or policy.latest != intent.operation_id:
        return []
    match fact:
        case e.PaymentDeclined(advice=Advice.CUSTOMER_PRESENT):
            return [_disabled(e.StopReason.AUTHENTICATION, intent.operation_id)]
        case e.PaymentDeclined():
            return [_disabled(e.StopReason.CARD_REFUSED, intent.operation_id)]
        case e.CaptureMismatched():
            return [_disabled(e.StopReason.MISMATCHED, intent.operation_id)]
        case e.PaymentNotAttempted():
            return [_postponed(policy, intent, pace, now)]
        case e.PaymentCancelled() if top_up.status in UNDECIDED:
            if top_up.cancelling is e.CancelReason.ABANDONED:
                return [_postponed(policy, intent, pace, now)]
            if top_up.cancelling is e.CancelReason.EXPIRED:
                return [_disabled(e.StopReason.AUTHENTICATION, intent.operation_id)]
    return []


def _postponed(policy: MonthlyRecharge, intent: e.PaymentAttempted, pace: Pace, now: datetime) -> e.Event:
    next_try_at = now + pace.after_unsent(policy.unsent + 1)
    return e.MonthlyRechargePostponed(operation_id=intent.operation_id, next_try_at=next_try_at)


def _disabled(reason: e.StopReason, operation_id: str | None) -> e.Event:
    return e.MonthlyRechargeDisabled(reason=reason, operation_id=operation_id)
