"""Amounts in whole millionths, and moments in one form."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.audit.amounts import decimal, is_canonical, millionths, moment

EXACT = st.decimals(-(10**15), 10**15, places=6, allow_nan=False, allow_infinity=False)


@given(EXACT)
def test_an_amount_becomes_millionths_and_back_without_loss(amount):
    assert millionths(f"{amount:f}") == amount * 10**6
    assert decimal(millionths(f"{amount:f}")) == amount


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1e3", "1E+3", "NaN", "1_000", " 1", "1.0000001", "\u0661", "--1", "9" * 30]
)
def test_what_the_ledger_never_writes_is_no_amount(text):
    with pytest.raises(ValueError, match="is no amount"):
        millionths(text)


@pytest.mark.parametrize("value", [1, 1.5, None, Decimal(1)])
def test_only_texts_are_amounts(value):
    with pytest.raises(TypeError):
        millionths(value)


def test_moments_have_one_form():
    assert moment("2026-11-23T10:30:00+01:00") == "2026-11-23T09:30:00.000000Z"
    assert is_canonical(moment("2026-11-23T09:30:00Z"))


@pytest.mark.parametrize("text", [None, "2026-11-23T09:30:00Z", "2026-13-23T09:30:00.000000Z", "2026-11-23"])
def test_other_forms_are_not_canonical(text):
    assert not is_canonical(text)
