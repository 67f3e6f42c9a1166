"""Amounts in Stripe's units: exact for every declared currency, against Stripe's own lists of exceptions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money, get_currency

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.stripe.amounts import CURRENCIES, money_of, units_of

WITHOUT_DECIMALS = set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())  # noqa: SIM905 - as listed
THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
IN_HUNDREDTHS_ALL_THE_SAME = {"isk", "ugx"}

KNOWN = [
    ("12.34", "GBP", 1234),
    ("500", "JPY", 500),
    ("5", "ISK", 500),
    ("5000", "UGX", 500_000),
    ("5.12", "KWD", 5120),
    ("999999.99", "USD", 99_999_999),
    ("99999999", "JPY", 99_999_999),
    ("99999.99", "KWD", 99_999_990),
    ("999999", "ISK", 99_999_900),
]


def unit_of(currency: str) -> Decimal:
    """Stripe's unit, by Stripe's lists."""
    code = currency.lower()
    return Decimal(1) if code in WITHOUT_DECIMALS else Decimal("0.001") if code in THREE_DECIMALS else Decimal("0.01")


@pytest.mark.parametrize(("amount", "currency", "units"), KNOWN)
def test_known_amounts(amount, currency, units):
    assert units_of(Money(amount, currency)) == units
    assert money_of(units, currency.lower()) == Money(amount, currency)


@st.composite
def chargeable(draw: st.DrawFn) -> Money:
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    terms = CURRENCIES[currency]
    steps = draw(st.integers(int(-(-terms.minimum // terms.step)), int(terms.maximum // terms.step)))
    return Money(steps * terms.step, currency)


@given(chargeable())
def test_every_chargeable_amount_goes_out_as_a_whole_number_and_comes_back_equal(amount):
    units = units_of(amount)
    assert type(units) is int
    assert units * unit_of(amount.currency.code) == amount.amount
    assert 0 < units <= 99_999_999
    assert money_of(units, amount.currency.code.lower()) == amount


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_every_declared_currency_keeps_stripes_rules(currency):
    terms, code = CURRENCIES[currency], currency.lower()
    get_currency(currency)
    ends_in = 10 if code in THREE_DECIMALS else 100 if code in IN_HUNDREDTHS_ALL_THE_SAME else 1
    assert terms.step == ends_in * unit_of(currency)
    for amount in (terms.minimum, terms.maximum):
        assert units_of(Money(amount, currency)) % ends_in == 0
    for wrong in (terms.minimum - terms.step, terms.maximum + terms.step, terms.minimum + terms.step / 2):
        with pytest.raises(GatewayInvalidRequest):
            units_of(Money(wrong, currency))


def test_a_refund_has_no_minimum_but_one_step():
    assert units_of(Money("0.01", "GBP"), at_least_minimum=False) == 1
    with pytest.raises(GatewayInvalidRequest):
        units_of(Money("0.00", "GBP"), at_least_minimum=False)


def test_every_exception_of_stripes_lists_is_declared():
    assert {code.upper() for code in WITHOUT_DECIMALS | THREE_DECIMALS | IN_HUNDREDTHS_ALL_THE_SAME} <= set(CURRENCIES)


@pytest.mark.parametrize(
    ("units", "currency"), [(12.5, "gbp"), (True, "gbp"), ("1200", "gbp"), (None, "gbp"), (1200, "xxx"), (1200, None)]
)
def test_what_is_no_amount_is_not_read_as_one(units, currency):
    with pytest.raises(ValueError, match="not an amount"):
        money_of(units, currency)
