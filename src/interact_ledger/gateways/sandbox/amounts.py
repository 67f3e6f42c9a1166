"""Amounts that the sandbox takes, each in its currency's own minor unit."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import CurrencyTerms
from interact_ledger.money import decimal_places

__all__ = ["CURRENCIES", "check_chargeable", "check_refundable"]

_CODES = (
    *("AED", "AUD", "BGN", "BHD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "ISK"),
    *("JOD", "JPY", "KRW", "KWD", "MXN", "NOK", "NZD", "OMR", "PLN", "RON", "SEK", "SGD", "TND", "USD", "VND", "ZAR"),
)
_MINIMUM_STEPS = 50
_MAXIMUM = Decimal(1_000_000)


def _terms(currency: str) -> CurrencyTerms:
    step = Decimal(1).scaleb(-decimal_places(currency))
    return CurrencyTerms(step=step, minimum=_MINIMUM_STEPS * step, maximum=_MAXIMUM)


CURRENCIES = MappingProxyType({code: _terms(code) for code in _CODES})
"""What each currency may be charged in; a refund has no minimum."""


def check_chargeable(amount: Money) -> None:
    """Check what is to be charged.

    Raises:
        GatewayInvalidRequest: for an amount or currency that the sandbox does not take.
    """
    check_refundable(amount)
    minimum = CURRENCIES[amount.currency.code].minimum
    if amount.amount < minimum:
        raise GatewayInvalidRequest(f"is below the sandbox's minimum of {minimum}", field="amount")


def check_refundable(amount: Money) -> None:
    """Check what is to be paid back.

    Raises:
        GatewayInvalidRequest: for a fraction, a size or a currency that the sandbox does not take.
    """
    terms = CURRENCIES.get(amount.currency.code)
    if terms is None:
        raise GatewayInvalidRequest("is in a currency that the sandbox does not take", field="amount")
    exact = amount.amount
    if not exact.is_finite() or not 0 < exact <= terms.maximum or exact % terms.step:
        raise GatewayInvalidRequest(f"is not a multiple of {terms.step} up to {terms.maximum}", field="amount")
