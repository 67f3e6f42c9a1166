"""Writes the reference pages that follow from the code: `make docs`. A test fails when a page is out of date."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

import api_page
from interact_ledger import errors, settings
from interact_ledger.cli import reference as command_line
from interact_ledger.domain import events
from interact_ledger.gateways.protocol import Advice, CardFunding, DeclineReason, Initiator
from interact_ledger.gateways.sandbox import SANDBOX_TOKENS
from interact_ledger.ledger import TABLES
from interact_ledger.pricing import availability, configuration, limits, price_list, taxes
from interact_ledger.projections import (
    accounts,
    at_gateways,
    checkouts,
    credit_notes,
    disputes,
    notifications,
    receipts,
    statement,
)
from interact_ledger.storage import index
from interact_ledger.tables import Table
from writing import (
    alias_docs,
    classes_of,
    fields_of,
    fields_table,
    page_of,
    paragraph,
    rest_of,
    sentence,
    table_of,
    text_of,
)

__all__ = ["REFERENCE", "pages"]

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the code; run `make docs` after a change there. -->"

EVENT_FILES = [
    import_module(f"{events.__name__}.{name}")
    for name in (
        "accounts",
        "top_up",
        "refunds",
        "disputes",
        "cards",
        "notices",
        "spending",
        "numbers",
        "holds",
        "automatic",
        "credit",
        "invoices",
        "credit_notes",
    )
]
"""In the order in which somebody would read them."""

EVENTS = """\
Account streams are named by the account, books by their seller or gateway. Types are explained [at the end](#types). A
field marked *personal* may hold personal data; with one marked *secret*, somebody could charge a card."""

TABLES_INTRO = """\
What can be read with plain SQL. All tables but the log follow from it, are written in the same commit as the events
(unless [another event store](../how-to/use-another-event-store.md) keeps them), and can be rebuilt at any time. The
ledger's own `ledger_schema` and `copied_log` say which release wrote it, and whose events it copies; `subscribers` says
up to where each was told of things. SQLite keeps decimals and times as text: decimals exactly, times in UTC so that
they sort as text."""

LOG = """\
One row per event, never changed and never deleted (triggers refuse it): `originator_id` is the stream,
`originator_version` the position in it from 1, `topic` [the event's topic](events.md), `state` the event as JSON."""

ERRORS = """\
They are in `interact_ledger.errors`. Each has a `code` for programs, the `field` at fault or None, and a `message` for
people; `str()` puts the field before the message."""

SETTINGS = """\
Read from one TOML or JSON file by `Settings.load(path)`. A misspelt name is an error. Amounts are text, such as
`"0.0325"`, because a bare 0.0325 would be read as a binary fraction. The file
[defaults.toml](../../src/interact_ledger/defaults.toml) shows every entry; its prices and tax rates are examples."""

ENVIRONMENT = "`Ledger.from_env` and the command line read these variables. Gateways of other packages have their own."

VARIABLES = (
    (
        "`INTERACT_LEDGER_URL`",
        "the database: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `postgresql://…`",
        "`sqlite:///interact_ledger.db`",
    ),
    (
        "`INTERACT_LEDGER_EVENTS`",
        "the persistence module of [another event store](../how-to/use-another-event-store.md) that keeps the events",
        "the database keeps them",
    ),
    ("`INTERACT_LEDGER_SETTINGS`", "the path of a settings file", "the example settings"),
    ("`INTERACT_LEDGER_GATEWAYS`", "the names of gateways, separated by commas; none if empty", "`sandbox`"),
    (
        "`INTERACT_LEDGER_SANDBOX_FILE`",
        "the file in which the sandbox gateway remembers its payments, as a real gateway would on its own side",
        "`sandbox.db`",
    ),
)

TOKENS = """\
The one-time tokens that the sandbox gateway knows, each with its script. Pass one as `card_token` where a real
gateway's token would go. A token may be used any number of times; any other is an invalid request."""

SETTINGS_TYPES = {
    "Duration": "",
    "Label": "",
    "Country": "",
    "Region": "",
    "Currency": "",
    "SegmentPrice": "",
    "NumberPriceAmount": "",
    "LimitAmount": "An amount in the currency's major unit, with no more decimals than the currency has.",
    "Rate": "0 to 100, at most four decimal places.",
    "Kind": "A word in lower case, with hyphens: local, mobile, toll-free, …",
    "MethodCode": "A word in lower case, with underscores.",
    "GatewayId": "Letters, digits and underscores.",
}
"""Types of settings, with what is said of those whose source says nothing."""


def pages() -> dict[Path, str]:
    """Return every generated page by its path."""
    made = {
        "events.md": events_page(),
        "tables.md": tables_page(),
        "errors.md": errors_page(),
        "settings.md": settings_page(),
        "sandbox-tokens.md": tokens_page(),
        "ledger.md": api_page.page(),
    }
    return {
        **{REFERENCE / name: page_of(parts) for name, parts in made.items()},
        REFERENCE / "cli.md": command_line.reference(),
    }


# The pages --------------------------------------------------------------------------------------------------------


def events_page() -> list[str]:
    page = [
        "# Events",
        NOTE,
        rest_of(events.__doc__),
        EVENTS,
        "## The envelope",
        f"{sentence(events.Recorded)} It is stored around every event.",
        fields_table(fields_of(events.Recorded)),
    ]
    for module in EVENT_FILES:
        page.append(f"## {paragraph(module.__doc__).rstrip('.')}")
        for _, cls in classes_of(module):
            if "TOPIC" in vars(cls):
                page += [f"### {vars(cls)['TOPIC']}", *event_parts(cls)]
    assert sum(part.startswith("### ") for part in page) == len(events.TOPICS), "each event is on the page"
    return [*page, "## Types", types_table()]


def event_parts(cls: type) -> Iterator[str]:
    doc = vars(cls).get("__doc__") or next((b.__doc__ for b in cls.__mro__[1:] if b.__name__ == "Purchase"), None)
    if doc:
        yield paragraph(doc)
    table = fields_table(fields_of(cls))
    yield table if table else "It has no fields."


def types_table() -> str:
    rows = [
        ("`Amount`", "An exact decimal, at most six places, in the event's currency."),
        ("`CurrencyCode`", "An ISO 4217 code."),
        ("`UtcTime`", "A moment in UTC, with microseconds."),
        ("`PersonalText`", "Text that may hold *personal* data."),
        ("`GatewayToken`", "A *secret*: the gateway's reusable token of a saved card."),
    ]
    for words in (events.TaxStatus, events.CancelReason, Initiator, DeclineReason, Advice, CardFunding):
        members = ", ".join(f"`{member.value}`" for member in words)
        rows.append((f"`{words.__name__}`", f"One of {members}."))
    for cls in (events.TaxLine, events.SpendLine, events.LineReversal):
        parts = "; ".join(f"`{f.name}` ({f.annotation})" for f in fields_of(cls))
        rows.append((f"`{cls.__name__}`", f"{sentence(cls)} Fields: {parts}."))
    return table_of(("Type", "What it is"), rows)


def tables_page() -> list[str]:
    page = [
        "# Tables",
        NOTE,
        TABLES_INTRO,
        "## The log: stored_events",
        LOG,
        "## What people read",
    ]
    page += [part for table in TABLES for part in table_parts(table)]
    page += ["## The ledger's own indexes", rest_of(index.__doc__) or paragraph(index.__doc__)]
    page += [part for table in index.INDEX_TABLES for part in table_parts(table)]
    return page


def table_parts(table: Table) -> Iterator[str]:
    module, doc = documented(table)
    yield f"### {table.name}"
    yield doc or paragraph(module.__doc__)
    rows = [
        (f"`{column}`", str(kind), "yes" if column in table.nullable else "", "yes" if column in table.key else "")
        for column, kind in table.columns.items()
    ]
    yield table_of(("Column", "Type", "May be null", "Key"), rows)


def errors_page() -> list[str]:
    intro, _, tree = (errors.__doc__ or "").partition("\n\n")
    classes = [cls for _, cls in classes_of(errors) if issubclass(cls, errors.LedgerError)]
    rows = [(f"`{cls.__name__}`", f"`{cls.code}`", paragraph(cls.__doc__)) for cls in classes[1:]]
    return [
        "# Errors",
        NOTE,
        f"{intro} {ERRORS}",
        f"```text\n{tree.strip()}\n```",
        table_of(("Error", "Code", "Meaning"), rows),
    ]


def settings_page() -> list[str]:
    page = [
        "# Settings",
        NOTE,
        SETTINGS,
        "## The environment",
        ENVIRONMENT,
        table_of(("Variable", "What it says", "If it is unset"), VARIABLES),
        "## The file",
        fields_table(fields_of(settings.Settings), defaults=True),
    ]
    parts: Sequence[tuple[str, type[BaseModel]]] = (
        ("seller", settings.Seller),
        ("card_testing", settings.CardTesting),
        ("top_up, per currency", limits.Limits),
        ("availability", availability.Availability),
        ("availability.methods", availability.OfferedMethod),
        ("taxes", taxes.TaxRule),
        ("price_list", price_list.PriceList),
        ("price_list.messages", price_list.MessagePrice),
        ("price_list.numbers", price_list.NumberPrice),
    )
    for title, model in parts:
        page += [f"### {title}", paragraph(model.__doc__), fields_table(fields_of(model), defaults=True)]
    said = {**SETTINGS_TYPES, **dict(alias_docs(settings, limits, availability, taxes, price_list, configuration))}
    rows = [(f"`{name}`", said[name]) for name in SETTINGS_TYPES]
    return [*page, "## Types", table_of(("Type", "What it may be"), rows)]


def tokens_page() -> list[str]:
    rows = [
        (f"`{token}`", f"{script.card.brand} {script.card.last_four}", script.description)
        for token, script in SANDBOX_TOKENS.items()
    ]
    return [
        "# Sandbox tokens",
        NOTE,
        TOKENS,
        table_of(("Token", "Card", "What happens"), rows),
    ]


def documented(table: Table) -> tuple[ModuleType, str]:
    """Return the module that declares a table, and the text that stands below the declaration."""
    readers = (accounts, checkouts, receipts, credit_notes, statement, notifications, disputes, at_gateways)
    for module in (*readers, index):
        body = ast.parse(inspect.getsource(module)).body
        for node, after in zip(body, [*body[1:], None], strict=True):
            declares = isinstance(node, ast.Assign) and getattr(module, ast.unparse(node.targets[0]), None) is table
            if declares:
                return module, paragraph(text_of(after))
    raise LookupError(f"no module known here declares the table {table.name}")


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
