"""Charging, finding and cancelling: an attempt is a sale whose order id is the attempt's."""

from __future__ import annotations

from typing import Any

from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, call
from interact_ledger.gateways.braintree.connection import Verbs
from interact_ledger.gateways.braintree.declines import LOOK_IT_UP
from interact_ledger.gateways.braintree.requests import sale_params
from interact_ledger.gateways.braintree.results import (
    charge_result,
    error_codes,
    is_duplicate,
    is_misconfigured,
    latest_fact,
    refused_request,
)
from interact_ledger.gateways.braintree.sdk import TransactionSearch
from interact_ledger.gateways.protocol import (
    Cancelled,
    ChargeRequest,
    ChargeResult,
    Found,
    Indeterminate,
    NotAttempted,
    NotFound,
    PaymentSource,
    Pending,
    Unknown,
)

__all__ = ["Charges"]


class Charges(Verbs):
    """The verbs about charges."""

    def begin(self, request: ChargeRequest) -> None:
        """Do nothing: Braintree has no payment that waits to be charged."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        """Sell and submit for settlement. What may be a repeat is looked up and never called a decline.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was charged.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was charged.
        """
        merchant_account = self._merchant_accounts.of(request.amount.currency.code)
        keys = self._connection.request_keys
        params = sale_params(request, source, merchant_account, request_keys=keys)
        answer = self._connection.send(request, lambda: self._sdk.transaction.sale(params), repeatable=keys)
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._connection.understood(lambda: self._charged(request, answer))

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult] | NotFound | Indeterminate:
        """Tell the present state of the attempt, found under its reference or by its order id."""
        return self._connection.found(lambda: charge_result(self._sale_of(request), request))

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        """Void what is not captured yet; an attempt that cannot arrive any more is cancelled by itself."""
        match self.find_charge(request):
            case Found(result=Pending(reference=reference)):
                return self._voided(request, reference)
            case Found(result=result):
                return result
            case NotFound():
                return self._connection.absent(request, Cancelled())
        return Unknown(why="it could not be looked up")

    def _charged(self, request: ChargeRequest, answer: Any) -> ChargeResult:
        sale = answer.transaction
        if sale is not None and not is_duplicate(sale):
            if is_misconfigured(sale):
                raise GatewayMisconfigured(
                    f"the processor refuses the merchant account's set-up ({sale.processor_response_code})"
                )
            return charge_result(sale, request)
        codes = [] if sale is not None else error_codes(answer)
        if sale is not None or LOOK_IT_UP.intersection(codes):
            return charge_result(self._connection.look_up_after(lambda: self._sale_of(request)), request)
        return self._connection.remember(request, refused_request(codes))

    def _sale_of(self, request: ChargeRequest) -> Any:
        """Return the sale that tells what became of an attempt.

        Raises:
            Absent: if there is none.
            NotSent, AnswerLost: if it cannot be known.
        """
        known = self._under_reference(request)
        if known is not None:
            return known
        sales = call(lambda: self._sales(request.attempt_id))
        sale = latest_fact(sales)
        if sale is None and sales:
            raise AnswerLost("only a rejected repeat of it is to be seen yet")
        if sale is None:
            raise Absent("there is no such transaction")
        return sale

    def _under_reference(self, request: ChargeRequest) -> Any | None:
        """Return the sale under the request's reference, which a search may not show yet."""
        if request.reference is None:
            return None
        try:
            sale = self._connection.transaction(request.reference)
        except Absent:
            return None
        return sale if sale.order_id == request.attempt_id else None

    def _sales(self, attempt_id: str) -> list[Any]:
        found = self._sdk.transaction.search(TransactionSearch.order_id == attempt_id)
        return [sale for sale in found.items if sale.order_id == attempt_id and sale.type == "sale"]

    def _voided(self, request: ChargeRequest, reference: str) -> ChargeResult:
        try:
            answer = call(lambda: self._sdk.transaction.void(reference))
            # What can no longer be voided went on meanwhile.
            sale = answer.transaction if answer.is_success else self._connection.transaction(reference)
            return charge_result(sale, request)
        except (NotSent, AnswerLost, Absent) as error:
            return Unknown(why=str(error), reference=reference)
