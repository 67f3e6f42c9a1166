"""Stripe's API as far as our adapter uses it: routes, authorisation, idempotency keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from servers.stripe import intents, refunds
from servers.stripe.errors import Refused, invalid
from servers.stripe.forms import decoded
from servers.stripe.state import Object, State

__all__ = ["API_KEY", "Answered", "Api", "Asked"]

API_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
API_VERSION = "2026-10-28.endive"
KEYS_KEPT_FOR = timedelta(hours=24)

_ROUTES = Map(
    [
        Rule("/v1/customers", methods=["POST"], endpoint="create_customer"),
        Rule("/v1/customers/<name>", methods=["GET"], endpoint="retrieve_customer"),
        Rule("/v1/payment_intents", methods=["POST"], endpoint="create_payment"),
        Rule("/v1/payment_intents", methods=["GET"], endpoint="list_payments"),
        Rule("/v1/payment_intents/<name>", methods=["GET"], endpoint="retrieve_payment"),
        Rule("/v1/payment_intents/<name>/confirm", methods=["POST"], endpoint="confirm_payment"),
        Rule("/v1/payment_intents/<name>/cancel", methods=["POST"], endpoint="cancel_payment"),
        Rule("/v1/setup_intents", methods=["POST"], endpoint="create_saving"),
        Rule("/v1/setup_intents", methods=["GET"], endpoint="list_savings"),
        Rule("/v1/setup_intents/<name>", methods=["GET"], endpoint="retrieve_saving"),
        Rule("/v1/setup_intents/<name>/confirm", methods=["POST"], endpoint="confirm_saving"),
        Rule("/v1/setup_intents/<name>/cancel", methods=["POST"], endpoint="cancel_saving"),
        Rule("/v1/payment_methods", methods=["GET"], endpoint="list_methods"),
        Rule("/v1/payment_methods/<name>", methods=["GET"], endpoint="retrieve_method"),
        Rule("/v1/payment_methods/<name>/detach", methods=["POST"], endpoint="detach_method"),
        Rule("/v1/refunds", methods=["POST"], endpoint="create_refund"),
        Rule("/v1/refunds", methods=["GET"], endpoint="list_refunds"),
        Rule("/v1/refunds/<name>", methods=["GET"], endpoint="retrieve_refund"),
        Rule("/v1/disputes", methods=["GET"], endpoint="list_disputes"),
        Rule("/v1/events", methods=["GET"], endpoint="list_events"),
        Rule("/v1/events/<name>", methods=["GET"], endpoint="retrieve_event"),
    ]
)
_PARAMETERS = {
    "create_customer": {"metadata", "email", "expand"},
    "create_payment": {
        *("amount", "currency", "customer", "payment_method_types", "capture_method", "metadata"),
        *("setup_future_usage", "expand"),
    },
    "confirm_payment": {"payment_method", "confirmation_token", "off_session", "use_stripe_sdk", "expand"},
    "cancel_payment": {"cancellation_reason", "expand"},
    "create_saving": {"customer", "usage", "payment_method_types", "metadata", "expand"},
    "confirm_saving": {"payment_method", "confirmation_token", "use_stripe_sdk", "expand"},
    "cancel_saving": {"cancellation_reason", "expand"},
    "detach_method": {"expand"},
    "create_refund": {"payment_intent", "amount", "metadata", "expand"},
}
_REQUIRED = {
    "create_payment": ("amount", "currency", "customer"),
    "create_saving": ("customer",),
    "create_refund": ("payment_intent",),
}


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    form: Object
    """The body of a POST, the query of a GET."""
    key: str | None
    encoded: str


@dataclass(frozen=True)
class Answered:
    """An answer as it goes out."""

    status: int
    body: Object
    replayed: bool = False

    @property
    def encoded(self) -> bytes:
        return json.dumps(self.body).encode()


@dataclass
class _Kept:
    path: str
    encoded: str
    at: Any
    answer: Answered | None = None


class Api:
    """What is between the wire and the state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.forbidden = False
        """Whether the key may do nothing, as a restricted key without rights."""
        self._kept: dict[str, _Kept] = {}

    def asked(self, request: Request) -> Asked:
        encoded = request.get_data(as_text=True) if request.method == "POST" else request.query_string.decode()
        key = request.headers.get("Idempotency-Key")
        return Asked(request.method, request.path, decoded(encoded), key, encoded)

    def answer(self, request: Request, asked: Asked, *, fail: bool = False) -> Answered:
        """Do what is asked, once for each key.

        Args:
            request: for its headers.
            asked: the request.
            fail: whether to do it and then to say 500, which the key remembers.
        """
        try:
            self._authorise(request)
            endpoint, names = _ROUTES.bind("").match(asked.path, asked.method)
            _check(endpoint, asked)
        except Refused as refused:
            return Answered(refused.status, refused.body)
        except NotFound:
            error = invalid(f"Unrecognized request URL ({asked.method}: {asked.path}).", status=404)
            return Answered(error.status, error.body)
        if asked.method == "GET" or asked.key is None:
            return self._executed(endpoint, asked, names, fail=fail)[0]
        return self._once(endpoint, asked, names, fail=fail)

    def store_failure(self, asked: Asked) -> Answered:
        """Say 500 without doing anything, and remember it under the key."""
        answer = _failure()
        if asked.key is not None:
            with self.state.lock:
                kept = _Kept(asked.path, asked.encoded, self.state.clock.now(), answer)
                return self._kept.setdefault(asked.key, kept).answer or answer
        return answer

    def _once(self, endpoint: str, asked: Asked, names: Object, *, fail: bool) -> Answered:
        assert asked.key is not None
        with self.state.lock:
            now = self.state.clock.now()
            kept = self._kept.get(asked.key)
            if kept is not None and now - kept.at < KEYS_KEPT_FOR:
                return _repeated(kept, asked)
            kept = self._kept[asked.key] = _Kept(asked.path, asked.encoded, now)
        answer, stored = self._executed(endpoint, asked, names, fail=fail)
        with self.state.lock:
            if stored:
                kept.answer = answer
            else:
                del self._kept[asked.key]
        return answer

    def _executed(self, endpoint: str, asked: Asked, names: Object, *, fail: bool) -> tuple[Answered, bool]:
        run: Callable[..., Object] = getattr(self, f"_{endpoint}")
        with self.state.lock:
            try:
                body = run(asked.form, **names)
            except Refused as refused:
                return (_failure() if fail else Answered(refused.status, refused.body)), refused.stored
        return (_failure() if fail else Answered(200, body)), True

    def _authorise(self, request: Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise invalid("Invalid API Key provided", status=401)
        if self.forbidden:
            raise invalid("The provided key does not have the required permissions", status=403)
        if request.headers.get("Stripe-Version") != API_VERSION:
            raise invalid("Invalid Stripe API version")

    # Endpoints --------------------------------------------------------------------------------------------------

    def _create_customer(self, form: Object) -> Object:
        customer = {
            "id": self.state.new_id("cus"),
            "object": "customer",
            "balance": 0,
            "created": self.state.now(),
            "currency": None,
            "delinquent": False,
            "email": form.get("email"),
            "livemode": False,
            "metadata": dict(form.get("metadata", {})),
        }
        self.state.customers[customer["id"]] = customer
        return customer

    def _retrieve_customer(self, form: Object, name: str) -> Object:
        return self._shown(self.state.known(self.state.customers, name, "customer", "id"), form)

    def _create_payment(self, form: Object) -> Object:
        return self._shown(intents.new_payment(self.state, form), form)

    def _list_payments(self, form: Object) -> Object:
        return self._of_customer(self.state.payments, form, "/v1/payment_intents")

    def _retrieve_payment(self, form: Object, name: str) -> Object:
        return self._shown(self._payment(name), form)

    def _confirm_payment(self, form: Object, name: str) -> Object:
        return self._shown(intents.confirm_payment(self.state, self._payment(name), form), form)

    def _cancel_payment(self, form: Object, name: str) -> Object:
        return self._shown(intents.cancel_payment(self.state, self._payment(name), form), form)

    def _create_saving(self, form: Object) -> Object:
        return self._shown(intents.new_saving(self.state, form), form)

    def _list_savings(self, form: Object) -> Object:
        return self._of_customer(self.state.savings, form, "/v1/setup_intents")

    def _retrieve_saving(self, form: Object, name: str) -> Object:
        return self._shown(self._saving(name), form)

    def _confirm_saving(self, form: Object, name: str) -> Object:
        return self._shown(intents.confirm_saving(self.state, self._saving(name), form), form)

    def _cancel_saving(self, form: Object, name: str) -> Object:
        return self._shown(intents.cancel_saving(self.state, self._saving(name), form), form)

    def _list_methods(self, form: Object) -> Object:
        return self._of_customer(self.state.methods, form, "/v1/payment_methods")

    def _retrieve_method(self, form: Object, name: str) -> Object:
        return self._shown(self._method(name), form)

    def _detach_method(self, form: Object, name: str) -> Object:
        method = self._method(name)
        self.state.detach(method)
        return self._shown(method, form)

    def _create_refund(self, form: Object) -> Object:
        return self._shown(refunds.new_refund(self.state, form), form)

    def _list_refunds(self, form: Object) -> Object:
        return self._of_payment(self.state.refunds, form, "/v1/refunds")

    def _retrieve_refund(self, form: Object, name: str) -> Object:
        return self._shown(self.state.known(self.state.refunds, name, "refund", "id"), form)

    def _list_disputes(self, form: Object) -> Object:
        return self._of_payment(self.state.disputes, form, "/v1/disputes")

    def _list_events(self, form: Object) -> Object:
        events = {event["id"]: event for event in self.state.events}
        return self.state.listed(events, form, lambda event: form.get("type") in {None, event["type"]}, "/v1/events")

    def _retrieve_event(self, form: Object, name: str) -> Object:
        return self.state.known({event["id"]: event for event in self.state.events}, name, "event", "id")

    def _payment(self, name: str) -> Object:
        return self.state.known(self.state.payments, name, "payment_intent", "intent")

    def _saving(self, name: str) -> Object:
        return self.state.known(self.state.savings, name, "setup_intent", "intent")

    def _method(self, name: str) -> Object:
        return self.state.known(self.state.methods, name, "PaymentMethod", "payment_method")

    def _shown(self, thing: Object, form: Object) -> Object:
        return self.state.shown(thing, form.get("expand", []))

    def _of_customer(self, table: dict[str, Object], form: Object, url: str) -> Object:
        customer = form.get("customer")
        if customer is not None:
            self.state.known(self.state.customers, customer, "customer", "customer", 400)
        return self.state.listed(table, form, lambda thing: customer in {None, thing["customer"]}, url)

    def _of_payment(self, table: dict[str, Object], form: Object, url: str) -> Object:
        payment = form.get("payment_intent")
        if payment is not None:
            self.state.known(self.state.payments, payment, "payment_intent", "payment_intent", 400)
        return self.state.listed(table, form, lambda thing: payment in {None, thing["payment_intent"]}, url)


def _check(endpoint: str, asked: Asked) -> None:
    """Refuse what fails validation, before a key is looked at."""
    if asked.key is not None and len(asked.key) > 255:
        raise invalid("Keys for idempotent requests can only be up to 255 characters.", stored=False)
    allowed = _PARAMETERS.get(endpoint)
    for name in asked.form if allowed is not None else ():
        if name not in allowed:
            raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name, stored=False)
    for name in _REQUIRED.get(endpoint, ()):
        if not asked.form.get(name):
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name, stored=False)


def _repeated(kept: _Kept, asked: Asked) -> Answered:
    if (kept.path, kept.encoded) != (asked.path, asked.encoded):
        error = {
            "type": "idempotency_error",
            "message": "Keys for idempotent requests can only be used with the parameters they were first used with.",
        }
        return Answered(400, {"error": error})
    if kept.answer is None:
        error = {
            "type": "idempotency_error",
            "code": "idempotency_key_in_use",
            "message": "There is currently another in-progress request using this Idempotent Key.",
        }
        return Answered(HTTPStatus.CONFLICT, {"error": error})
    return Answered(kept.answer.status, kept.answer.body, replayed=True)


def _failure() -> Answered:
    return Answered(500, {"error": {"type": "api_error", "message": "An unknown error occurred"}})
