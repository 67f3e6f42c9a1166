"""PaymentIntents and SetupIntents: created, confirmed, cancelled, retrieved and looked for in the same way.

What confirming and cancelling return is the object as it is *now*: an answer that Stripe only replays is a state of the
past, and so is the one that made it refuse. Then the object is retrieved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from interact_ledger.errors import GatewayMisconfigured
from interact_ledger.gateways.protocol import CardRequest, ChargeRequest, Indeterminate, NotAttempted, Unknown
from interact_ledger.gateways.stripe.connection import Answer, Connection, Refusal, Sent
from interact_ledger.gateways.stripe.requests import ATTEMPT, LOOKED_BACK, Parameters, key
from interact_ledger.gateways.stripe.results import UNREADABLE, Object, text

__all__ = ["PAGE", "Intents", "Request", "Said", "found_in_pages", "not_understood", "pages"]

PAGE = 100

Request = TypeVar("Request", ChargeRequest, CardRequest)

Said: TypeAlias = Object | Refusal | NotAttempted | Unknown
"""An object as it is now, or why there is none."""


class Intents(Generic[Request]):
    """One of the two kinds.

    Args:
        connection: the way to Stripe.
        service: the SDK's service for the kind.
        kind: its name in errors.
        expand: which parts to ask for.
        new: what an unconfirmed one of an attempt is created with.
    """

    def __init__(
        self,
        connection: Connection,
        service: Callable[[Any], Any],
        kind: str,
        expand: Sequence[str],
        new: Callable[[Request], Parameters],
    ) -> None:
        self._connection = connection
        self._service = service
        self._kind = kind
        self._expand = list(expand)
        self._new: Callable[[Request], Parameters] = new

    def create(self, request: Request, send_before: datetime | None) -> Said:
        """Create an unconfirmed one, or get the one that was created for this attempt.

        Raises:
            GatewayInvalidRequest: for an amount that Stripe does not take, or an attempt that may be sent for too long.
        """
        self._connection.refuse_far_away(request.send_before)
        params, options = self._new(request), {"idempotency_key": key(request.attempt_id, "create")}
        sent = self._connection.send(lambda v1: self._service(v1).create(params=params, options=options), send_before)
        return sent.body if isinstance(sent, Answer) else sent

    def confirm(self, request: Request, reference: str, how: Parameters) -> Said:
        """Charge or save. Too late for that, it is only retrieved; if that fails too, nothing was attempted."""
        params, options = {**how, "expand": self._expand}, {"idempotency_key": key(request.attempt_id, "confirm")}
        sent = self._connection.send(
            lambda v1: self._service(v1).confirm(reference, params=params, options=options), request.send_before
        )
        if isinstance(sent, NotAttempted) and self._connection.is_past(request.send_before):
            present = self._retrieve(reference)
            return present.body if isinstance(present, Answer) else sent
        if isinstance(sent, Refusal) and sent.is_decline and not sent.replayed and self._kind in sent.details:
            declined: Object = sent.details[self._kind]
            return declined
        return self._present(reference, sent)

    def cancel(self, reference: str) -> Said:
        """Cancel it: under no key of ours, because its state decides, and no stored failure may stand in the way."""
        params = {"cancellation_reason": "abandoned", "expand": self._expand}
        sent = self._connection.send(lambda v1: self._service(v1).cancel(reference, params=params))
        return self._present(reference, sent)

    def find(self, request: Request) -> Object | Indeterminate | None:
        """Return it as it is now: by its id, else among the customer's by the attempt that its metadata names.

        Raises:
            GatewayMisconfigured: if Stripe does not know the customer: the key is another account's.
        """
        if request.reference:
            sent = self._retrieve(request.reference)
            if isinstance(sent, Answer):
                return sent.body
            if not isinstance(sent, Refusal):
                return Indeterminate(why=sent.why)
        params = {
            "customer": request.customer_id,
            "created": {"gte": int((request.send_before - LOOKED_BACK).timestamp())},
            "limit": PAGE,
            "expand": [f"data.{part}" for part in self._expand],
        }
        return found_in_pages(self._connection, self._service, params, request.attempt_id)

    def _present(self, reference: str, sent: Sent) -> Said:
        is_old = sent.replayed if isinstance(sent, Answer) else isinstance(sent, Refusal) and sent.is_about_the_object
        if is_old:
            retrieved = self._retrieve(reference)
            sent = retrieved if isinstance(retrieved, Answer) else Unknown(why="its present state could not be told")
        if isinstance(sent, Answer):
            return sent.body
        return replace(sent, reference=reference) if isinstance(sent, Unknown) else sent

    def _retrieve(self, reference: str) -> Sent:
        params = {"expand": self._expand}
        return self._connection.send(lambda v1: self._service(v1).retrieve(reference, params=params))


def found_in_pages(
    connection: Connection, service: Callable[[Any], Any], params: Parameters, attempt_id: str
) -> Object | Indeterminate | None:
    """Return the object of a list whose metadata names the attempt; None only if every page was read.

    Raises:
        GatewayMisconfigured: if Stripe does not know what the list is of.
    """
    for page in pages(connection, service, params):
        if isinstance(page, Indeterminate):
            return page
        try:
            named = [item for item in page if item["metadata"].get(ATTEMPT) == attempt_id]
            if named:
                return _most_advanced(named)
        except UNREADABLE as error:
            return not_understood(error)
    return None


def pages(
    connection: Connection, service: Callable[[Any], Any], params: dict[str, Any]
) -> Iterator[Sequence[Object] | Indeterminate]:
    """Yield a list page by page; one that cannot be read is the last.

    Raises:
        GatewayMisconfigured: if Stripe does not know what the list is of.
    """
    has_more = True
    while has_more:
        sent = _page(connection, service, params)
        if isinstance(sent, NotAttempted | Unknown):
            yield Indeterminate(why=sent.why)
            return
        if isinstance(sent, Refusal):
            raise GatewayMisconfigured(f"Stripe does not know what is looked up ({sent.code}); is the key another's?")
        try:
            page, has_more = sent.body["data"], sent.body["has_more"]
            if has_more:
                params = {**params, "starting_after": text(page[-1]["id"])}
        except (*UNREADABLE, IndexError) as error:
            yield not_understood(error)
            return
        yield page


def not_understood(error: Exception) -> Indeterminate:
    """Say that an answer made no sense, without quoting it."""
    return Indeterminate(why=f"the answer was not understood ({type(error).__name__})")


def _page(connection: Connection, service: Callable[[Any], Any], params: Parameters) -> Sent:
    return connection.send(lambda v1: service(v1).list(params=params))


def _most_advanced(named: Sequence[Object]) -> Object:
    """An attempt has one object; should it ever have two, the one that took money is what counts."""
    return next((item for item in named if item["status"] == "succeeded"), named[0])
