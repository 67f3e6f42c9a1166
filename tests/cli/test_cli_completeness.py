"""The command line has every verb, its page is current, and no command ever shows a secret."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from cli_runner import Cli

from interact_ledger import Ledger
from interact_ledger.cli import accounts, automatic, operating, payments, reading, spending
from interact_ledger.cli.reference import commands, reference
from interact_ledger.domain.events import Secret

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"

WITHOUT_A_COMMAND = {
    "open": "the session's",
    "from_env": "the session's",
    "on_behalf_of": "the session's: --actor and --correlation-id",
    "close": "the session's",
    "receive": "a web server's; sandbox deliver plays it",
}


def verbs() -> set[str]:
    return {name for name in dir(Ledger) if not name.startswith("_") and callable(getattr(Ledger, name))}


def test_every_verb_of_the_ledger_has_a_command():
    source = "".join(
        inspect.getsource(module) for module in (accounts, automatic, operating, payments, reading, spending)
    )
    called = {verb for verb in verbs() if any(f"{ledger}.{verb}(" in source for ledger in ("ledger", "records"))}
    assert verbs() - called == set(WITHOUT_A_COMMAND)


@pytest.mark.parametrize("parameter", ["idempotency_key", "top_up_at_once"])
def test_whatever_takes_it_as_a_verb_takes_it_as_a_command(parameter):
    takes_it = {verb for verb in verbs() if parameter in inspect.signature(getattr(Ledger, verb)).parameters}
    modules = (accounts, automatic, operating, payments, reading, spending)
    functions = [f for module in modules for _, f in inspect.getmembers(module, inspect.isfunction)]
    passing = {verb for verb in takes_it for function in functions if _passes(function, verb, parameter)}
    assert passing == takes_it


def _passes(function: Callable[..., object], verb: str, parameter: str) -> bool:
    """Say whether a command's function calls a verb with what its operator gave for a parameter."""
    option = {"idempotency_key": "key", "top_up_at_once": "top_up_at_once"}[parameter]
    words = " ".join(inspect.getsource(function).split())
    call = words.partition(f"session.ledger.{verb}(")[2]
    return f"{parameter}=" in call and option in inspect.signature(function).parameters


def test_the_reference_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run make docs"


def test_every_command_and_every_option_says_what_it_is_for():
    for path, command in commands():
        assert command.help, path
        assert all(param.help for param in command.params), path


Words = tuple[object, ...]


def account_commands(cli: Cli) -> Iterator[Words]:
    account = cli.account()
    yield "account", "open", "customer-2", "GBP", "GB", "--key", "opened"
    yield "account", "list"
    yield "account", "show", account
    yield "account", "change", account, "--time-zone", "Europe/London"
    yield (
        *("account", "record-tax-number", account, "GB980780684", "--verified-by", "HMRC"),
        *("--verified-at", "2026-01-02T03:04:05Z", "--reference", "R-1"),
    )
    yield "account", "withdraw-tax-number", account, "--reason", "why"
    yield "account", "suspend", account, "--reason", "why"
    yield "account", "reinstate", account, "--reason", "why"
    yield "credit", "grant", account, "1.00", "--reason", "welcome", "--expires-at", "2030-01-01", "--key", "granted"
    yield "credit", "list", account
    yield "account", "notify-below", account, "--amount", "5.00"
    yield "account", "adjust", account, "--add", "1", "--reason", "why", "--key", "adjusted"
    yield "account", "close", cli.account(), "--reason", "why", "--key", "closed"


def payment_commands(cli: Cli) -> Iterator[Words]:
    account = cli.account()
    quote = cli.quote(account)
    yield "payment", "methods", account
    yield "payment", "checkout", account, "50"
    yield "payment", "quote", account, quote
    yield "payment", "top-up", account, quote, "--card-token", "tok_visa", "--save-card", "--key", "paid"
    paid = cli.json("payment", "top-up", account, quote, "--card-token", "tok_visa", "--save-card", "--key", "paid")
    elsewhere = "payment", "top-up-elsewhere", account, paid["transaction_id"], "elsewhere"
    yield *elsewhere, "--card-token", "tok_visa"
    yield "payment", "refundable", account, paid["transaction_id"]
    refund = "payment", "refund", account, paid["transaction_id"], "--amount", "12", "--reason", "why", "--key", "back"
    yield refund
    yield "payment", "show-refund", account, cli.json(*refund)["refund_id"]
    asked = cli.top_up(account, "--save-card", token="tok_authentication_required")
    yield "sandbox", "authenticate", asked["gateway_reference"]
    yield "sandbox", "settle", asked["gateway_reference"]
    yield "sandbox", "deliver"
    yield "sandbox", "return-refund", cli.json(*refund)["gateway_reference"]
    for verb in ("show", "complete", "cancel"):
        yield "payment", verb, account, asked["transaction_id"]
    yield from sandbox_commands(cli, account, paid["gateway_reference"])


def sandbox_commands(cli: Cli, account: str, charge: str) -> Iterator[Words]:
    dispute = cli.json("sandbox", "dispute", charge, "--amount", "2")["reference"]
    yield "sandbox", "dispute", charge, "--amount", "1"
    yield "sandbox", "move-evidence-date", dispute, "2030-01-01"
    yield "sandbox", "decide-dispute", dispute, "--lost"
    yield "sandbox", "refund", charge, "--amount", "1"
    yield "sandbox", "pay", account, "15"
    yield "sandbox", "renew-card", saved_reference(cli), "--last-four", "1881", "--expiry-year", "2041"
    yield "sandbox", "reverse", charge
    yield "sandbox", "deliver"
    yield "disputes", account


def saved_reference(cli: Cli) -> str:
    return next(one["reference"] for one in cli.json("sandbox", "chargeable")["chargeable"] if one["kind"] == "card")


def card_commands(cli: Cli) -> Iterator[Words]:
    account = cli.account()
    yield "cards", "save", account, "--card-token", "tok_mastercard", "--key", "saved"
    saving = cli.json("cards", "save", account, "--card-token", "tok_authentication_required")["saving_id"]
    yield "cards", "complete", account, saving
    yield "cards", "cancel", account, saving
    yield "cards", "list", account
    card = cli.json("cards", "list", account)["cards"][0]["card_id"]
    yield "cards", "default", account, card
    yield "history", account
    yield "cards", "remove", account, card, "--key", "removed"


def automatic_commands(cli: Cli) -> Iterator[Words]:
    account = cli.account()
    card = cli.json("cards", "save", account, "--card-token", "tok_visa")["card"]["card_id"]
    agreed = "--card", card, "--ceiling", "60", "--consent", "yes", "--given-by", "me", "--given-at", "2026-01-02"
    yield "automatic", "show", account
    low = "--threshold", "15", "--amount", "20", "--max-per-month", 3, "--max-value-per-day", "60"
    yield "automatic", "enable-top-up", account, *low, *agreed
    yield "automatic", "resume-top-up", account
    yield "automatic", "disable-top-up", account
    yield "automatic", "enable-recharge", account, "--day", 31, "--amount", "20", *agreed
    yield "automatic", "disable-recharge", account
    yield "automatic", "show", account


def spending_commands(cli: Cli, campaign: Path) -> Iterator[Words]:
    account = cli.funded()
    yield "estimate", "message", "GB", "--segments", 1, "--account", account
    yield "estimate", "campaign", campaign, "GB", "--account", account
    yield "estimate", "number", "GB", "--account", account
    yield "spend", "message", account, "GB", "--segments", 1, "--key", "message"
    yield "spend", "campaign", account, campaign, "GB", "--key", "campaign"
    yield "spend", "number", account, "+442071234567", "GB", "--key", "number"
    bought = cli.json("spend", "campaign", account, campaign, "GB", "--key", "campaign")["transaction_id"]
    yield "spend", "reverse", account, bought, "--reason", "why", "--line", "line-1", "--key", "reversed"
    yield "hold", "place", account, "5", "--reference", "r", "--key", "held"
    hold = cli.json("hold", "place", account, "5", "--reference", "r", "--key", "held")["hold_id"]
    yield "hold", "settle", account, hold, "GB", "--segments", 1, "--key", "settled"
    yield "hold", "release", account, hold, "--key", "released"
    yield "numbers", "list", account


def other_commands(cli: Cli) -> Iterator[Words]:
    account = cli.account()
    yield "receipt", cli.top_up(account, "--save-card")["transaction_id"]
    refunded = cli.top_up(account)["transaction_id"]
    cli.text("payment", "refund", account, refunded, "--reason", "why", "--key", "credited")
    yield "credit-note", cli.json("credit-notes", account)["credit_notes"][0]["credit_note_id"]
    for name in ("balance", "receipts", "credit-notes", "statement", "history"):
        yield name, account
    for name in ("recover", "run-due", "migrate", "rebuild", "audit", "gateways"):
        yield (name,)
    yield "look-again", "--days", 2, "--gateway", "sandbox"
    yield "deliver-notifications", "mailer", "true"
    yield "settings", "check"
    for name in ("tokens", "captured", "chargeable"):
        yield "sandbox", name


def twice(cli: Cli, campaign: Path) -> Iterator[tuple[Words, Words]]:
    """Yield two calls of each command, the same ones unless it can be done only once to the same thing."""
    repeatable = (account_commands(cli), payment_commands(cli), card_commands(cli), automatic_commands(cli))
    for words in chain(*repeatable, spending_commands(cli, campaign), other_commands(cli)):
        yield words, words
    account = cli.funded()
    first, second = "+442071234567", "+442071234568"
    for number in (first, second):
        cli.text("spend", "number", account, number, "GB")
    yield ("numbers", "release", account, first), ("numbers", "release", account, second)
    kept = [one["reference"] for one in cli.json("sandbox", "chargeable")["chargeable"] if one["kind"] == "card"]
    yield ("sandbox", "detach-card", kept[0]), ("sandbox", "detach-card", kept[1])


def test_every_command_speaks_to_people_and_to_programs_and_never_shows_a_secret(
    cli: Cli, campaign: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = {path for path, _ in commands()}
    ran: set[Words] = set()
    printed = []
    for in_words, in_json in twice(cli, campaign):
        path = in_words[:2] if in_words[:2] in paths else in_words[:1]
        assert path in paths, path
        ran.add(path)
        text = cli.text(*in_words)
        assert text.strip(), path
        assert not text.startswith("{"), path
        printed += [text, str(cli.json(*in_json))]
    assert paths - ran == set()
    secrets = tokens_of_saved_cards(cli)
    assert len(secrets) >= 2
    everything = "".join(printed)
    assert not [secret for secret in secrets if secret in everything]


def tokens_of_saved_cards(cli: Cli) -> set[str]:
    """Return every reusable token that the log holds, read past the command line."""
    with Ledger.from_env() as ledger:
        events = [
            recorded.event
            for account in ledger.accounts().accounts
            for recorded in ledger.history(account.account_id, limit=1000)
        ]
    return {
        getattr(event, name)
        for event in events
        for name, info in type(event).model_fields.items()
        if any(isinstance(mark, Secret) for mark in info.metadata)
    }
