"""What several commands take, and how what operators type is read."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from moneyed import Money
from pydantic import TypeAdapter, ValidationError

from interact_ledger.errors import InvalidRequest
from interact_ledger.money import known_currency, parse_decimal

__all__ = [
    "AccountId",
    "Amount",
    "CampaignFile",
    "CardToken",
    "Country",
    "Destination",
    "Key",
    "Limit",
    "Quantity",
    "Reason",
    "Reference",
    "Segments",
    "TextOption",
    "TopUpAtOnce",
    "TransactionId",
    "duration",
    "from_terminal",
    "moment",
    "money",
]

AccountId: TypeAlias = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.", show_default=False)]
TransactionId: TypeAlias = Annotated[
    str, typer.Argument(metavar="TRANSACTION", help="The transaction ID.", show_default=False)
]
Amount: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="AMOUNT", help='Such as 50.00, or "50.00 GBP" to be sure of it.', show_default=False),
]
Country: TypeAlias = Annotated[str, typer.Argument(metavar="COUNTRY", help="ISO 3166-1: GB.", show_default=False)]
Destination: TypeAlias = Annotated[
    str, typer.Argument(metavar="DESTINATION", help="The country it goes to, ISO 3166-1: GB.", show_default=False)
]
CampaignFile: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="UTF-8; on each line a text, or a label, a tab and a text.", show_default=False
    ),
]

Key: TypeAlias = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Idempotency key; one is made and printed if left out."),
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, as the log records it.")]
CardToken: TypeAlias = Annotated[
    str | None,
    typer.Option("--card-token", metavar="TOKEN", help="The gateway's one-time token; - reads it from stdin."),
]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", metavar="N", help="How many at most, 1 to 1000.")]
TextOption: TypeAlias = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="The message, to count its segments; never kept.")
]
Segments: TypeAlias = Annotated[
    int | None, typer.Option("--segments", metavar="N", help="How many SMS segments it takes, instead of its text.")
]
Quantity: TypeAlias = Annotated[int, typer.Option("--quantity", metavar="N", help="How many times it is sent.")]
Reference: TypeAlias = Annotated[
    str, typer.Option("--reference", metavar="NAME", help="Your own name for it, to give it back by.")
]
TopUpAtOnce: TypeAlias = Annotated[
    bool, typer.Option("--top-up-at-once", help="Charge an auto top-up that this makes due before returning.")
]

_DURATION = TypeAdapter(timedelta)
TOKEN_LENGTH_MAX = 10_000
"""More than the ledger takes: a longer token is refused there, and a stream without an end is not read to it."""


def money(text: str, currency: str, field: str) -> Money:
    """Read an amount, in a currency unless it names its own."""
    amount, _, named = text.strip().partition(" ")
    return Money(parse_decimal(amount, field), known_currency(named.strip(), field) if named else currency)


def moment(text: str | None, field: str) -> datetime | None:
    """Read a moment in ISO 8601, in UTC unless it carries an offset."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("is no moment in ISO 8601 such as 2026-11-23T09:30:00Z", field=field) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def duration(text: str | None, field: str) -> timedelta | None:
    """Read a duration in ISO 8601."""
    if text is None:
        return None
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        raise InvalidRequest("is no duration in ISO 8601 such as P7D or PT30M", field=field) from None


def from_terminal(value: str | None) -> str | None:
    """Read a value from standard input if "-" stands for it, so that neither history nor process list shows it."""
    return sys.stdin.readline(TOKEN_LENGTH_MAX).strip() if value == "-" else value
