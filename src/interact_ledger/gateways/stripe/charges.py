"""Customers and charges: one PaymentIntent for each attempt."""

from __future__ import annotations

from interact_ledger.errors import GatewayError
from interact_ledger.gateways.protocol import (
    Advice,
    Begun,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    PaymentSource,
    Unknown,
)
from interact_ledger.gateways.stripe.connection import Answer, Refusal
from interact_ledger.gateways.stripe.requests import Parameters, key, new_customer, payment_confirmation
from interact_ledger.gateways.stripe.results import Object, charge_result
from interact_ledger.gateways.stripe.understanding import (
    MISSING,
    Verbs,
    id_of,
    invalid,
    looked_up,
    refuse_empty,
    understood,
)

__all__ = ["Charges"]


class Charges(Verbs):
    """The verbs about charges."""

    def link_customer(self, account_id: str) -> str:
        """Return the id of the account's Customer; a repeat within a day gets the same one, unless it was deleted.

        Raises:
            GatewayError: if it could not be created.
        """
        step, params = "customer", new_customer(account_id)
        while True:
            sent = self._create_customer(params, key(account_id, step))
            customer_id = understood(sent.body, id_of) if isinstance(sent, Answer) else sent
            if not isinstance(customer_id, str):
                raise GatewayError(f"Stripe could not be asked for a customer: {customer_id.why}")
            if not isinstance(sent, Answer) or not sent.replayed or not self._is_deleted(customer_id):
                return customer_id
            step = f"customer after {customer_id}"

    def begin(self, request: ChargeRequest) -> Begun | NotAttempted | Unknown:
        """Create an unconfirmed PaymentIntent. Its client secret is told to nobody before it is needed.

        Raises:
            GatewayInvalidRequest: for an amount that Stripe does not take, or if the attempt was begun with other
                parameters.
            GatewayCustomerGone: if the customer was deleted.
        """
        made = self._new_id(self._payments, request, request.send_before)
        return Begun(reference=made) if isinstance(made, str) else made

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Confirm the PaymentIntent; whatever was confirmed before tells its present state.

        Raises:
            GatewayInvalidRequest: as `begin`, for a token that Stripe does not know or has used up, or if the attempt
                was charged to another card.
        """
        refuse_empty(source.token, "source")
        reference = request.reference or self._new_id(self._payments, request, request.send_before)
        if not isinstance(reference, str):
            return reference
        said = self._payments.confirm(request, reference, payment_confirmation(request, source))
        if isinstance(said, Refusal):
            return _refused_source(said, source, reference)
        return _charge_result(request, reference, said)

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        """Retrieve the PaymentIntent by its id, else look for it among the customer's.

        Raises:
            GatewayMisconfigured: if Stripe does not know the customer.
        """
        return looked_up(self._payments.find(request), lambda payment: charge_result(request, payment))

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Cancel the PaymentIntent.

        If none can be found, one is created and cancelled under the attempt's own key, so that whoever still means to
        begin the attempt gets that one.
        """
        reference = request.reference or self._to_cancel(self._payments, request)
        if not isinstance(reference, str):
            return reference
        said = self._payments.cancel(reference)
        if isinstance(said, Refusal):
            raise invalid(said, "reference")
        return _charge_result(request, reference, said)

    def _create_customer(self, params: Parameters, idempotency_key: str) -> Answer | NotAttempted | Unknown:
        options = {"idempotency_key": idempotency_key}
        sent = self._connection.send(lambda v1: v1.customers.create(params=params, options=options))
        if isinstance(sent, Refusal):
            raise invalid(sent, "account_id")
        return sent

    def _is_deleted(self, customer_id: str) -> bool:
        deleted = self._customer_is_deleted(customer_id)
        if deleted is None:
            raise GatewayError("Stripe could not be asked for a customer")
        return deleted


def _charge_result(request: ChargeRequest, reference: str, said: Object | NotAttempted | Unknown) -> ChargeResult:
    if isinstance(said, NotAttempted | Unknown):
        return said
    result = understood(said, lambda payment: charge_result(request, payment), reference)
    return NotAttempted(why="it is begun and not confirmed") if isinstance(result, Begun) else result


def _refused_source(refusal: Refusal, source: PaymentSource, reference: str) -> Declined:
    """A saved card that Stripe does not charge any more is declined; anything else is a request that makes no sense."""
    is_gone = refusal.kind == "invalid_request_error" and refusal.param in {None, "payment_method"}
    if isinstance(source, NewCard) or not is_gone or refusal.code == MISSING:
        raise invalid(refusal, "source")
    return Declined(
        reason=DeclineReason.METHOD_UNUSABLE,
        advice=Advice.NEW_METHOD,
        raw_code=refusal.code or refusal.kind,
        reference=reference,
        still_payable=True,
    )
