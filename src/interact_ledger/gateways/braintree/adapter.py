"""The Braintree adapter.

Braintree has no object that waits to be charged: `begin` has nothing to do, the browser works with a client token
(`client_token`) before there is a payment, and a customer authenticates before the nonce gets here. What an attempt
came to is found by its own id, which is the order id of its transaction and the token of its card.

What the protocol leaves to a gateway, here:

- Nothing is cancelled before it arrives: `cancel` of an attempt that is not there is `Unknown` until it can no longer
  arrive, and `Cancelled` from then on.
- Past `send_before` nothing is sent: an attempt that this process may have got through is `Unknown`, any other is
  `NotAttempted`.
- A part of a charge is paid back only once the charge has settled; until then `refund` raises `ChargeNotSettled`,
  and the same refund may be asked for again. The whole of it is paid back at any time, by voiding the charge if it
  has not settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NoReturn, Self

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.braintree.after_capture import AfterCaptures
from interact_ledger.gateways.braintree.amounts import TERMS
from interact_ledger.gateways.braintree.cards import Cards
from interact_ledger.gateways.braintree.charges import Charges
from interact_ledger.gateways.braintree.connection import LOOKUP_LAG, SETTLES_WITHIN, Connection
from interact_ledger.gateways.braintree.merchant import MerchantAccounts, settings_from_env
from interact_ledger.gateways.braintree.notices import verified_notices
from interact_ledger.gateways.braintree.refunds import Refunds
from interact_ledger.gateways.braintree.sdk import ENVIRONMENTS, open_sdk
from interact_ledger.gateways.protocol import Capabilities, Notice

__all__ = ["BraintreeGateway"]

REPLAY_WINDOW = timedelta(days=30)
BRANDS = frozenset({"visa", "mastercard", "american_express", "maestro", "discover", "jcb", "diners_club", "unionpay"})


class BraintreeGateway(Charges, Cards, Refunds, AfterCaptures):
    """Braintree, with one merchant's API key. Methods may be called from several threads at once."""

    def __init__(
        self,
        *,
        environment: Any,
        merchant_id: str,
        public_key: str,
        private_key: str,
        merchant_accounts: Mapping[str, str],
        request_keys: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """Open the gateway and check with Braintree that each merchant account is in its currency.

        Args:
            environment: "sandbox" or "production", or an `Environment` of the SDK.
            merchant_id: the merchant's id.
            public_key: of an API key.
            private_key: of the same API key; it also signs the webhooks.
            merchant_accounts: by ISO 4217 code, the merchant account whose currency that is. The first one verifies
                cards that are saved without a charge.
            request_keys: whether Braintree has enabled at-most-once processing for this merchant. Without it an
                attempt is never sent twice, and what became of it is found by its order id.
            clock: where the adapter takes the time from; the system's if None.

        Raises:
            GatewayMisconfigured: if a credential, a merchant account or a currency is not what it should be.
            GatewayError: if Braintree cannot be reached to check that.
        """
        known = ENVIRONMENTS.get(environment) if isinstance(environment, str) else environment
        if known is None:
            raise GatewayMisconfigured(f"is not one of {', '.join(ENVIRONMENTS)}", field="environment")
        sdk = open_sdk(known, merchant_id, public_key, private_key)
        self._keys = (public_key, private_key)
        accounts = MerchantAccounts(sdk, merchant_accounts)
        super().__init__(Connection(sdk, clock or SystemClock(), request_keys=request_keys), accounts)
        self._capabilities = Capabilities(
            currencies=MappingProxyType({code: TERMS[code] for code in accounts.currencies}),
            countries=None,
            brands=BRANDS,
            saves_cards=True,
            saves_without_charging=True,
            refunds=True,
            partial_refunds=True,
            refunds_before_settlement=False,
            tells_after_capture=True,
            sends_every_notice=False,  # none of what is done in the Control Panel
            replay_window=REPLAY_WINDOW if request_keys else timedelta(0),
            settles_within=SETTLES_WITHIN,
            lookup_lag=LOOKUP_LAG,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Open the gateway from environment variables, all of which begin with INTERACT_LEDGER_BRAINTREE_.

        ENVIRONMENT is sandbox or production; MERCHANT_ID, PUBLIC_KEY and PRIVATE_KEY are of an API key;
        MERCHANT_ACCOUNTS names one per currency, such as `GBP=acme_gbp,EUR=acme_eur`; REQUEST_KEYS is `on` (or not
        set) or `off`.

        Raises:
            GatewayMisconfigured: naming the variable that is missing or wrong, never its value.
        """
        return cls(**settings_from_env(environ))

    def close(self) -> None:
        """Close this thread's connection to Braintree; the next call opens another."""
        self._sdk.config.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a BraintreeGateway holds secrets and cannot be pickled; make another with from_env")

    @property
    def gateway_id(self) -> str:
        """The name under which events know Braintree."""
        return "braintree"

    @property
    def capabilities(self) -> Capabilities:
        """What Braintree can do with the merchant accounts that there are."""
        return self._capabilities

    def client_token(self, currency: str | None = None) -> str:
        """Return a token with which a browser can turn a card into a nonce; it is a secret of that browser.

        It names no customer: with one, the vendor's ready-made form would vault the card whatever the customer chose.

        Args:
            currency: what the card is to be charged in; None if it is to be saved without a charge.

        Raises:
            GatewayInvalidRequest: for a currency without a merchant account.
            GatewayError: if Braintree cannot be reached.
        """
        params = {"merchant_account_id": self._merchant_accounts.of(currency)}
        token: str = self._connection.ask(lambda: self._sdk.client_token.generate(params))
        return token

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:  # noqa: ARG002 - all is in the body
        """Verify a webhook, which must have happened in the last 25 hours.

        Raises:
            NoticeRejected: for anything not authentic, too old, from the future, or unreadable.
        """
        public_key, private_key = self._keys
        return verified_notices(body, public_key, private_key, self._connection.clock.now())
