"""Auto top-up: a card is charged when the balance runs low, within what its owner agreed to (product rule 9).

    off ──► enabled ──► off
    enabled ──► paused: a failure that only a person can mend, or the third in a row
    paused ──► enabled: asked for, agreed to anew, or shown by a payment that the card works

What is charged, when, and how often is bounded by what is here; that it is charged once is the stream's doing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.account import (
    UNDECIDED,
    Account,
    AutomaticCharge,
    AutoTopUp,
    Standing,
    TopUp,
)
from interact_ledger.domain.calendar import due_in_month, local_date, month_after, month_of, start_of_day
from interact_ledger.domain.pace import Pace
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import AutomaticPaymentNotFound
from interact_ledger.gateways.protocol import Advice
from interact_ledger.ids import derived_id

__all__ = [
    "FAILURES_MAX",
    "after_payment",
    "card_removed",
    "disable",
    "due_at",
    "enable",
    "next_operation",
    "pause",
    "resume",
    "shortfall",
    "start",
    "stop",
]

FAILURES_MAX = 3
"""After so many declines in a row nothing is tried any more until somebody acts."""


def enable(account: Account, terms: e.AutoTopUpEnabled) -> list[e.Event]:
    """Agree to be charged. The same agreement again changes nothing; another one replaces it."""
    refuse_closed(account)
    policy = account.auto_top_up
    return [] if policy is not None and policy.enabled and policy.terms == terms else [terms]


def resume(account: Account) -> list[e.Event]:
    """Go on after a pause. Repeating it changes nothing.

    Raises:
        AutomaticPaymentNotFound: if there is nothing to go on with.
    """
    refuse_closed(account)
    policy = account.auto_top_up
    if policy is None or not policy.enabled:
        raise AutomaticPaymentNotFound("the account has no auto top-up; enable it", field="account_id")
    return [e.AutoTopUpResumed(operation_id=None)] if policy.paused else []


def stop(account: Account) -> list[e.Event]:
    """Charge no more, as its owner asks. Repeating it changes nothing.

    Raises:
        AutomaticPaymentNotFound: if there never was one.
    """
    refuse_closed(account)
    if account.auto_top_up is None:
        raise AutomaticPaymentNotFound("the account never had an auto top-up", field="account_id")
    return disable(account, e.StopReason.REQUESTED)


def disable(account: Account, reason: e.StopReason) -> list[e.Event]:
    """Charge no more. What is under way goes on. Repeating it changes nothing."""
    policy = account.auto_top_up
    return [e.AutoTopUpDisabled(reason=reason)] if policy is not None and policy.enabled else []


def pause(account: Account, reason: e.StopReason) -> list[e.Event]:
    """Charge nothing more until somebody acts, also if it is paused for another reason. Repeating changes nothing."""
    policy = account.auto_top_up
    if policy is None or not policy.enabled or policy.paused is reason:
        return []
    return [e.AutoTopUpPaused(reason=reason, operation_id=None)]


def card_removed(account: Account, card_id: str) -> list[e.Event]:
    """Stop when the card goes; no other card is charged instead."""
    policy = account.auto_top_up
    uses_it = policy is not None and policy.terms.card_id == card_id
    return pause(account, e.StopReason.CARD_REMOVED) if uses_it else []


# When, and how much -----------------------------------------------------------------------------------------------


def due_at(account: Account) -> datetime | None:
    """Return when the card is to be charged, as the account is now; None if it is not."""
    policy = account.auto_top_up
    if policy is None or policy.low_since is None or not policy.enabled or policy.paused:
        return None
    if account.standing is not Standing.OPEN or account.automatic_in_flight:
        return None
    waits = (policy.low_since, policy.cool_down_until, policy.wait_until)
    return max(moment for moment in waits if moment is not None)


def next_operation(account: Account) -> str:
    """Return the top-up that is started next: of several processes, one can start it."""
    started = account.auto_top_up.started if account.auto_top_up else 0
    # Derived otherwise than from a key, so that no key of a service's request can come to the same.
    return derived_id("txn", account.account_id, "auto top-up", str(started + 1))


def shortfall(account: Account, target: Decimal) -> Decimal:
    """Return the credit that brings the account up to the target."""
    return target - account.expected


def start(account: Account, quote: e.CheckoutQuoted, pace: Pace, now: datetime) -> list[e.Event]:
    """Start the top-up that is due, as quoted; or say why it cannot be: a cap is reached, or it is above the ceiling.

    A month, and a day, never comes again: if the account moves to a zone where it is yesterday, caps go on.
    """
    policy = account.auto_top_up
    assert policy is not None, "what is due was enabled"
    terms = policy.terms
    if quote.total > terms.ceiling:
        return [e.AutoTopUpPaused(reason=e.StopReason.ABOVE_CEILING, operation_id=None)]
    month = max(month_of(now, account.time_zone), *(charge.month for charge in policy.charges), "")
    day = max(local_date(now, account.time_zone).isoformat(), *(charge.day for charge in policy.charges), "")
    exceeded = _exceeded_cap(policy, month, day, quote.total)
    if exceeded is not None:
        next_try_at = _cap_ends(exceeded, month, day, account.time_zone)
        return [e.AutoTopUpPostponed(reason=exceeded, next_try_at=next_try_at)]
    return [
        e.AutoTopUpStarted(
            operation_id=next_operation(account),
            quote_id=quote.quote_id,
            available=account.expected,
            threshold=terms.threshold,
            total=quote.total,
            currency=quote.currency,
            month=month,
            day=day,
            next_try_at=now + pace.cool_down,
        )
    ]


def _exceeded_cap(policy: AutoTopUp, month: str, day: str, total: Decimal) -> e.PostponeReason | None:
    in_month = [charge for charge in policy.charges if charge.counts and charge.month == month]
    value_of_month, value_of_day = _value(in_month), _value([charge for charge in in_month if charge.day == day])
    terms = policy.terms
    # The longest wait first: what the month does not allow is not tried tomorrow.
    if len(in_month) >= terms.max_per_month:
        return e.PostponeReason.MAX_PER_MONTH
    if terms.max_value_per_month is not None and value_of_month + total > terms.max_value_per_month:
        return e.PostponeReason.MAX_VALUE_PER_MONTH
    if terms.max_value_per_day is not None and value_of_day + total > terms.max_value_per_day:
        return e.PostponeReason.MAX_VALUE_PER_DAY
    return None


def _value(charges: list[AutomaticCharge]) -> Decimal:
    return sum((charge.total for charge in charges), Decimal(0))


def _cap_ends(cap: e.PostponeReason, month: str, day: str, time_zone: str) -> datetime:
    if cap is e.PostponeReason.MAX_VALUE_PER_DAY:
        return start_of_day(date.fromisoformat(day) + timedelta(days=1), time_zone)
    return due_in_month(month_after(month), 1, time_zone)


# What payments mean for it ----------------------------------------------------------------------------------------


def after_payment(account: Account, top_up: TopUp, fact: e.Event, pace: Pace, now: datetime) -> list[e.Event]:
    """Return what a fact about a top-up, of whatever kind, means for the agreement; for the same append.

    Args:
        account: the account before the fact.
        top_up: the top-up before the fact.
        fact: what is recorded of it.
        pace: how long to wait.
        now: what time it is.
    """
    policy = account.auto_top_up
    if policy is None or not policy.enabled:
        return []
    intent = top_up.intent
    if isinstance(fact, e.PaymentCaptured):
        return _resumed(policy, intent)
    # One that was agreed to be charged from another card says nothing of this one.
    if policy.paused or policy.latest != intent.operation_id or policy.terms.card_id != intent.card_id:
        return []
    paused = _pause_of(intent.operation_id)
    match fact:
        case e.PaymentActionRequired():
            return [paused(e.StopReason.AUTHENTICATION)]
        case e.PaymentDeclined():
            return _failed(policy, fact, pace, now)
        case e.PaymentNotAttempted():
            return [_unsent(policy, pace, now)]
        case e.CaptureMismatched():
            return [paused(e.StopReason.MISMATCHED)]
        case e.PaymentCancelled() if top_up.status in UNDECIDED:
            match top_up.cancelling:
                case e.CancelReason.ABANDONED:
                    return [_unsent(policy, pace, now)]
                case e.CancelReason.EXPIRED:
                    return [paused(e.StopReason.AUTHENTICATION)]
            return [paused(e.StopReason.CANCELLED)]
    return []


def _pause_of(operation_id: str) -> Callable[[e.StopReason], e.Event]:
    return lambda reason: e.AutoTopUpPaused(reason=reason, operation_id=operation_id)


def _failed(policy: AutoTopUp, declined: e.PaymentDeclined, pace: Pace, now: datetime) -> list[e.Event]:
    """Count a decline. Where only a person can mend it the pause stands first: nobody is told of a try to come."""
    failures = policy.failures + 1
    next_try_at = now + pace.after_failures(failures)
    failed = e.AutoTopUpFailed(operation_id=declined.operation_id, failures=failures, next_try_at=next_try_at)
    paused = _pause_of(declined.operation_id)
    match declined.advice:
        case Advice.LATER if failures < FAILURES_MAX:
            return [failed]
        case Advice.LATER:
            return [failed, paused(e.StopReason.FAILURES)]
        case Advice.CUSTOMER_PRESENT:
            return [paused(e.StopReason.AUTHENTICATION), failed]
    return [paused(e.StopReason.CARD_REFUSED), failed]


def _unsent(policy: AutoTopUp, pace: Pace, now: datetime) -> e.Event:
    next_try_at = now + pace.after_unsent(policy.unsent + 1)
    return e.AutoTopUpPostponed(reason=e.PostponeReason.NOT_ATTEMPTED, next_try_at=next_try_at)


def _resumed(policy: AutoTopUp, intent: e.PaymentAttempted) -> list[e.Event]:
    """Go on if a payment shows that there is no reason left to wait.

    Where the card said "later" any payment does. Where it said "never", or wants its owner, only one with that very
    card: what another card paid says nothing of it.
    """
    by_own_card = intent.card_id == policy.terms.card_id
    wants_own_card = policy.paused in {e.StopReason.CARD_REFUSED, e.StopReason.AUTHENTICATION}
    if policy.paused is e.StopReason.FAILURES or (wants_own_card and by_own_card):
        return [e.AutoTopUpResumed(operation_id=intent.operation_id)]
    return []
