"""Row 11: card numbers and credentials offered to every text that a verb takes; none is kept, sent or repeated.

The arguments are found by looking at the verbs, so a new verb, argument or field of an item is offered the corpus
by itself.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interact_ledger import Ledger
from interact_ledger import errors as x
from interact_ledger.free_text import free_text
from interact_ledger.testing import LedgerKit
from ledger_helpers import at_gateway, stored
from secrets_corpus import CARD_TEXTS, CREDENTIALS, EVERY_CARD_TEXT, SLIPS_THROUGH, in_ascii_digits
from verb_calls import CALLS, Scene, annotations, argument_of, arguments, call, named_in, verbs

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "security.md"
TEXTS = [*CARD_TEXTS, *CREDENTIALS]

KINDS = {
    **dict.fromkeys(("str", "str | None"), "text"),
    **dict.fromkeys(("Item", "Sequence[Item]", "Sequence[tuple[str, int | None]] | None"), "text inside it"),
    **dict.fromkeys(("Money", "Money | None"), "an amount"),
    **dict.fromkeys(("bool", "int", "int | None", "datetime", "datetime | None", "timedelta | None"), "no text"),
    **dict.fromkeys(("bytes", "Mapping[str, str]"), "a gateway's request"),
    "Callable[[int, int], None]": "no text",
    "Callable[[CloudEvent], object]": "no text",
}
"""What a verb may take, by how its source writes it."""

OFFERS = list(arguments())


def test_every_verb_and_argument_is_offered_the_corpus():
    assert verbs() == set(CALLS)
    assert {annotation for verb in verbs() for annotation in annotations(verb).values()} <= set(KINDS)


@pytest.mark.parametrize("verb", CALLS)
def test_every_call_would_work_without_the_secret(kit: LedgerKit, verb: str):
    scene = Scene.on(kit)
    assert set(CALLS[verb](scene)) == set(annotations(verb)), "no argument is left out"
    call(scene, verb)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that any library says to `logging`, down to the last detail."""
    said: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.getMessage()} {record.__dict__}")

    handler, root = Handler(logging.NOTSET), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    yield said
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.programme(row=11, what="offers to verbs", ci=len(OFFERS), release=len(OFFERS), each=12)
def test_what_is_secret_is_refused_in_every_argument_and_leaves_no_trace(
    part: range, tried: Callable[[int], None], file_kit: LedgerKit, tmp_path: Path, logged: list[str]
):
    scene = Scene.on(file_kit)
    before = stored(file_kit), at_gateway(file_kit)
    for number in part:
        verb, field, put = OFFERS[number]
        for text in TEXTS:
            with pytest.raises(x.LedgerError) as refused:
                call(scene, verb, **{argument_of(field): put(text)})
            assert named_in(refused.value, field), (verb, field, refused.value.field)
            assert not seen_again(text, said_by(refused.value)), (verb, field)
        assert (stored(file_kit), at_gateway(file_kit)) == before, (verb, field)
    remembered = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))
    everything = "\n".join(logged) + remembered.decode("latin-1")
    assert not [text for text in TEXTS if seen_again(text, everything)]
    tried(len(part) * len(TEXTS))


def said_by(error: BaseException) -> str:
    """Return all that an error says to people, programs, other processes and its traceback, its causes included."""
    said = ["".join(traceback.format_exception(error)), pickle.dumps(error).decode("latin-1")]
    link: BaseException | None = error
    while link is not None:
        said.append(f"{link} {link!r} {link.args!r} {vars(link)!r}")
        link = link.__cause__ or link.__context__
    return "\n".join(said)


def seen_again(text: str, said: str) -> bool:
    return any(form in said for form in in_ascii_digits(text))


def test_a_trace_would_be_seen():
    """The net of the tests above holds what it is for: an error that repeats a value is noticed."""
    for text in TEXTS:
        assert seen_again(text, said_by(x.InvalidText(f"{text} is no text")))
        assert seen_again(text, said_by(error_caused_by(ValueError(text))))


def error_caused_by(cause: Exception) -> x.LedgerError:
    try:
        try:
            raise cause
        except ValueError as error:
            raise x.InvalidText("is no text") from error
    except x.LedgerError as error:
        return error


def test_a_free_field_says_why_it_refuses():
    """Line breaks and tabs are refused as such, before anybody looks for a number."""
    for text in (*EVERY_CARD_TEXT, *CREDENTIALS):
        expected = x.CredentialRefused if text in CREDENTIALS else x.CardNumberRefused
        expected = x.InvalidText if "\n" in text or "\t" in text else expected
        with pytest.raises(x.InvalidText) as refused:
            free_text(text, "reference")
        assert type(refused.value) is expected, text


@pytest.mark.parametrize("what", SLIPS_THROUGH)
def test_what_slips_through_is_known_and_written_down(what: str):
    assert free_text(SLIPS_THROUGH[what], "reference") == SLIPS_THROUGH[what]
    assert f"| {what} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", CALLS)
def test_every_verb_says_what_it_raises(verb: str):
    assert "Raises:" in (getattr(Ledger, verb).__doc__ or "")
