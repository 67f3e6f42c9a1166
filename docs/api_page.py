"""The reference page of the Python API, from signatures and docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import interact_ledger
from interact_ledger import Ledger, LedgerReplica, testing
from interact_ledger.audit.report import CurrencyTotals
from interact_ledger.clock import Clock, MovableClock, SystemClock
from interact_ledger.domain.account import AttemptStatus
from interact_ledger.gateways.protocol import Advice, DeclineReason
from interact_ledger.pricing.campaign_file import read_campaign
from interact_ledger.pricing.catalogue import Message, Number
from interact_ledger.storage.elsewhere import EventsElsewhere
from interact_ledger.verbs import accounts, automatic, operating, payments, reading, spending
from writing import Field, fields_of, fields_table, paragraph, rest_of, table_of

__all__ = ["advice_table", "page", "reasons_table", "statuses_table"]

NOTE = "<!-- Written by docs/generate.py from the code; run `make docs` after a change there. -->"

INTRODUCTION = """\
All of it is imported from `interact_ledger`, except where another module is named. Amounts are `moneyed.Money`, times
are `datetime` with a time zone, in UTC where the ledger returns them. [Errors](errors.md), [settings](settings.md) and
[events](events.md), which `history` returns, have pages of their own."""

OUTCOMES = """\
A result of `top_up`, `complete` and `cancel` is a value, whatever the gateway said; only its `status` tells. The same
words are used for `save_card` and what goes with it, where nothing is charged and `mismatched` and `reversed` do not
occur."""

DECLINES = """\
A declined payment has a `decline_reason`, and a `decline_advice` that says what may be tried. The quote is spent: a
new try is a new checkout under a new key. Tell the customer no more than the table does; the reason itself is for
your own records."""

VERBS: tuple[tuple[str, ModuleType, type], ...] = (
    ("Accounts", accounts, accounts.AccountVerbs),
    ("Payments and cards", payments, payments.PaymentVerbs),
    ("Automatic payments", automatic, automatic.AutomaticVerbs),
    ("Spending", spending, spending.SpendingVerbs),
    ("Reading", reading, reading.ReadingVerbs),
    ("Operating", operating, operating.OperatingVerbs),
)

ELSEWHERE = {
    "Ledger",
    "LedgerError",
    "LedgerReplica",
    "Seller",
    "Settings",
    "Item",
    "Message",
    "Number",
    "Clock",
    "MovableClock",
} | {
    "SystemClock",
    "EventsElsewhere",
    "read_campaign",
    "__version__",
}
"""Exported names that are no results."""

STATUSES: dict[AttemptStatus, tuple[str, str]] = {
    AttemptStatus.REQUESTED: (
        "The payment is being processed. Please do not pay again.",
        "It is being sent, or the process that sent it died. Repeat with the same key, or leave it to `recover()`.",
    ),
    AttemptStatus.UNKNOWN: (
        "We do not know yet whether your card was charged. Please do not pay again.",
        "The answer was lost. Repeat with the same key and token, or leave it to `recover()`. No new checkout yet.",
    ),
    AttemptStatus.PENDING: (
        "Your bank is still deciding; we add the balance as soon as it agrees.",
        "Nothing: `recover()` learns of the decision. `complete` asks at once.",
    ),
    AttemptStatus.QUEUED: (
        "Your refund is on its way; it is made as soon as your payment has settled, mostly within a day.",
        "Refunds only. Nothing: `run_due()` tries it every hour, for at most a week.",
    ),
    AttemptStatus.ACTION_REQUIRED: (
        "Your bank asks you to confirm the payment.",
        (
            "Give `client_secret` to the gateway's code in the browser, then call `complete` (a saving: "
            "`complete_saving`). Until `action_expires_at`; or call it off with `cancel` (`cancel_saving`)."
        ),
    ),
    AttemptStatus.NOT_ATTEMPTED: (
        "The payment did not go through; your card was not charged.",
        "Repeat with the same key and the same token. If the card is typed again: a new checkout and a new key.",
    ),
    AttemptStatus.DECLINED: (
        "Your card was declined. (See the tables below.)",
        "For another try: a new checkout and a new key.",
    ),
    AttemptStatus.CANCELLED: (
        "The payment was called off; your card was not charged.",
        "For another try: a new checkout and a new key.",
    ),
    AttemptStatus.EXPIRED: (
        "The payment was not confirmed in time; your card was not charged.",
        "For another try: a new checkout and a new key.",
    ),
    AttemptStatus.SUCCEEDED: (
        "The confirmation: amount, new balance, transaction ID, and the receipt.",
        "Nothing: it is credited. A saving: the card is in `card`.",
    ),
    AttemptStatus.MISMATCHED: (
        "We are looking into your payment and will be in touch.",
        (
            "Another amount was captured than asked for. Nothing is credited; an operator compares it with the "
            "gateway's dashboard and decides. The audit reports it."
        ),
    ),
    AttemptStatus.REVERSED: (
        "Your bank took the payment back, so it was removed from your balance. Please pay with another card.",
        "Its settlement failed after the capture: the credit is gone again. Nothing to do at the ledger.",
    ),
}

REASONS: dict[DeclineReason, tuple[str, str]] = {
    DeclineReason.INSUFFICIENT_FUNDS: ("The card has not enough money.", "Your card has not enough funds."),
    DeclineReason.EXPIRED_CARD: ("The card is out of date.", "Your card has expired."),
    DeclineReason.INCORRECT_DETAILS: ("Number, expiry or security code are wrong.", "Please check the card's details."),
    DeclineReason.LOST_OR_STOLEN: ("The card was reported lost or stolen.", "Your card was declined."),
    DeclineReason.FRAUD: ("The bank or the gateway suspects fraud.", "Your card was declined."),
    DeclineReason.AUTHENTICATION_REQUIRED: (
        "The bank wants the customer to authenticate.",
        "Please pay again and confirm the payment with your bank.",
    ),
    DeclineReason.AUTHENTICATION_FAILED: (
        "The customer did not authenticate.",
        "The payment was not confirmed with your bank. Please try again.",
    ),
    DeclineReason.METHOD_UNUSABLE: (
        "The card cannot be used for this, or not any more.",
        "This card cannot be used here. Please use another.",
    ),
    DeclineReason.LIMIT_EXCEEDED: (
        "A limit of the card would be exceeded.",
        "The amount is over your card's limit. Try less, or later.",
    ),
    DeclineReason.DO_NOT_HONOUR: (
        "The bank said no without a reason.",
        "Your card was declined. Please ask your bank.",
    ),
    DeclineReason.OTHER: ("Anything else.", "Your card was declined."),
}


def page() -> list[str]:
    """Return the page in parts."""
    parts = ["# The Python API", NOTE, INTRODUCTION, "## Opening a ledger", *documented(Ledger)]
    for function in (Ledger.open, Ledger.from_env, Ledger.on_behalf_of, Ledger.close):
        parts += callable_parts(f"Ledger.{function.__name__}", function)
    parts += ["### Ledger.guarantees", paragraph(Ledger.guarantees.__doc__)]
    parts += ["### EventsElsewhere", *documented(EventsElsewhere)]
    for title, module, cls in VERBS:
        parts += [f"## {title}", paragraph(module.__doc__), rest_of(module.__doc__)]
        for name, function in public_functions(cls):
            parts += callable_parts(name, function)
    parts += ["## Replicas", *documented(LedgerReplica)]
    for name in ("open", "behind", "close"):
        parts += callable_parts(f"LedgerReplica.{name}", getattr(LedgerReplica, name))
    parts += ["## What can be bought", "`Item` is a `Message` or a `Number`."]
    parts += [
        "### Message",
        *documented(Message),
        signature("Message", Message.__init__),
        *documented(Message.__init__),
    ]
    parts += ["### Number", signature("Number", Number.__init__), *documented(Number)]
    parts += callable_parts("read_campaign", read_campaign)
    parts += ["## Statuses", OUTCOMES, statuses_table(), "## Declines", DECLINES, reasons_table(), advice_table()]
    parts += ["## Results", "Frozen records. A field whose meaning is its name has no more text."]
    for name in interact_ledger.__all__:
        if name not in ELSEWHERE:
            parts += record_parts(getattr(interact_ledger, name))
    parts += record_parts(CurrencyTotals)
    parts += ["## Clocks", "What `Ledger.open` takes as `clock`."]
    for cls in (Clock, SystemClock, MovableClock):
        parts += class_parts(cls)
    parts += ["## Testing", f"In `interact_ledger.testing`. {paragraph(testing.__doc__)}"]
    parts += callable_parts("ledger_kit", inspect.unwrap(testing.ledger_kit))
    parts += [*class_parts(testing.LedgerKit), *class_parts(testing.SequentialIds)]
    return parts


# Tables of outcomes -----------------------------------------------------------------------------------------------


def statuses_table() -> str:
    """Return every status, with what to show and what to do."""
    rows = [(f"`{status.value}`", *STATUSES[status]) for status in AttemptStatus]
    return table_of(("Status", "What to show the customer", "What to do"), rows)


def reasons_table() -> str:
    """Return every reason of a decline, with what it means and what to show."""
    rows = [(f"`{reason.value}`", *REASONS[reason]) for reason in DeclineReason]
    return table_of(("`decline_reason`", "Meaning", "What to show the customer"), rows)


def advice_table() -> str:
    """Return every advice after a decline."""
    said = {field.name: field.doc for field in assignments_of(Advice)}
    return table_of(("`decline_advice`", "What may be tried"), [(f"`{a.value}`", said[a.name]) for a in Advice])


def assignments_of(cls: type) -> Iterator[Field]:
    """Yield the members of an enumeration as fields, each with the text that stands below it."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    for node, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.Assign):
            doc = ast.get_docstring(ast.Module(body=[after] if after else [], type_ignores=[]))
            yield Field(ast.unparse(node.targets[0]), "", "", paragraph(doc))


# Classes and functions --------------------------------------------------------------------------------------------


def public_functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield a class's own public methods in the order of its file."""
    for name, value in vars(cls).items():
        if not name.startswith("_") and isinstance(value, FunctionType):
            yield name, value


def callable_parts(name: str, function: Any) -> Iterator[str]:
    """Yield heading, signature and docstring."""
    yield f"### {name}"
    yield signature(name.rpartition(".")[2], function)
    yield from documented(function)


def record_parts(cls: type) -> Iterator[str]:
    """Yield what a record is, its fields, and its public properties."""
    yield f"### {cls.__name__}"
    yield from documented(cls)
    yield fields_table(fields_of(cls))
    yield bullets(
        f"`{name}` is computed: {paragraph(value.__doc__)}"
        for name, value in vars(cls).items()
        if isinstance(value, property) and not name.startswith("_")
    )


def class_parts(cls: type) -> Iterator[str]:
    """Yield what a class is, its fields, and its methods."""
    yield from record_parts(cls)
    yield bullets(
        f"`{call(name, function, width_max=None)}` {paragraph(function.__doc__)}".rstrip()
        for name, function in public_functions(cls)
    )


def signature(name: str, function: Any) -> str:
    """Return a callable's signature as a block of code, an argument per line if it is long."""
    return f"```py\n{call(name, function)}\n```"


def call(name: str, function: Any, *, width_max: int | None = 100) -> str:
    """Return a callable's signature as its source has it, without `self` and without modules before types."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0] if not_made(function) else made(function)
    assert isinstance(node, ast.FunctionDef)
    arguments = [part for part in argument_texts(node.args) if part not in {"self", "cls"}]
    returned = "" if name[0].isupper() or node.returns is None else f" -> {type_text(node.returns)}"
    one_line = f"{name}({', '.join(arguments)}){returned}"
    if width_max is None or len(one_line) <= width_max:
        return one_line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in arguments) + f"){returned}"


def not_made(function: Any) -> bool:
    """Whether a function was written in a file, and not made by `dataclass`."""
    return str(inspect.unwrap(function).__code__.co_filename).endswith(".py")


def made(function: Any) -> ast.stmt:
    """Return the definition of a function that `dataclass` made."""
    text = str(inspect.signature(function)).replace("'", "")
    text = re.sub(r"= ?(\w[\w-]*)", r"='\1'", text)
    return ast.parse(f"def made{text}: ...").body[0]


def argument_texts(arguments: ast.arguments) -> Iterator[str]:
    """Yield a signature's arguments, each with type and default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    without = len(positional) - len(arguments.defaults)
    for position, argument in enumerate(positional):
        yield argument_text(argument, arguments.defaults[position - without] if position >= without else None)
    if arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield argument_text(argument, default)


def argument_text(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {type_text(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{kind}"
    shown = ast.unparse(default).replace("'", '"')
    return f"{argument.arg}{kind} = {'...' if shown.startswith('_') else shown}"


def type_text(annotation: ast.expr) -> str:
    return re.sub(r"\b[a-z_]+\.([A-Z]\w+)", r"\1", ast.unparse(annotation).replace("'", ""))


# Docstrings -------------------------------------------------------------------------------------------------------


def documented(thing: Any) -> Iterator[str]:
    """Yield a docstring as Markdown: paragraphs, and a list for each of its sections."""
    text = inspect.cleandoc(vars(thing).get("__doc__") or "" if isinstance(thing, type) else thing.__doc__ or "")
    for block in text.split("\n\n"):
        head, _, rest = block.partition("\n")
        section = re.fullmatch(r"(Args|Attributes|Raises):(.*)", head)
        if section is None:
            yield " ".join(block.split())
        elif section[2]:
            yield f"{TITLES[section[1]]}: {' '.join(f'{section[2]} {rest}'.split())}"
        else:
            items = entries(rest, terms=section[1] != "Raises")
            yield f"{TITLES[section[1]]}:"
            yield bullets(items)


TITLES = {"Args": "Arguments", "Attributes": "Fields", "Raises": "Raises"}


def entries(text: str, *, terms: bool) -> Iterator[str]:
    """Yield the entries of a section, each on one line, with the names before the colon as code."""
    lines: list[str] = []
    for line in textwrap.dedent(text).splitlines():
        goes_on = line.startswith(" ") or (not terms and bool(lines) and lines[-1].endswith(","))
        if goes_on and lines:
            lines[-1] = f"{lines[-1]} {line.strip()}"
        else:
            lines.append(line)
    for line in lines:
        names, colon, rest = line.partition(":")
        yield re.sub(r"(\w+)", r"`\1`", names) + colon + rest


def bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
