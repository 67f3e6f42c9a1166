"""What the balance is spent on, and credit that was given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, CreditLot, RentedNumber

__all__ = ["GrantedCredit", "HoldResult", "PurchaseResult", "RentedNumberDetails", "granted_credit", "rented_number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseResult:
    """What was bought or given back."""

    transaction_id: str
    amount: Money
    """Positive, for a purchase as for what is given back."""
    lines: tuple[e.SpendLine, ...]
    """Unit prices in the account's currency; empty for what is given back."""
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedCredit:
    """A lot of credit that nobody paid for."""

    lot_id: str
    remaining: Money
    held: Money
    """What holds reserve of it; that part does not expire before they end."""
    priority: int
    """0 to 100, the lower is used first; purchased credit has 50."""
    expires_at: datetime | None
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldResult:
    """What a hold reserves."""

    hold_id: str
    remaining: Money
    """Zero once it has ended."""
    expires_at: datetime
    balance: Money
    """The available balance now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedNumberDetails:
    """A rented phone number."""

    number: str
    item: str
    monthly_price: Money
    next_due_at: datetime
    unpaid: bool
    """Its rent fell due and could not be charged: too little balance, or a suspended account."""


def granted_credit(account: Account, lot: CreditLot, available: Money) -> GrantedCredit:
    """Return a lot as it is now."""
    return GrantedCredit(
        lot_id=lot.lot_id,
        remaining=Money(lot.remaining, account.currency),
        held=Money(lot.held, account.currency),
        priority=lot.priority,
        expires_at=lot.expires_at,
        balance=available,
    )


def rented_number(account: Account, rented: RentedNumber) -> RentedNumberDetails:
    return RentedNumberDetails(
        number=rented.number,
        item=rented.item,
        monthly_price=Money(rented.monthly_price, account.currency),
        next_due_at=rented.next_due_at,
        unpaid=rented.unpaid,
    )
