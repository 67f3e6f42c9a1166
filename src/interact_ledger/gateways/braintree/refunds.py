"""Paying back: a refund of what has settled, the voiding of what has not.

A refund bears its attempt's id as its order id, and is found through its charge, which names its refunds. A void
leaves no object of its own: the voided charge itself says that all of it was paid back.
"""

from __future__ import annotations

from typing import Any

from interact_ledger.errors import ChargeNotSettled, GatewayInvalidRequest
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent
from interact_ledger.gateways.braintree.connection import Verbs
from interact_ledger.gateways.braintree.declines import LOOK_IT_UP, NOT_SETTLED
from interact_ledger.gateways.braintree.requests import refund_params
from interact_ledger.gateways.braintree.results import (
    VOIDABLE,
    error_codes,
    is_captured,
    is_duplicate,
    money_of,
    refund_result,
    refused_request,
    void_result,
)
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

__all__ = ["Refunds"]


class Refunds(Verbs):
    """The verbs about refunds."""

    def refund(self, request: RefundRequest) -> RefundResult:
        """Refund what has settled, or void the whole of what has not, unless this attempt already did.

        Raises:
            ChargeNotSettled: for a part of a charge that has not settled; ask again once it has.
            GatewayInvalidRequest: if there is no such charge, or not in this currency.
        """
        params = refund_params(request, request_keys=self._connection.request_keys)
        try:
            sale = self._connection.transaction(request.charge_reference)
        except Absent:
            raise GatewayInvalidRequest("names no charge at Braintree", field="charge_reference") from None
        except (NotSent, AnswerLost) as error:
            return self._connection.not_sent(request, f"the charge could not be looked up: {error}")
        try:
            return self._refund_of(request, sale)
        except Absent:
            return self._connection.understood(lambda: self._pay_back(request, sale, params))
        except (NotSent, AnswerLost) as error:
            return self._connection.not_sent(request, f"the charge's refunds could not be looked up: {error}")

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        """Tell the present state of the refund, found among those of its charge."""
        return self._connection.found(lambda: self._known_refund(request))

    def _known_refund(self, request: RefundRequest) -> RefundResult:
        return self._refund_of(request, self._connection.transaction(request.charge_reference))

    def _refund_of(self, request: RefundRequest, sale: Any) -> RefundResult:
        """Return what became of a refund.

        Raises:
            Absent: if its charge knows no such refund.
        """
        if sale.status == "voided" and money_of(sale) == request.amount:
            return void_result(sale)
        for refund_id in sale.refund_ids or ():
            refund = self._connection.transaction(refund_id)
            if refund.order_id == request.attempt_id:
                return refund_result(refund)
        raise Absent("the charge has no such refund")

    def _pay_back(self, request: RefundRequest, sale: Any, params: dict[str, Any]) -> RefundResult:
        charged = money_of(sale)
        if charged.currency != request.amount.currency:
            raise GatewayInvalidRequest("is not in the charge's currency", field="amount")
        if sale.status in VOIDABLE:
            if request.amount != charged:
                raise _not_settled()
            answer = self._connection.send(request, lambda: self._sdk.transaction.void(sale.id))
        elif is_captured(sale):
            keys = self._connection.request_keys
            answer = self._connection.send(
                request, lambda: self._sdk.transaction.refund(sale.id, params), repeatable=keys
            )
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
        if transaction is not None or LOOK_IT_UP.intersection(codes):
            return self._connection.look_up_after(lambda: self._known_refund(request))
        if NOT_SETTLED.intersection(codes):
            raise _not_settled()
        return refused_request(codes)


def _not_settled() -> ChargeNotSettled:
    return ChargeNotSettled(
        "a part of a charge is paid back only once the charge has settled, mostly within a day; ask again then",
        field="amount",
    )
