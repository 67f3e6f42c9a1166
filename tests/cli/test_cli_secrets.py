"""Row 11 on the command line: what is secret is refused wherever it is typed, and neither printed nor kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_runner import Cli

from interact_ledger.cli.reference import commands
from secrets_corpus import in_ascii_digits

TEXTS = ["4242 4242 4242 4242", "sk_live_51HxQ2eKZvKYlo2C0mUqWf7n", "5555555555554444"]

SHARED = {"url", "settings", "gateways", "actor", "correlation_id", "json"}
"""Every command takes these; they are offered with one."""

NOT_KEPT = {"text", "after", "program"}
"""What a message says is counted and let go, a page may begin behind any number, and a program is the caller's own."""

OFFERS = [
    (path, param.name)
    for path, command in commands()
    for param in command.params
    if not getattr(param, "is_flag", False) and (param.name not in SHARED or path == ("recover",))
]


@pytest.fixture
def good(cli: Cli, campaign: Path) -> dict[str, Any]:
    """By parameter: what may be typed for it."""
    account = cli.funded()
    pending = cli.top_up(account, token="tok_pending")
    charge = cli.top_up(account, "--save-card")["gateway_reference"]
    things = cli.json("sandbox", "chargeable")["chargeable"]
    return {
        "account_id": account,
        "owner": "customer-2",
        "currency": "GBP",
        "country": "GB",
        "destination": "GB",
        "number": "+442071234567",
        "amount": "20",
        "quote_id": cli.quote(account),
        "transaction_id": pending["transaction_id"],
        "reference": pending["gateway_reference"],
        "charge": charge,
        "card": next(thing["reference"] for thing in things if thing["kind"] == "card"),
        "saving_id": cli.json("cards", "save", account, "--card-token", "tok_pending")["saving_id"],
        "card_id": "card_1",
        "refund_id": "txn_1",
        "gateway": "sandbox",
        "until": "2030-01-01",
        "hold_id": cli.json("hold", "place", account, "5", "--reference", "r")["hold_id"],
        "file": campaign,
        "reason": "why",
        "verified_by": "HMRC",
        "verified_at": "2026-01-02T03:04:05Z",
        "segments": 1,
        "subscriber": "mailer",
        "program": "true",
        "threshold": "15",
        "max_per_month": 3,
        "ceiling": "60",
        "consent": "yes",
        "given_by": "me",
        "given_at": "2026-01-02T03:04:05Z",
        "day": 1,
        "days": 1,
    }


def typed(path: tuple[str, ...], at: str, text: str, good: dict[str, Any]) -> list[object]:
    """Return the words of a command with a text for one parameter, and what is needed for the others."""
    (command,) = [command for name, command in commands() if name == path]
    words: list[object] = [*path]
    behind: list[object] = []
    for param in command.params:
        value = text if param.name == at else good[param.name] if param.required else None
        if value is None:
            continue
        if param.opts[0].startswith("-"):
            words += [param.opts[0], value]
        else:
            behind.append(value)
    return [*words, "--", *behind]


@pytest.mark.programme(row=11, what="offers on the command line", ci=len(OFFERS), release=len(OFFERS), each=20)
def test_what_is_secret_is_refused_wherever_it_is_typed(part, tried, cli: Cli, good, tmp_path: Path):
    for number in part:
        path, name = OFFERS[number]
        for nth, text in enumerate(TEXTS):
            form = ("--json",) if (number + nth) % 2 else ()
            words = typed(path, name, text, good)
            ran = cli.run(*words[: len(path)], *form, *words[len(path) :])
            assert ran.exit_code in ({0, 2} if name in NOT_KEPT else {2}), (path, name, ran)
            printed = ran.stdout + ran.stderr
            assert not [seen for seen in in_ascii_digits(text) if seen in printed], (path, name, printed)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("*.db*")).decode("latin-1")
    assert not [seen for text in TEXTS for seen in in_ascii_digits(text) if seen in kept]
    tried(len(part) * len(TEXTS))


def test_all_that_can_be_typed_is_offered():
    assert len(OFFERS) > 100
    assert {name for _, name in OFFERS} >= {"owner", "reason", "key", "card_token", "correlation_id", "lines"}


@pytest.mark.parametrize("words", [("{}",), ("account", "{}"), ("account", "list", "--{}"), ("account", "list", "{}")])
def test_a_mistake_in_usage_repeats_nothing_secret(cli: Cli, words: tuple[str, ...]):
    for text in TEXTS:
        for form in ((), ("--json",)):
            ran = cli.run(*(word.format(text) for word in words), *form)
            assert ran.exit_code == 2
            assert not [seen for seen in in_ascii_digits(text) if seen in ran.stdout + ran.stderr]


def test_a_token_from_standard_input_is_read_to_a_bound(cli: Cli):
    account = cli.account()
    quote = cli.quote(account)
    ran = cli.run("payment", "top-up", account, quote, "--card-token", "-", "--json", stdin="x" * 10_000_000)
    assert (ran.exit_code, ran.error["field"]) == (2, "card_token")
    assert len(ran.stderr) < 1000


def test_a_quantity_without_end_is_a_name(cli: Cli):
    account = cli.funded()
    bought = cli.json("spend", "message", account, "GB", "--segments", 1)["transaction_id"]
    ran = cli.run("spend", "reverse", account, bought, "--reason", "why", "--line", "message=" + "9" * 5000, "--json")
    assert (ran.exit_code, ran.error["field"]) == (2, "lines[0]")
