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

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NoReturn, Self, TypeVar

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest, GatewayMisconfigured, GatewayUnsupported
from interact_ledger.gateways.braintree.amounts import TERMS
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, Tries, call
from interact_ledger.gateways.braintree.declines import CUSTOMER_EXISTS, LOOK_IT_UP, NOT_SETTLED, TOKEN_IN_USE
from interact_ledger.gateways.braintree.notices import verified_notices
from interact_ledger.gateways.braintree.requests import (
    checked_id,
    refund_params,
    sale_params,
    save_params,
    token_for,
)
from interact_ledger.gateways.braintree.results import (
    VOIDABLE,
    card_saved,
    charge_result,
    declined_verification,
    error_codes,
    is_captured,
    is_duplicate,
    is_misconfigured,
    latest_fact,
    money_of,
    refund_result,
    refused_request,
    void_result,
)
from interact_ledger.gateways.braintree.sdk import ENVIRONMENTS, TransactionSearch, open_sdk
from interact_ledger.gateways.protocol import (
    Advice,
    Begun,
    Cancelled,
    Capabilities,
    CardRequest,
    CardResult,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    ForgetResult,
    Forgotten,
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
    Succeeded,
    Unknown,
)

__all__ = ["BraintreeGateway"]

Result = TypeVar("Result")

REPLAY_WINDOW = timedelta(days=30)
SETTLES_WITHIN = timedelta(seconds=60)
LOOKUP_LAG = timedelta(seconds=60)
CLOCK_DIFFERENCE = timedelta(minutes=1)
"""How far the clock of a machine that sends may be behind that of the one that cancels."""

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
        self._sdk = open_sdk(known, merchant_id, public_key, private_key)
        self._public_key, self._private_key = public_key, private_key
        self._clock = clock or SystemClock()
        self._request_keys = request_keys
        self._merchant_accounts = MappingProxyType(dict(merchant_accounts))
        self._tries = Tries()
        self._check_merchant_accounts()
        self._capabilities = Capabilities(
            currencies=MappingProxyType({code: TERMS[code] for code in self._merchant_accounts}),
            countries=None,
            brands=BRANDS,
            saves_without_charging=True,
            partial_refunds=True,
            refunds_before_settlement=False,
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
        prefix = "INTERACT_LEDGER_BRAINTREE_"

        def setting(name: str) -> str:
            value = environ.get(prefix + name, "").strip()
            if not value:
                raise GatewayMisconfigured("is not set", field=prefix + name)
            return value

        accounts = [part.partition("=") for part in setting("MERCHANT_ACCOUNTS").split(",")]
        merchant_accounts = {currency.strip(): account.strip() for currency, _, account in accounts}
        if len(merchant_accounts) != len(accounts) or not all(merchant_accounts.values()):
            raise GatewayMisconfigured(
                "must be like GBP=acme_gbp,EUR=acme_eur, each currency once", field=f"{prefix}MERCHANT_ACCOUNTS"
            )
        environment = setting("ENVIRONMENT")
        if environment not in ENVIRONMENTS:
            raise GatewayMisconfigured(f"is not one of {', '.join(ENVIRONMENTS)}", field=f"{prefix}ENVIRONMENT")
        request_keys = environ.get(f"{prefix}REQUEST_KEYS", "on").strip()
        if request_keys not in {"on", "off"}:
            raise GatewayMisconfigured("must be on or off", field=f"{prefix}REQUEST_KEYS")
        return cls(
            environment=environment,
            merchant_id=setting("MERCHANT_ID"),
            public_key=setting("PUBLIC_KEY"),
            private_key=setting("PRIVATE_KEY"),
            merchant_accounts=merchant_accounts,
            request_keys=request_keys == "on",
        )

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
        params = {"merchant_account_id": self._merchant_account(currency)}
        token: str = self._asked(lambda: self._sdk.client_token.generate(params))
        return token

    # The protocol: charging -------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        """Create the customer under the account's own id, unless there is one."""
        customer_id = checked_id(account_id, "account_id")
        created = self._asked(lambda: self._sdk.customer.create({"id": customer_id}))
        if not created.is_success and CUSTOMER_EXISTS not in error_codes(created):
            refused_request(error_codes(created))
            raise GatewayError("Braintree refuses the customer")
        return customer_id

    def begin(self, request: ChargeRequest) -> None:
        """Do nothing: Braintree has no payment that waits to be charged."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Sell and submit for settlement. What may be a repeat is looked up and never called a decline.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was charged.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was charged.
        """
        merchant_account = self._merchant_account(request.amount.currency.code)
        params = sale_params(request, source, merchant_account, request_keys=self._request_keys)
        answer = self._send(request, lambda: self._sdk.transaction.sale(params))
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._understood(lambda: self._charged(request, answer))

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Tell the present state of the attempt, found under its reference or by its order id."""
        return self._found(request, lambda: self._sale_of(request), lambda sale: _state(request, sale))

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Void what is not captured yet; an attempt that cannot arrive any more is cancelled by itself."""
        match self.find_charge(request):
            case Found(result=Begun()):
                raise AssertionError("nothing is ever begun at Braintree")
            case Found(result=result) if isinstance(result, Succeeded | Declined | Cancelled):
                return result
            case Found(result=result):
                return self._voided(request, str(result.reference)) if not isinstance(result, NotAttempted) else result
            case NotFound() if self._can_arrive_no_more(request):
                return Cancelled()
        return Unknown(why="it may still be under way, and Braintree has nothing to cancel yet")

    # The protocol: keeping cards --------------------------------------------------------------------------------

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Verify and vault the card under a token of our own; a token that is in use is this card.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was saved.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was saved.
        """
        params = save_params(request, card, self._merchant_account(None))
        answer = self._send(request, lambda: self._sdk.payment_method.create(params))
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._understood(lambda: self._saved(request, answer))

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return the saving's present state: the customer authenticated before there was one."""
        return self._present_saving(request, absent=NotAttempted(why="there is no such saving"))

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Tell whether the card was saved; an attempt that cannot arrive any more is cancelled by itself."""
        return self._present_saving(request, absent=Cancelled())

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Tell whether the vault holds the card that this attempt saved."""
        return self._found(request, lambda: self._sdk.payment_method.find(token_for(request)), card_saved)

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Delete the card from the vault.

        Raises:
            GatewayInvalidRequest: if the card is another customer's.
        """
        try:
            kept = call(lambda: self._sdk.payment_method.find(card.token))
            if kept.customer_id != customer_id:
                raise GatewayInvalidRequest("is not this customer's", field="card")
            call(lambda: self._sdk.payment_method.delete(card.token))
        except Absent:
            return Forgotten()
        except NotSent as error:
            return NotAttempted(why=str(error))
        except AnswerLost as error:
            return Unknown(why=str(error))
        return Forgotten()

    # The protocol: paying back ----------------------------------------------------------------------------------

    def refund(self, request: RefundRequest) -> RefundResult:
        """Refund what has settled, or void the whole of what has not.

        Raises:
            GatewayUnsupported: for a part of a charge that has not settled; ask again once it has.
            GatewayInvalidRequest: if there is no such charge, or not in this currency.
        """
        params = refund_params(request, request_keys=self._request_keys)
        try:
            sale = call(lambda: self._sdk.transaction.find(request.charge_reference))
            known = self._refund_of(request, sale)
        except Absent:
            raise GatewayInvalidRequest("names no charge at Braintree", field="charge_reference") from None
        except (NotSent, AnswerLost) as error:
            return self._not_sent(request, f"the charge could not be looked up: {error}")
        if known is not None:
            return known
        return self._understood(lambda: self._pay_back(request, sale, params))

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Tell the present state of the refund, found among those of its charge."""

        def refund() -> RefundResult:
            known = self._refund_of(request, self._sdk.transaction.find(request.charge_reference))
            if known is None:
                raise Absent("the charge has no such refund")
            return known

        return self._found(request, refund, lambda known: known)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:  # noqa: ARG002 - all is in the body
        """Verify a webhook, which must have happened in the last 25 hours."""
        return verified_notices(body, self._public_key, self._private_key, self._clock.now())

    # Sending ----------------------------------------------------------------------------------------------------

    def _send(
        self, request: ChargeRequest | CardRequest | RefundRequest, send: Callable[[], Any]
    ) -> Any | NotAttempted | Unknown:
        """Send, once, what may move money or keep a card; nothing after `send_before`."""
        attempt_id = request.attempt_id
        tried = attempt_id in self._tries
        if self._clock.now() >= request.send_before:
            return self._not_sent(request, "send_before has passed")
        if tried and not self._request_keys:
            return Unknown(why="it was sent before, and this merchant's requests bear no keys")
        self._tries.add(attempt_id)
        try:
            return call(send)
        except NotSent as error:
            if not tried:
                self._tries.discard(attempt_id)
            return self._not_sent(request, str(error))
        except AnswerLost as error:
            return Unknown(why=str(error))
        except Absent:
            raise GatewayMisconfigured("Braintree knows no such merchant", field="merchant_id") from None

    def _not_sent(self, request: ChargeRequest | CardRequest | RefundRequest, why: str) -> NotAttempted | Unknown:
        if request.attempt_id in self._tries:
            return Unknown(why=f"{why}, and an earlier try may have arrived")
        return NotAttempted(why=why)

    def _understood(self, read: Callable[[], Result]) -> Result | Unknown:
        """Read an answer; one that arrived and makes no sense, or needs a look-up that fails, leaves it unknown."""
        try:
            return read()
        except GatewayError:
            raise
        except (NotSent, AnswerLost, Absent) as error:
            return Unknown(why=str(error))
        except Exception as error:  # noqa: BLE001 - the request took effect; not to understand its answer changes nothing
            return Unknown(why=f"the answer could not be understood ({type(error).__name__})")

    def _asked(self, request: Callable[[], Any]) -> Any:
        """Ask for something that has nothing to do with money."""
        try:
            return call(request)
        except (NotSent, AnswerLost, Absent) as error:
            raise GatewayError(f"Braintree could not be asked: {error}") from None

    def _found(
        self,
        request: ChargeRequest | CardRequest | RefundRequest,
        look_up: Callable[[], Any],
        state: Callable[[Any], Result],
    ) -> Found[Result] | NotFound | Indeterminate:
        """Look something up; that it is absent is said only once it can no longer appear."""
        try:
            return Found(call(lambda: state(look_up())))
        except Absent:
            if self._clock.now() < request.send_before + self._capabilities.safe_delay:
                return Indeterminate(why="it is not there, and may still appear")
            return NotFound()
        except (NotSent, AnswerLost) as error:
            return Indeterminate(why=str(error))

    def _can_arrive_no_more(self, request: ChargeRequest | CardRequest) -> bool:
        return self._clock.now() >= request.send_before + self._capabilities.safe_delay + CLOCK_DIFFERENCE

    # Understanding what came back -------------------------------------------------------------------------------

    def _charged(self, request: ChargeRequest, answer: Any) -> ChargeResult:
        sale = answer.transaction
        if sale is not None and not is_duplicate(sale):
            if is_misconfigured(sale):
                raise GatewayMisconfigured(
                    f"the processor refuses the merchant account's set-up ({sale.processor_response_code})"
                )
            return _state(request, sale)
        codes = [] if sale is not None else error_codes(answer)
        if sale is not None or LOOK_IT_UP.intersection(codes):
            return _state(request, self._sale_of(request))
        return refused_request(codes)

    def _sale_of(self, request: ChargeRequest) -> Any:
        """Return the sale that tells what became of an attempt.

        Raises:
            Absent: if there is none.
        """
        if request.reference is not None:
            try:
                return call(lambda: self._sdk.transaction.find(request.reference))
            except Absent:
                pass
        order = TransactionSearch.order_id == request.attempt_id
        sales = [
            sale
            for sale in self._sdk.transaction.search(order).items
            if sale.order_id == request.attempt_id and sale.type == "sale"
        ]
        sale = latest_fact(sales)
        if sale is None and sales:
            raise AnswerLost("only a rejected repeat of it is to be seen yet")
        if sale is None:
            raise Absent("there is no such transaction")
        return sale

    def _voided(self, request: ChargeRequest, reference: str) -> ChargeResult:
        try:
            answer = call(lambda: self._sdk.transaction.void(reference))
            # What can no longer be voided went on meanwhile.
            sale = answer.transaction if answer.is_success else call(lambda: self._sdk.transaction.find(reference))
            return _state(request, sale)
        except (NotSent, AnswerLost, Absent) as error:
            return Unknown(why=str(error), reference=reference)

    def _saved(self, request: CardRequest, answer: Any) -> CardResult:
        if answer.is_success:
            return self._own(request, answer.payment_method)
        if answer.credit_card_verification is not None:
            return declined_verification(answer.credit_card_verification)
        codes = error_codes(answer)
        if TOKEN_IN_USE in codes or LOOK_IT_UP.intersection(codes):
            return self._own(request, call(lambda: self._sdk.payment_method.find(token_for(request))))
        return refused_request(codes)

    def _own(self, request: CardRequest, card: Any) -> CardSaved:
        if card.customer_id != request.customer_id:
            raise GatewayInvalidRequest("was used before for another customer", field="attempt_id")
        return card_saved(card)

    def _present_saving(self, request: CardRequest, *, absent: CardResult) -> CardResult:
        match self.find_card(request):
            case Found(result=result):
                return result
            case NotFound() if self._can_arrive_no_more(request):
                return absent
        return Unknown(why="it may still be under way, and Braintree has nothing to cancel yet")

    def _refund_of(self, request: RefundRequest, sale: Any) -> RefundResult | None:
        """Return what became of a refund, from the charge itself; None if nothing did."""
        if sale.status == "voided":
            voided = void_result(sale)
            return voided if voided.amount == request.amount else None
        for refund_id in sale.refund_ids or ():
            refund = call(lambda refund_id=refund_id: self._sdk.transaction.find(refund_id))
            if refund.order_id == request.attempt_id:
                return refund_result(refund)
        return None

    def _pay_back(self, request: RefundRequest, sale: Any, params: dict[str, Any]) -> RefundResult:
        charged = money_of(sale)
        if charged.currency != request.amount.currency:
            raise GatewayInvalidRequest("is not in the charge's currency", field="amount")
        if sale.status in VOIDABLE:
            if request.amount != charged:
                raise _not_settled()
            answer = self._send(request, lambda: self._sdk.transaction.void(sale.id))
        elif is_captured(sale):
            answer = self._send(request, lambda: self._sdk.transaction.refund(sale.id, params))
        else:
            return Declined(reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code=f"charge_{sale.status}")
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._paid_back(request, answer)

    def _paid_back(self, request: RefundRequest, answer: Any) -> RefundResult:
        transaction = answer.transaction
        if transaction is not None and not is_duplicate(transaction):
            return void_result(transaction) if transaction.status == "voided" else refund_result(transaction)
        codes = [] if transaction is not None else error_codes(answer)
        known = self._refund_of(request, call(lambda: self._sdk.transaction.find(request.charge_reference)))
        if known is not None:
            return known
        if transaction is not None or LOOK_IT_UP.intersection(codes):
            raise AnswerLost("a repeat was rejected, and the original is not to be seen yet")
        if NOT_SETTLED.intersection(codes):
            raise _not_settled()
        return refused_request(codes)

    # Merchant accounts ------------------------------------------------------------------------------------------

    def _merchant_account(self, currency: str | None) -> str:
        if currency is None:
            return next(iter(self._merchant_accounts.values()))
        account = self._merchant_accounts.get(currency)
        if account is None:
            raise GatewayInvalidRequest("is in a currency without a merchant account", field="amount")
        return account

    def _check_merchant_accounts(self) -> None:
        """The currency of a charge is its merchant account's, so a mistake here would charge pounds as yen."""
        if not self._merchant_accounts:
            raise GatewayMisconfigured("must name at least one currency", field="merchant_accounts")
        for currency, account_id in self._merchant_accounts.items():
            if currency not in TERMS:
                raise GatewayMisconfigured(f"{currency} is not a currency of this adapter", field="merchant_accounts")
            try:
                account = call(lambda account_id=account_id: self._sdk.merchant_account.find(account_id))
            except Absent:
                raise GatewayMisconfigured(
                    f"there is no such merchant account for {currency}", field="merchant_accounts"
                ) from None
            except (NotSent, AnswerLost) as error:
                raise GatewayError(f"Braintree could not be asked about its merchant accounts: {error}") from None
            if account.currency_iso_code != currency:
                raise GatewayMisconfigured(
                    f"the merchant account for {currency} is in {account.currency_iso_code}", field="merchant_accounts"
                )


def _state(request: ChargeRequest, sale: Any) -> ChargeResult:
    return charge_result(sale, keeps_card=request.save_card)


def _not_settled() -> GatewayUnsupported:
    return GatewayUnsupported(
        "a part of a charge is paid back only once the charge has settled, mostly within a day; ask again then",
        field="amount",
    )
