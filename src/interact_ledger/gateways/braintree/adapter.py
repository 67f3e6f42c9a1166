"""The Braintree adapter.

Braintree has no object that waits to be charged: `begin` has nothing to do, the browser works with a client token
(`client_token`) before there is a payment, and a customer authenticates before the nonce gets here. What an attempt
came to is found by its own id, which is the order id of its transaction and the token of its card.

What the protocol leaves to a gateway, here:

- Nothing is cancelled before it arrives: `cancel` of an attempt that is not there is `Unknown` until it can no longer
  arrive, and `Cancelled` from then on.
- Past `send_before` nothing is sent: an attempt that this process may have got through is `Unknown`, any other is
  `NotAttempted`.
- A part of a charge is paid back only once the charge has settled; until then `refund` raises `GatewayUnsupported`,
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
from interact_ledger.gateways.braintree.charges import Charges
from interact_ledger.gateways.braintree.connection import LOOKUP_LAG, SETTLES_WITHIN, Connection
from interact_ledger.gateways.braintree.merchant import MerchantAccounts, settings_from_env
from interact_ledger.gateways.braintree.notices import verified_notices
from interact_ledger.gateways.braintree.refunds import Refunds
from interact_ledger.gateways.braintree.sdk import ENVIRONMENTS, open_sdk
from interact_ledger.gateways.braintree.vault import Vault
from interact_ledger.gateways.protocol import (
    AfterCapture,
    Begun,
    Cancelled,
    Capabilities,
    CardDetails,
    CardRequest,
    CardResult,
    ChargeRequest,
    ChargeResult,
    ForgetResult,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    Notice,
    PaymentSource,
    RefundRequest,
    RefundResult,
    SavedCard,
)

__all__ = ["BraintreeGateway"]

REPLAY_WINDOW = timedelta(days=30)
BRANDS = frozenset({"visa", "mastercard", "american_express", "maestro", "discover", "jcb", "diners_club", "unionpay"})


class BraintreeGateway:
    """Charges, keeps and forgets cards at Braintree, following the protocol of `gateways.protocol`."""

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
        self._merchant_accounts = MerchantAccounts(sdk, merchant_accounts)
        self._connection = Connection(sdk, clock or SystemClock(), request_keys=request_keys)
        self._charges = Charges(self._connection)
        self._vault = Vault(self._connection)
        self._refunds = Refunds(self._connection)
        self._after_captures = AfterCaptures(self._connection)
        self._capabilities = Capabilities(
            currencies=MappingProxyType({code: TERMS[code] for code in self._merchant_accounts.currencies}),
            countries=None,
            brands=BRANDS,
            saves_cards=True,
            saves_without_charging=True,
            refunds=True,
            partial_refunds=True,
            refunds_before_settlement=False,
            tells_after_capture=True,
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
        self._connection.sdk.config.close()

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled: a pickle would hold the private key."""
        raise TypeError("a BraintreeGateway holds credentials and cannot be pickled")

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
        token: str = self._connection.ask(lambda: self._connection.sdk.client_token.generate(params))
        return token

    # The protocol -----------------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        """Create the customer under the account's own id, unless there is one."""
        return self._vault.link_customer(account_id)

    def begin(self, request: ChargeRequest) -> None:
        """Do nothing: Braintree has no payment that waits to be charged."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Sell and submit for settlement. What may be a repeat is looked up and never called a decline.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was charged.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was charged.
        """
        return self._charges.charge(request, source, self._merchant_accounts.of(request.amount.currency.code))

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Tell the present state of the attempt, found under its reference or by its order id."""
        return self._charges.find(request)

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Void what is not captured yet; an attempt that cannot arrive any more is cancelled by itself."""
        return self._charges.cancel(request)

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Verify and vault the card under a token of our own; a token that is in use is this card.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was saved.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was saved.
        """
        return self._vault.save(request, card, self._merchant_accounts.of(None))

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return the saving's present state: the customer authenticated before there was one."""
        return self._vault.present(request, absent=NotAttempted(why="there is no such saving"))

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Tell whether the card was saved; an attempt that cannot arrive any more is cancelled by itself."""
        return self._vault.present(request, absent=Cancelled())

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Tell whether the vault holds the card that this attempt saved."""
        return self._vault.find(request)

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Delete the card from the vault.

        Raises:
            GatewayInvalidRequest: if the card is another customer's.
        """
        return self._vault.forget(card, customer_id)

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Tell what the vault now has of a card."""
        return self._vault.find_saved(card, customer_id)

    def refund(self, request: RefundRequest) -> RefundResult:
        """Refund what has settled, or void the whole of what has not.

        Raises:
            GatewayUnsupported: for a part of a charge that has not settled; ask again once it has.
            GatewayInvalidRequest: if there is no such charge, or not in this currency.
        """
        return self._refunds.refund(request)

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Tell the present state of the refund, found among those of its charge."""
        return self._refunds.find(request)

    def find_after_capture(self, charge_reference: str) -> Found[AfterCapture] | NotFound | Indeterminate:
        """Tell which refunds, which void, which disputes and which declined settlement a sale has."""
        return self._after_captures.find(charge_reference)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:  # noqa: ARG002 - all is in the body
        """Verify a webhook, which must have happened in the last 25 hours.

        Raises:
            NoticeRejected: for anything not authentic, too old, from the future, or unreadable.
        """
        public_key, private_key = self._keys
        return verified_notices(body, public_key, private_key, self._connection.clock.now())
