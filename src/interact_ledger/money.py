"""Amounts of money: the one place where they are parsed, bounded, rounded and shared out.

Inside the ledger an amount is an exact `Decimal` in its account's currency; at the public edge it is a
`moneyed.Money`. Balances and usage carry at most six decimal places (a message segment costs £0.0325); what is
paid by card is in the currency's own minor unit (pence, whole yen, thousandths of a dinar).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from functools import lru_cache
from typing import Annotated

from moneyed import CurrencyDoesNotExist, Money, get_currency
from pydantic import Field

from interact_ledger.errors import CurrencyMismatch, InvalidAmount

__all__ = [
    "EXACT",
    "Amount",
    "CurrencyCode",
    "allocate",
    "amount_in",
    "card_amount_in",
    "decimal_places",
    "known_currency",
    "parse_decimal",
    "plain",
    "round_card",
    "round_tax",
    "round_up_to_minor_unit",
    "round_usage",
]

WHOLE_DIGITS_MAX = 15
USAGE_DECIMAL_PLACES = 6
TEXT_LENGTH_MAX = 1 + WHOLE_DIGITS_MAX + 1 + USAGE_DECIMAL_PLACES

Amount = Annotated[
    Decimal, Field(max_digits=WHOLE_DIGITS_MAX + USAGE_DECIMAL_PLACES, decimal_places=USAGE_DECIMAL_PLACES)
]
"""A stored amount: an exact decimal, in the currency named beside it."""

CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code."""

_DECIMAL_TEXT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
EXACT = Context(prec=60)
"""The arithmetic of this library, whatever the host program set for its own; wide enough never to round by itself."""

_USAGE_STEP = Decimal(1).scaleb(-USAGE_DECIMAL_PLACES)


def parse_decimal(value: object, field: str) -> Decimal:
    """Read an exact decimal from a `Decimal`, `int` or text.

    The text is bounded before it is parsed (a crafted exponent can keep a parser busy for seconds): ASCII digits
    only, at most 15 before and 6 after the point, no exponent, no grouping.

    Raises:
        InvalidAmount: for a float, a bool, NaN, infinity, or anything outside these bounds.
    """
    if isinstance(value, Decimal):
        return _bounded(value, field)
    if isinstance(value, bool | float):
        raise InvalidAmount(
            f"is a {type(value).__name__}, which is not exact; pass Decimal, int or text such as '10.00'",
            field=field,
        )
    if isinstance(value, int):
        if abs(value) >= 10**WHOLE_DIGITS_MAX:
            raise InvalidAmount(f"has more than {WHOLE_DIGITS_MAX} digits", field=field)
        return Decimal(value)
    if isinstance(value, str):
        if len(value) > TEXT_LENGTH_MAX or _DECIMAL_TEXT.fullmatch(value) is None:
            raise InvalidAmount(
                "is not an amount: write ASCII digits with at most 15 before and 6 after the point",
                field=field,
            )
        return _bounded(Decimal(value), field)
    raise InvalidAmount(f"is a {type(value).__name__}; pass Decimal, int or text", field=field)


def _bounded(value: Decimal, field: str) -> Decimal:
    """Hold a decimal against the bounds, and write it without a positive exponent or a negative zero."""
    if not value.is_finite():
        raise InvalidAmount("is not a finite number", field=field)
    if value and value.adjusted() >= WHOLE_DIGITS_MAX:
        raise InvalidAmount(f"has more than {WHOLE_DIGITS_MAX} digits before the point", field=field)
    value = EXACT.plus(value)  # what is longer than any amount loses its tail, and keeps too many decimal places
    if _places(value) > USAGE_DECIMAL_PLACES:
        raise InvalidAmount(f"has more than {USAGE_DECIMAL_PLACES} decimal places", field=field)
    return Decimal(int(value)) if not value or _exponent(value) > 0 else value


def amount_in(currency: str, money: object, field: str) -> Decimal:
    """Take an amount out of a `Money` that must be in `currency`, with at most six decimal places.

    Raises:
        InvalidAmount: if it is no Money, or its amount is not exact and bounded.
        CurrencyMismatch: if it is in another currency.
    """
    if not isinstance(money, Money):
        raise InvalidAmount(
            f"is a {type(money).__name__}; pass moneyed.Money, for example Money('10.00', '{currency}')",
            field=field,
        )
    if money.currency.code != currency:
        raise CurrencyMismatch(f"is in {money.currency.code}, but the account is in {currency}", field=field)
    return parse_decimal(money.amount, field)


def card_amount_in(currency: str, money: object, field: str) -> Decimal:
    """Take a positive amount out of a `Money`, in the currency's own minor unit, as a card can pay it.

    Raises:
        InvalidAmount: also if it is zero or negative, or has more decimals than the currency.
        CurrencyMismatch: if it is in another currency.
    """
    amount = amount_in(currency, money, field)
    if amount <= 0:
        raise InvalidAmount("must be more than zero", field=field)
    if _places(amount) > decimal_places(currency):
        raise InvalidAmount(
            f"has more than the {decimal_places(currency)} decimal places that {currency} has", field=field
        )
    return round_card(amount, currency)


def known_currency(code: object, field: str) -> str:
    """Return the code if it is an ISO 4217 currency.

    Raises:
        InvalidAmount: if it is not.
    """
    if isinstance(code, str) and re.fullmatch(r"[A-Z]{3}", code):
        try:
            return str(get_currency(code).code)
        except CurrencyDoesNotExist:
            pass
    raise InvalidAmount("is not an ISO 4217 currency code such as 'GBP'", field=field)


@lru_cache
def decimal_places(currency: str) -> int:
    """Return how many decimals the currency's minor unit has: GBP 2, JPY 0, KWD 3."""
    return len(str(get_currency(currency).sub_unit)) - 1


@lru_cache
def minor_unit(currency: str) -> Decimal:
    """Return the least amount in which the currency is charged: 0.01 for pounds, 1 for yen."""
    return Decimal(1).scaleb(-decimal_places(currency))


def round_usage(amount: Decimal) -> Decimal:
    """Round a price of usage half to even at six places; what fits exactly keeps its form."""
    if _places(amount) <= USAGE_DECIMAL_PLACES:
        return amount
    return amount.quantize(_USAGE_STEP, rounding=ROUND_HALF_EVEN, context=EXACT)


def round_tax(amount: Decimal, currency: str) -> Decimal:
    """Round one tax half up to the currency's minor unit."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP, context=EXACT)


def round_up_to_minor_unit(amount: Decimal, currency: str) -> Decimal:
    """Round away from zero to the currency's minor unit: what a card must pay to cover `amount`."""
    return amount.quantize(minor_unit(currency), rounding=ROUND_UP, context=EXACT)


def round_card(amount: Decimal, currency: str) -> Decimal:
    """Write an amount that already fits with exactly the currency's decimals: 50 becomes 50.00."""
    written = amount.quantize(minor_unit(currency), context=EXACT)
    assert written == amount, "an amount is never rounded in passing"
    return written


def minor_units(amount: Decimal, currency: str) -> int:
    """Return an amount that already fits as a whole number of the currency's minor unit: 5000 pence."""
    units = amount.scaleb(decimal_places(currency), EXACT)
    assert units == int(units), "an amount is never rounded in passing"
    return int(units)


def allocate(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Share `total` out in proportion to `weights`, in minor units, by largest remainder.

    The parts always sum to the total. Equal remainders go to the earlier weight. All weights zero shares equally.
    A negative total is shared as its opposite is, so that what was shared out can be taken back part by part.
    """
    assert weights, "an amount is shared among at least one part"
    assert min(weights) >= 0, "a part is not negative"
    units = minor_units(total.copy_abs(), currency)
    shares = _whole_shares(weights) if any(weights) else [1] * len(weights)
    scale = sum(shares)
    parts = [units * share // scale for share in shares]
    by_remainder = sorted(range(len(parts)), key=lambda i: -(units * shares[i] % scale))
    for i in by_remainder[: units - sum(parts)]:
        parts[i] += 1
    sign = -1 if total < 0 else 1
    return [EXACT.multiply(sign * part, minor_unit(currency)) for part in parts]


def plain(amount: Decimal, currency: str) -> str:
    """Write an amount without exponent, with the currency's decimals and, where needed, more."""
    places = max(decimal_places(currency), _places(amount.normalize(EXACT)))
    return f"{amount or Decimal(0):.{places}f}"


def _whole_shares(weights: Sequence[Decimal]) -> list[int]:
    """Scale the weights up to whole numbers, exactly."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _places(amount: Decimal) -> int:
    return max(0, -_exponent(amount))


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int), "the amount is finite"
    return exponent
