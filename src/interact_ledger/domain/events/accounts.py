"""The account and its standing."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event, OperationStarted
from interact_ledger.domain.events.fields import PersonalText, TaxStatus, UtcTime
from interact_ledger.money import Amount, CurrencyCode

__all__ = [
    "AccountClosed",
    "AccountDetailsChanged",
    "AccountOpened",
    "AccountReinstated",
    "AccountSuspended",
    "LowBalanceThresholdSet",
    "TaxNumberVerified",
    "TaxNumberWithdrawn",
]


class AccountOpened(Event):
    TOPIC = "account-opened"

    owner: PersonalText
    """The service's opaque reference to the customer, who may have several accounts, one per currency."""
    currency: CurrencyCode
    country: str
    region: str | None
    tax_status: TaxStatus
    time_zone: str
    """IANA name; calendar days and months of this account are reckoned in it."""


class AccountDetailsChanged(Event):
    """All details as they are from now on; the currency never changes."""

    TOPIC = "account-details-changed"

    country: str
    region: str | None
    tax_status: TaxStatus
    time_zone: str


class TaxNumberVerified(Event):
    """The service had the number confirmed by the authority that issues it; we only checked its form."""

    TOPIC = "tax-number-verified"

    number: PersonalText
    country: str
    verified_by: PersonalText
    verified_at: UtcTime
    reference: PersonalText


class TaxNumberWithdrawn(Event):
    TOPIC = "tax-number-withdrawn"

    reason: PersonalText


class AccountSuspended(Event):
    TOPIC = "account-suspended"

    reason: PersonalText


class AccountReinstated(Event):
    TOPIC = "account-reinstated"

    reason: PersonalText


class AccountClosed(OperationStarted):
    """The account takes no command any more; facts about its money are still recorded."""

    TOPIC = "account-closed"

    reason: PersonalText
    paid_out: Amount
    """What the service paid to the customer outside the ledger."""
    payout_reference: PersonalText | None
    written_off: Amount
    """What was left and is less than the currency's minor unit."""
    currency: CurrencyCode


class LowBalanceThresholdSet(Event):
    """From here on somebody is told when what is available falls below the threshold; nobody is if it is None."""

    TOPIC = "low-balance-threshold-set"

    threshold: Amount | None
    currency: CurrencyCode
