"""Reading: balances now and then, receipts, statements, histories."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

import typer
from moneyed import Money
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from interact_ledger import CreditNote
from interact_ledger.cli.arguments import AccountId, Limit, TransactionId, moment
from interact_ledger.cli.documents import as_document, fields_of, recorded_document
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import facts, flat, label, listing, plain_text, record, words
from interact_ledger.domain.events import Event, Recorded

__all__ = ["reading"]

reading = group("Balances, receipts, statements and histories.")

PANEL = "Reading"
NOT_SHOWN = frozenset({"fingerprint", "currency"})
"""Of an event, for people: a digest that only programs compare, and what every amount is shown with anyway."""
ITEMS_SHOWN_MAX = 3

After = Annotated[int, typer.Option("--after", metavar="VERSION", help="Go on behind this version.")]


@command(reading, "balance", panel=PANEL)
def balance(
    session: Session,
    account_id: AccountId,
    at: Annotated[str | None, typer.Option(metavar="MOMENT", help="As it was then, ISO 8601; UTC.")] = None,
    version: Annotated[int | None, typer.Option(metavar="N", help="As it was after so many events.")] = None,
) -> Answer:
    """Show a balance: now, at a moment, or after so many events of its history."""
    found = session.records.balance(account_id, at=moment(at, "at"), version=version)
    return Answer(as_document(found), [record(found)])


@command(reading, "receipt", panel=PANEL)
def receipt(session: Session, transaction_id: TransactionId) -> Answer:
    """Show the receipt of a captured top-up."""
    found = session.records.receipt(transaction_id)
    shown = [record(found, leave_out=("credit_notes",))]
    if found.credit_notes:
        shown.append(_credit_notes(found.credit_notes, title="credit notes"))
    return Answer(as_document(found), shown)


@command(reading, "receipts", panel=PANEL)
def receipts(
    session: Session,
    account_id: AccountId,
    after: After = 0,
    limit: Limit = 100,
) -> Answer:
    """List an account's receipts."""
    found = session.records.receipts(account_id, after=after, limit=limit)
    rows = [
        {
            "version": item.version,
            "receipt": f"{item.transaction_id} {item.invoice_number}",
            "paid_at": item.paid_at,
            "credit": item.credit,
            "total": item.total,
            "left": item.left,
        }
        for item in found
    ]
    return Answer({"receipts": as_document(found)}, [listing(rows, none="No receipts.")])


@command(reading, "credit-note", panel=PANEL)
def credit_note(
    session: Session,
    credit_note_id: Annotated[str, typer.Argument(metavar="CREDIT_NOTE", help="The credit note's id.")],
) -> Answer:
    """Show the credit note of a refund."""
    found = session.records.credit_note(credit_note_id)
    return Answer(as_document(found), [record(found)])


@command(reading, "credit-notes", panel=PANEL)
def credit_notes(session: Session, account_id: AccountId, after: After = 0, limit: Limit = 100) -> Answer:
    """List an account's credit notes."""
    found = session.records.credit_notes(account_id, after=after, limit=limit)
    return Answer({"credit_notes": as_document(found)}, [_credit_notes(found)])


@command(reading, "statement", panel=PANEL)
def statement(
    session: Session,
    account_id: AccountId,
    start: Annotated[str | None, typer.Option(metavar="MOMENT", help="From this moment on, ISO 8601; UTC.")] = None,
    end: Annotated[str | None, typer.Option(metavar="MOMENT", help="Before this moment, ISO 8601; UTC.")] = None,
    after: After = 0,
    limit: Limit = 1000,
) -> Answer:
    """List every change of a balance in a period, each with the balance after it."""
    found = session.records.statement(
        account_id, start=moment(start, "start"), end=moment(end, "end"), after=after, limit=limit
    )
    # Kind and transaction share a column, which a wide terminal shows in one line and a narrow one in two.
    lines = [
        {
            "recorded_at": line.recorded_at,
            "what": f"{line.kind} {line.transaction_id or ''}".strip(),
            "amount": line.amount,
            "balance": line.balance,
        }
        for line in found.lines
    ]
    shown = [
        facts({"opening": found.opening}),
        listing(lines, none="Nothing changed."),
        facts({"closing": found.closing}),
    ]
    return Answer(as_document(found), [*shown, *_more(found.next_cursor)])


@command(reading, "disputes", panel=PANEL)
def disputes(session: Session, account_id: AccountId) -> Answer:
    """List an account's disputes, open and decided."""
    found = session.records.disputes(account_id)
    shown = [part for item in found for part in (plain_text(""), record(item))][1:]
    return Answer({"disputes": as_document(found)}, shown or [plain_text("No disputes.", "dim")])


@command(reading, "history", panel=PANEL)
def history(session: Session, account_id: AccountId, after: After = 0, limit: Limit = 100) -> Answer:
    """List an account's events, with when and by whom. Card tokens are masked."""
    events = session.records.history(account_id, after=after, limit=limit)
    next_cursor = events[-1].version if len(events) == limit else None
    document = {"events": [recorded_document(event) for event in events], "next_cursor": next_cursor}
    return Answer(document, [_history(events), *_more(next_cursor)])


def _credit_notes(found: Iterable[CreditNote], title: str | None = None) -> RenderableType:
    rows = [
        {
            "version": item.version,
            "credit_note": f"{item.credit_note_id} {item.credit_note_number}",
            "of": item.invoice_number,
            "cancelled_by": item.cancellation_number,
            "credit": item.credit,
            "total": item.total,
        }
        for item in found
    ]
    return listing(rows, title=title, none="No credit notes.")


def _more(next_cursor: int | None) -> list[RenderableType]:
    return [] if next_cursor is None else [plain_text(f"More: add --after {next_cursor}", "dim")]


def _history(events: Iterable[Recorded]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for recorded in events:
        by = f"{recorded.actor} ({recorded.correlation_id})" if recorded.correlation_id else recorded.actor
        headline = Text.assemble(
            words(recorded.recorded_at), "  ", (recorded.event.TOPIC, "bold"), "  ", (f"by {by}", "dim")
        )
        table.add_row(str(recorded.version), headline)
        table.add_row("", _said(recorded.event))
    return table


def _said(event: Event) -> Text:
    """Write what an event says, its amounts in its currency."""
    currency = getattr(event, "currency", None)
    text = Text()
    for name, value in (fields_of(event) or {}).items():
        if value is not None and name not in NOT_SHOWN:
            text.append(f"{label(name)}: ", "dim").append(f"{_fact(value, currency)}  ")
    return text


def _fact(value: object, currency: str | None) -> str:
    if isinstance(value, Decimal) and currency is not None:
        return words(Money(value, currency))
    if fields_of(value) is not None:
        return flat(value)
    if isinstance(value, tuple) and len(value) > ITEMS_SHOWN_MAX:
        return f"{len(value):,} of them"
    if isinstance(value, tuple):
        return "; ".join(_fact(item, currency) for item in value)
    return flat(value)
