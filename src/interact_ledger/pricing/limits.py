"""How little and how much may be topped up at once, per currency (product rule 3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from interact_ledger.errors import AboveMaximum, BelowMinimum, InvalidRequest
from interact_ledger.money import decimal_places, plain
from interact_ledger.pricing.configuration import Configuration, Currency, bounded_decimal

__all__ = ["Limits", "TopUpLimits", "check_recharge", "limits_for"]

LimitAmount = Annotated[Decimal, bounded_decimal(minimum="0.001", maximum="1000000000", places=3)]


CURRENCIES_MAX = 500
"""More than ISO 4217 has."""


class Limits(Configuration):
    """The bounds of one top-up's recharge amount, inclusive, in the currency's major unit; taxes come on top."""

    minimum: LimitAmount
    maximum: LimitAmount


def _few_enough(limits: object) -> object:
    if isinstance(limits, Mapping) and len(limits) > CURRENCIES_MAX:
        raise ValueError(f"has more than {CURRENCIES_MAX} currencies")
    return limits


def _each_usable(limits: Mapping[str, Limits]) -> Mapping[str, Limits]:
    for currency, bounds in limits.items():
        if bounds.minimum > bounds.maximum:
            raise ValueError(f"{currency}.minimum is above {currency}.maximum")
        for name, amount in (("minimum", bounds.minimum), ("maximum", bounds.maximum)):
            if amount != round(amount, decimal_places(currency)):
                raise ValueError(f"{currency}.{name} has more decimals than {currency}")
    return limits


TopUpLimits: TypeAlias = Annotated[
    Mapping[Currency, Limits], BeforeValidator(_few_enough), Field(min_length=1), AfterValidator(_each_usable)
]
"""By currency; a currency that is not in it is not offered."""


def limits_for(limits: Mapping[str, Limits], currency: str, field: str = "currency") -> Limits:
    """Return the limits of one currency.

    Raises:
        InvalidRequest: if the currency is not offered.
    """
    if currency in limits:
        return limits[currency]
    raise InvalidRequest(f"{currency} is not offered; choose from {', '.join(sorted(limits))}", field=field)


def check_recharge(limits: Mapping[str, Limits], amount: Decimal, currency: str, field: str = "amount") -> Decimal:
    """Return a recharge amount if it is within its currency's limits.

    Raises:
        BelowMinimum, AboveMaximum: saying the limit.
        InvalidRequest: if the currency is not offered.
    """
    bounds = limits_for(limits, currency)
    if amount < bounds.minimum:
        raise BelowMinimum(f"is below the minimum of {plain(bounds.minimum, currency)} {currency}", field=field)
    if amount > bounds.maximum:
        raise AboveMaximum(f"is above the maximum of {plain(bounds.maximum, currency)} {currency}", field=field)
    return amount
