"""What the verbs have in common: what makes no sense is unknown, and what is refused is said without quoting it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import Cancelled, Found, Indeterminate, NotAttempted, NotFound, Unknown
from interact_ledger.gateways.stripe.connection import Answer, Connection, Refusal
from interact_ledger.gateways.stripe.intents import Intents, Request
from interact_ledger.gateways.stripe.requests import NOTHING_COMES_AFTER, new_payment, new_saving
from interact_ledger.gateways.stripe.results import UNREADABLE, Object, text

__all__ = [
    "MISSING",
    "Verbs",
    "id_of",
    "invalid",
    "looked_up",
    "reference_of",
    "refuse_empty",
    "understood",
]

MISSING = "resource_missing"
"""Stripe's code for an id that it does not know."""

Result = TypeVar("Result")


class Verbs:
    """A part of the adapter; all parts share one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._payments = Intents(
            connection,
            lambda v1: v1.payment_intents,
            "payment_intent",
            ("latest_charge", "payment_method"),
            new_payment,
        )
        self._savings = Intents(
            connection, lambda v1: v1.setup_intents, "setup_intent", ("payment_method",), new_saving
        )

    def _new_id(
        self, intents: Intents[Request], request: Request, send_before: datetime | None
    ) -> str | NotAttempted | Unknown:
        """Create an attempt's object and return its id, or why there is none.

        Raises:
            GatewayInvalidRequest: if Stripe refused to create it.
            GatewayCustomerGone: if that was because the customer was deleted.
        """
        said = intents.create(request, send_before)
        if isinstance(said, Refusal) and (said.code, said.param) == (MISSING, "customer"):
            if self._customer_is_deleted(request.customer_id):
                raise GatewayCustomerGone("was deleted at Stripe", field="customer_id")
            return NotAttempted(why="the customer, whom Stripe refused, could not be looked up")
        if isinstance(said, Refusal):
            raise invalid(said, "attempt_id")
        return said if isinstance(said, NotAttempted | Unknown) else understood(said, id_of)

    def _to_cancel(self, intents: Intents[Request], request: Request) -> str | Cancelled | NotAttempted | Unknown:
        """Return the id of an attempt's object, which is created if there is none, to be cancelled.

        Nothing is created that nobody can begin any more: under a deleted customer, or because it is too late.
        """
        known = intents.find(request)
        if known is not None:
            return reference_of(known)
        if self._connection.is_past(request.send_before + NOTHING_COMES_AFTER):
            return Cancelled()
        try:
            return self._new_id(intents, request, None)
        except GatewayCustomerGone:
            return Cancelled()

    def _customer_is_deleted(self, customer_id: str) -> bool | None:
        """Say whether a customer was deleted, which leaves its id behind; None if that could not be asked.

        Raises:
            GatewayMisconfigured: if Stripe does not know it, deleted or not: the key is another account's.
        """
        refuse_empty(customer_id, "customer_id")
        sent = self._connection.send(lambda v1: v1.customers.retrieve(customer_id))
        if isinstance(sent, Refusal) and sent.code == MISSING:
            raise GatewayMisconfigured("Stripe does not know the customer; is the key another's?")
        if not isinstance(sent, Answer) or sent.body.get("id") != customer_id:
            return None
        return sent.body.get("deleted") is True


def refuse_empty(value: str, field: str) -> None:
    """Refuse an empty id, which in a path would name a whole collection."""
    if not value:
        raise GatewayInvalidRequest("is empty", field=field)


def invalid(refusal: Refusal, field: str) -> GatewayInvalidRequest:
    """Return the error for what Stripe calls malformed; its message may quote tokens, so only its code is told."""
    if refusal.kind == "idempotency_error":
        return GatewayInvalidRequest("was used before with other parameters", field="attempt_id")
    named = "amount" if refusal.param == "amount" else field
    return GatewayInvalidRequest(f"is refused by Stripe ({refusal.code or refusal.kind})", field=named)


def understood(body: Object, read: Callable[[Object], Result], reference: str | None = None) -> Result | Unknown:
    """Return what an object says; one that makes no sense may hide anything."""
    try:
        return read(body)
    except UNREADABLE as error:
        return Unknown(why=f"the answer was not understood ({type(error).__name__})", reference=reference)


def looked_up(
    known: Object | Indeterminate | None, read: Callable[[Object], Result | None]
) -> Found[Result] | NotFound | Indeterminate:
    """Return what a look-up came to."""
    if isinstance(known, Indeterminate):
        return known
    result = None if known is None else understood(known, read)
    if isinstance(result, Unknown):
        return Indeterminate(why=result.why)
    return NotFound() if result is None else Found(result)


def id_of(body: Object) -> str:
    """Return an object's id."""
    return text(body["id"])


def reference_of(known: Object | Indeterminate) -> str | NotAttempted | Unknown:
    """Return the id of what was looked up, or why it is not known."""
    return NotAttempted(why=known.why) if isinstance(known, Indeterminate) else understood(known, id_of)
