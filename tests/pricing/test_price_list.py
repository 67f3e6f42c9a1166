"""A price list says what things cost, and refuses to be read where it is not plain."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.errors import ConfigurationError, InvalidRequest, PriceNotFound
from interact_ledger.pricing.catalogue import Message, Number
from interact_ledger.pricing.price_list import PriceList, load_price_list

LIST = PriceList.model_validate(
    {
        "version": "2025-01",
        "messages": [
            {"destination": "GB", "currency": "GBP", "per_segment": "0.0325"},
            {"destination": "FR", "currency": "GBP", "per_segment": "0.0475"},
            {"destination": "FR", "currency": "EUR", "per_segment": "0.000001"},
        ],
        "numbers": [
            {"country": "GB", "kind": "local", "currency": "GBP", "set_up": "1.00", "monthly": "1.20"},
            {"country": "GB", "kind": "mobile", "currency": "GBP", "set_up": "0", "monthly": "2.00"},
        ],
    }
)

TOML = """
version = "2025-01"
messages = [{ destination = "GB", currency = "GBP", per_segment = "0.0325" }]
numbers = [{ country = "GB", currency = "GBP", set_up = "1.00", monthly = "1.00" }]
"""


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


# Pricing ----------------------------------------------------------------------------------------------------------


def test_a_message_is_one_line_at_the_price_per_segment():
    (line,) = LIST.price([Message("m1", "GB", segments=2, quantity=3)], "GBP")
    assert line == ("m1", "message/GB", 3, 2, Decimal("0.0325"))
    assert line.amount == Decimal("0.195")


def test_a_number_is_its_set_up_and_its_first_month():
    lines = LIST.price([Number("n1", "+442071234567", "GB")], "GBP")
    assert lines == (
        ("n1", "number-setup/GB/local", 1, 1, Decimal("1.00")),
        ("n1/month", "number-month/GB/local", 1, 1, Decimal("1.20")),
    )


def test_a_set_up_without_charge_is_a_line_of_zero():
    lines = LIST.price([Number("n1", "+447700900123", "GB", "mobile")], "GBP")
    assert [line.amount for line in lines] == [Decimal(0), Decimal("2.00")]


def test_lines_come_in_the_order_of_the_items():
    items = [Message("a", "FR", segments=1), Number("b", "+442071234567", "GB"), Message("c", "GB", segments=1)]
    assert [line.reference for line in LIST.price(items, "GBP")] == ["a", "b", "b/month", "c"]


def test_the_price_is_that_of_the_account_s_currency():
    (line,) = LIST.price([Message("m1", "FR", segments=1)], "EUR")
    assert line.unit_price == Decimal("0.000001")


def test_items_may_come_from_a_generator():
    assert len(LIST.price((Message(f"m{i}", "GB", segments=1) for i in range(3)), "GBP")) == 3


def test_a_destination_without_a_price_is_refused_and_what_to_do_said():
    with pytest.raises(PriceNotFound) as refused:
        LIST.price([Message("m1", "JP", segments=1)], "GBP")
    assert refused.value.field == "items[0].destination"
    assert refused.value.message == (
        "price list 2025-01 has no price for messages to JP in GBP; add one, or choose from FR, GB"
    )


def test_a_price_in_another_currency_does_not_do():
    with pytest.raises(PriceNotFound, match=r"messages to GB in EUR; add one, or choose from FR$"):
        LIST.price([Message("m1", "GB", segments=1)], "EUR")


def test_a_currency_without_any_price_says_so():
    with pytest.raises(PriceNotFound, match="messages to GB in JPY; it has no such prices in this currency; add them"):
        LIST.price([Message("m1", "GB", segments=1)], "JPY")


def test_a_kind_of_number_without_a_price_is_refused():
    with pytest.raises(PriceNotFound, match=r"toll-free number from GB in GBP.*choose from GB/local, GB/mobile"):
        LIST.price([Number("n1", "+448001234567", "GB", "toll-free")], "GBP")


def test_a_long_list_of_alternatives_is_cut():
    codes = [f"A{letter}" for letter in "DEFGILMOQRSTUWXZ"] + [f"B{letter}" for letter in "ABDEFG"]
    prices = [{"destination": code, "currency": "GBP", "per_segment": "1"} for code in codes]
    long = PriceList.model_validate({"version": "1", "messages": prices})
    with pytest.raises(PriceNotFound, match=r"BD, BE, …$"):
        long.price([Message("m1", "GB", segments=1)], "GBP")


@pytest.mark.parametrize(
    "items",
    [
        [Message("x", "GB", segments=1), Message("x", "GB", segments=2)],
        [Number("x", "+442071234567", "GB"), Message("x", "GB", segments=1)],
        [Number("x", "+442071234567", "GB"), Message("x/month", "GB", segments=1)],
    ],
)
def test_a_reference_that_comes_twice_is_refused(items):
    with pytest.raises(InvalidRequest, match=r"items: comes twice, on lines [12] and [23]"):
        LIST.price(items, "GBP")


def test_a_reference_is_not_repeated_in_the_error():
    with pytest.raises(InvalidRequest) as refused:
        LIST.price([Message("4242424242424242", "GB", segments=1)] * 2, "GBP")
    assert "4242" not in str(refused.value)


def test_nothing_to_buy_is_refused():
    with pytest.raises(InvalidRequest, match="items: names nothing to buy"):
        LIST.price([], "GBP")


def test_what_is_no_item_is_refused_and_its_position_named():
    with pytest.raises(InvalidRequest, match=r"items\[1\]: is a dict; pass a Message or a Number"):
        LIST.price([Message("m1", "GB", segments=1), {"reference": "m2"}], "GBP")


@given(
    st.lists(
        st.tuples(st.sampled_from(["GB", "FR"]), st.integers(1, 255), st.integers(1, 1_000_000)),
        min_size=1,
        max_size=20,
    )
)
def test_a_line_s_amount_is_exactly_quantity_times_segments_times_price(bought):
    items = [Message(f"m{i}", to, segments=s, quantity=q) for i, (to, s, q) in enumerate(bought)]
    prices = {"GB": 325, "FR": 475}
    exact = sum(prices[to] * s * q for to, s, q in bought)
    assert sum(line.amount for line in LIST.price(items, "GBP")) * 10_000 == exact


def test_the_dearest_line_that_can_be_is_exact():
    dear = PriceList.model_validate(
        {"version": "1", "messages": [{"destination": "GB", "currency": "GBP", "per_segment": "999999.999999"}]}
    )
    (line,) = dear.price([Message("m1", "GB", segments=255, quantity=1_000_000)], "GBP")
    assert line.amount * 10**6 == 999999999999 * 255 * 1_000_000
    assert line.amount < 10**15


# Reading ----------------------------------------------------------------------------------------------------------


def test_a_price_list_is_read_from_toml_or_json(tmp_path):
    from_toml = load_price_list(written(tmp_path, "prices.toml", TOML))
    as_json = json.dumps(from_toml.model_dump(mode="json"))
    assert load_price_list(written(tmp_path, "prices.json", as_json)) == from_toml
    assert from_toml.messages[0].per_segment == Decimal("0.0325")
    assert from_toml.numbers[0].kind == "local"


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    assert load_price_list(written(tmp_path, "prices.toml", "\ufeff" + TOML)).version == "2025-01"


def test_a_price_list_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        LIST.version = "2025-02"


@pytest.mark.parametrize(
    ("old", "new", "entry", "rule"),
    [
        ('"0.0325"', "0.0325", "messages[0].per_segment", "is a float, which is not exact"),
        ('"0.0325"', '"-0.01"', "messages[0].per_segment", "must be from 0 to 1000000"),
        ('"0.0325"', '"1000000.01"', "messages[0].per_segment", "must be from 0 to 1000000"),
        ('"0.0325"', '"0.0000001"', "messages[0].per_segment", "at most 15 before and 6 after"),
        ('"0.0325"', '"1e3"', "messages[0].per_segment", "write ASCII digits"),
        ('"0.0325"', '"NaN"', "messages[0].per_segment", "write ASCII digits"),
        ('"0.0325"', "nan", "messages[0].per_segment", "is a float"),
        ('"0.0325"', "true", "messages[0].per_segment", "is a bool"),
        ('"0.0325"', '"\uff11"', "messages[0].per_segment", "write ASCII digits"),
        ('destination = "GB"', 'destination = "UK"', "messages[0].destination", "is not an ISO 3166-1"),
        ('destination = "GB"', "destination = 44", "messages[0].destination", "is not an ISO 3166-1"),
        ('"GBP", per', '"GBX", per', "messages[0].currency", "is not an ISO 4217"),
        ('"GBP", per', '"gbp", per', "messages[0].currency", "is not an ISO 4217"),
        ('country = "GB"', 'country = "EN"', "numbers[0].country", "is not an ISO 3166-1"),
        ('country = "GB"', 'country = "GB", kind = "A b"', "numbers[0].kind", "is not a word in lower case"),
        ('monthly = "1.00"', 'monthly = "-1"', "numbers[0].monthly", "must be from 0"),
        ('set_up = "1.00"', 'set_up = "1000000001"', "numbers[0].set_up", "must be from 0"),
        ('set_up = "1.00", ', "", "numbers[0].set_up", "Field required"),
        ('set_up = "1.00", ', 'set_up = "1", setup = "1", ', "numbers[0].setup", "Extra inputs are not permitted"),
        ('version = "2025-01"', 'version = ""', "version", "should match pattern"),
        ('version = "2025-01"', "", "version", "Field required"),
    ],
)
def test_a_wrong_entry_is_refused_by_file_entry_and_rule(tmp_path, old, new, entry, rule):
    assert old in TOML
    path = written(tmp_path, "prices.toml", TOML.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as refused:
        load_price_list(path)
    assert refused.value.field == entry
    assert refused.value.message.startswith(f"{path}: {entry}: ")
    assert rule in refused.value.message


def test_a_second_price_for_the_same_thing_is_refused(tmp_path):
    message = '{ destination = "GB", currency = "GBP", per_segment = "1" }'
    path = written(tmp_path, "prices.toml", f'version = "1"\nmessages = [{message}, {message}]')
    with pytest.raises(
        ConfigurationError, match=r"messages\[1\] is a second price for GB/GBP; the first is messages\[0\]"
    ):
        load_price_list(path)


def test_a_second_price_for_the_same_number_is_refused(tmp_path):
    number = '{ country = "GB", currency = "GBP", set_up = "1", monthly = "1" }'
    path = written(tmp_path, "prices.toml", f'version = "1"\nnumbers = [{number}, {number}]')
    with pytest.raises(ConfigurationError, match=r"numbers\[1\] is a second price for GB/local/GBP"):
        load_price_list(path)
