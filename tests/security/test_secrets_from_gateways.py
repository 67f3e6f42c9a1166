"""What a gateway says is kept only where it may be: no card number and no credential of its words is stored or shown.

References and reusable tokens are identities and are kept as they are said; client secrets are handed on and never
stored.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from moneyed import Money

from interact_ledger import Ledger, MovableClock
from interact_ledger.gateways import protocol
from interact_ledger.gateways.protocol import (
    CardDetails,
    CardResult,
    CardSaved,
    ChargeResult,
    Refunded,
    RefundResult,
    Succeeded,
)
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.testing import START
from secrets_corpus import CARD_TEXTS, CREDENTIALS

TEXTS = [text for text in (*CARD_TEXTS[::20], *CREDENTIALS[::2]) if "\n" not in text and "\t" not in text]
UNSTORABLE = ["a\0b", "half \ud800", "\x1b[2J", "x" * 10_000_000, ""]

KEPT_AS_SAID = {"reference", "token"}
NEVER_STORED = {"client_secret"}
WORDS = {"raw_code", "why", "brand", "last_four"}

RESULTS = sorted(
    {*get_args(ChargeResult), *get_args(CardResult), *get_args(RefundResult)}, key=lambda kind: kind.__name__
)


def texts_of(kind: type) -> Iterator[str]:
    """Yield the paths of a result's texts, those of the records in it too."""
    for name, annotation in get_type_hints(kind).items():
        options = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
        for option in options:
            if option is str:
                yield name
            elif is_dataclass(option):
                yield from (f"{name}.{inner}" for inner in texts_of(option))


OFFERS = [(kind, path) for kind in RESULTS for path in texts_of(kind)]

CARD = CardDetails(brand="visa", last_four="4242", expiry_month=12, expiry_year=2039)
SAMPLES: dict[type, dict[str, Any]] = {
    protocol.Succeeded: {
        "reference": "pay_1",
        "amount": Money("60.00", "GBP"),
        "captured_at": datetime(2026, 11, 23, tzinfo=UTC),
        "card": CARD,
        "saved_card": CardSaved(reference="crd_1", token="tok", details=CARD),
    },
    protocol.CardSaved: {"reference": "sav_1", "token": "tok", "details": CARD},
    protocol.Refunded: {
        "reference": "rfd_1",
        "amount": Money("60.00", "GBP"),
        "refunded_at": datetime(2026, 11, 23, tzinfo=UTC),
    },
    protocol.Pending: {"reference": "pay_1"},
    protocol.ActionRequired: {"reference": "pay_1", "client_secret": "s"},
    protocol.Declined: {
        "reason": protocol.DeclineReason.OTHER,
        "advice": protocol.Advice.NEVER,
        "raw_code": "no",
        "reference": "pay_1",
    },
    protocol.Cancelled: {"reference": "pay_1"},
    protocol.NotAttempted: {"why": "refused"},
    protocol.Unknown: {"why": "time-out", "reference": "pay_1"},
}


class Talkative(SandboxGateway):
    """A gateway that answers whatever it is told to."""

    answer: Any = None

    def charge(self, *_: object) -> Any:
        return self.answer

    def save(self, *_: object) -> Any:
        return self.answer

    def refund(self, *_: object) -> Any:
        return self.answer

    def cancel(self, *_: object) -> Any:
        return protocol.Cancelled()

    def cancel_save(self, *_: object) -> Any:
        return protocol.Cancelled()


def saying(kind: type, path: str, text: str, nth: int) -> Any:
    """Return a result with references of its own, and a text in one of its fields."""
    result = kind(**SAMPLES[kind] | ({"reference": f"ref_{nth}"} if "reference" in SAMPLES[kind] else {}))
    if isinstance(result, Succeeded):
        result = replace(result, saved_card=replace(result.saved_card, reference=f"crd_{nth}"))
    *outer, last = path.split(".")
    if not outer:
        return replace(result, **{last: text})
    inner = getattr(result, outer[0])
    if len(outer) > 1:
        details = replace(getattr(inner, outer[1]), **{last: text})
        return replace(result, **{outer[0]: replace(inner, **{outer[1]: details})})
    return replace(result, **{outer[0]: replace(inner, **{last: text})})


def test_every_text_of_every_result_is_known_here():
    assert set(SAMPLES) == set(RESULTS)
    assert {path.rpartition(".")[2] for _, path in OFFERS} == KEPT_AS_SAID | NEVER_STORED | WORDS
    assert len(OFFERS) >= 15


def tell(ledger: Ledger, gateway: Talkative, answer: Any, nth: int) -> tuple[str, Any]:
    """Do what can be answered so, on an account of its own."""
    account_id, key = ledger.open_account("customer-1", "GBP", "GB").account_id, f"k{nth}"
    is_refund, gateway.answer = isinstance(answer, Refunded), answer
    if is_refund:
        gateway.answer = saying(Succeeded, "card.brand", "visa", nth)
    if is_refund or type(answer) in get_args(ChargeResult):
        quote = ledger.checkout(account_id, Money("50.00", "GBP"))
        paid = ledger.top_up(account_id, quote.quote_id, card_token="tok_visa", idempotency_key=key, save_card=True)
        gateway.answer = answer
        if is_refund:
            return account_id, ledger.refund(account_id, paid.transaction_id, None, "why", idempotency_key="r")
        return account_id, paid
    return account_id, ledger.save_card(account_id, "tok_visa", idempotency_key=key)


@pytest.mark.programme(row=11, what="offers by gateways", ci=len(OFFERS), release=len(OFFERS), each=8)
def test_a_gateway_s_words_leave_no_secret_in_the_log(part, tried, tmp_path: Path):
    clock = MovableClock(START)
    with Talkative(clock=clock) as gateway:
        for number in part:
            kind, path = OFFERS[number]
            file = tmp_path / f"{number}.db"
            with Ledger.open(f"sqlite:///{file}", gateways=[gateway], clock=clock) as ledger:
                for nth, text in enumerate(TEXTS):
                    shown = repr(tell(ledger, gateway, saying(kind, path, text, nth), nth))
                    if path.rpartition(".")[2] not in KEPT_AS_SAID:
                        assert text not in shown, (kind, path)
                assert ledger.audit().clean
                raw = b"".join(found.read_bytes() for found in tmp_path.glob(f"{number}.db*")).decode("latin-1")
                if path.rpartition(".")[2] not in KEPT_AS_SAID:
                    assert not [text for text in TEXTS if text.encode().decode("latin-1") in raw], (kind, path)
    tried(len(part) * len(TEXTS))


@pytest.mark.parametrize(("kind", "path"), OFFERS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fact_about_money_is_not_lost_for_words_that_cannot_be_stored(kind: type, path: str):
    clock = MovableClock(START)
    with Talkative(clock=clock) as gateway, Ledger.open("sqlite://", gateways=[gateway], clock=clock) as ledger:
        for nth, text in enumerate(UNSTORABLE):
            account_id, result = tell(ledger, gateway, saying(kind, path, text, nth), nth)
            if kind in {Succeeded, Refunded}:
                assert result.status == "succeeded", (path, text[:20])
                left = Money("50.00" if kind is Succeeded else "0.00", "GBP")
                assert ledger.balance(account_id).total == left
        assert ledger.audit().clean


def test_the_fields_of_a_card_are_those_that_are_offered():
    assert {field.name for field in fields(CardDetails)} == {
        *("brand", "last_four"),
        *("expiry_month", "expiry_year", "funding"),  # numbers, and one of a few words
    }
