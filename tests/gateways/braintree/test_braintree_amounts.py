"""Amounts arrive as the exact text that was meant, and are read as what the gateway says, in every currency."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count

import pytest
from braintree_helpers import payment
from hypothesis import given, settings
from hypothesis import strategies as st
from moneyed import Money

from braintree_bench import BraintreeBench, opened_bench
from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.braintree.amounts import TERMS, read_money, written
from interact_ledger.gateways.protocol import NewCard, Succeeded
from interact_ledger.money import decimal_places

NUMBERS = count(1)


@pytest.fixture(scope="module")
def everywhere() -> Iterator[BraintreeBench]:
    with opened_bench(merchant_accounts={code: f"acme_{code.lower()}" for code in TERMS}) as opened:
        yield opened


@st.composite
def amounts(draw: st.DrawFn) -> Money:
    currency = draw(st.sampled_from(sorted(TERMS)))
    terms = TERMS[currency]
    steps = draw(st.integers(1, int(terms.maximum / terms.step)) | st.integers(1, 200))
    exact = steps * terms.step
    return Money(exact if draw(st.booleans()) else exact.normalize(), currency)


@settings(max_examples=150, deadline=None)
@given(amounts())
def test_an_amount_is_charged_and_told_exactly(everywhere, amount):
    request = payment(everywhere, f"amount {next(NUMBERS)}", amount=amount)
    result = everywhere.gateway.charge(request, NewCard(everywhere.books.nonce()))
    assert isinstance(result, Succeeded)
    assert result.amount == amount
    sale = everywhere.books.transactions[result.reference]
    assert (Decimal(sale.amount), sale.currency) == (amount.amount, amount.currency.code)
    assert set(sale.amount) <= set("0123456789.")


@pytest.mark.parametrize("currency", sorted(TERMS))
def test_what_is_sent_has_the_currencys_decimals_and_none_finer_than_iso_has(currency):
    terms = TERMS[currency]
    places = -int(terms.step.as_tuple().exponent)
    assert places <= decimal_places(currency)
    for steps in (1, 10, 12345):
        text = written(Money(steps * terms.step, currency))
        assert len(text.partition(".")[2]) == places
        assert Decimal(text) == steps * terms.step
    for wrong in (terms.step / 10, terms.minimum - terms.step, terms.maximum + terms.step, -terms.step):
        with pytest.raises(GatewayInvalidRequest):
            written(Money(wrong, currency))


def test_amounts_come_back_without_the_decimals_that_a_currency_has_not():
    assert str(read_money(Decimal("3.00"), "JPY").amount) == "3"
    assert str(read_money(Decimal("3.00"), "GBP").amount) == "3.00"
    assert read_money(Decimal("3.50"), "JPY") == Money("3.50", "JPY")  # told as it is, for the ledger to find


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+1000"])
def test_what_is_no_amount_is_not_sent(amount):
    with pytest.raises(GatewayInvalidRequest):
        written(Money(Decimal(amount), "GBP"))


@pytest.mark.parametrize("told", [("3.00", "GBP"), (Decimal("NaN"), "GBP"), (Decimal(3), None), (Decimal(3), "XQX")])
def test_what_is_no_amount_is_not_read(told):
    with pytest.raises(ValueError, match="not a"):
        read_money(*told)


@pytest.mark.parametrize("currency", ["KWD", "XAU"])
def test_other_currencies_are_refused(currency):
    with pytest.raises(GatewayInvalidRequest):
        written(Money("10", currency))
