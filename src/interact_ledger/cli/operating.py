"""Operating a ledger: recovery, what is due, rebuilding, the audit, its gateways and its settings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from moneyed import Money
from rich.console import RenderableType

from interact_ledger.audit import CurrencyTotals
from interact_ledger.cli.documents import Document, as_document, fields_of
from interact_ledger.cli.output import Answer
from interact_ledger.cli.running import EXIT_FINDING, EXIT_REQUEST, command, group
from interact_ledger.cli.session import Session
from interact_ledger.cli.text import facts, listing, plain_text, record, words
from interact_ledger.cli.watching import repeatedly
from interact_ledger.clock import SystemClock
from interact_ledger.errors import Busy, InvalidRequest, LedgerError, NotDelivered, StorageUnavailable
from interact_ledger.gateways.discovery import gateway_from_env, gateway_names
from interact_ledger.processes.recovery import Recovered
from interact_ledger.processes.schedule import Done
from interact_ledger.settings import Settings

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

__all__ = ["operating", "settings"]

operating = group("Recovery, what is due, rebuilding, the audit, gateways.")
settings = group("Check the settings.")

PANEL = "Operating"
WATCH_SECONDS = 5.0
WATCH_SECONDS_MAX = 86_400
DAYS_MAX = 3660
NOT_DUE_YET = "not due yet"
"""The outcome of what recovery left alone, because its sender may still be at it."""


@command(operating, "recover", panel=PANEL)
def recover(session: Session) -> Answer:
    """Bring everything open at a gateway to its true end; never charges.

    What is still open afterwards is listed; run it again later. The exit code is 0 all the same.
    """
    with session.output.progress("Recovering") as on_progress:
        recovered = session.ledger.recover(on_progress)
    still_open = sum(not item.is_over for item in recovered)
    shown = [listing(_undertakings(recovered), none="Nothing was open.")]
    shown.extend([plain_text(_still_open(recovered, still_open), "yellow")] if still_open else [])
    return Answer({"recovered": as_document(recovered), "still_open": still_open}, shown)


@command(operating, "run-due", panel=PANEL)
def run_due(
    session: Session,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running, until SIGTERM or SIGINT.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", help="How long --watch waits after each run.")
    ] = WATCH_SECONDS,
) -> Answer:
    """Do all that has fallen due: charge automatic payments and numbers, expire holds and credit, issue documents.

    May be run from cron, by several machines at once, or after days: what was done is not done again. With --watch
    only runs that did something are told, each as one document with --json, and a database that cannot be reached is
    waited for. A signal ends it between two charges.
    """
    if not 0 < every <= WATCH_SECONDS_MAX:
        raise InvalidRequest(f"must be more than 0 and at most {WATCH_SECONDS_MAX} seconds", field="--every")
    if not watch:
        with session.output.progress("Doing what is due") as on_progress:
            return _done(session.ledger.run_due(on_progress=on_progress))

    def run(may_stop: Callable[[int, int], None]) -> None:
        def told(done: int, of: int) -> None:
            on_progress(done, of)
            may_stop(done, of)

        try:
            with session.output.progress("Doing what is due") as on_progress:
                done = session.ledger.run_due(on_progress=told)
        except (Busy, StorageUnavailable) as error:
            session.output.error(error.code, error.field, error.message)
        else:
            if done:
                session.output.answer(_done(done), None)

    cut_short = repeatedly(run, every)
    said = "Stopped, with more to do. What the last run did is in the histories." if cut_short else "Stopped."
    return Answer({"stopped": True, "cut_short": cut_short}, [plain_text(said)])


def _done(done: Sequence[Done]) -> Answer:
    return Answer({"done": as_document(done)}, [listing(_undertakings(done), none="Nothing was due.")])


@command(operating, "look-again", panel=PANEL)
def look_again(
    session: Session,
    days: Annotated[float, typer.Option("--days", metavar="N", help="How far back, by when they were recorded.")],
    gateway: Annotated[
        str | None, typer.Option("--gateway", metavar="ID", help="This one, though it notices everything.")
    ] = None,
) -> Answer:
    """Look at recent charges and cards for what their gateways sent no notice of; never charges.

    Asks each gateway that does not notice everything. What could not be looked at is listed, and looked at by the
    next run that goes as far back. The exit code is 0 all the same.
    """
    if not 0 < days <= DAYS_MAX:
        raise InvalidRequest(f"must be more than 0 and at most {DAYS_MAX}", field="--days")
    since = SystemClock().now() - timedelta(days=days)
    with session.output.progress("Looking again") as on_progress:
        looked = session.ledger.look_again(since, gateway=gateway, on_progress=on_progress)
    counted = f"Looked at {looked.charges:,} charges, and at the cards of {looked.accounts:,} accounts."
    shown: list[RenderableType] = [listing(looked.news, none="Nothing new."), plain_text(counted)]
    if not looked.is_complete:
        shown.append(listing(looked.unanswered, title="could not be looked at"))
        shown.append(plain_text(f"Not looked at: {len(looked.unanswered) + looked.not_reached:,}.", "yellow"))
    return Answer({"complete": looked.is_complete, **as_document(looked)}, shown)


@command(operating, "deliver-notifications", panel=PANEL)
def deliver_notifications(
    session: Session,
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="Whose position is kept.")],
    program: Annotated[
        list[str], typer.Argument(metavar="PROGRAM...", help="What takes each, with its arguments; after --.")
    ],
) -> Answer:
    """Hand what customers should be told of to a program, each as a CloudEvent in JSON on its standard input.

    If the program fails, the delivery ends with exit code 3, and that notification comes again the next time.
    """
    with session.output.progress("Delivering") as on_progress:
        count = session.ledger.deliver_notifications(subscriber, partial(_hand_to, program), on_progress)
    return Answer({"delivered": count}, [plain_text(f"Delivered: {count:,}.", "green")])


@command(operating, "migrate", panel=PANEL)
def migrate(session: Session) -> Answer:
    """Make the database what this release needs.

    Opening a ledger does it too, where it may. Run this as the owner of the tables, before a release whose processes
    work under a role that may not create any.
    """
    session.records.accounts(limit=1)
    return Answer({"ready": True}, [plain_text("The database is ready.", "green")])


@command(operating, "rebuild", panel=PANEL)
def rebuild(session: Session) -> Answer:
    """Fill every table that follows from the log anew, while writers go on."""
    with session.output.progress("Rebuilding") as on_progress:
        events = session.records.rebuild(on_progress)
    return Answer({"events": events}, [plain_text(f"Rebuilt from {events:,} events.", "green")])


@command(operating, "audit", panel=PANEL)
def audit(session: Session) -> Answer:
    """Check the whole log, and every table against it, by rules of the audit's own.

    The exit code is 1 if anything is wrong. What only needs a person's decision is listed too, and does not count.
    """
    with session.output.progress("Auditing") as on_progress:
        report = session.records.audit(on_progress)
    checked = f"{report.events:,} events (accounts: {report.accounts:,})"
    if report.clean and report.attention:
        verdict = plain_text(f"Sound: {checked}. For a person to look at: {len(report.attention):,}.", "yellow")
    elif report.clean:
        verdict = plain_text(f"Sound: nothing wrong in {checked}.", "green")
    else:
        verdict = plain_text(f"NOT SOUND: {len(report.integrity):,} findings in {checked}.", "bold red")
    shown = [
        listing([_totals(totals) for totals in report.currencies], none="No money yet."),
        *([listing(report.findings, title="findings")] if report.findings else []),
        verdict,
    ]
    return Answer({"clean": report.clean, **as_document(report)}, shown, exit_code=0 if report.clean else EXIT_FINDING)


@command(operating, "gateways", panel=PANEL)
def gateways(session: Session) -> Answer:
    """List the gateway adapters that are installed, and what each can do, or why it cannot be opened.

    A gateway that is asked for and not installed is listed too, and makes the exit code 2.
    """
    in_use, installed = session.gateways_in_use, gateway_names()
    # To be looked at, the sandbox needs no memory; it would make a file.
    environ = session.environ | {"INTERACT_LEDGER_SANDBOX_FILE": ":memory:"}
    found = [{"gateway": name, "in_use": name in in_use, **_described(name, environ)} for name in installed]
    missing = [name for name in dict.fromkeys(in_use) if name not in installed]
    found.extend({"gateway": name, "in_use": True, **_failed("not installed")} for name in missing)
    shown = [part for entry in found for part in (plain_text(""), _gateway(entry))][1:]
    return Answer(
        {"gateways": as_document(found)}, shown or [plain_text("None.")], exit_code=EXIT_REQUEST if missing else 0
    )


@command(settings, "check")
def check_settings(
    session: Session,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="Instead of the ledger's own.")] = None,
) -> Answer:
    """Check a settings file as the ledger would read it, and show what it says."""
    checked = Settings.load(file) if file else session.settings
    prices = checked.price_list
    currencies = [
        {"currency": code, "minimum": limits.minimum, "maximum": limits.maximum}
        for code, limits in checked.top_up.items()
    ]
    shown = [
        plain_text("These settings can be used.", "green"),
        record(checked.seller),
        facts(
            {"price list": f"{prices.version}: {len(prices.messages)} message and {len(prices.numbers)} number prices"}
            | {"gateways": _preferred(checked.availability.gateways)}
        ),
        listing(currencies, title="top-up limits"),
        listing(checked.availability.methods, title="payment methods"),
        listing(checked.taxes, title="taxes", none="No taxes."),
        listing([checked.card_testing], title="card testing"),
    ]
    return Answer(as_document(checked), shown)


def _preferred(names: Sequence[str]) -> str | None:
    """Say which gateways come first; one that is not installed may be misspelt, or another machine's."""
    installed = gateway_names()
    return ", then ".join(name if name in installed else f"{name} (not installed here)" for name in names) or None


def _described(name: str, environ: dict[str, str]) -> dict[str, Any]:
    try:
        gateway = gateway_from_env(name, environ)
        with ExitStack() as resources:
            resources.callback(getattr(gateway, "close", lambda: None))
            return {"gateway_id": gateway.gateway_id, "capabilities": gateway.capabilities, "error": None}
    except Exception as error:  # noqa: BLE001 - adapters are other people's code, and the list goes on
        return _failed(_why(error))


def _failed(why: str) -> dict[str, Any]:
    return {"gateway_id": None, "capabilities": None, "error": why}


def _why(error: Exception) -> str:
    """Say why an adapter cannot be opened; the message of an error that we do not know may hold a credential."""
    if isinstance(error, LedgerError | ImportError | LookupError):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__


def _gateway(entry: Document) -> RenderableType:
    known = {name: entry[name] for name in ("gateway", "in_use", "error")}
    capabilities = entry["capabilities"]
    if capabilities is None:
        return facts(known)
    return facts(known | (fields_of(capabilities) or {}))


def _hand_to(program: Sequence[str], event: CloudEvent) -> None:
    from cloudevents.core.formats.json import JSONFormat

    try:
        ran = subprocess.run(program, input=JSONFormat().write(event) + b"\n", check=False)  # noqa: S603 - the caller's own
    except OSError as error:
        raise InvalidRequest(f"cannot be run: {error.strerror}", field="program") from None
    if ran.returncode:
        raise NotDelivered(f"the program ended with {ran.returncode} for {event.get_id()}", field="program")


def _totals(totals: CurrencyTotals) -> dict[str, object]:
    names = ("captured", "credited", "spent", "balance")
    amounts = {name: Money(getattr(totals, name), totals.currency) for name in names}
    return {"currency": totals.currency, **amounts, "conserved": totals.conserved}


def _still_open(recovered: Sequence[Recovered], count: int) -> str:
    waiting = [item for item in recovered if item.outcome == NOT_DUE_YET]
    if not waiting:
        return f"{count} still open; run recover again later."
    said = f"{count} still open, next due {words(min(item.due_at for item in waiting))}."
    return f"Nothing was due; {said}" if len(waiting) == len(recovered) else said


def _undertakings(found: Sequence[Recovered | Done]) -> list[dict[str, object]]:
    """Lay out what was done; kind, subject and account share a column, in one line where there is room."""
    return [
        {"what": f"{item.kind} {item.subject} {item.account_id}", "due_at": item.due_at, "outcome": item.outcome}
        for item in found
    ]
