"""Values and records as people read them. Amounts are never rounded: £0.0325 shows all its digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from moneyed import Money
from moneyed.l10n import format_money
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from interact_ledger.cli.documents import fields_of
from interact_ledger.views import SavedCardDetails

__all__ = ["expiry", "facts", "flat", "label", "listing", "plain_text", "record", "words"]

LOCALE = "en_GB"
"""Fixed, so that the same amount looks the same on every machine; currencies that share a sign are told apart."""

STYLES = {
    **dict.fromkeys(("open", "succeeded", "saved", "removed", "charged"), "green"),
    **dict.fromkeys(("requested", "pending", "queued", "unknown", "action_required", "suspended", "unpaid"), "yellow"),
    **dict.fromkeys(("declined", "mismatched", "closed"), "red"),
}


def words(value: object) -> str:
    """Write one value."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Money():
            return str(format_money(value, locale=LOCALE, decimal_quantization=False))
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
        case timedelta() if value and not value % timedelta(days=1):
            return "1 day" if value.days == 1 else f"{value.days} days"
        case Decimal():
            return f"{value:f}"
        case SavedCardDetails():
            return f"{value.card_id} ({value.brand} {value.last_four}, {expiry(value)})"
        case Mapping():
            return words(tuple(value))
        case Set():
            return ", ".join(sorted(map(words, value)))
        case tuple() | list():
            return ", ".join(map(words, value))
        case _:
            return str(value)


def expiry(card: SavedCardDetails) -> str:
    """Write until when a card is valid, as it is printed on it."""
    return f"{card.expiry_month:02}/{card.expiry_year}"


def plain_text(message: str, style: str = "") -> Text:
    """Return a sentence in which nothing is taken for markup."""
    return Text(message, style=style)


def facts(pairs: Mapping[str, object]) -> Table:
    """Lay out names and values in two columns; what is None is left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        if value is not None:
            table.add_row(label(name), _cell(value))
    return table


def record(value: object, *, leave_out: Sequence[str] = ()) -> RenderableType:
    """Lay out a record of the ledger: its own facts, then a table for each list of records in it."""
    fields = {name: item for name, item in (fields_of(value) or {}).items() if name not in leave_out}
    lists = {name: item for name, item in fields.items() if _is_list_of_records(item)}
    parts: list[RenderableType] = [
        facts({name: None if item is None else flat(item) for name, item in fields.items() if name not in lists})
    ]
    parts.extend(listing(item, title=label(name)) for name, item in lists.items() if isinstance(item, Sequence))
    return Group(*parts)


def listing(
    values: Iterable[object], columns: Sequence[str] | None = None, *, title: str | None = None, none: str = "None."
) -> RenderableType:
    """Lay out records as a table, or say that there are none.

    Args:
        values: records of one kind.
        columns: which of their fields, in order; all if None.
        title: what they are.
        none: what to say if there are none.

    A table with a title has a blank line before it.
    """
    rows = [fields_of(value) or {} for value in values]
    if not rows:
        return plain_text(none, "dim")
    names = list(rows[0]) if columns is None else columns
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title)
    table.title_justify, table.title_style = "left", "bold"
    for name in names:
        is_number = isinstance(rows[0][name], Money | Decimal | int) and not isinstance(rows[0][name], bool)
        table.add_column(
            label(name),
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=max(map(len, label(name).split())),
            no_wrap=is_number or name.endswith(("_id", "_at")),
        )
    for row in rows:
        table.add_row(*(_cell(_with_unit(name, row[name])) for name in names))
    return table if title is None else Group(plain_text(""), table)


def flat(value: object) -> str:
    """Write a value, or the facts of a record, in one line."""
    fields = fields_of(value)
    if fields is None or isinstance(value, Mapping | SavedCardDetails):
        return words(value)
    return ", ".join(
        f"{label(name)} {words(_with_unit(name, item))}" for name, item in fields.items() if item is not None
    )


def _with_unit(name: str, value: object) -> object:
    return f"{words(value)}%" if name == "rate" and isinstance(value, Decimal) else value


def _is_list_of_records(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and fields_of(value) is None and fields_of(value[0]) is not None


def label(name: str) -> str:
    """Write a field's name."""
    return name.removeprefix("is_").replace("_", " ")


def _cell(value: object) -> Text:
    text = words(value)
    return Text(text, style=STYLES.get(text, ""))
