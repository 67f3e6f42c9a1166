"""Customers and their cards: saved under a token of our own, found by it, deleted."""

from __future__ import annotations

from typing import Any

from interact_ledger.errors import GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, call
from interact_ledger.gateways.braintree.connection import Verbs
from interact_ledger.gateways.braintree.declines import CUSTOMER_EXISTS, LOOK_IT_UP, TOKEN_IN_USE
from interact_ledger.gateways.braintree.requests import checked_id, save_params, token_for
from interact_ledger.gateways.braintree.results import (
    card_details,
    card_saved,
    declined_verification,
    error_codes,
    refused_request,
)
from interact_ledger.gateways.protocol import (
    Cancelled,
    CardDetails,
    CardRequest,
    CardResult,
    CardSaved,
    ForgetResult,
    Forgotten,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    NotFound,
    SavedCard,
    Unknown,
)

__all__ = ["Cards"]


class Cards(Verbs):
    """The verbs about customers and cards."""

    def link_customer(self, account_id: str) -> str:
        """Create the customer under the account's own id, unless there is one."""
        customer_id = checked_id(account_id, "account_id")
        created = self._connection.ask(lambda: self._sdk.customer.create({"id": customer_id}))
        if not created.is_success:
            codes = error_codes(created)
            if CUSTOMER_EXISTS not in codes:
                refused_request(codes)
                raise GatewayError("Braintree refuses the customer")
        return customer_id

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Verify and vault the card under a token of our own; a token that is in use is this card.

        Raises:
            GatewayInvalidRequest: if Braintree does not take the request; nothing was saved.
            GatewayMisconfigured: if the merchant's set-up is at fault; nothing was saved.
        """
        params = save_params(request, card, self._merchant_accounts.of(None))
        answer = self._connection.send(request, lambda: self._sdk.payment_method.create(params))
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._connection.understood(lambda: self._saved(request, answer))

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return the saving's present state: the customer authenticated before there was one."""
        return self._present_saving(request, absent=NotAttempted(why="there is no such saving"))

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Tell whether the card was saved; an attempt that cannot arrive any more is cancelled by itself."""
        return self._present_saving(request, absent=Cancelled())

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Tell whether the vault holds the card that this attempt saved."""
        return self._connection.found(lambda: card_saved(self._sdk.payment_method.find(token_for(request))))

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

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Tell what the vault now has of a card, if it is this customer's; the account updater keeps it up to date."""

        def look_up() -> CardDetails:
            kept = self._sdk.payment_method.find(card.token)
            if kept.customer_id != customer_id:
                raise Absent("it is not this customer's")
            return card_details(kept)

        return self._connection.found(look_up)

    def _present_saving(self, request: CardRequest, *, absent: CardResult) -> CardResult:
        """Return a saving's present state; `absent` once it cannot arrive any more."""
        match self.find_card(request):
            case Found(result=result):
                return result
            case NotFound():
                return self._connection.absent(request, absent)
        return Unknown(why="it could not be looked up")

    def _saved(self, request: CardRequest, answer: Any) -> CardResult:
        if answer.is_success:
            return _own(request, answer.payment_method)
        if answer.credit_card_verification is not None:
            return self._connection.remember(request, declined_verification(answer.credit_card_verification))
        codes = error_codes(answer)
        if TOKEN_IN_USE in codes or LOOK_IT_UP.intersection(codes):
            find = self._sdk.payment_method.find
            return _own(request, self._connection.look_up_after(lambda: find(token_for(request))))
        return self._connection.remember(request, refused_request(codes))


def _own(request: CardRequest, card: Any) -> CardSaved:
    if card.customer_id != request.customer_id:
        raise GatewayInvalidRequest("was used before for another customer", field="attempt_id")
    return card_saved(card)
