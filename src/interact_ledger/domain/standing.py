"""Opening, changing, suspending, reinstating and closing an account, and who may do what in between."""

from __future__ import annotations

from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, Standing
from interact_ledger.domain.operations import Request
from interact_ledger.errors import AccountClosed, AccountNotEmpty, AccountSuspended

__all__ = [
    "change_details",
    "close",
    "refuse_closed",
    "refuse_inactive",
    "reinstate",
    "suspend",
]


def refuse_closed(account: Account) -> None:
    """A closed account takes no command."""
    if account.standing is Standing.CLOSED:
        raise AccountClosed("the account is closed", field="account_id")


def refuse_inactive(account: Account) -> None:
    """A suspended account is not spent from; it may still be topped up by hand."""
    refuse_closed(account)
    if account.standing is Standing.SUSPENDED:
        raise AccountSuspended("the account is suspended; top it up or reinstate it first", field="account_id")


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
    return [] if account.standing is Standing.SUSPENDED else [e.AccountSuspended(reason=reason)]


def reinstate(account: Account, reason: str) -> list[e.Event]:
    """Let a suspended account be spent from again. Repeating it changes nothing."""
    refuse_closed(account)
    return [] if account.standing is Standing.OPEN else [e.AccountReinstated(reason=reason)]


def close(
    account: Account, request: Request, reason: str, *, paid_out: tuple[Decimal, str] | None, minor_unit: Decimal
) -> list[e.Event]:
    """Close an account that is empty, or whose last balance is paid out, or too small to be paid out.

    Args:
        account: the account to close.
        request: the command, to be recognised when repeated.
        reason: why it is closed.
        paid_out: the amount that the service paid to the customer outside the ledger, and its reference.
        minor_unit: the least that can be paid in the currency; less than that is written off.
    """
    refuse_closed(account)
    _refuse_open_ends(account)
    amount, reference = paid_out or (Decimal(0), None)
    rest = account.balance - amount
    if not 0 <= rest < minor_unit:
        raise AccountNotEmpty(
            f"the balance would be {rest} {account.currency}; pay it out or adjust it to zero first",
            field="paid_out",
        )
    return [
        e.AccountClosed(
            **request.fields,
            reason=reason,
            paid_out=amount,
            payout_reference=reference,
            written_off=rest,
            currency=account.currency,
        )
    ]


def _refuse_open_ends(account: Account) -> None:
    for what, items in (
        ("holds", account.holds),
        ("top-ups under way", account.top_ups),
        ("cards being saved", account.card_savings),
        ("saved cards", account.cards),
        ("rented numbers", account.numbers),
    ):
        if items:
            raise AccountNotEmpty(
                f"the account still has {len(items)} {what}; settle, cancel, remove or release them first",
                field="account_id",
            )
