"""Automatic payments: what customers agreed to, how it stands, and stopping it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from moneyed import Money

from interact_ledger.cli.arguments import AccountId, moment, money
from interact_ledger.cli.documents import as_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import plain_text, record
from interact_ledger.views import AutomaticPayments

__all__ = ["automatic"]

automatic = group("Charge a saved card without being asked each time: auto top-up and monthly recharge.")

Card = Annotated[str, typer.Option("--card", metavar="CARD", help="The saved card's id.")]
Ceiling = Annotated[str, typer.Option(metavar="AMOUNT", help="The most that one charge may come to, with taxes.")]
Consent = Annotated[str, typer.Option("--consent", metavar="TEXT", help="What the customer agreed to, as shown.")]
GivenBy = Annotated[str, typer.Option(metavar="WHO", help="Who agreed.")]
GivenAt = Annotated[str, typer.Option(metavar="MOMENT", help="When, ISO 8601; UTC if it does not say.")]


@command(automatic, "show")
def show(session: Session, account_id: AccountId) -> Answer:
    """Show what was agreed on automatic payments, and how each stands."""
    return _shown(session.records.automatic_payments(account_id))


@command(automatic, "enable-top-up")
def enable_auto_top_up(
    session: Session,
    account_id: AccountId,
    threshold: Annotated[str, typer.Option(metavar="AMOUNT", help="Charged when less than this is available.")],
    card: Card,
    max_per_month: Annotated[int, typer.Option(metavar="N", help="How many charges there may be in a month.")],
    ceiling: Ceiling,
    consent: Consent,
    given_by: GivenBy,
    given_at: GivenAt,
    amount: Annotated[str | None, typer.Option(metavar="AMOUNT", help="The recharge amount; or")] = None,
    target: Annotated[str | None, typer.Option(metavar="AMOUNT", help="what the balance is brought up to.")] = None,
    max_value_per_day: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What the charges of a day may come to, with taxes.")
    ] = None,
    max_value_per_month: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What the charges of a month may come to, with taxes.")
    ] = None,
) -> Answer:
    """Record that a customer agreed to be charged whenever the balance runs low."""
    currency = session.ledger.account(account_id).currency
    return _shown(
        session.ledger.enable_auto_top_up(
            account_id,
            threshold=money(threshold, currency, "threshold"),
            amount=_money_or_none(amount, currency, "amount"),
            target=_money_or_none(target, currency, "target"),
            card_id=card,
            max_per_month=max_per_month,
            max_value_per_day=_money_or_none(max_value_per_day, currency, "max_value_per_day"),
            max_value_per_month=_money_or_none(max_value_per_month, currency, "max_value_per_month"),
            ceiling=money(ceiling, currency, "ceiling"),
            consent_text=consent,
            given_by=given_by,
            given_at=_given(given_at),
        )
    )


@command(automatic, "resume-top-up")
def resume_auto_top_up(session: Session, account_id: AccountId) -> Answer:
    """Go on with an auto top-up that is paused, with the card it has."""
    return _shown(session.ledger.resume_auto_top_up(account_id))


@command(automatic, "disable-top-up")
def disable_auto_top_up(session: Session, account_id: AccountId) -> Answer:
    """Charge no more when the balance runs low."""
    return _shown(session.ledger.disable_auto_top_up(account_id))


@command(automatic, "enable-recharge")
def enable_monthly_recharge(
    session: Session,
    account_id: AccountId,
    day: Annotated[int, typer.Option(metavar="DAY", help="1 to 31; in a shorter month its last day.")],
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="The recharge amount.")],
    card: Card,
    ceiling: Ceiling,
    consent: Consent,
    given_by: GivenBy,
    given_at: GivenAt,
) -> Answer:
    """Record that a customer agreed to be charged on a day of each month."""
    currency = session.ledger.account(account_id).currency
    return _shown(
        session.ledger.enable_monthly_recharge(
            account_id,
            day=day,
            amount=money(amount, currency, "amount"),
            card_id=card,
            ceiling=money(ceiling, currency, "ceiling"),
            consent_text=consent,
            given_by=given_by,
            given_at=_given(given_at),
        )
    )


@command(automatic, "disable-recharge")
def disable_monthly_recharge(session: Session, account_id: AccountId) -> Answer:
    """Charge no more each month."""
    return _shown(session.ledger.disable_monthly_recharge(account_id))


def _given(text: str) -> datetime:
    given = moment(text, "given_at")
    assert given is not None, "the option is required"
    return given


def _money_or_none(text: str | None, currency: str, field: str) -> Money | None:
    return None if text is None else money(text, currency, field)


def _shown(payments: AutomaticPayments) -> Answer:
    parts = {"Auto top-up": payments.auto_top_up, "Monthly recharge": payments.monthly_recharge}
    shown = [part for name, agreed in parts.items() if agreed for part in (plain_text(name, "bold"), record(agreed))]
    if payments.under_way:
        shown.append(plain_text(f"Under way: {payments.under_way}"))
    return Answer(as_document(payments), shown or [plain_text("No automatic payments.")])
