"""What can be bought is checked when it is made, and says which field is wrong."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from interact_ledger.errors import InvalidRequest, InvalidText
from interact_ledger.pricing.catalogue import Message, Number


def test_a_message_is_described_by_its_text_or_by_its_segments():
    assert Message("m1", "GB", text="a" * 161) == Message("m1", "GB", segments=2)
    assert Message("m1", "GB", text="Hello").quantity == 1


def test_an_empty_text_is_a_message_of_one_segment():
    assert Message("m1", "GB", text="").segments == 1


def test_a_message_never_holds_its_text():
    message = Message("m1", "GB", text="the secret word")
    assert "secret" not in repr(message)
    assert b"secret" not in pickle.dumps(message)
    assert not hasattr(message, "text")


def test_items_are_frozen_and_can_be_copied_with_a_change():
    message = Message("m1", "GB", segments=2)
    with pytest.raises(FrozenInstanceError):
        message.quantity = 2
    assert replace(message, quantity=3) == Message("m1", "GB", segments=2, quantity=3)
    assert pickle.loads(pickle.dumps(message)) == message


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 201}, "reference"),
        ({"reference": 7}, "reference"),
        ({"destination": "gb"}, "destination"),
        ({"destination": "XX"}, "destination"),
        ({"destination": "GBR"}, "destination"),
        ({"destination": "UK"}, "destination"),
        ({"destination": None}, "destination"),
        ({"destination": ["GB"]}, "destination"),
        ({"segments": 0}, "segments"),
        ({"segments": -1}, "segments"),
        ({"segments": 256}, "segments"),
        ({"segments": 1.0}, "segments"),
        ({"segments": True}, "segments"),
        ({"segments": "1"}, "segments"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 1_000_001}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"segments": None}, "text"),
        ({"text": "both"}, "text"),
        ({"segments": None, "text": b"bytes"}, "text"),
        ({"segments": None, "text": "a" * (153 * 255 + 1)}, "text"),
        ({"segments": None, "text": "\ud83d"}, "text"),
    ],
)
def test_a_message_that_cannot_be_is_refused_and_the_field_named(arguments, field):
    good = {"reference": "m1", "destination": "GB", "segments": 1}
    with pytest.raises(InvalidRequest) as refused:
        Message(**good | arguments)
    assert refused.value.field == field


def test_the_longest_text_and_the_bounds_themselves_are_taken():
    assert Message("x" * 200, "GB", text="a" * (153 * 255)).segments == 255
    assert Message("m1", "GB", segments=255, quantity=1_000_000).quantity == 1_000_000


def test_a_text_too_long_says_so_without_repeating_it():
    with pytest.raises(InvalidText, match="takes 256 segments; one message has at most 255") as refused:
        Message("m1", "GB", text="a" * (153 * 255 + 1))
    assert "aaa" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"reference": ""}, "reference"),
        ({"reference": None}, "reference"),
        ({"number": "02071234567"}, "number"),
        ({"number": "+02071234567"}, "number"),
        ({"number": "+44 20 7123 4567"}, "number"),
        ({"number": "+4420"}, "number"),
        ({"number": "+4420712345678901"}, "number"),
        ({"number": "+44207123456\u0667"}, "number"),
        ({"number": "+442071234567\n"}, "number"),
        ({"number": 442071234567}, "number"),
        ({"country": "gb"}, "country"),
        ({"country": "ZZ"}, "country"),
        ({"kind": ""}, "kind"),
        ({"kind": "Local"}, "kind"),
        ({"kind": "a/b"}, "kind"),
        ({"kind": None}, "kind"),
    ],
)
def test_a_number_that_cannot_be_is_refused_and_the_field_named(arguments, field):
    good = {"reference": "n1", "number": "+442071234567", "country": "GB"}
    with pytest.raises(InvalidRequest) as refused:
        Number(**good | arguments)
    assert refused.value.field == field


def test_a_number_is_local_unless_said_otherwise():
    assert Number("n1", "+442071234567", "GB").kind == "local"
    assert Number("n1", "+448001234567", "GB", "toll-free").kind == "toll-free"
