"""How Braintree writes money: decimal text in the major unit, in the currency of the merchant account.

The table is Braintree's, not ISO's: how many decimals an amount is *sent* with. What comes back may be written with
others (3 yen come back as `3.00`), so amounts are read as exact decimals and never compared as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from moneyed import CurrencyDoesNotExist, Money, get_currency

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import CurrencyTerms
from interact_ledger.money import EXACT

__all__ = ["TERMS", "read_money", "written"]

_TWO_DECIMALS = (
    *("AED", "AUD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "MXN", "MYR", "NOK"),
    *("NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR"),
)
_NO_DECIMALS = ("CLP", "ISK", "JPY", "KRW", "VND")
# None with three decimals: amounts there are written with two.

_MAXIMUM = Decimal(999_999)


def _terms(places: int) -> CurrencyTerms:
    step = Decimal(1).scaleb(-places)
    return CurrencyTerms(step=step, minimum=step, maximum=_MAXIMUM)


TERMS: Mapping[str, CurrencyTerms] = MappingProxyType(
    {code: _terms(2) for code in _TWO_DECIMALS} | {code: _terms(0) for code in _NO_DECIMALS}
)
"""By ISO 4217 code. A merchant account may allow less than the maximum; Braintree then refuses the request."""


def written(amount: Money) -> str:
    """Write an amount as it is sent: exact digits, never an exponent, never rounded.

    Raises:
        GatewayInvalidRequest: if it cannot be charged in its currency.
    """
    terms = TERMS.get(amount.currency.code)
    if terms is None:
        raise GatewayInvalidRequest("is in a currency that this gateway does not take", field="amount")
    exact = amount.amount
    if not exact.is_finite() or not terms.minimum <= exact <= terms.maximum or EXACT.remainder(exact, terms.step):
        raise GatewayInvalidRequest(
            f"is not a multiple of {terms.step} from {terms.minimum} to {terms.maximum}", field="amount"
        )
    return format(exact.quantize(terms.step, context=EXACT), "f")


def read_money(amount: object, currency: object) -> Money:
    """Read what the gateway says of an amount, without trailing zeros that its currency does not have.

    Raises:
        ValueError: if it is no amount of money.
    """
    if not isinstance(amount, Decimal) or not amount.is_finite() or not isinstance(currency, str):
        raise ValueError("not an amount with a currency")
    try:
        known = get_currency(currency)
    except CurrencyDoesNotExist:
        raise ValueError("not a currency") from None
    terms = TERMS.get(currency)
    if terms is not None and amount <= terms.maximum and not EXACT.remainder(amount, terms.step):
        amount = amount.quantize(terms.step, context=EXACT)
    return Money(amount, known)
