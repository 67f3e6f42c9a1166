"""Amounts as Stripe wants them: whole numbers of a unit that is Stripe's own, in steps of its own.

From Stripe's page on currencies. Most are sent in hundredths. Some have no decimals. ISK and UGX have none either, but
are sent in hundredths all the same, in whole hundreds of them. Three-decimal currencies end in a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import CurrencyTerms
from interact_ledger.money import EXACT

__all__ = ["CURRENCIES", "money_of", "units_of"]

_UNITS_MAX = 99_999_999
"""Eight digits, whatever the currency."""

_WITHOUT_DECIMALS = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_WITH_THREE_DECIMALS = "BHD JOD KWD OMR TND"
_WHOLE_IN_HUNDREDTHS = "ISK UGX"
_IN_HUNDREDTHS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE CZK DKK
    DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LBP LKR
    LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
    SAR SBD SCR SEK SGD SHP SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR ZMW
"""

_MINIMUMS = {
    "AED": "2.00",
    "AUD": "0.50",
    "BRL": "0.50",
    "CAD": "0.50",
    "CHF": "0.50",
    "CZK": "15.00",
    "DKK": "2.50",
    "EUR": "0.50",
    "GBP": "0.30",
    "HKD": "4.00",
    "HUF": "175.00",
    "INR": "0.50",
    "JPY": "50",
    "MXN": "10.00",
    "MYR": "2.00",
    "NOK": "3.00",
    "NZD": "0.50",
    "PLN": "2.00",
    "RON": "2.00",
    "SEK": "3.00",
    "SGD": "0.50",
    "THB": "10.00",
    "USD": "0.50",
}
"""Where Stripe names one. For any other currency the least is what converts to the settlement currency's."""


class _Unit(NamedTuple):
    decimals: int
    """How many decimals of the currency Stripe's unit has."""
    step: int
    """Of how many units amounts must be a multiple."""


_UNITS: Mapping[str, _Unit] = {
    **dict.fromkeys(_WITHOUT_DECIMALS.split(), _Unit(0, 1)),
    **dict.fromkeys(_WITH_THREE_DECIMALS.split(), _Unit(3, 10)),
    **dict.fromkeys(_WHOLE_IN_HUNDREDTHS.split(), _Unit(2, 100)),
    **dict.fromkeys(_IN_HUNDREDTHS.split(), _Unit(2, 1)),
}


def _terms(currency: str) -> CurrencyTerms:
    decimals, step = _UNITS[currency]
    least = Decimal(step).scaleb(-decimals)
    return CurrencyTerms(
        step=least,
        minimum=Decimal(_MINIMUMS.get(currency, least)),
        maximum=Decimal(_UNITS_MAX - _UNITS_MAX % step).scaleb(-decimals),
    )


CURRENCIES: Mapping[str, CurrencyTerms] = MappingProxyType({currency: _terms(currency) for currency in sorted(_UNITS)})
"""What each currency may be charged in."""


def units_of(amount: Money, *, at_least_minimum: bool = True) -> int:
    """Return an amount in Stripe's unit, which is never rounded to fit.

    Args:
        amount: what is to be charged or paid back.
        at_least_minimum: whether the currency's minimum applies; a refund has none.

    Raises:
        GatewayInvalidRequest: for a currency, a fraction or a size that Stripe does not take.
    """
    currency, exact = amount.currency.code, amount.amount
    terms = CURRENCIES.get(currency)
    if terms is None:
        raise GatewayInvalidRequest("is in a currency that Stripe does not take", field="amount")
    least = terms.minimum if at_least_minimum else terms.step
    if not exact.is_finite() or not least <= exact <= terms.maximum or exact % terms.step:
        raise GatewayInvalidRequest(
            f"is not from {least:f} to {terms.maximum:f} {currency} in steps of {terms.step:f}", field="amount"
        )
    return int(exact.scaleb(_UNITS[currency].decimals, EXACT))


def money_of(units: object, currency: object) -> Money:
    """Return what Stripe says in its unit.

    Raises:
        ValueError: if that is no whole number, or no currency of Stripe's.
    """
    if type(units) is not int or not isinstance(currency, str) or currency.upper() not in CURRENCIES:
        raise ValueError("not an amount of Stripe's")
    code = currency.upper()
    return Money(Decimal(units).scaleb(-_UNITS[code].decimals, EXACT), code)
