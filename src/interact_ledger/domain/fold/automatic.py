"""The part of the one fold that is about automatic payments: what was agreed, and what the guards have to remember."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import singledispatch

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AutomaticCharge, AutoTopUp, MonthlyRecharge

__all__ = ["evolve_automatic"]


def evolve_automatic(account: Account, recorded: e.Recorded) -> Account:
    """Return an account, to which an event was otherwise applied, with its automatic payments as they are after it."""
    after = _apply(recorded.event, account)
    return after if after.auto_top_up is None else _watched(after, after.auto_top_up, recorded.recorded_at)


def _watched(account: Account, policy: AutoTopUp, now: datetime) -> Account:
    """Keep since when the balance is low. Nothing changes, not even in memory, while it stays on its side."""
    is_low = account.expected < policy.terms.threshold
    if is_low == (policy.low_since is not None):
        return account
    return replace(account, auto_top_up=replace(policy, low_since=now if is_low else None))


@singledispatch
def _apply(_event: e.Event, account: Account) -> Account:
    """Events that automatic payments do not look at end here."""
    return account


# Auto top-up ------------------------------------------------------------------------------------------------------


@_apply.register
def _(event: e.AutoTopUpEnabled, account: Account) -> Account:
    known = account.auto_top_up or AutoTopUp(terms=event)
    fresh = replace(known, terms=event, disabled=None, paused=None, failures=0, unsent=0, wait_until=None)
    return replace(account, auto_top_up=fresh)


@_apply.register
def _(event: e.AutoTopUpStarted, account: Account) -> Account:
    policy = _auto_top_up(account)
    charge = AutomaticCharge(operation_id=event.operation_id, month=event.month, day=event.day, total=event.total)
    same_month = tuple(earlier for earlier in policy.charges if earlier.month == event.month)
    started = replace(
        policy,
        started=policy.started + 1,
        charges=(*same_month, charge),
        cool_down_until=event.next_try_at,
        wait_until=None,
    )
    return replace(account, auto_top_up=started)


@_apply.register
def _(event: e.AutoTopUpFailed, account: Account) -> Account:
    failed = replace(_auto_top_up(account), failures=event.failures, unsent=0, wait_until=event.next_try_at)
    return replace(account, auto_top_up=failed)


@_apply.register
def _(event: e.AutoTopUpPostponed, account: Account) -> Account:
    policy = _auto_top_up(account)
    unsent = policy.unsent + (event.reason is e.PostponeReason.NOT_ATTEMPTED)
    return replace(account, auto_top_up=replace(policy, unsent=unsent, wait_until=event.next_try_at))


@_apply.register
def _(event: e.AutoTopUpPaused, account: Account) -> Account:
    return replace(account, auto_top_up=replace(_auto_top_up(account), paused=event.reason))


@_apply.register
def _(_event: e.AutoTopUpResumed, account: Account) -> Account:
    resumed = replace(_auto_top_up(account), paused=None, failures=0, unsent=0, wait_until=None)
    return replace(account, auto_top_up=resumed)


@_apply.register
def _(event: e.AutoTopUpDisabled, account: Account) -> Account:
    return replace(account, auto_top_up=replace(_auto_top_up(account), disabled=event.reason, paused=None))


def _auto_top_up(account: Account) -> AutoTopUp:
    assert account.auto_top_up is not None, "what was never enabled is never mentioned"
    return account.auto_top_up


# Monthly recharge -------------------------------------------------------------------------------------------------


@_apply.register
def _(event: e.MonthlyRechargeEnabled, account: Account) -> Account:
    known = account.monthly_recharge
    fresh = MonthlyRecharge(
        terms=event,
        next_month=event.next_month,
        next_due_at=event.next_due_at,
        card_checked_at=event.card_checked_at,
        latest_month=known.latest_month if known else "",
        announced=known.announced if known else None,
    )
    return replace(account, monthly_recharge=fresh)


@_apply.register
def _(event: e.MonthlyRechargeStarted, account: Account) -> Account:
    started = replace(
        _monthly_recharge(account),
        latest=event.operation_id,
        latest_month=event.month,
        next_month=event.next_month,
        next_due_at=event.next_due_at,
        card_checked_at=event.card_checked_at,
        unsent=0,
        retry_at=None,
    )
    return replace(account, monthly_recharge=started)


@_apply.register
def _(event: e.MonthlyRechargePostponed, account: Account) -> Account:
    policy = _monthly_recharge(account)
    return replace(account, monthly_recharge=replace(policy, unsent=policy.unsent + 1, retry_at=event.next_try_at))


@_apply.register
def _(_event: e.MonthlyRechargeCalledOff, account: Account) -> Account:
    return replace(account, monthly_recharge=replace(_monthly_recharge(account), retry_at=None))


@_apply.register
def _(event: e.MonthlyRechargeDisabled, account: Account) -> Account:
    disabled = replace(_monthly_recharge(account), disabled=event.reason, retry_at=None)
    return replace(account, monthly_recharge=disabled)


@_apply.register
def _(event: e.CardExpiryAnnounced, account: Account) -> Account:
    return replace(account, monthly_recharge=replace(_monthly_recharge(account), announced=event))


def _monthly_recharge(account: Account) -> MonthlyRecharge:
    assert account.monthly_recharge is not None, "what was never enabled is never mentioned"
    return account.monthly_recharge


# The payments themselves ------------------------------------------------------------------------------------------


@_apply.register
def _(event: e.PaymentAttempted, account: Account) -> Account:
    policy = account.monthly_recharge
    if policy is None or policy.retry_at is None or policy.latest != event.operation_id:
        return account
    return replace(account, monthly_recharge=replace(policy, retry_at=None))


@_apply.register
def _(event: e.PaymentCaptured | e.CaptureMismatched, account: Account) -> Account:
    policy = account.auto_top_up
    if policy is None or event.operation_id not in _operations(policy):
        return account
    return replace(account, auto_top_up=replace(_counting(policy, event, counts=True), failures=0, unsent=0))


@_apply.register
def _(event: e.PaymentDeclined | e.PaymentNotAttempted | e.PaymentCancelled, account: Account) -> Account:
    policy = account.auto_top_up
    if policy is None or event.operation_id not in _operations(policy):
        return account
    return replace(account, auto_top_up=_counting(policy, event, counts=False))


def _operations(policy: AutoTopUp) -> list[str]:
    return [charge.operation_id for charge in policy.charges]


def _counting(policy: AutoTopUp, event: e.PaymentEvent, *, counts: bool) -> AutoTopUp:
    charges = tuple(
        replace(charge, counts=counts) if charge.operation_id == event.operation_id else charge
        for charge in policy.charges
    )
    return replace(policy, charges=charges)
