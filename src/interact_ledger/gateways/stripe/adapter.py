"""The adapter: Stripe as the protocol wants it.

Each attempt is one PaymentIntent (a saving: one SetupIntent), created unconfirmed, remembered by the ledger, and then
confirmed. A decline, an authentication and a success all happen on that object, so one look at it tells everything,
and cancelling it stops whatever may still be under way. Answers that Stripe only replays are not believed to be the
present: the object is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NoReturn, Self, TypeVar

from interact_ledger.clock import Clock, SystemClock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import (
    Advice,
    Begun,
    Cancelled,
    Capabilities,
    CardRequest,
    CardResult,
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
    Unknown,
)
from interact_ledger.gateways.stripe.amounts import CURRENCIES
from interact_ledger.gateways.stripe.connection import Answer, Connection, Refusal
from interact_ledger.gateways.stripe.intents import Intents, Said, found_in_pages
from interact_ledger.gateways.stripe.notices import verified_notice
from interact_ledger.gateways.stripe.requests import (
    LASTS_AT_MOST,
    key,
    new_customer,
    new_payment,
    new_refund,
    new_saving,
    payment_confirmation,
    saving_confirmation,
)
from interact_ledger.gateways.stripe.results import (
    BRANDS,
    UNREADABLE,
    Object,
    card_decline,
    card_result,
    charge_result,
    refund_result,
    text,
)

__all__ = ["StripeGateway"]

API_KEY = "INTERACT_LEDGER_STRIPE_API_KEY"
WEBHOOK_SECRETS = "INTERACT_LEDGER_STRIPE_WEBHOOK_SECRETS"

TIMEOUTS = (5.0, 30.0)
PAUSES = (timedelta(seconds=0.5), timedelta(seconds=1.5))

_CAPABILITIES = Capabilities(
    currencies=CURRENCIES,
    countries=None,
    brands=BRANDS,
    saves_cards=True,
    saves_without_charging=True,
    refunds=True,
    partial_refunds=True,
    refunds_before_settlement=True,
    replay_window=timedelta(hours=23),  # Stripe forgets a key after 24 hours at the earliest
    settles_within=timedelta(minutes=2),
    lookup_lag=timedelta(minutes=1),
)

_MISSING = "resource_missing"

Result = TypeVar("Result")


class StripeGateway:
    """Stripe, with one account's secret key. Methods may be called from several threads at once."""

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secrets: Sequence[str] = (),
        clock: Clock | None = None,
        api_base: str | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        """Make an adapter; nothing is sent yet.

        Args:
            api_key: the account's secret key, or a restricted one that may do what the how-to lists.
            webhook_secrets: of the webhook endpoint, several while one is being rotated; without any, every notice
                is rejected.
            clock: where it takes the time from; the system's if None.
            api_base: another address than Stripe's, for tests.
            timeouts: for connecting, and for waiting for an answer, in seconds.
            pauses: before each further try of a request.

        Raises:
            GatewayMisconfigured: for what is no secret key or no webhook secret. The message never repeats it.
        """
        if not _is_secret(api_key, ("sk_", "rk_")):
            raise GatewayMisconfigured("is not a secret key (sk_…) or restricted key (rk_…) of Stripe", field="api_key")
        if isinstance(webhook_secrets, str) or not all(_is_secret(secret, ("whsec_",)) for secret in webhook_secrets):
            raise GatewayMisconfigured("are not signing secrets (whsec_…) of Stripe", field="webhook_secrets")
        self._clock = clock or SystemClock()
        self._secrets = tuple(webhook_secrets)
        self._connection = Connection(api_key, clock=self._clock, api_base=api_base, timeouts=timeouts, pauses=pauses)
        self._payments = Intents(
            self._connection, lambda v1: v1.payment_intents, "payment_intent", ("latest_charge", "payment_method")
        )
        self._savings = Intents(self._connection, lambda v1: v1.setup_intents, "setup_intent", ("payment_method",))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Make an adapter from INTERACT_LEDGER_STRIPE_API_KEY and INTERACT_LEDGER_STRIPE_WEBHOOK_SECRETS.

        The second may be left out, and holds several secrets with commas between them.

        Raises:
            GatewayMisconfigured: if the key is missing, or either is not what it should be.
        """
        api_key = environ.get(API_KEY, "").strip()
        if not _is_secret(api_key, ("sk_", "rk_")):
            raise GatewayMisconfigured("is not set to a secret key (sk_…) or restricted key (rk_…)", field=API_KEY)
        secrets = [secret.strip() for secret in environ.get(WEBHOOK_SECRETS, "").split(",") if secret.strip()]
        if not all(_is_secret(secret, ("whsec_",)) for secret in secrets):
            raise GatewayMisconfigured("holds what is no signing secret (whsec_…)", field=WEBHOOK_SECRETS)
        return cls(api_key, webhook_secrets=secrets)

    def __repr__(self) -> str:
        return "StripeGateway()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a StripeGateway holds secrets and cannot be pickled; make another with from_env")

    @property
    def gateway_id(self) -> str:
        """The name under which events know Stripe."""
        return "stripe"

    @property
    def capabilities(self) -> Capabilities:
        """What Stripe can do, as far as this adapter uses it."""
        return _CAPABILITIES

    # Customers and charges --------------------------------------------------------------------------------------

    def link_customer(self, account_id: str) -> str:
        """Return the id of the account's Customer; a repeat within a day gets the same one.

        Raises:
            GatewayError: if it could not be created.
        """
        params, options = new_customer(account_id), {"idempotency_key": key(account_id, "customer")}
        sent = self._connection.send(lambda v1: v1.customers.create(params=params, options=options))
        if isinstance(sent, Refusal):
            raise _invalid(sent, "account_id")
        customer_id = _read(sent.body, _id_of) if isinstance(sent, Answer) else sent
        if not isinstance(customer_id, str):
            raise GatewayError(f"Stripe could not be asked for a customer: {customer_id.why}")
        return customer_id

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown:
        """Create an unconfirmed PaymentIntent. Its client secret is told to nobody before it is needed.

        Raises:
            GatewayInvalidRequest: for an amount that Stripe does not take, or if the attempt was begun with other
                parameters.
        """
        made = self._new_payment(request, request.send_before)
        return Begun(reference=made) if isinstance(made, str) else made

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Confirm the PaymentIntent; whatever was confirmed before tells its present state.

        Raises:
            GatewayInvalidRequest: as `begin`, for a token that Stripe does not know or has used up, or if the attempt
                was charged to another card.
        """
        _refuse_empty(source.token, "source")
        reference = request.reference or self._new_payment(request, request.send_before)
        if not isinstance(reference, str):
            return reference
        params = payment_confirmation(request, source)
        said = self._payments.confirm(reference, params, key(request.attempt_id, "confirm"), request.send_before)
        if isinstance(said, Refusal):
            return _refused_source(said, source, reference)
        return _charge_result(request, reference, said)

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Retrieve the PaymentIntent by its id, else look for it among the customer's.

        Raises:
            GatewayMisconfigured: if Stripe does not know the customer.
        """
        found = self._payments.find(request.reference, request.attempt_id, request.customer_id, request.send_before)
        return _found(found, lambda payment: charge_result(request, payment))

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Cancel the PaymentIntent.

        If none can be found, one is created and cancelled under the attempt's own key, so that whoever still means to
        begin the attempt gets that one.
        """
        reference = request.reference
        if not reference:
            found = self._payments.find(None, request.attempt_id, request.customer_id, request.send_before)
            made = self._new_payment(request, None) if found is None else _reference_of(found)
            if not isinstance(made, str):
                return made
            reference = made
        said = self._payments.cancel(reference)
        if isinstance(said, Refusal):
            raise _invalid(said, "reference")
        return _charge_result(request, reference, said)

    # Cards ------------------------------------------------------------------------------------------------------

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Create and confirm a SetupIntent; one that is declined is cancelled, so that no browser goes on with it.

        Raises:
            GatewayInvalidRequest: for a token that Stripe does not know or has used up, or if the attempt was made
                with another card.
        """
        _refuse_empty(card.token, "card")
        reference = request.reference or self._new_saving(request, request.send_before)
        if not isinstance(reference, str):
            return reference
        params = saving_confirmation(card)
        said = self._savings.confirm(reference, params, key(request.attempt_id, "confirm"), request.send_before)
        if isinstance(said, Refusal):
            raise _invalid(said, "card")
        return self._saved(request, reference, said)

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return what became of the SetupIntent, which the browser has confirmed; one that failed is cancelled."""
        found = self._find_saving(request)
        if isinstance(found, Indeterminate):
            return Unknown(why=found.why, reference=request.reference)
        if found is None:
            return NotAttempted(why="there is no such saving")
        reference = _reference_of(found)
        return self._saved(request, reference, found) if isinstance(reference, str) else reference

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Cancel the SetupIntent; if none can be found, as `cancel`."""
        reference = request.reference
        if not reference:
            found = self._find_saving(request)
            made = self._new_saving(request, None) if found is None else _reference_of(found)
            if not isinstance(made, str):
                return made
            reference = made
        return self._cancelled_saving(request, reference)

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Retrieve the SetupIntent by its id, else look for it among the customer's; unconfirmed, it is not found."""
        return _found(self._find_saving(request), lambda saving: card_result(request, saving))

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Detach the card, which makes it unusable for ever.

        Raises:
            GatewayInvalidRequest: if it is another customer's.
        """
        _refuse_empty(card.token, "card")
        owner = self._owner_of(card)
        if not isinstance(owner, str):
            return owner
        if owner != customer_id:
            raise GatewayInvalidRequest("is not this customer's", field="card")
        sent = self._connection.send(lambda v1: v1.payment_methods.detach(card.token))
        if isinstance(sent, Answer) or isinstance(self._owner_of(card), Forgotten):
            return Forgotten()
        return Unknown(why="Stripe did not detach it") if isinstance(sent, Refusal) else sent

    # Refunds ----------------------------------------------------------------------------------------------------

    def refund(self, request: RefundRequest) -> RefundResult:
        """Pay a PaymentIntent back; Stripe never pays back more than it captured.

        Raises:
            GatewayInvalidRequest: if there is no such payment, the amount cannot be paid back in its currency, or the
                attempt had other parameters before.
        """
        _refuse_empty(request.charge_reference, "charge_reference")
        params, options = new_refund(request), {"idempotency_key": key(request.attempt_id, "refund")}
        sent = self._connection.send(lambda v1: v1.refunds.create(params=params, options=options), request.send_before)
        if isinstance(sent, NotAttempted) and self._connection.is_past(request.send_before):
            found = self.find_refund(request)
            return found.result if isinstance(found, Found) else sent
        if isinstance(sent, Refusal):
            return _refused_refund(sent)
        if not isinstance(sent, Answer):
            return sent
        if sent.replayed:
            return self._present_refund(sent.body)
        return _read(sent.body, refund_result)

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Look for the Refund among those of its PaymentIntent.

        Raises:
            GatewayMisconfigured: if Stripe does not know the payment.
        """
        _refuse_empty(request.charge_reference, "charge_reference")
        params = {"payment_intent": request.charge_reference, "limit": 100}
        found = found_in_pages(self._connection, lambda v1: v1.refunds, params, request.attempt_id)
        return _found(found, refund_result)

    # Notices ----------------------------------------------------------------------------------------------------

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Verify a webhook over its raw body; any of the secrets may have signed it, within five minutes of now.

        Raises:
            NoticeRejected: for anything else.
        """
        return [verified_notice(body, headers, self._secrets, self._clock.now())]

    # What several of these do -----------------------------------------------------------------------------------

    def _new_payment(self, request: ChargeRequest, send_before: datetime | None) -> str | NotAttempted | Unknown:
        self._refuse_far_away(request.send_before)
        params = new_payment(request)
        return _new_id(self._payments.create(params, key(request.attempt_id, "create"), send_before))

    def _new_saving(self, request: CardRequest, send_before: datetime | None) -> str | NotAttempted | Unknown:
        self._refuse_far_away(request.send_before)
        params = new_saving(request)
        return _new_id(self._savings.create(params, key(request.attempt_id, "create"), send_before))

    def _refuse_far_away(self, send_before: datetime) -> None:
        """Keep to how far back an attempt is looked for."""
        if send_before - self._clock.now() > LASTS_AT_MOST:
            raise GatewayInvalidRequest(f"is more than {LASTS_AT_MOST.days} days away", field="send_before")

    def _find_saving(self, request: CardRequest) -> Object | Indeterminate | None:
        return self._savings.find(request.reference, request.attempt_id, request.customer_id, request.send_before)

    def _saved(self, request: CardRequest, reference: str, said: Object | NotAttempted | Unknown) -> CardResult:
        """Return what a SetupIntent came to; a decline only once it is cancelled."""
        if isinstance(said, NotAttempted | Unknown):
            return said
        decline = _read(said, card_decline, reference)
        if isinstance(decline, Declined):
            closed = self._cancelled_saving(request, reference)
            return decline if isinstance(closed, Cancelled | Declined) else closed
        return _card_result(request, reference, said)

    def _cancelled_saving(self, request: CardRequest, reference: str) -> CardResult:
        said = self._savings.cancel(reference)
        if isinstance(said, Refusal):
            raise _invalid(said, "reference")
        return said if isinstance(said, NotAttempted | Unknown) else _card_result(request, reference, said)

    def _owner_of(self, card: SavedCard) -> str | Forgotten | NotAttempted:
        sent = self._connection.send(lambda v1: v1.payment_methods.retrieve(card.token))
        if isinstance(sent, NotAttempted | Unknown):
            return NotAttempted(why=f"the card could not be looked up: {sent.why}")
        if isinstance(sent, Refusal):
            if sent.code != _MISSING:
                raise _invalid(sent, "card")
            return Forgotten()
        owner = sent.body.get("customer")
        return owner if isinstance(owner, str) else Forgotten()

    def _present_refund(self, replayed: Object) -> RefundResult:
        reference = _read(replayed, _id_of)
        if not isinstance(reference, str):
            return reference
        sent = self._connection.send(lambda v1: v1.refunds.retrieve(reference))
        if isinstance(sent, Answer):
            return _read(sent.body, refund_result)
        return Unknown(why="its present state could not be told", reference=reference)


def _is_secret(value: object, prefixes: tuple[str, ...]) -> bool:
    return isinstance(value, str) and value.startswith(prefixes) and value.isascii() and value.isprintable()


def _refuse_empty(value: str, field: str) -> None:
    """An empty id in a path would name a whole collection."""
    if not value:
        raise GatewayInvalidRequest("is empty", field=field)


def _id_of(body: Object) -> str:
    return text(body["id"])


def _new_id(said: Said) -> str | NotAttempted | Unknown:
    if isinstance(said, Refusal):
        raise _invalid(said, "attempt_id")
    return said if isinstance(said, NotAttempted | Unknown) else _read(said, _id_of)


def _reference_of(found: Object | Indeterminate) -> str | NotAttempted | Unknown:
    return NotAttempted(why=found.why) if isinstance(found, Indeterminate) else _read(found, _id_of)


def _read(body: Object, read: Callable[[Object], Result], reference: str | None = None) -> Result | Unknown:
    """Read what Stripe sent; what makes no sense may hide anything."""
    try:
        return read(body)
    except UNREADABLE as error:
        return Unknown(why=f"the answer was not understood ({type(error).__name__})", reference=reference)


def _found(
    found: Object | Indeterminate | None, read: Callable[[Object], Result | None]
) -> Found[Result] | NotFound | Indeterminate:
    if isinstance(found, Indeterminate):
        return found
    result = None if found is None else _read(found, read)
    if isinstance(result, Unknown):
        return Indeterminate(why=result.why)
    return NotFound() if result is None else Found(result)


def _charge_result(request: ChargeRequest, reference: str, said: Object | NotAttempted | Unknown) -> ChargeResult:
    if isinstance(said, NotAttempted | Unknown):
        return said
    result = _read(said, lambda payment: charge_result(request, payment), reference)
    return NotAttempted(why="it is begun and not confirmed") if isinstance(result, Begun) else result


def _card_result(request: CardRequest, reference: str, saving: Object) -> CardResult:
    result = _read(saving, lambda body: card_result(request, body), reference)
    return NotAttempted(why="it is begun and not confirmed") if result is None else result


def _invalid(refusal: Refusal, field: str) -> GatewayInvalidRequest:
    if refusal.kind == "idempotency_error":
        return GatewayInvalidRequest("was used before with other parameters", field="attempt_id")
    return GatewayInvalidRequest(f"is refused by Stripe ({refusal.code or refusal.kind})", field=field)


def _refused_source(refusal: Refusal, source: PaymentSource, reference: str) -> Declined:
    """A saved card that Stripe does not charge any more is declined; anything else is a request that makes no sense."""
    is_gone = refusal.kind == "invalid_request_error" and refusal.param in {None, "payment_method"}
    if isinstance(source, NewCard) or not is_gone or refusal.code == _MISSING:
        raise _invalid(refusal, "source")
    return Declined(
        reason=DeclineReason.METHOD_UNUSABLE,
        advice=Advice.NEW_METHOD,
        raw_code=refusal.code or refusal.kind,
        reference=reference,
        still_payable=True,
    )


def _refused_refund(refusal: Refusal) -> Declined:
    if refusal.kind == "idempotency_error" or refusal.code == _MISSING:
        raise _invalid(refusal, "charge_reference")
    return Declined(reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code=refusal.code or refusal.kind)
