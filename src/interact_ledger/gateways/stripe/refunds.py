"""Paying back."""

from __future__ import annotations

from interact_ledger.gateways.protocol import (
    Advice,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    NotAttempted,
    NotFound,
    RefundRequest,
    RefundResult,
    Unknown,
)
from interact_ledger.gateways.stripe.connection import Answer, Refusal
from interact_ledger.gateways.stripe.intents import PAGE, found_in_pages
from interact_ledger.gateways.stripe.requests import key, new_refund
from interact_ledger.gateways.stripe.results import Object, refund_result
from interact_ledger.gateways.stripe.understanding import (
    MISSING,
    Verbs,
    id_of,
    invalid,
    looked_up,
    refuse_empty,
    understood,
)

__all__ = ["Refunds"]


class Refunds(Verbs):
    """The verbs about refunds."""

    def refund(self, request: RefundRequest) -> RefundResult:
        """Pay a PaymentIntent back; Stripe never pays back more than it captured.

        Raises:
            GatewayInvalidRequest: if there is no such payment, the amount cannot be paid back in its currency, or the
                attempt had other parameters before.
        """
        refuse_empty(request.charge_reference, "charge_reference")
        params, options = new_refund(request), {"idempotency_key": key(request.attempt_id, "refund")}
        sent = self._connection.send(lambda v1: v1.refunds.create(params=params, options=options), request.send_before)
        if isinstance(sent, NotAttempted) and self._connection.is_past(request.send_before):
            known = self.find_refund(request)
            return known.result if isinstance(known, Found) else sent
        if isinstance(sent, Refusal):
            return _refused_refund(sent)
        if not isinstance(sent, Answer):
            return sent
        if sent.replayed:
            return self._present_refund(sent.body)
        return understood(sent.body, refund_result)

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Look for the Refund among those of its PaymentIntent.

        Raises:
            GatewayMisconfigured: if Stripe does not know the payment.
        """
        refuse_empty(request.charge_reference, "charge_reference")
        params = {"payment_intent": request.charge_reference, "limit": PAGE}
        known = found_in_pages(self._connection, lambda v1: v1.refunds, params, request.attempt_id)
        return looked_up(known, refund_result)

    def _present_refund(self, replayed: Object) -> RefundResult:
        reference = understood(replayed, id_of)
        if not isinstance(reference, str):
            return reference
        sent = self._connection.send(lambda v1: v1.refunds.retrieve(reference))
        if isinstance(sent, Answer):
            return understood(sent.body, refund_result)
        return Unknown(why="its present state could not be told", reference=reference)


def _refused_refund(refusal: Refusal) -> Declined:
    if refusal.kind == "idempotency_error" or refusal.code == MISSING:
        raise invalid(refusal, "charge_reference")
    return Declined(reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code=refusal.code or refusal.kind)
