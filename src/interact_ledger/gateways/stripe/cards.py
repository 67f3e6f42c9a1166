"""Cards that Stripe keeps: one SetupIntent for each attempt to save one, and detaching."""

from __future__ import annotations

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Cancelled,
    CardDetails,
    CardRequest,
    CardResult,
    Declined,
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
from interact_ledger.gateways.stripe.connection import Answer, Refusal
from interact_ledger.gateways.stripe.requests import saving_confirmation
from interact_ledger.gateways.stripe.results import Object, card_decline, card_details, card_result
from interact_ledger.gateways.stripe.understanding import (
    MISSING,
    Verbs,
    invalid,
    looked_up,
    reference_of,
    refuse_empty,
    understood,
)

__all__ = ["Cards"]


class Cards(Verbs):
    """The verbs about cards."""

    def save(self, request: CardRequest, card: NewCard) -> CardResult:
        """Create and confirm a SetupIntent; one that is declined is cancelled, so that no browser goes on with it.

        Raises:
            GatewayInvalidRequest: for a token that Stripe does not know or has used up, or if the attempt was made
                with another card.
        """
        refuse_empty(card.token, "card")
        reference = request.reference or self._new_id(self._savings, request, request.send_before)
        if not isinstance(reference, str):
            return reference
        said = self._savings.confirm(request, reference, saving_confirmation(card))
        if isinstance(said, Refusal):
            raise invalid(said, "card")
        return self._saved(request, reference, said)

    def complete_save(self, request: CardRequest) -> CardResult:
        """Return what became of the SetupIntent, which the browser has confirmed; one that failed is cancelled."""
        known = self._savings.find(request)
        if isinstance(known, Indeterminate):
            return Unknown(why=known.why, reference=request.reference)
        if known is None:
            return NotAttempted(why="there is no such saving")
        reference = reference_of(known)
        return self._saved(request, reference, known) if isinstance(reference, str) else reference

    def cancel_save(self, request: CardRequest) -> CardResult:
        """Cancel the SetupIntent; if none can be found, as `cancel`."""
        reference = request.reference or self._to_cancel(self._savings, request)
        return self._cancelled_saving(request, reference) if isinstance(reference, str) else reference

    def find_card(self, request: CardRequest) -> Found[CardResult] | NotFound | Indeterminate:
        """Retrieve the SetupIntent by its id, else look for it among the customer's; unconfirmed, it is not found."""
        return looked_up(self._savings.find(request), lambda saving: card_result(request, saving))

    def forget(self, card: SavedCard, customer_id: str) -> ForgetResult:
        """Detach the card, which makes it unusable for ever.

        Raises:
            GatewayInvalidRequest: if it is another customer's.
        """
        refuse_empty(card.token, "card")
        owner = self._owner_of(card)
        if not isinstance(owner, str):
            return owner
        if owner != customer_id:
            raise GatewayInvalidRequest("is not this customer's", field="card")
        sent = self._connection.send(lambda v1: v1.payment_methods.detach(card.token))
        now = _owner_in(sent.body, card) if isinstance(sent, Answer) else self._owner_of(card)
        if isinstance(now, Forgotten):
            return now
        return sent if isinstance(sent, NotAttempted | Unknown) else Unknown(why="Stripe did not say that it is gone")

    def find_saved_card(self, card: SavedCard, customer_id: str) -> Found[CardDetails] | NotFound | Indeterminate:
        """Retrieve the PaymentMethod, whose details the card networks keep up to date.

        Raises:
            GatewayMisconfigured: if Stripe does not know the customer either: the key is another account's.
        """
        refuse_empty(card.token, "card")
        sent = self._connection.send(lambda v1: v1.payment_methods.retrieve(card.token))
        if isinstance(sent, Answer):
            return looked_up(sent.body, lambda method: _kept_for(method, card, customer_id))
        if isinstance(sent, Refusal) and sent.code == MISSING:
            return self._missing_from(customer_id)
        return Indeterminate(why="the card could not be looked up")

    def _missing_from(self, customer_id: str) -> NotFound | Indeterminate:
        """Make sure that this is the account that has the customer, be it a deleted one."""
        known = self._customer_is_deleted(customer_id) is not None
        return NotFound() if known else Indeterminate(why="the card's customer could not be looked up")

    def _saved(self, request: CardRequest, reference: str, said: Object | NotAttempted | Unknown) -> CardResult:
        """Return what a SetupIntent came to; a decline only once it is cancelled."""
        if isinstance(said, NotAttempted | Unknown):
            return said
        decline = understood(said, card_decline, reference)
        if isinstance(decline, Declined):
            closed = self._cancelled_saving(request, reference)
            return decline if isinstance(closed, Cancelled | Declined) else closed
        return _card_result(request, reference, said)

    def _cancelled_saving(self, request: CardRequest, reference: str) -> CardResult:
        said = self._savings.cancel(reference)
        if isinstance(said, Refusal):
            raise invalid(said, "reference")
        return said if isinstance(said, NotAttempted | Unknown) else _card_result(request, reference, said)

    def _owner_of(self, card: SavedCard) -> str | Forgotten | NotAttempted:
        sent = self._connection.send(lambda v1: v1.payment_methods.retrieve(card.token))
        if isinstance(sent, NotAttempted | Unknown):
            return NotAttempted(why=f"the card could not be looked up: {sent.why}")
        if isinstance(sent, Refusal):
            if sent.code != MISSING:
                raise invalid(sent, "card")
            return Forgotten()
        return _owner_in(sent.body, card)


def _kept_for(method: Object, card: SavedCard, customer_id: str) -> CardDetails | None:
    """Return a card's details, None if it is no longer this customer's; that must be said of this very card."""
    if method["id"] != card.token:
        raise ValueError("not the card that was asked for")
    return card_details(method["card"]) if method["customer"] == customer_id else None


def _owner_in(body: Object, card: SavedCard) -> str | Forgotten | NotAttempted:
    """Return whose a PaymentMethod is; that it is nobody's must be said of this very card."""
    owner = body.get("customer", "")
    if body.get("id") != card.token or not isinstance(owner, str | None) or owner == "":
        return NotAttempted(why="the answer was not understood")
    return Forgotten() if owner is None else owner


def _card_result(request: CardRequest, reference: str, saving: Object) -> CardResult:
    result = understood(saving, lambda body: card_result(request, body), reference)
    return NotAttempted(why="it is begun and not confirmed") if result is None else result
