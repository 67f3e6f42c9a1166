"""What is printed: exact, quiet about secrets, and fit for terminals, pipes and programs."""

from __future__ import annotations

import io
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from moneyed import Money

from interact_ledger.cli.documents import MASK, as_document
from interact_ledger.cli.output import Answer, Output, print_for_people
from interact_ledger.cli.text import facts, listing, plain_text, words
from interact_ledger.domain.events import TaxStatus
from interact_ledger.gateways.sandbox import KeptCard


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (Money("50", "GBP"), {"amount": "50.00", "currency": "GBP"}),
        (Money("0.0325", "GBP"), {"amount": "0.0325", "currency": "GBP"}),
        (Money("1E+3", "JPY"), {"amount": "1000", "currency": "JPY"}),
        (Decimal("1E+2"), "100"),
        (datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=1))), "2026-11-23T08:30:00.000000Z"),
        (timedelta(minutes=1), "PT1M"),
        (timedelta(0), "PT0S"),
        (timedelta(days=3650), "P3650D"),
        (timedelta(days=400, hours=1), "P400DT1H"),
        (TaxStatus.BUSINESS, "business"),
        (frozenset({"visa", "jcb"}), ["jcb", "visa"]),
        ((1, None, True), [1, None, True]),
    ],
)
def test_values_in_documents(value: object, document: object):
    assert as_document(value) == document


def test_what_is_no_result_of_the_ledger_has_no_document():
    with pytest.raises(AssertionError):
        as_document(date(2026, 11, 23))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Money("0.0325", "GBP"), "£0.0325"),
        (Money("-1234567.123456", "GBP"), "-£1,234,567.123456"),
        (Money("50", "GBP"), "£50.00"),
        (Money("5000", "JPY"), "JP¥5,000"),
        (Money("3.1", "USD"), "US$3.10"),
        (datetime(2026, 11, 23, 9, 30, 1, 999, tzinfo=UTC), "2026-11-23 09:30:01Z"),
        (timedelta(days=3650), "3650 days"),
        (timedelta(minutes=1), "0:01:00"),
        (None, "-"),
        (True, "yes"),
        (("a", "b"), "a, b"),
    ],
)
def test_values_for_people_are_exact(value: object, text: str):
    assert words(value) == text


def test_what_a_record_keeps_out_of_its_repr_is_masked():
    card = KeptCard(card_token="s3cret", reference="r", attempt_id="a", account_id="b", customer_id="c", token="s3cret")
    assert as_document(card)["card_token"] == MASK
    assert "s3cret" not in str(as_document(card))


def test_what_looks_like_markup_is_printed_as_it_is():
    out = io.StringIO()
    print_for_people(out, facts({"reason": "[bold]x[/bold] [link=x]"}), plain_text("[red]y"))
    assert out.getvalue() == "reason  [bold]x[/bold] [link=x]\n[red]y\n"


def test_piped_rows_stay_in_one_line_and_ids_in_one_piece(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    print_for_people(out, listing([{"account_id": "acct_" + "x" * 26, "reason": "y " * 200}]))
    assert len(out.getvalue().splitlines()) == 3


def test_a_stream_that_lacks_a_character_gets_another_instead_of_an_error():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_for_people(out, facts({"cost": Money("0.0325", "GBP")}))
    out.seek(0)
    assert out.read() == "cost  ?0.0325\n"


def test_colours_on_terminals_only_and_not_against_no_color(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def printed(stream: io.StringIO) -> str:
        print_for_people(stream, facts({"standing": "closed"}))
        return stream.getvalue()

    assert "\x1b[31mclosed" in printed(Terminal())
    assert "\x1b" not in printed(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in printed(Terminal())


def test_progress_is_shown_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for stream, is_shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Output(as_json=False).progress("Recovering") as on_progress:
            on_progress(1, 2)
        assert ("Recovering" in stream.getvalue()) is is_shown


def test_a_note_is_one_line_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    Output(as_json=False).note("Repeat with: --key key_m0prv0k1wprtythkppv8j0jj04")
    assert "Repeat with: --key key_m0prv0k1wprtythkppv8j0jj04" in terminal.getvalue()
    assert terminal.getvalue().count("\n") == 1


def test_one_document_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    output = Output(as_json=True)
    output.note("by the way")
    output.answer(Answer({"name": "Zoë"}, [plain_text("for people")]), "key-1")
    assert capsys.readouterr() == ('{\n  "name": "Zo\\u00eb",\n  "idempotency_key": "key-1"\n}\n', "")
