"""Amounts are exact, bounded and rounded in one place, whatever they are made of."""

from __future__ import annotations

import decimal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import ROUND_DOWN, Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from moneyed import Money
from pydantic import TypeAdapter, ValidationError

from interact_ledger.errors import CurrencyMismatch, InvalidAmount
from interact_ledger.money import (
    Amount,
    CurrencyCode,
    allocate,
    amount_in,
    card_amount_in,
    decimal_places,
    known_currency,
    parse_decimal,
    plain,
    round_card,
    round_tax,
    round_up_to_minor_unit,
    round_usage,
)

PLACES = {"GBP": 2, "JPY": 0, "ISK": 0, "KWD": 3, "USD": 2, "EUR": 2, "CLF": 4}
FULL_WIDTH_GBP = "\uff27\uff22\uff30"
LARGEST = Decimal("999999999999999.999999")

currencies = st.sampled_from(sorted(PLACES))
amounts = st.decimals(-LARGEST, LARGEST, places=6)


@contextmanager
def coarse_arithmetic() -> Iterator[None]:
    """What a host program may do to its thread: six digits, truncated, and no inexact result allowed."""
    with decimal.localcontext(Context(prec=6, rounding=ROUND_DOWN, traps=[decimal.Inexact, decimal.InvalidOperation])):
        yield


# parse_decimal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("10", "10"),
        ("10.00", "10.00"),
        ("-0.0325", "-0.0325"),
        ("007", "7"),
        ("999999999999999.999999", "999999999999999.999999"),
        ("0.00", "0"),
        ("-0", "0"),
        (0, "0"),
        (-12, "-12"),
        (10**15 - 1, "999999999999999"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("-0.00"), "0"),
        (Decimal("0E+1000000"), "0"),
        (Decimal("1E+5"), "100000"),
        (Decimal("1.50E+2"), "150"),
        (Decimal("9.99E+14"), "999000000000000"),
    ],
)
def test_an_exact_number_is_read_and_written_without_exponent_or_negative_zero(value: object, written: str) -> None:
    assert str(parse_decimal(value, "amount")) == written


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (1.5, "float, which is not exact"),
        (10.0, "float, which is not exact"),
        (float("nan"), "float, which is not exact"),
        (float("inf"), "float, which is not exact"),
        (True, "bool, which is not exact"),
        (Decimal("NaN"), "not a finite number"),
        (Decimal("sNaN"), "not a finite number"),
        (Decimal("-Infinity"), "not a finite number"),
        (Decimal("1E+15"), "more than 15 digits before the point"),
        (Decimal("-1E+1000000"), "more than 15 digits before the point"),
        (Decimal("1E-7"), "more than 6 decimal places"),
        (Decimal("1E-1000000"), "more than 6 decimal places"),
        (Decimal("0.0000001"), "more than 6 decimal places"),
        (Decimal("1.0000000"), "more than 6 decimal places"),
        (10**15, "more than 15 digits"),
        (-(10**15), "more than 15 digits"),
        (None, "is a NoneType; pass"),
        (b"10", "is a bytes; pass"),
        (Money("10", "GBP"), "is a Money; pass"),
        ((0, (1,), 0), "is a tuple; pass"),
    ],
)
def test_what_is_no_exact_bounded_number_is_refused(value: object, rule: str) -> None:
    with pytest.raises(InvalidAmount, match=rule) as refused:
        parse_decimal(value, "amount")
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 10",
        "10 ",
        "10\n",
        "1e5",
        "1E+1000000",
        "1_000",
        "1,000",
        "1 000",
        "10.",
        ".5",
        "+1",
        "--1",
        "0x10",
        "£10",
        "NaN",
        "Infinity",
        "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT ZERO}",
        "\N{ARABIC-INDIC DIGIT ONE}\N{ARABIC-INDIC DIGIT ZERO}",
        "1\N{ZERO WIDTH SPACE}0",
        "1\x00",
        "1000000000000000",
        "0.0000001",
        "1" * 1_000_000,
    ],
)
def test_text_that_is_not_plainly_an_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount, match=r"^amount: is not an amount: write ASCII digits"):
        parse_decimal(text, "amount")


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1E+1000000"),
        Decimal("1E-1000000"),
        Decimal("0E-1000000"),
        "1E+1000000",
        "1" * 1_000_000,
        10**1_000_000,
    ],
    ids=lambda value: f"{type(value).__name__}",
)
@pytest.mark.parametrize(
    "check",
    [
        lambda value: parse_decimal(value, "amount"),
        lambda value: card_amount_in("GBP", Money(value, "GBP") if isinstance(value, Decimal) else value, "amount"),
    ],
    ids=["parse_decimal", "card_amount_in"],
)
def test_a_crafted_exponent_or_length_is_answered_at_once(check: Callable[[object], Decimal], value: object) -> None:
    started = time.process_time()
    with pytest.raises(InvalidAmount) as refused:
        check(value)
    assert len(str(refused.value)) < 200
    assert time.process_time() - started < 0.2


@given(amounts)
@example(Decimal("-0.000000"))
def test_text_int_and_decimal_of_the_same_number_read_the_same(amount: Decimal) -> None:
    assert str(parse_decimal(f"{amount:f}", "amount")) == str(parse_decimal(amount, "amount"))
    assert parse_decimal(amount, "amount") == amount
    assert parse_decimal(int(amount), "amount") == int(amount)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[-+0-9._e ]{0,26}", fullmatch=True)))
def test_no_text_gets_past_the_bounds(text: str) -> None:
    try:
        amount = parse_decimal(text, "amount")
    except InvalidAmount:
        return
    assert text.isascii()
    assert amount == Decimal(text)
    assert abs(amount) <= LARGEST
    assert amount == round(amount, 6)


# Money --------------------------------------------------------------------------------------------------------------


def test_an_amount_is_taken_out_of_money_in_the_accounts_currency() -> None:
    assert str(amount_in("GBP", Money("0.0325", "GBP"), "price")) == "0.0325"
    assert str(amount_in("GBP", Money("-5", "GBP"), "price")) == "-5"


@pytest.mark.parametrize("check", [amount_in, card_amount_in])
@pytest.mark.parametrize("value", [Decimal(10), 10, "10", 10.0, None, ("10", "GBP")])
def test_what_is_no_money_is_refused(check: Callable[[str, object, str], Decimal], value: object) -> None:
    with pytest.raises(
        InvalidAmount, match=r"^amount: is a \w+; pass moneyed\.Money, for example Money\('10.00', 'GBP'\)"
    ):
        check("GBP", value, "amount")


@pytest.mark.parametrize("check", [amount_in, card_amount_in])
def test_money_in_another_currency_is_refused(check: Callable[[str, object, str], Decimal]) -> None:
    with pytest.raises(CurrencyMismatch, match=r"^amount: is in EUR, but the account is in GBP$"):
        check("GBP", Money("10", "EUR"), "amount")


@pytest.mark.parametrize("check", [amount_in, card_amount_in])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "1E+15", "1E+1000000", "0.0000001"])
def test_money_that_is_not_exact_and_bounded_is_refused(
    check: Callable[[str, object, str], Decimal], text: str
) -> None:
    with pytest.raises(InvalidAmount) as refused:
        check("GBP", Money(text, "GBP"), "amount")
    assert refused.value.field == "amount"


@pytest.mark.parametrize(
    ("currency", "paid", "written"),
    [
        ("GBP", "10", "10.00"),
        ("GBP", "0.01", "0.01"),
        ("GBP", "1E+2", "100.00"),
        ("JPY", "1000", "1000"),
        ("ISK", "1", "1"),
        ("KWD", "1.5", "1.500"),
        ("GBP", "999999999999999.99", "999999999999999.99"),
    ],
)
def test_a_card_pays_in_the_currencys_own_minor_unit(currency: str, paid: str, written: str) -> None:
    assert str(card_amount_in(currency, Money(paid, currency), "amount")) == written


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "1.5"), ("JPY", "1.0"), ("ISK", "0.1"), ("GBP", "10.001"), ("KWD", "1.0005")]
)
def test_a_card_cannot_pay_less_than_a_minor_unit(currency: str, amount: str) -> None:
    with pytest.raises(InvalidAmount, match=f"more than the {PLACES[currency]} decimal places that {currency} has"):
        card_amount_in(currency, Money(amount, currency), "amount")


@pytest.mark.parametrize("amount", ["0", "0.00", "-0", "-0.01", "-10"])
def test_a_card_pays_more_than_zero(amount: str) -> None:
    with pytest.raises(InvalidAmount, match="must be more than zero"):
        card_amount_in("GBP", Money(amount, "GBP"), "amount")


# Currencies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("currency", "places"), PLACES.items())
def test_every_currency_has_its_own_number_of_decimals(currency: str, places: int) -> None:
    assert decimal_places(currency) == places


@pytest.mark.parametrize("code", ["GBP", "JPY", "KWD", "ISK"])
def test_a_currency_of_iso_4217_is_known(code: str) -> None:
    assert known_currency(code, "currency") == code


@pytest.mark.parametrize(
    "code", ["gbp", "GB", "GBPX", "GBP\n", "ZZZ", "XYZ", "826", FULL_WIDTH_GBP, "", None, 826, b"GBP"]
)
def test_what_is_no_currency_is_refused(code: object) -> None:
    with pytest.raises(InvalidAmount, match=r"^currency: is not an ISO 4217 currency code such as 'GBP'$"):
        known_currency(code, "currency")


# Rounding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.0000005", "0.000000"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("0.00000250001", "0.000003"),
        ("-0.0000015", "-0.000002"),
        ("0.0325", "0.0325"),
        ("7", "7"),
        ("1E+2", "1E+2"),
    ],
)
def test_usage_rounds_half_to_even_at_six_places_and_keeps_what_fits(amount: str, rounded: str) -> None:
    assert str(round_usage(Decimal(amount))) == rounded


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "GBP", "0.01"),
        ("0.015", "GBP", "0.02"),
        ("0.025", "GBP", "0.03"),
        ("0.0249999", "GBP", "0.02"),
        ("-0.025", "GBP", "-0.03"),
        ("2", "GBP", "2.00"),
        ("0.5", "JPY", "1"),
        ("1.5", "ISK", "2"),
        ("0.0005", "KWD", "0.001"),
    ],
)
def test_a_tax_rounds_half_up_to_the_minor_unit(amount: str, currency: str, rounded: str) -> None:
    assert str(round_tax(Decimal(amount), currency)) == rounded


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.0001", "GBP", "0.01"),
        ("10", "GBP", "10.00"),
        ("1.01", "JPY", "2"),
        ("1.0001", "KWD", "1.001"),
        ("-0.001", "GBP", "-0.01"),
    ],
)
def test_what_a_card_must_pay_rounds_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert str(round_up_to_minor_unit(Decimal(amount), currency)) == rounded


def test_a_card_amount_gets_all_its_decimals_and_is_never_rounded() -> None:
    assert str(round_card(Decimal(50), "GBP")) == "50.00"
    assert str(round_card(Decimal("50.000"), "GBP")) == "50.00"
    with pytest.raises(AssertionError, match="never rounded in passing"):
        round_card(Decimal("50.001"), "GBP")


@given(amounts, currencies)
def test_a_rounded_amount_is_within_one_step_of_the_exact_one(amount: Decimal, currency: str) -> None:
    unit = Decimal(10) ** -PLACES[currency]
    assert abs(round_tax(amount, currency) - amount) <= unit / 2
    assert 0 <= abs(round_up_to_minor_unit(amount, currency)) - abs(amount) < unit
    assert round_usage(amount) == amount


# Sharing out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "weights", "currency", "parts"),
    [
        ("10.00", ["1", "1", "1"], "GBP", ["3.34", "3.33", "3.33"]),
        ("0.05", ["1", "2", "3"], "GBP", ["0.01", "0.02", "0.02"]),
        ("0.01", ["1", "1"], "GBP", ["0.01", "0.00"]),
        ("0.03", ["0", "1", "1"], "GBP", ["0.00", "0.02", "0.01"]),
        ("0.03", ["0", "0"], "GBP", ["0.02", "0.01"]),
        ("0.00", ["1", "2"], "GBP", ["0.00", "0.00"]),
        ("100", ["1", "2"], "JPY", ["33", "67"]),
        ("1.000", ["0.5", "0.25", "0.25"], "KWD", ["0.500", "0.250", "0.250"]),
        ("-0.03", ["1", "1"], "GBP", ["-0.02", "-0.01"]),
        ("7.00", ["12.50"], "GBP", ["7.00"]),
    ],
)
def test_an_amount_is_shared_out_by_largest_remainder(
    total: str, weights: list[str], currency: str, parts: list[str]
) -> None:
    assert [str(part) for part in allocate(Decimal(total), list(map(Decimal, weights)), currency)] == parts


weights = st.lists(st.decimals(0, LARGEST, places=6), min_size=1, max_size=12)


@given(st.integers(-(10**17), 10**17), weights, currencies)
@example(-3, [Decimal(1), Decimal(1)], "GBP")
@example(10**17, [Decimal("0.000001"), LARGEST, LARGEST - 1], "GBP")
def test_the_parts_always_sum_to_the_total(units: int, weights: list[Decimal], currency: str) -> None:
    unit = Decimal(10) ** -PLACES[currency]
    parts = allocate(units * unit, weights, currency)
    assert len(parts) == len(weights)
    assert sum(parts) == units * unit
    assert all(part == round_card(part, currency) for part in parts)


@given(st.integers(-(10**17), 10**17), weights, currencies)
def test_each_part_is_within_one_minor_unit_of_its_exact_share(
    units: int, weights: list[Decimal], currency: str
) -> None:
    with decimal.localcontext(prec=80):
        unit = Decimal(10) ** -PLACES[currency]
        shares = weights if any(weights) else [Decimal(1)] * len(weights)
        parts = allocate(units * unit, weights, currency)
        for part, share in zip(parts, shares, strict=True):
            assert abs(part / unit * sum(shares) - units * share) < sum(shares)
            assert share or part == 0


@given(st.integers(0, 10**9), weights)
def test_what_was_shared_out_is_taken_back_part_by_part(units: int, weights: list[Decimal]) -> None:
    given_out = allocate(Decimal(units), weights, "JPY")
    assert allocate(Decimal(-units), weights, "JPY") == [-part for part in given_out]


@pytest.mark.parametrize(
    ("total", "weights", "rule"),
    [
        ("1.00", [], "at least one part"),
        ("1.00", [Decimal(-1), Decimal(2)], "not negative"),
        ("1.001", [Decimal(1)], "never rounded in passing"),
    ],
)
def test_what_cannot_be_shared_out_is_a_fault_of_the_caller(total: str, weights: list[Decimal], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        allocate(Decimal(total), weights, "GBP")


# Writing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("37.42", "GBP", "37.42"),
        ("5", "GBP", "5.00"),
        ("0.0325", "GBP", "0.0325"),
        ("0.032500", "GBP", "0.0325"),
        ("1E+3", "GBP", "1000.00"),
        ("1000", "JPY", "1000"),
        ("0.5", "JPY", "0.5"),
        ("1.5", "KWD", "1.500"),
        ("-12.3", "GBP", "-12.30"),
        ("-0.000", "GBP", "0.00"),
        ("0E-6", "JPY", "0"),
        ("999999999999999.999999", "GBP", "999999999999999.999999"),
    ],
)
def test_an_amount_is_written_plainly(amount: str, currency: str, written: str) -> None:
    assert plain(Decimal(amount), currency) == written


@given(amounts, currencies)
def test_a_plainly_written_amount_reads_back_exactly(amount: Decimal, currency: str) -> None:
    assert parse_decimal(plain(amount, currency), "amount") == amount


# Whatever the host program does -------------------------------------------------------------------------------------


def test_the_host_programs_decimal_context_changes_nothing() -> None:
    total = Decimal("123456789012.34")
    with coarse_arithmetic():
        assert str(round_tax(Decimal("123456789.125"), "GBP")) == "123456789.13"
        assert str(round_up_to_minor_unit(Decimal("123456789.121"), "GBP")) == "123456789.13"
        assert str(round_usage(Decimal("123456789.0000015"))) == "123456789.000002"
        assert str(card_amount_in("GBP", Money(total, "GBP"), "amount")) == "123456789012.34"
        assert plain(Decimal("123456789.0325"), "GBP") == "123456789.0325"
        assert str(parse_decimal("123456789012.345678", "amount")) == "123456789012.345678"
        parts = allocate(total, [Decimal("333333333.33"), Decimal("666666666.67")], "GBP")
    assert sum(parts) == total


# Fields of events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["NaN", "Infinity", "0.0000001", "1" * 22])
def test_a_stored_amount_is_finite_and_bounded(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python(Decimal(text))


def test_a_stored_amount_keeps_every_digit() -> None:
    field = TypeAdapter(Amount)
    assert field.validate_json(field.dump_json(LARGEST)) == LARGEST


@pytest.mark.parametrize("code", ["gbp", "GBP\n", "GB", FULL_WIDTH_GBP])
def test_a_stored_currency_code_is_three_capital_letters(code: str) -> None:
    assert TypeAdapter(CurrencyCode).validate_python("GBP") == "GBP"
    with pytest.raises(ValidationError):
        TypeAdapter(CurrencyCode).validate_python(code)
