"""Opening, changing, suspending, reinstating and closing an account, and who may do what in between."""

from __future__ import annotations

from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain import lots
from interact_ledger.domain.account import Account, Standing
from interact_ledger.domain.operations import Request
from interact_ledger.errors import AccountClosed, AccountNotEmpty, AccountSuspended, InvalidAmount
from interact_ledger.money import plain

__all__ = [
    "change_details",
    "close",
    "record_tax_number",
    "refuse_closed",
    "refuse_inactive",
    "reinstate",
    "set_low_balance_threshold",
    "suspend",
    "withdraw_tax_number",
]


def refuse_closed(account: Account) -> None:
    """A closed account takes no command."""
    if account.closed:
        raise AccountClosed("the account is closed", field="account_id")


def refuse_inactive(account: Account) -> None:
    """A suspended account is not spent from; it may still be topped up by hand."""
    refuse_closed(account)
    if account.suspended:
        raise AccountSuspended("the account is suspended; reinstate it first", field="account_id")
    if account.standing is Standing.SUSPENDED:
        raise AccountSuspended("the balance is below zero; top up first", field="account_id")


def change_details(account: Account, details: e.AccountDetailsChanged) -> list[e.Event]:
    """Change country, region, tax status or time zone; the currency never changes.

    A verified tax number is of one country, so it does not survive a move to another.
    """
    refuse_closed(account)
    present = e.AccountDetailsChanged(
        country=account.country, region=account.region, tax_status=account.tax_status, time_zone=account.time_zone
    )
    if details == present:
        return []
    if account.tax_number is not None and account.tax_number.country != details.country:
        return [details, e.TaxNumberWithdrawn(reason="the account moved to another country")]
    return [details]


def suspend(account: Account, reason: str) -> list[e.Event]:
    """Stop spending and automatic payments. Repeating it changes nothing."""
    refuse_closed(account)
    return [] if account.suspended else [e.AccountSuspended(reason=reason)]


def reinstate(account: Account, reason: str) -> list[e.Event]:
    """Lift an operator's suspension; one by a balance below zero ends with the next top-up that covers it.

    Repeating it changes nothing.
    """
    refuse_closed(account)
    return [e.AccountReinstated(reason=reason)] if account.suspended else []


def set_low_balance_threshold(account: Account, threshold: Decimal | None) -> list[e.Event]:
    """Have somebody told when what is available falls below a threshold. Repeating it changes nothing."""
    refuse_closed(account)
    if threshold is not None and threshold <= 0:
        raise InvalidAmount("must be more than zero", field="amount")
    if threshold == account.low_balance_threshold:
        return []
    return [e.LowBalanceThresholdSet(threshold=threshold, currency=account.currency)]


def record_tax_number(account: Account, verified: e.TaxNumberVerified) -> list[e.Event]:
    """Keep a tax number that the service had verified; each verification is kept."""
    refuse_closed(account)
    return [verified]


def withdraw_tax_number(account: Account, reason: str) -> list[e.Event]:
    """Forget that a tax number was verified. Repeating it changes nothing."""
    refuse_closed(account)
    return [e.TaxNumberWithdrawn(reason=reason)] if account.tax_number else []


def close(
    account: Account,
    request: Request,
    reason: str,
    *,
    paid_out: Decimal,
    payout_reference: str | None,
    minor_unit: Decimal,
) -> list[e.Event]:
    """Close an account that is empty, or whose last balance is paid out, or too small to be paid out.

    Args:
        account: the account to close.
        request: the command, to be recognised when repeated.
        reason: why it is closed.
        paid_out: the amount that the service paid to the customer outside the ledger.
        payout_reference: the service's reference of that payment.
        minor_unit: the least that can be paid in the currency; less than that is written off.
    """
    refuse_closed(account)
    _refuse_open_ends(account)
    rest = account.purchased - paid_out
    if not 0 <= rest < minor_unit:
        left = f"{plain(rest, account.currency)} {account.currency}"
        raise AccountNotEmpty(
            f"the balance would be {left}; pay it out or adjust it to zero first",
            field="paid_out",
        )
    return [
        *lots.forfeit(account),
        e.AccountClosed(
            **request.fields,
            reason=reason,
            paid_out=paid_out,
            payout_reference=payout_reference,
            written_off=rest,
            currency=account.currency,
        ),
    ]


def _refuse_open_ends(account: Account) -> None:
    for what, items, first in (
        ("holds", account.holds, "settle or release them"),
        ("top-ups under way", account.top_ups, "cancel them, or wait until they have ended"),
        ("cards being saved", account.card_savings, "cancel that, or wait until it has ended"),
        ("refunds under way", account.refunds, "wait until they have ended"),
        ("open disputes", account.disputes, "wait until they are decided"),
        ("saved cards", account.cards, "remove them"),
        ("rented numbers", account.numbers, "release them"),
    ):
        if items:
            raise AccountNotEmpty(f"the account still has {len(items)} {what}; first {first}", field="account_id")
