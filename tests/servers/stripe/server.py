"""The server: real HTTP on the loopback interface, and all that a test does to it from the other side."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

import stripe
from interact_ledger.clock import Clock, SystemClock
from servers.stripe import dashboard, disputes, intents, refunds
from servers.stripe.api import Answered, Api, Asked
from servers.stripe.cards import Script
from servers.stripe.errors import Refused
from servers.stripe.faults import Fault, Faults
from servers.stripe.state import Object, State

__all__ = ["Exchange", "StripeServer"]

HUNG_FOR_AT_MOST = 60


@dataclass(frozen=True)
class Exchange:
    """One request that came, and what was answered; a fault may have kept the answer from arriving."""

    asked: Asked
    answered: Answered | None
    fault: Fault | None
    headers: dict[str, str]


class StripeServer:
    """Stripe, in a thread. Its state outlives any client."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.state = State(clock or SystemClock())
        self.api = Api(self.state)
        self.faults = Faults()
        self.exchanges: list[Exchange] = []
        self._let_go = threading.Event()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    # What the world does ----------------------------------------------------------------------------------------

    def card(self, script: Script) -> str:
        """Return a card that somebody typed into Stripe's own fields."""
        with self.state.lock:
            return str(self.state.new_method(script)["id"])

    def confirmation_token(self, script: Script) -> str:
        """Return such a card as a ConfirmationToken."""
        with self.state.lock:
            return self.state.new_confirmation_token(script)

    def authenticate(self, reference: str, *, succeed: bool = True) -> None:
        with self.state.lock:
            intents.authenticate(self.state, reference, succeed=succeed)

    def settle(self, reference: str, *, succeed: bool = True) -> None:
        with self.state.lock:
            if reference in self.state.refunds:
                refunds.settle_refund(self.state, self.state.refunds[reference], succeed=succeed)
            else:
                intents.settle_payment(self.state, self.state.payments[reference], succeed=succeed)

    def pay_in_browser(self, reference: str, token: str) -> None:
        """Try what an old tab can try: it has the client secret only of what was confirmed before."""
        with self.state.lock:
            intent = self.state.payments.get(reference) or self.state.savings[reference]
            if reference not in self.state.confirmed:
                return
            confirm = intents.confirm_payment if intent["object"] == "payment_intent" else intents.confirm_saving
            try:
                confirm(self.state, intent, {"payment_method": token})
            except Refused:
                return

    def return_refund(self, reference: str) -> None:
        with self.state.lock:
            refunds.fail_refund(self.state, self.state.refunds[reference])

    # What is done without us --------------------------------------------------------------------------------------

    def open_dispute(
        self,
        reference: str,
        units: int | None = None,
        *,
        status: str = "needs_response",
        reason: str = "fraudulent",
    ) -> str:
        """Let a cardholder's bank dispute a payment, or a part of it; returns the dispute's id."""
        with self.state.lock:
            payment = self.state.payments[reference]
            return str(disputes.open_dispute(self.state, payment, units=units, status=status, reason=reason)["id"])

    def decide_dispute(self, reference: str, *, won: bool) -> None:
        with self.state.lock:
            disputes.decide_dispute(self.state, self.state.disputes[reference], won=won)

    def refund_in_dashboard(self, reference: str, units: int) -> str:
        """Refund by hand, without metadata of ours; returns the refund's id."""
        with self.state.lock:
            return str(refunds.new_refund(self.state, {"payment_intent": reference, "amount": str(units)})["id"])

    def pay_in_dashboard(self, customer_id: str, units: int, currency: str = "gbp") -> str:
        """Charge by hand; returns the payment's id."""
        with self.state.lock:
            return str(dashboard.pay(self.state, customer_id, units, currency)["id"])

    def detach_card(self, token: str) -> None:
        with self.state.lock:
            self.state.detach(self.state.methods[token])

    def update_card(self, token: str, **card: Any) -> None:
        """Let the network tell of a new number or expiry: `last4`, `exp_month`, `exp_year`, `brand`, `funding`."""
        with self.state.lock:
            dashboard.update_card(self.state, self.state.methods[token], **card)

    def delete_customer(self, customer_id: str) -> None:
        with self.state.lock:
            dashboard.delete_customer(self.state, customer_id)

    # What is looked at ------------------------------------------------------------------------------------------

    def captured(self) -> list[Object]:
        """Return the payments that took money."""
        with self.state.lock:
            return [payment for payment in self.state.payments.values() if payment["amount_received"]]

    def refunded_units(self, reference: str) -> int:
        with self.state.lock:
            return refunds.refunded_units(self.state, reference)

    def attached(self) -> list[Object]:
        """Return the cards that are kept."""
        with self.state.lock:
            return [method for method in self.state.methods.values() if method["customer"] is not None]

    def open_intents(self) -> list[Object]:
        """Return what a browser could still pay or complete."""
        with self.state.lock:
            both = [*self.state.payments.values(), *self.state.savings.values()]
            open_ones = [intent for intent in both if intent["status"] not in {"succeeded", "canceled"}]
            return [intent for intent in open_ones if intent["id"] in self.state.confirmed]

    def events(self) -> list[Object]:
        with self.state.lock:
            return list(self.state.events)

    @staticmethod
    def delivery(event: Object, secret: str, moment: datetime) -> tuple[bytes, dict[str, str]]:
        """Return the webhook request that tells of an event, signed with the SDK's own function."""
        payload = json.dumps(event, indent=2)
        signature = stripe.WebhookSignature.generate_signature_header(payload, secret, int(moment.timestamp()))
        return payload.encode(), {"Stripe-Signature": signature, "Content-Type": "application/json"}

    def asked(self, method: str, path_end: str) -> Sequence[Exchange]:
        """Return the requests of a method whose path ends so."""
        return [each for each in self.exchanges if each.asked.method == method and each.asked.path.endswith(path_end)]

    # The wire ---------------------------------------------------------------------------------------------------

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        asked = self.api.asked(request)
        fault = self.faults.take(asked.method, asked.path)
        answered = self._answered(request, asked, fault)
        self.exchanges.append(Exchange(asked, answered, fault, dict(request.headers)))
        if fault in {Fault.HANG_BEFORE, Fault.HANG_AFTER}:
            self._let_go.wait(HUNG_FOR_AT_MOST)
        if answered is None or fault in {Fault.DROP_AFTER, Fault.HANG_AFTER}:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        return _written(answered, fault)(environ, start_response)

    def _answered(self, request: Request, asked: Asked, fault: Fault | None) -> Answered | None:
        match fault:
            case Fault.DROP_BEFORE | Fault.HANG_BEFORE:
                return None
            case Fault.TOO_MANY:
                error = {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}
                return Answered(429, {"error": error})
            case Fault.ERROR:
                return self.api.store_failure(asked)
            case Fault.UNAVAILABLE:
                return Answered(503, {"error": {"type": "api_error", "message": "Try again later"}})
        return self.api.answer(request, asked, fail=fault is Fault.ERROR_AFTER)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Log nothing."""


def _written(answered: Answered, fault: Fault | None) -> Response:
    headers = {"Request-Id": "req_loopback"}
    if answered.replayed:
        headers["Idempotent-Replayed"] = "true"
    bodies = {
        Fault.GARBAGE_AFTER: b"<html>It works!</html>",
        Fault.NONSENSE_AFTER: b'{"object": "payment_intent"}',
        Fault.LIST_AFTER: b"[]",
    }
    if fault is Fault.REDIRECT_AFTER:
        return Response(b"", 302, {"Location": "http://127.0.0.1:1/"})
    body = bodies.get(fault, answered.encoded) if fault else answered.encoded
    return Response(body, answered.status, headers, content_type="application/json")
