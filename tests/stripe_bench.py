"""Stripe's adapter, with the loopback server that it talks to, on the bench of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from moneyed import Money

from gateway_books import Captured, Chargeable
from interact_ledger.clock import MovableClock
from interact_ledger.gateways import conformance
from interact_ledger.gateways.conformance import Behaviour, Delivery
from interact_ledger.gateways.protocol import CardDetails, CardFunding, DeclineReason, Gateway
from interact_ledger.gateways.stripe import StripeGateway
from servers.stripe import API_KEY, Decline, Fault, Outcome, Script, StripeServer

__all__ = ["NOON", "SECRET", "SECRETS", "StripeBench", "adapter", "stripe_bench"]

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_loopback0123456789abcdefghijklmnop"
OLD_SECRET = "whsec_rotatedout0123456789abcdefghijkl"
SECRETS = (SECRET, OLD_SECRET)
NO_PAUSES = (timedelta(0), timedelta(0))

_SCRIPTS = {
    Behaviour.SUCCEEDS: Script(),
    Behaviour.PENDS: Script(pay=Outcome.PROCESS),
    Behaviour.ASKS_CUSTOMER: Script(last4="3155", pay=Outcome.AUTHENTICATE),
    Behaviour.ASKS_WHEN_SAVED: Script(last4="3184", off_session=Outcome.AUTHENTICATE),
    Behaviour.CAPTURES_LESS: Script(short_by=1),
    Behaviour.REFUND_PENDS: Script(last4="7726", refund="pending"),
    Behaviour.REFUND_RETURNS: Script(last4="3222"),
    Behaviour.REFUND_DECLINED: Script(last4="5126", refund="refused"),
}
_DECLINES = {
    DeclineReason.INSUFFICIENT_FUNDS: Decline("card_declined", "insufficient_funds"),
    DeclineReason.EXPIRED_CARD: Decline("expired_card"),
    DeclineReason.INCORRECT_DETAILS: Decline("incorrect_cvc"),
    DeclineReason.LOST_OR_STOLEN: Decline("card_declined", "stolen_card"),
    DeclineReason.FRAUD: Decline("card_declined", "fraudulent"),
    DeclineReason.AUTHENTICATION_REQUIRED: Decline("authentication_required", "authentication_required"),
    DeclineReason.AUTHENTICATION_FAILED: Decline("payment_intent_authentication_failure"),
    DeclineReason.METHOD_UNUSABLE: Decline("card_declined", "card_not_supported"),
    DeclineReason.LIMIT_EXCEEDED: Decline("card_declined", "card_velocity_exceeded"),
    DeclineReason.DO_NOT_HONOUR: Decline("card_declined", "do_not_honor"),
    DeclineReason.OTHER: Decline("card_declined", "generic_decline"),
}
_REQUESTS = {
    "link_customer": ("POST", "/v1/customers"),
    "begin": ("POST", "/v1/payment_intents"),
    "charge": ("POST", "/v1/payment_intents/[^/]+/confirm"),
    "cancel": ("POST", "/v1/payment_intents/[^/]+/cancel"),
    "save": ("POST", "/v1/setup_intents/[^/]+/confirm"),
    "cancel_save": ("POST", "/v1/setup_intents/[^/]+/cancel"),
    "complete_save": ("GET", "/v1/setup_intents/[^/]+"),
    "forget": ("POST", "/v1/payment_methods/[^/]+/detach"),
    "refund": ("POST", "/v1/refunds"),
    "find_after_capture": ("GET", "/v1/disputes"),
    "find_saved_card": ("GET", "/v1/payment_methods/[^/]+"),
}
_ANYTHING = "/v1/.*"
_WITHOUT_DECIMALS = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"),
}
_WITH_THREE_DECIMALS = {"BHD", "JOD", "KWD", "OMR", "TND"}


def adapter(server: StripeServer, clock: MovableClock, **how: Any) -> StripeGateway:
    """Return an adapter that talks to the server, and that a hung request does not keep for long."""
    settings = {"webhook_secrets": SECRETS, "timeouts": (2.0, 2.0), "pauses": NO_PAUSES, **how}
    return StripeGateway(API_KEY, clock=clock, api_base=server.address, **settings)


class StripeOthers:
    """Whoever else has a hand on the server: its owner's dashboard, banks, card networks."""

    def __init__(self, server: StripeServer) -> None:
        self._server = server

    def refund_in_dashboard(self, reference: str, amount: Money) -> str:
        return self._server.refund_in_dashboard(reference, _units(amount))

    def open_dispute(self, reference: str, amount: Money) -> str:
        return self._server.open_dispute(reference, _units(amount))

    def decide_dispute(self, reference: str, *, won: bool) -> None:
        self._server.decide_dispute(reference, won=won)

    def reverse_settlement(self, reference: str) -> None:
        """No card payment's capture fails afterwards at Stripe."""

    def pay_in_dashboard(self, customer_id: str, amount: Money) -> str:
        return self._server.pay_in_dashboard(customer_id, _units(amount), amount.currency.code.lower())

    def detach_card(self, token: str) -> str:
        self._server.detach_card(token)
        return token

    def update_card(self, token: str) -> CardDetails:
        self._server.update_card(token, last4="0077", exp_month=7, exp_year=2044, funding="debit")
        return CardDetails(brand="visa", last_four="0077", expiry_month=7, expiry_year=2044, funding=CardFunding.DEBIT)

    def delete_customer(self, customer_id: str) -> str:
        self._server.delete_customer(customer_id)
        return customer_id


class StripeBench:
    """One adapter and its server."""

    def __init__(self, server: StripeServer, clock: MovableClock, gateway: Gateway | None = None) -> None:
        self.server = server
        self.clock = clock
        self.others = StripeOthers(server)
        self.gateway: Gateway = _Calls(gateway or adapter(server, clock), self._call_ended)
        self._acknowledged: set[str] = set()
        self._lookups_available = True

    def restarted(self) -> Gateway:
        return adapter(self.server, self.clock)

    @property
    def secrets(self) -> Collection[str]:
        return (API_KEY, *SECRETS)

    @property
    def lookups_available(self) -> bool:
        return self._lookups_available

    @lookups_available.setter
    def lookups_available(self, available: bool) -> None:
        self._lookups_available = available
        self.server.faults.clear()
        if not available:
            self.server.faults.add("GET", _ANYTHING, Fault.UNAVAILABLE, times=None)

    def card(self, kind: Behaviour | DeclineReason) -> str | None:
        script = _SCRIPTS[kind] if isinstance(kind, Behaviour) else Script(pay=_DECLINES[kind])
        return self.server.card(script)

    def fail_next(self, verb: str, fault: conformance.Fault) -> None:
        add, (method, path) = self.server.faults.add, _REQUESTS[verb]
        match fault:
            case conformance.Fault.BEFORE:
                add(method, path, Fault.DROP_BEFORE)
            case conformance.Fault.AFTER:
                add(method, path, Fault.DROP_AFTER)
            case conformance.Fault.REFUSED:
                add(method, path, Fault.TOO_MANY, times=None)
            case conformance.Fault.AFTER_THEN_REFUSED:
                add(method, path, Fault.DROP_AFTER)
                add(method, path, Fault.TOO_MANY, times=None)

    def _call_ended(self) -> None:
        """A refusal lasts for one call of the adapter, however often that tries."""
        if self._lookups_available:
            self.server.faults.end_of_call()

    def captured(self) -> Sequence[Captured]:
        return [
            Captured(
                payment["metadata"]["interact_ledger_operation"],
                payment["id"],
                _money(payment["amount_received"], payment["currency"]),
                _money(self.server.refunded_units(payment["id"]), payment["currency"]),
            )
            for payment in self.server.captured()
        ]

    def chargeable(self) -> Sequence[Chargeable]:
        kinds = {"payment_intent": "payment", "setup_intent": "saving"}
        intents = [Chargeable(kinds[intent["object"]], intent["id"]) for intent in self.server.open_intents()]
        return [*intents, *(Chargeable("card", card["id"]) for card in self.server.attached())]

    def saved_cards(self) -> Collection[object]:
        return self.server.attached()

    def authenticate(self, reference: str, *, succeed: bool = True) -> object:
        return self.server.authenticate(reference, succeed=succeed)

    def settle(self, reference: str, *, succeed: bool = True) -> object:
        return self.server.settle(reference, succeed=succeed)

    def pay_in_browser(self, reference: str, token: str) -> object:
        return self.server.pay_in_browser(reference, token)

    def return_refund(self, reference: str) -> object:
        return self.server.return_refund(reference)

    def notices_due(self) -> Sequence[Delivery]:
        due = [event for event in self.server.events() if event["id"] not in self._acknowledged]
        return [self._delivery(event) for event in due]

    def acknowledge(self, notice_id: str) -> None:
        self._acknowledged.add(notice_id)

    def foreign_notice(self) -> Delivery | None:
        payment = {"id": "pi_Elsewhere", "object": "payment_intent", "metadata": {"order": "77"}, "status": "succeeded"}
        event = {
            "id": "evt_Elsewhere",
            "object": "event",
            "created": int(self.clock.now().timestamp()),
            "data": {"object": payment},
            "type": "payment_intent.succeeded",
        }
        return self._delivery(event)

    def _delivery(self, event: dict[str, Any]) -> Delivery:
        body, headers = self.server.delivery(event, SECRET, self.clock.now())
        return Delivery(notice_id=event["id"], body=body, headers=headers)


class _Calls:
    """The adapter, telling when each call of a method has ended."""

    def __init__(self, gateway: Gateway, ended: Callable[[], None]) -> None:
        self._gateway = gateway
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return found(*args, **kwargs)
            finally:
                if name in _REQUESTS:
                    self._ended()

        return call

    def __repr__(self) -> str:
        return repr(self._gateway)


@contextmanager
def stripe_bench(start: datetime = NOON) -> Iterator[StripeBench]:
    """Open a server with nothing in it, and an adapter that talks to it."""
    clock = MovableClock(start)
    with StripeServer(clock) as server:
        yield StripeBench(server, clock)


def _money(units: int, currency: str) -> Money:
    code = currency.upper()
    return Money(Decimal(units).scaleb(-_decimals(code)), code)


def _units(amount: Money) -> int:
    return int(amount.amount.scaleb(_decimals(amount.currency.code)))


def _decimals(code: str) -> int:
    return 0 if code in _WITHOUT_DECIMALS else 3 if code in _WITH_THREE_DECIMALS else 2
