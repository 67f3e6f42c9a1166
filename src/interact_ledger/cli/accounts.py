"""Accounts: opening, looking at, changing, suspending, closing, adjusting; and granting credit."""

from __future__ import annotations

from typing import Annotated

import typer
from moneyed import Money

from interact_ledger.cli.arguments import AccountId, Country, Key, Limit, Reason, moment, money
from interact_ledger.cli.documents import as_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import facts, listing, plain_text, record
from interact_ledger.errors import InvalidRequest
from interact_ledger.views import AccountDetails

__all__ = ["account", "credit"]

account = group("Open, look at, change, suspend, close and adjust accounts.")
credit = group("Grant credit that nobody paid for, and list what is left of it.")

Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="ISO 3166-2 without the country: CA.")]


@command(account, "open")
def open_account(
    session: Session,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Your opaque reference to the customer.")],
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="ISO 4217: GBP. It never changes.")],
    country: Country,
    region: Region = None,
    tax_status: Annotated[str, typer.Option(metavar="STATUS", help="consumer or business.")] = "consumer",
    time_zone: Annotated[str, typer.Option(metavar="ZONE", help="IANA name: Europe/London.")] = "UTC",
    key: Key = None,
) -> Answer:
    """Open an account with an empty balance."""
    return _details(
        session.ledger.open_account(
            owner,
            currency,
            country,
            region=region,
            tax_status=tax_status,
            time_zone=time_zone,
            idempotency_key=session.key_or_new(key),
        )
    )


@command(account, "list")
def accounts(
    session: Session,
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help="Only this customer's.")] = None,
    after: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Go on behind this account.")] = None,
    limit: Limit = 100,
) -> Answer:
    """List accounts, a page at a time."""
    page = session.records.accounts(owner, after=after, limit=limit)
    columns = ("account_id", "owner", "currency", "country", "standing")
    more = [] if page.next_cursor is None else [plain_text(f"More: add --after {page.next_cursor}", "dim")]
    return Answer(as_document(page), [listing(page.accounts, columns, none="No accounts."), *more])


@command(account, "show")
def show(session: Session, account_id: AccountId) -> Answer:
    """Show an account's details."""
    return _details(session.records.account(account_id))


@command(account, "change")
def change_details(
    session: Session,
    account_id: AccountId,
    country: Annotated[str | None, typer.Option(metavar="COUNTRY", help="ISO 3166-1: GB.")] = None,
    region: Region = None,
    tax_status: Annotated[str | None, typer.Option(metavar="STATUS", help="consumer or business.")] = None,
    time_zone: Annotated[str | None, typer.Option(metavar="ZONE", help="IANA name: Europe/London.")] = None,
) -> Answer:
    """Change an account's details; what is left out stays, but a region only within its country."""
    present = session.ledger.account(account_id)
    return _details(
        session.ledger.change_details(
            account_id,
            country=country or present.country,
            region=region or (present.region if country in (None, present.country) else None),
            tax_status=tax_status or present.tax_status,
            time_zone=time_zone or present.time_zone,
        )
    )


@command(account, "record-tax-number")
def record_tax_number(
    session: Session,
    account_id: AccountId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The VAT number.")],
    verified_by: Annotated[str, typer.Option(metavar="WHO", help="Who or what asked the authority.")],
    verified_at: Annotated[str, typer.Option(metavar="MOMENT", help="When, ISO 8601; UTC if it does not say.")],
    reference: Annotated[str, typer.Option(metavar="TEXT", help="The authority's reference of the consultation.")],
) -> Answer:
    """Record that the authority that issues it confirmed the customer's VAT number."""
    verified = moment(verified_at, "verified_at")
    assert verified is not None, "the option is required"
    return _details(
        session.ledger.record_tax_number(
            account_id, number, verified_by=verified_by, verified_at=verified, reference=reference
        )
    )


@command(account, "withdraw-tax-number")
def withdraw_tax_number(session: Session, account_id: AccountId, reason: Reason) -> Answer:
    """Record that the customer's VAT number is no longer valid."""
    return _details(session.ledger.withdraw_tax_number(account_id, reason))


@command(account, "suspend")
def suspend(session: Session, account_id: AccountId, reason: Reason) -> Answer:
    """Stop an account from being spent from; it may still be topped up."""
    return _details(session.ledger.suspend(account_id, reason))


@command(account, "reinstate")
def reinstate(session: Session, account_id: AccountId, reason: Reason) -> Answer:
    """Let a suspended account be spent from again."""
    return _details(session.ledger.reinstate(account_id, reason))


@command(account, "notify-below")
def notify_below(
    session: Session,
    account_id: AccountId,
    amount: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Such as 5.00; never, if left out.")] = None,
) -> Answer:
    """Have a low balance told by `deliver-notifications` each time that it falls below an amount."""
    threshold = None
    if amount is not None:
        threshold = money(amount, session.ledger.account(account_id).currency, "amount")
    return _details(session.ledger.notify_below(account_id, threshold))


@command(account, "close")
def close_account(
    session: Session,
    account_id: AccountId,
    reason: Reason,
    paid_out: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What the customer was paid outside the ledger.")
    ] = None,
    payout_reference: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Your reference of that payment; needed with --paid-out.")
    ] = None,
    key: Key = None,
) -> Answer:
    """Close an account for good; what is left on it must be paid out first."""
    currency = session.ledger.account(account_id).currency
    return _details(
        session.ledger.close_account(
            account_id,
            reason,
            idempotency_key=session.key_or_new(key),
            paid_out=None if paid_out is None else money(paid_out, currency, "paid_out"),
            payout_reference=payout_reference,
        )
    )


@command(account, "adjust")
def adjust(
    session: Session,
    account_id: AccountId,
    reason: Reason,
    add: Annotated[str | None, typer.Option("--add", metavar="AMOUNT", help="What to add; or")] = None,
    take: Annotated[str | None, typer.Option("--take", metavar="AMOUNT", help="what to take away.")] = None,
    key: Key = None,
) -> Answer:
    """Change a balance by hand."""
    currency = session.ledger.account(account_id).currency
    amount = _signed(add, take, currency)
    available = session.ledger.adjust(account_id, amount, reason, idempotency_key=session.key_or_new(key))
    said = {"account_id": account_id, "adjusted_by": amount, "available": available}
    return Answer(as_document(said), [facts(said)])


@command(credit, "grant")
def grant_credit(
    session: Session,
    account_id: AccountId,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How much, such as 5.00.")],
    reason: Reason,
    priority: Annotated[int, typer.Option(metavar="N", help="0 to 100, the lower first; purchased has 50.")] = 50,
    expires_at: Annotated[str | None, typer.Option(metavar="MOMENT", help="When it is gone, ISO 8601; UTC.")] = None,
    key: Key = None,
) -> Answer:
    """Give credit that nobody paid for."""
    currency = session.ledger.account(account_id).currency
    granted = session.ledger.grant_credit(
        account_id,
        money(amount, currency, "amount"),
        reason,
        idempotency_key=session.key_or_new(key),
        priority=priority,
        expires_at=moment(expires_at, "expires_at"),
    )
    return Answer(as_document(granted), [record(granted)])


@command(credit, "list")
def list_credit(session: Session, account_id: AccountId) -> Answer:
    """List the granted credit that is left, that which is used first at the front."""
    found = session.ledger.granted_credit(account_id)
    columns = ("lot_id", "remaining", "held", "priority", "expires_at")
    return Answer({"credit": as_document(found)}, [listing(found, columns, none="No granted credit.")])


def _signed(add: str | None, take: str | None, currency: str) -> Money:
    given = [text for text in (add, take) if text is not None]
    if len(given) != 1 or given[0].startswith("-"):
        raise InvalidRequest("pass either --add or --take, with an amount without a sign", field="amount")
    amount = money(given[0], currency, "amount")
    return amount if take is None else -amount


def _details(details: AccountDetails) -> Answer:
    return Answer(as_document(details), [record(details)])
