"""A top-up is at least £10 unless configured otherwise, per currency (product rule 3)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from interact_ledger.errors import AboveMaximum, BelowMinimum, InvalidRequest
from interact_ledger.pricing.limits import TopUpLimits, check_recharge, limits_for

ADAPTER = TypeAdapter(TopUpLimits)
LIMITS = ADAPTER.validate_python(
    {"GBP": {"minimum": "10.00", "maximum": "5000.00"}, "KWD": {"minimum": "3.005", "maximum": "3.005"}}
)


@pytest.mark.parametrize("amount", ["10", "10.00", "10.01", "5000"])
def test_an_amount_within_the_limits_is_taken_as_it_is(amount):
    assert check_recharge(LIMITS, Decimal(amount), "GBP") == Decimal(amount)


def test_an_amount_below_the_minimum_is_refused_and_the_minimum_told():
    with pytest.raises(BelowMinimum) as refused:
        check_recharge(LIMITS, Decimal("9.99"), "GBP")
    assert str(refused.value) == "amount: is below the minimum of 10.00 GBP"


def test_an_amount_above_the_maximum_is_refused_and_the_maximum_told():
    with pytest.raises(AboveMaximum) as refused:
        check_recharge(LIMITS, Decimal("5000.01"), "GBP", "recharge")
    assert str(refused.value) == "recharge: is above the maximum of 5000.00 GBP"


def test_three_decimals_are_told_where_the_currency_has_them():
    with pytest.raises(BelowMinimum, match=r"3\.005 KWD"):
        check_recharge(LIMITS, Decimal("3.004"), "KWD")


def test_a_currency_without_limits_is_not_offered():
    with pytest.raises(InvalidRequest, match="currency: EUR is not offered; choose from GBP, KWD"):
        limits_for(LIMITS, "EUR")
    with pytest.raises(InvalidRequest, match="currency: EUR is not offered"):
        check_recharge(LIMITS, Decimal(10), "EUR")


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        ({}, "at least 1 item"),
        ({"GBP": {"minimum": "10", "maximum": "9.99"}}, "GBP.minimum is above GBP.maximum"),
        ({"GBP": {"minimum": "0", "maximum": "9"}}, "must be from"),
        ({"GBP": {"minimum": "-1", "maximum": "9"}}, "must be from"),
        ({"GBP": {"minimum": "1.005", "maximum": "9"}}, "GBP.minimum has more decimals than GBP"),
        ({"JPY": {"minimum": "1", "maximum": "9.5"}}, "JPY.maximum has more decimals than JPY"),
        ({"GBP": {"minimum": 1.5, "maximum": "9"}}, "is a float"),
        ({"XYZ": {"minimum": "1", "maximum": "9"}}, "is not an ISO 4217"),
        ({"GBP": {"minimum": "1"}}, "Field required"),
    ],
)
def test_limits_that_cannot_be_used_are_refused(limits, rule):
    with pytest.raises(ValidationError, match=rule):
        ADAPTER.validate_python(limits)
