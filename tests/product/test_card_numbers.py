"""Rule 5: a card number is refused in every text that a verb takes, leaves no trace, and is never repeated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from automatic_helpers import AGREED, MONTHLY
from interact_ledger import Ledger, Message, Number
from interact_ledger import errors as x
from interact_ledger.testing import LedgerKit
from ledger_helpers import ONE_SEGMENT, at_gateway, gbp, opened, stored
from verb_calls import Scene

WRITINGS = {
    "plain": "4242424242424242",
    "spaced": "4242 4242 4242 4242",
    "dashed": "4242-4242-4242-4242",
    "full-width": "4242424242424242".translate({digit: digit + 0xFEE0 for digit in range(ord("0"), ord("9") + 1)}),
    "inside a sentence": "call about card 4242.4242.4242.4242, please",
    "American Express": "3782 822463 10005",
}
ASKED = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def ready(kit: LedgerKit) -> Scene:
    return Scene.on(kit)


def details(**changes: str) -> dict[str, str | None]:
    return {"country": "GB", "region": None, "tax_status": "consumer", "time_zone": "UTC", **changes}


def tax_number(**changes: str) -> dict[str, object]:
    return {"number": "GB980780684", "verified_by": "HMRC", "verified_at": ASKED, "reference": "r", **changes}


def low(scene: Scene, **changes: str) -> dict[str, object]:
    return {**AGREED, "card_id": scene.card, **changes}


def monthly(scene: Scene, **changes: str) -> dict[str, object]:
    return {**MONTHLY, "card_id": scene.card, **changes}


Call = Callable[[Scene, str], object]

FREE: dict[tuple[str, str], Call] = {
    ("on_behalf_of", "actor"): lambda r, text: r.kit.ledger.on_behalf_of(text),
    ("on_behalf_of", "correlation_id"): lambda r, text: r.kit.ledger.on_behalf_of("me", correlation_id=text),
    ("open_account", "owner"): lambda r, text: r.kit.ledger.open_account(text, "GBP", "GB"),
    ("open_account", "idempotency_key"): lambda r, text: opened(r.kit, idempotency_key=text),
    ("record_tax_number", "verified_by"): lambda r, text: r.kit.ledger.record_tax_number(
        r.account, **tax_number(verified_by=text)
    ),
    ("record_tax_number", "reference"): lambda r, text: r.kit.ledger.record_tax_number(
        r.account, **tax_number(reference=text)
    ),
    ("withdraw_tax_number", "reason"): lambda r, text: r.kit.ledger.withdraw_tax_number(r.account, text),
    ("suspend", "reason"): lambda r, text: r.kit.ledger.suspend(r.account, text),
    ("reinstate", "reason"): lambda r, text: r.kit.ledger.reinstate(r.account, text),
    ("close_account", "reason"): lambda r, text: r.kit.ledger.close_account(r.empty, text, idempotency_key="k"),
    ("close_account", "idempotency_key"): lambda r, text: r.kit.ledger.close_account(
        r.empty, "w", idempotency_key=text
    ),
    ("close_account", "payout_reference"): lambda r, text: r.kit.ledger.close_account(
        r.account, "w", idempotency_key="k", paid_out=gbp("1.00"), payout_reference=text
    ),
    ("adjust", "reason"): lambda r, text: r.kit.ledger.adjust(r.account, gbp("1.00"), text, idempotency_key="k"),
    ("adjust", "idempotency_key"): lambda r, text: r.kit.ledger.adjust(
        r.account, gbp("1.00"), "w", idempotency_key=text
    ),
    ("grant_credit", "reason"): lambda r, text: r.kit.ledger.grant_credit(
        r.account, gbp("1.00"), text, idempotency_key="k"
    ),
    ("grant_credit", "idempotency_key"): lambda r, text: r.kit.ledger.grant_credit(
        r.account, gbp("1.00"), "w", idempotency_key=text
    ),
    ("deliver_notifications", "subscriber"): lambda r, text: r.kit.ledger.deliver_notifications(text, print),
    ("top_up", "card_token"): lambda r, text: r.kit.ledger.top_up(
        r.account, r.quote, idempotency_key="k", card_token=text
    ),
    ("top_up", "card_id"): lambda r, text: r.kit.ledger.top_up(r.account, r.quote, idempotency_key="k", card_id=text),
    ("top_up", "idempotency_key"): lambda r, text: r.kit.ledger.top_up(
        r.account, r.quote, idempotency_key=text, card_id=r.card
    ),
    ("look_again", "gateway"): lambda r, text: r.kit.ledger.look_again(r.kit.clock.now(), gateway=text),
    ("top_up_elsewhere", "gateway"): lambda r, text: r.kit.ledger.top_up_elsewhere(
        r.account, r.paid, gateway=text, card_token="tok_visa"
    ),
    ("top_up_elsewhere", "card_token"): lambda r, text: r.kit.ledger.top_up_elsewhere(
        r.account, r.paid, gateway="elsewhere", card_token=text
    ),
    ("save_card", "card_token"): lambda r, text: r.kit.ledger.save_card(r.account, text, idempotency_key="k"),
    ("save_card", "idempotency_key"): lambda r, text: r.kit.ledger.save_card(
        r.account, "tok_visa", idempotency_key=text
    ),
    ("remove_card", "idempotency_key"): lambda r, text: r.kit.ledger.remove_card(
        r.account, r.card, idempotency_key=text
    ),
    ("enable_auto_top_up", "consent_text"): lambda r, text: r.kit.ledger.enable_auto_top_up(
        r.account, **low(r, consent_text=text)
    ),
    ("enable_auto_top_up", "given_by"): lambda r, text: r.kit.ledger.enable_auto_top_up(
        r.account, **low(r, given_by=text)
    ),
    ("enable_monthly_recharge", "consent_text"): lambda r, text: r.kit.ledger.enable_monthly_recharge(
        r.account, **monthly(r, consent_text=text)
    ),
    ("enable_monthly_recharge", "given_by"): lambda r, text: r.kit.ledger.enable_monthly_recharge(
        r.account, **monthly(r, given_by=text)
    ),
    ("spend", "idempotency_key"): lambda r, text: r.kit.ledger.spend(r.account, ONE_SEGMENT, idempotency_key=text),
    ("spend_many", "idempotency_key"): lambda r, text: r.kit.ledger.spend_many(
        r.account, [ONE_SEGMENT], idempotency_key=text
    ),
    ("reverse_spend", "reason"): lambda r, text: r.kit.ledger.reverse_spend(
        r.account, r.spend, text, idempotency_key="k"
    ),
    ("reverse_spend", "idempotency_key"): lambda r, text: r.kit.ledger.reverse_spend(
        r.account, r.spend, "w", idempotency_key=text
    ),
    ("refund", "reason"): lambda r, text: r.kit.ledger.refund(r.account, r.paid, None, text, idempotency_key="k"),
    ("refund", "idempotency_key"): lambda r, text: r.kit.ledger.refund(
        r.account, r.paid, None, "w", idempotency_key=text
    ),
    ("hold", "reference"): lambda r, text: r.kit.ledger.hold(r.account, gbp("1.00"), text, idempotency_key="k"),
    ("hold", "idempotency_key"): lambda r, text: r.kit.ledger.hold(r.account, gbp("1.00"), "r", idempotency_key=text),
    ("settle", "idempotency_key"): lambda r, text: r.kit.ledger.settle(
        r.account, r.hold, [ONE_SEGMENT], idempotency_key=text
    ),
    ("release", "idempotency_key"): lambda r, text: r.kit.ledger.release(r.account, r.hold, idempotency_key=text),
}
"""Every text that a verb stores or sends as it is, with a call that would otherwise work."""

LISTED: dict[str, Call] = {
    "items[1].reference": lambda r, text: r.kit.ledger.spend_many(
        r.account, [ONE_SEGMENT, Message(text, "GB", segments=1)], idempotency_key="k"
    ),
    "items[0].reference": lambda r, text: r.kit.ledger.settle(
        r.account, r.hold, [Message(text, "GB", segments=1)], idempotency_key="k"
    ),
    "lines[0]": lambda r, text: r.kit.ledger.reverse_spend(
        r.account, r.spend, "w", lines=[(text, 1)], idempotency_key="k"
    ),
}
"""The same inside lists."""

FORMED: dict[tuple[str, str], Call] = {
    ("open_account", "currency"): lambda r, text: opened(r.kit, currency=text),
    ("open_account", "country"): lambda r, text: opened(r.kit, country=text),
    ("open_account", "region"): lambda r, text: opened(r.kit, region=text),
    ("open_account", "tax_status"): lambda r, text: opened(r.kit, tax_status=text),
    ("open_account", "time_zone"): lambda r, text: opened(r.kit, time_zone=text),
    **{
        ("change_details", field): lambda r, text, field=field: r.kit.ledger.change_details(
            r.account, **details(**{field: text})
        )
        for field in details()
    },
    ("record_tax_number", "number"): lambda r, text: r.kit.ledger.record_tax_number(
        r.account, **tax_number(number=text)
    ),
    ("checkout", "method"): lambda r, text: r.kit.ledger.checkout(r.account, gbp("20.00"), method=text),
    ("save_card", "method"): lambda r, text: r.kit.ledger.save_card(
        r.account, "tok_visa", idempotency_key="k", method=text
    ),
}
"""Every text that must have a form or be one of a few, which no card number is."""

NAMING = {
    *(
        "account_id",
        "quote_id",
        "card_id",
        "transaction_id",
        "credit_note_id",
        "saving_id",
        "hold_id",
        "number",
        "after",
        "owner",
    ),
    *("refund_id", "charge", "gateway_id"),
}
"""Texts that only name what is there already: nothing is found, and nothing is stored."""


def is_refused(ready: Scene, call: Call, text: str) -> x.LedgerError:
    before = stored(ready.kit), at_gateway(ready.kit)
    with pytest.raises(x.LedgerError) as refused:
        call(ready, text)
    assert (stored(ready.kit), at_gateway(ready.kit)) == before
    assert not text.strip() or text not in str(refused.value)
    return refused.value


@pytest.mark.parametrize(("verb", "field"), FREE)
def test_a_card_number_is_refused_in_a_free_field(ready, verb, field):
    for text in WRITINGS.values():
        error = is_refused(ready, FREE[verb, field], text)
        assert (type(error), error.field) == (x.CardNumberRefused, field)


@pytest.mark.parametrize("field", LISTED)
def test_a_card_number_is_refused_inside_a_list(ready, field):
    for text in WRITINGS.values():
        error = is_refused(ready, LISTED[field], text)
        assert (type(error), error.field) == (x.CardNumberRefused, field)


@pytest.mark.parametrize(("verb", "field"), FORMED)
def test_a_card_number_has_the_form_of_nothing_else(ready, verb, field):
    for text in WRITINGS.values():
        assert is_refused(ready, FORMED[verb, field], text).field == field


def test_a_card_number_of_fifteen_digits_is_not_taken_for_a_telephone_number(ready):
    card = Number("n", "+378282246310005", "GB")
    error = is_refused(ready, lambda r, _: r.kit.ledger.spend(r.account, card, idempotency_key="k"), card.number)
    assert (type(error), error.field) == (x.CardNumberRefused, "items[0].number")


@pytest.mark.parametrize(("verb", "field"), FREE)
def test_an_empty_or_oversized_text_is_refused_in_a_free_field(ready, verb, field):
    longest = {"idempotency_key": 255, "card_token": 2000, "consent_text": 2000}.get(field, 200)
    for text in ("", "  ", "r" * (longest + 1), "a\0b"):
        error = is_refused(ready, FREE[verb, field], text)
        assert (type(error), error.field) == (x.InvalidText, field)


@pytest.mark.parametrize("reference", ["", "r" * 201])
def test_an_item_with_an_empty_or_oversized_reference_cannot_be_made(reference):
    for make in (
        lambda: Message(reference, "GB", segments=1),
        lambda: Number(reference, "+442071234567", "GB"),
    ):
        with pytest.raises(x.InvalidRequest) as refused:
            make()
        assert refused.value.field == "reference"


def test_every_text_that_a_verb_takes_is_listed_here():
    """A new verb, or a new text argument of an old one, must be put into one of the tables above."""
    unlisted = []
    for name, verb in inspect.getmembers(Ledger, inspect.isfunction):
        for parameter in inspect.signature(verb).parameters.values():
            is_text = str(parameter.annotation).startswith("str")
            known = (name, parameter.name) in FREE.keys() | FORMED.keys() or parameter.name in NAMING
            if not name.startswith("_") and is_text and not known:
                unlisted.append((name, parameter.name))
    assert unlisted == []


def test_every_text_of_an_item_is_listed_here():
    assert {field.name for kind in (Message, Number) for field in fields(kind)} == {
        *("reference", "number"),  # offered above
        *("destination", "country", "kind"),  # a country of ISO 3166-1, or a word in lower case without a blank
        *("segments", "quantity"),  # numbers
    }
