"""Who the merchant is, from environment variables, and which merchant account charges which currency."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from interact_ledger.errors import GatewayError, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.braintree.amounts import TERMS
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, call
from interact_ledger.gateways.braintree.sdk import ENVIRONMENTS

__all__ = ["MerchantAccounts", "settings_from_env"]

_PREFIX = "INTERACT_LEDGER_BRAINTREE_"


def settings_from_env(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the adapter's arguments from the variables that begin with INTERACT_LEDGER_BRAINTREE_.

    Raises:
        GatewayMisconfigured: naming the variable that is missing or wrong, never its value.
    """
    accounts = [part.partition("=") for part in _variable(environ, "MERCHANT_ACCOUNTS").split(",")]
    merchant_accounts = {currency.strip(): account.strip() for currency, _, account in accounts}
    if len(merchant_accounts) != len(accounts) or not all(merchant_accounts.values()):
        raise GatewayMisconfigured(
            "must be like GBP=acme_gbp,EUR=acme_eur, each currency once", field=f"{_PREFIX}MERCHANT_ACCOUNTS"
        )
    environment = _variable(environ, "ENVIRONMENT")
    if environment not in ENVIRONMENTS:
        raise GatewayMisconfigured(f"is not one of {', '.join(ENVIRONMENTS)}", field=f"{_PREFIX}ENVIRONMENT")
    request_keys = environ.get(f"{_PREFIX}REQUEST_KEYS", "on").strip()
    if request_keys not in {"on", "off"}:
        raise GatewayMisconfigured("must be on or off", field=f"{_PREFIX}REQUEST_KEYS")
    return {
        "environment": environment,
        "merchant_id": _variable(environ, "MERCHANT_ID"),
        "public_key": _variable(environ, "PUBLIC_KEY"),
        "private_key": _variable(environ, "PRIVATE_KEY"),
        "merchant_accounts": merchant_accounts,
        "request_keys": request_keys == "on",
    }


def _variable(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(_PREFIX + name, "").strip()
    if not value:
        raise GatewayMisconfigured("is not set", field=_PREFIX + name)
    return value


class MerchantAccounts:
    """The merchant account of each currency, checked with Braintree.

    A request names no currency: it is the merchant account's. So a mistake here would charge pounds as yen.
    """

    def __init__(self, sdk: Any, by_currency: Mapping[str, str]) -> None:
        """Check each one.

        Raises:
            GatewayMisconfigured: if one is not there or in another currency.
            GatewayError: if Braintree cannot be asked.
        """
        if not by_currency:
            raise GatewayMisconfigured("must name at least one currency", field="merchant_accounts")
        self._by_currency = MappingProxyType(dict(by_currency))
        for currency, account_id in self._by_currency.items():
            if currency not in TERMS:
                raise GatewayMisconfigured(f"{currency} is not a currency of this adapter", field="merchant_accounts")
            told = _currency_of(sdk, currency, account_id)
            if told != currency:
                raise GatewayMisconfigured(
                    f"the merchant account for {currency} is in another currency", field="merchant_accounts"
                )

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies, in the order in which they were named."""
        return tuple(self._by_currency)

    def of(self, currency: str | None) -> str:
        """Return the account for a currency, or the first one for what is in no currency.

        Raises:
            GatewayInvalidRequest: if there is none.
        """
        if currency is None:
            return next(iter(self._by_currency.values()))
        account_id = self._by_currency.get(currency)
        if account_id is None:
            raise GatewayInvalidRequest("is in a currency without a merchant account", field="amount")
        return account_id


def _currency_of(sdk: Any, currency: str, account_id: str) -> str | None:
    try:
        account = call(lambda: sdk.merchant_account.find(account_id))
    except Absent:
        raise GatewayMisconfigured(f"names no merchant account for {currency}", field="merchant_accounts") from None
    except (NotSent, AnswerLost) as error:
        raise GatewayError(f"Braintree could not be asked about its merchant accounts: {error}") from None
    told: str | None = getattr(account, "currency_iso_code", None)
    return told
