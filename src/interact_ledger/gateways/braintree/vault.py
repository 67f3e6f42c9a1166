"""Customers and their cards: saved under a token of our own, found by it, deleted."""

from __future__ import annotations

from typing import Any

from interact_ledger.errors import GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost, NotSent, call
from interact_ledger.gateways.braintree.connection import Connection
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

__all__ = ["Vault"]


class Vault:
    """The customers and cards that Braintree keeps for one merchant."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk = connection.sdk

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

    def save(self, request: CardRequest, card: NewCard, merchant_account: str) -> CardResult:
        """Verify the card and keep it under its attempt's token; if that is in use, this is the card."""
        params = save_params(request, card, merchant_account)
        answer = self._connection.send(request, lambda: self._sdk.payment_method.create(params))
        if isinstance(answer, NotAttempted | Unknown):
            return answer
        return self._connection.understood(lambda: self._saved(request, answer))

    def find(self, request: CardRequest) -> Found[CardSaved] | NotFound | Indeterminate:
        """Tell whether there is the card that this attempt saved."""
        return self._connection.found(lambda: self._sdk.payment_method.find(token_for(request)), card_saved)

    def present(self, request: CardRequest, *, absent: CardResult) -> CardResult:
        """Return a saving's present state; `absent` once it cannot arrive any more."""
        match self.find(request):
            case Found(result=result):
                return result
            case NotFound():
                return self._connection.absent(request, absent)
        return Unknown(why="it could not be looked up")

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Delete a card, if it is this customer's."""
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

    def find_saved(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Tell what the vault now has of a card, if it is this customer's; the account updater keeps it up to date."""

        def details(kept: Any) -> CardDetails:
            if kept.customer_id != customer_id:
                raise Absent("it is not this customer's")
            return card_details(kept)

        return self._connection.found(lambda: self._sdk.payment_method.find(card.token), details)

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
