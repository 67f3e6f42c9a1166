"""Spending the balance: estimates, purchases, giving back, holds, rented numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from moneyed import Money

from interact_ledger.cli.arguments import (
    AccountId,
    Amount,
    CampaignFile,
    Country,
    Destination,
    Key,
    Quantity,
    Reason,
    Reference,
    Segments,
    TextOption,
    TopUpAtOnce,
    TransactionId,
    duration,
    money,
)
from interact_ledger.cli.documents import as_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import facts, listing, plain_text, record
from interact_ledger.errors import InvalidRequest
from interact_ledger.money import known_currency
from interact_ledger.pricing.campaign_file import read_campaign
from interact_ledger.pricing.catalogue import Item, Message, Number
from interact_ledger.pricing.estimator import estimate as estimate_of
from interact_ledger.views import PurchaseResult, RentedNumberDetails

__all__ = ["estimate", "hold", "numbers", "spend"]

estimate = group("Say what messages and numbers will cost, what the balance lacks, and what to top up.")
spend = group("Buy messages and numbers from the balance.")
hold = group("Reserve part of a balance, then settle or release it.")
numbers = group("List rented numbers and give them back.")

LINES_SHOWN_MAX = 20
QUANTITY_DIGITS_MAX = 9

SomeAccount = Annotated[str | None, typer.Option("--account", metavar="ACCOUNT", help="Against this balance; or")]
SomeCurrency = Annotated[str | None, typer.Option("--currency", metavar="CODE", help="only the cost, in a currency.")]
NumberKind = Annotated[str, typer.Option("--kind", metavar="KIND", help="As the price list calls it.")]
HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id.")]
PhoneNumber = Annotated[str, typer.Argument(metavar="NUMBER", help="In E.164 form: +442071234567.")]

ANY_NUMBER = "+10000000000"
"""Stands for a number that is not chosen yet: the price depends on its country and kind only."""


# Estimates --------------------------------------------------------------------------------------------------------


@command(estimate, "message")
def estimate_message(
    session: Session,
    destination: Destination,
    text: TextOption = None,
    segments: Segments = None,
    quantity: Quantity = 1,
    account_id: SomeAccount = None,
    currency: SomeCurrency = None,
) -> Answer:
    """Estimate one message, or the same one many times."""
    item = Message("message", destination, text=text, segments=segments, quantity=quantity)
    return _estimated(session, [item], account_id, currency)


@command(estimate, "campaign")
def estimate_campaign(
    session: Session,
    file: CampaignFile,
    destination: Destination,
    account_id: SomeAccount = None,
    currency: SomeCurrency = None,
) -> Answer:
    """Estimate a file of messages."""
    return _estimated(session, read_campaign(file, destination), account_id, currency)


@command(estimate, "number")
def estimate_number(
    session: Session,
    country: Country,
    kind: NumberKind = "local",
    account_id: SomeAccount = None,
    currency: SomeCurrency = None,
) -> Answer:
    """Estimate a phone number: its set-up and its first month."""
    return _estimated(session, [Number("number", ANY_NUMBER, country, kind)], account_id, currency)


# Purchases --------------------------------------------------------------------------------------------------------


@command(spend, "message")
def spend_message(
    session: Session,
    account_id: AccountId,
    destination: Destination,
    text: TextOption = None,
    segments: Segments = None,
    quantity: Quantity = 1,
    reference: Reference = "message",
    top_up_at_once: TopUpAtOnce = False,
    key: Key = None,
) -> Answer:
    """Buy one message, or the same one many times."""
    item = Message(reference, destination, text=text, segments=segments, quantity=quantity)
    return _purchase(
        session.ledger.spend(account_id, item, idempotency_key=session.key_or_new(key), top_up_at_once=top_up_at_once)
    )


@command(spend, "number")
def spend_number(
    session: Session,
    account_id: AccountId,
    number: PhoneNumber,
    country: Country,
    kind: NumberKind = "local",
    reference: Reference = "number",
    top_up_at_once: TopUpAtOnce = False,
    key: Key = None,
) -> Answer:
    """Rent a phone number: its set-up and its first month now, then each month."""
    item = Number(reference, number, country, kind)
    return _purchase(
        session.ledger.spend(account_id, item, idempotency_key=session.key_or_new(key), top_up_at_once=top_up_at_once)
    )


@command(spend, "campaign")
def spend_campaign(
    session: Session,
    account_id: AccountId,
    file: CampaignFile,
    destination: Destination,
    top_up_at_once: TopUpAtOnce = False,
    key: Key = None,
) -> Answer:
    """Buy a file of messages, all or nothing; each line can be given back by its reference, such as line-12."""
    name = session.key_or_new(key)
    with session.output.progress("Buying"):
        items = read_campaign(file, destination)
        return _purchase(
            session.ledger.spend_many(account_id, items, idempotency_key=name, top_up_at_once=top_up_at_once)
        )


@command(spend, "reverse")
def reverse_spend(
    session: Session,
    account_id: AccountId,
    transaction_id: TransactionId,
    reason: Reason,
    lines: Annotated[
        list[str] | None,
        typer.Option("--line", metavar="NAME[=N]", help="Only this line, or N of it; repeatable."),
    ] = None,
    key: Key = None,
) -> Answer:
    """Give back what was bought and not delivered: all of it, or some lines."""
    return _purchase(
        session.ledger.reverse_spend(
            account_id,
            transaction_id,
            reason,
            idempotency_key=session.key_or_new(key),
            lines=[_line(text) for text in lines] if lines else None,
        )
    )


# Holds ------------------------------------------------------------------------------------------------------------


@command(hold, "place")
def place_hold(
    session: Session,
    account_id: AccountId,
    amount: Amount,
    reference: Reference,
    expires_in: Annotated[str | None, typer.Option(metavar="DURATION", help="ISO 8601: PT2H, P7D.")] = None,
    key: Key = None,
) -> Answer:
    """Reserve part of the available balance."""
    reserved = money(amount, session.ledger.account(account_id).currency, "amount")
    lifetime = duration(expires_in, "expires_in")
    return _shown(
        session.ledger.hold(
            account_id, reserved, reference, idempotency_key=session.key_or_new(key), expires_in=lifetime
        )
    )


@command(hold, "settle")
def settle(
    session: Session,
    account_id: AccountId,
    hold_id: HoldId,
    destination: Destination,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="A campaign of messages; or")] = None,
    text: TextOption = None,
    segments: Segments = None,
    quantity: Quantity = 1,
    reference: Reference = "message",
    top_up_at_once: TopUpAtOnce = False,
    key: Key = None,
) -> Answer:
    """Buy messages out of a hold; what they do not take stays reserved."""
    items: Sequence[Item]
    if file is not None:
        items = read_campaign(file, destination)
    else:
        items = [Message(reference, destination, text=text, segments=segments, quantity=quantity)]
    return _purchase(
        session.ledger.settle(
            account_id, hold_id, items, idempotency_key=session.key_or_new(key), top_up_at_once=top_up_at_once
        )
    )


@command(hold, "release")
def release(session: Session, account_id: AccountId, hold_id: HoldId, key: Key = None) -> Answer:
    """Make what is left of a hold available again."""
    return _shown(session.ledger.release(account_id, hold_id, idempotency_key=session.key_or_new(key)))


# Rented numbers ---------------------------------------------------------------------------------------------------


@command(numbers, "list")
def list_numbers(session: Session, account_id: AccountId) -> Answer:
    """List the numbers that the account rents."""
    return _numbers(session.records.numbers(account_id))


@command(numbers, "release")
def release_number(session: Session, account_id: AccountId, number: PhoneNumber) -> Answer:
    """Give a number back; the running month stays paid. Lists the numbers that are left."""
    return _numbers(session.ledger.release_number(account_id, number))


def _estimated(session: Session, items: Sequence[Item], account_id: str | None, currency: str | None) -> Answer:
    if (account_id is None) == (currency is None):
        raise InvalidRequest("pass either --account or --currency", field="--account")
    if account_id is not None:
        estimated = session.records.estimate(account_id, items)
        return Answer(as_document(estimated), [record(estimated)])
    known = known_currency(currency, "--currency")
    lines = session.settings.price_list.price(items, known)
    priced = estimate_of(lines, Decimal(0), known, Decimal(0))
    said = {"cost": priced.cost, "messages": priced.messages, "segments": priced.segments}
    return Answer(as_document({**said, "items": priced.items}), [facts(said), listing(priced.items, title="items")])


def _purchase(result: PurchaseResult) -> Answer:
    currency = result.amount.currency
    lines = [
        line._asdict() | {"unit_price": Money(line.unit_price, currency), "amount": Money(line.amount, currency)}
        for line in result.lines[:LINES_SHOWN_MAX]
    ]
    more = len(result.lines) - len(lines)
    shown = [record(result, leave_out=("lines",))]
    shown.extend([listing(lines, title="items")] if lines else [])
    shown.extend([plain_text(f"and {more:,} more lines; --json has them all", "dim")] if more else [])
    return Answer(as_document(result), shown)


def _line(text: str) -> tuple[str, int | None]:
    """Read NAME or NAME=N; a name that itself ends in = and digits takes its quantity."""
    name, equals, quantity = text.rpartition("=")
    is_quantity = equals and len(quantity) <= QUANTITY_DIGITS_MAX and quantity.isascii() and quantity.isdigit()
    return (name, int(quantity)) if is_quantity else (text, None)


def _shown(result: object) -> Answer:
    return Answer(as_document(result), [record(result)])


def _numbers(rented: Sequence[RentedNumberDetails]) -> Answer:
    return Answer({"numbers": as_document(rented)}, [listing(rented, none="No rented numbers.")])
