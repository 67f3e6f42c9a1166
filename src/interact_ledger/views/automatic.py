"""Automatic payments as they were agreed on, and how each stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from moneyed import Money

from interact_ledger.domain import auto_top_up
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AutoTopUp, MonthlyRecharge
from interact_ledger.gateways.protocol import Initiator
from interact_ledger.views.amounts import money_or_none

__all__ = ["AutoTopUpDetails", "AutomaticPayments", "MonthlyRechargeDetails", "automatic_payments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoTopUpDetails:
    """What was agreed on auto top-up, and how it stands."""

    status: str
    """enabled, paused or disabled."""
    stopped_by: str | None
    """Why it is paused: failures, card_refused, authentication, card_removed, cancelled, above_ceiling, mismatched,
    disputed, reversed; or disabled: requested, account_closed."""
    threshold: Money
    amount: Money | None
    target: Money | None
    card_id: str
    max_per_month: int
    max_value_per_day: Money | None
    max_value_per_month: Money | None
    ceiling: Money
    charges_this_month: int
    """In the latest month in which there was one; those that were paid, or may yet be."""
    failures: int
    """Declines in a row."""
    is_due: bool
    """Whether the balance is low and the next `run_due` at or after `next_try_at` charges the card."""
    next_try_at: datetime | None
    """When it is charged, if it is due: at once, after a wait, or when a cap allows it."""
    transaction_id: str | None
    """The latest payment of the latest month in which there was one."""
    consent_text: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyRechargeDetails:
    """What was agreed on monthly recharge, and how it stands."""

    status: str
    """enabled or disabled."""
    stopped_by: str | None
    """Why it is disabled: card_refused, authentication, card_removed, above_ceiling, mismatched, disputed, reversed,
    requested, account_closed."""
    day: int
    """The day of the month, as chosen."""
    amount: Money
    card_id: str
    ceiling: Money
    next_month: str | None
    """The calendar month that is charged next, as 2026-12; None if it is disabled."""
    next_due_at: datetime | None
    retry_at: datetime | None
    """When the latest payment is attempted again, if it surely did not reach the gateway."""
    transaction_id: str | None
    """The latest payment under this agreement."""
    consent_text: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticPayments:
    """An account's automatic payments; None for one that was never agreed on."""

    account_id: str
    auto_top_up: AutoTopUpDetails | None
    monthly_recharge: MonthlyRechargeDetails | None
    under_way: str | None
    """The automatic payment that is under way; there is one at a time, and others wait for it."""


def automatic_payments(account: Account) -> AutomaticPayments:
    low, monthly = account.auto_top_up, account.monthly_recharge
    open_ones = (t for t in account.top_ups.values() if t.intent.initiator is not Initiator.CUSTOMER)
    under_way = next(open_ones, None)
    return AutomaticPayments(
        account_id=account.account_id,
        auto_top_up=_auto_top_up(account, low) if low else None,
        monthly_recharge=_monthly_recharge(monthly) if monthly else None,
        under_way=under_way.operation_id if under_way else None,
    )


def _auto_top_up(account: Account, policy: AutoTopUp) -> AutoTopUpDetails:
    terms, due_at = policy.terms, auto_top_up.due_at(account)
    return AutoTopUpDetails(
        status="disabled" if not policy.enabled else "paused" if policy.paused else "enabled",
        stopped_by=_reason(policy.paused or policy.disabled),
        threshold=Money(terms.threshold, terms.currency),
        amount=money_or_none(terms.amount, terms.currency),
        target=money_or_none(terms.target, terms.currency),
        card_id=terms.card_id,
        max_per_month=terms.max_per_month,
        max_value_per_day=money_or_none(terms.max_value_per_day, terms.currency),
        max_value_per_month=money_or_none(terms.max_value_per_month, terms.currency),
        ceiling=Money(terms.ceiling, terms.currency),
        charges_this_month=sum(charge.counts for charge in policy.charges),
        failures=policy.failures,
        is_due=due_at is not None,
        next_try_at=due_at,
        transaction_id=policy.latest,
        consent_text=terms.consent_text,
        given_by=terms.given_by,
        given_at=terms.given_at,
    )


def _monthly_recharge(policy: MonthlyRecharge) -> MonthlyRechargeDetails:
    terms = policy.terms
    return MonthlyRechargeDetails(
        status="enabled" if policy.enabled else "disabled",
        stopped_by=_reason(policy.disabled),
        day=terms.day,
        amount=Money(terms.amount, terms.currency),
        card_id=terms.card_id,
        ceiling=Money(terms.ceiling, terms.currency),
        next_month=policy.next_month if policy.enabled else None,
        next_due_at=policy.next_due_at if policy.enabled else None,
        retry_at=policy.retry_at,
        transaction_id=policy.latest,
        consent_text=terms.consent_text,
        given_by=terms.given_by,
        given_at=terms.given_at,
    )


def _reason(reason: e.StopReason | None) -> str | None:
    return reason.value if reason else None
