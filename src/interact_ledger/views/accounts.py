"""Accounts, and how far a replica is behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from interact_ledger.domain.account import Account

__all__ = ["AccountDetails", "ReplicaLag", "account_details"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetails:
    """An account, without its balance."""

    account_id: str
    owner: str
    currency: str
    country: str
    region: str | None
    tax_status: str
    tax_number_verified: bool
    time_zone: str
    standing: str
    """open, suspended or closed."""
    opened_at: datetime
    version: int
    """How many events its history has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLag:
    """How far a replica is behind its primary."""

    is_standby: bool
    """False where the address leads to a primary, which is behind nothing."""
    is_receiving: bool
    """Whether the standby is connected and has heard from its primary."""
    as_of: datetime | None
    """All that was committed before this is there; by the primary's clock. None if that cannot be said."""
    by: timedelta | None
    """How long ago that is, by the standby's clock: it is behind by this or less. None if that cannot be said."""


def account_details(account: Account) -> AccountDetails:
    return AccountDetails(
        account_id=account.account_id,
        owner=account.owner,
        currency=account.currency,
        country=account.country,
        region=account.region,
        tax_status=account.tax_status.value,
        tax_number_verified=account.tax_number is not None,
        time_zone=account.time_zone,
        standing=account.standing.value,
        opened_at=account.opened_at,
        version=account.version,
    )
