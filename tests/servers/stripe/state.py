"""What Stripe remembers: objects as its API shows them, unexpanded, and beside them what each card does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from interact_ledger.clock import Clock
from servers.stripe.cards import TEST_TOKENS, Script
from servers.stripe.errors import invalid, missing

__all__ = ["Object", "State"]

Object = dict[str, Any]

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"
_NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
_NOBODY = {"address": _NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
_CHECKS = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}


class State:
    """All objects of one account, and the events that tell of their changes. Hold `lock` while changing any."""

    def __init__(self, clock: Clock) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.customers: dict[str, Object] = {}
        self.payments: dict[str, Object] = {}
        self.savings: dict[str, Object] = {}
        self.methods: dict[str, Object] = {}
        self.charges: dict[str, Object] = {}
        self.refunds: dict[str, Object] = {}
        self.disputes: dict[str, Object] = {}
        self.events: list[Object] = []
        self.scripts: dict[str, Script] = {}
        self.least = {"gbp": 30}
        """The least that may be charged, in units; where the account settles decides that."""
        self.page_max = 100
        """How many objects a page holds at most."""
        self.wrapped: dict[str, Any] = {}
        self.used_up: set[str] = set()
        self.confirmed: set[str] = set()
        """PaymentIntents whose client secret a browser may have: it is told when they are confirmed, not before."""
        self._count = 0

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def new_id(self, kind: str) -> str:
        self._count += 1
        digest = hashlib.sha256(f"{kind}{self._count}".encode()).digest()
        return f"{kind}_{''.join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:24])}"

    def tell(self, kind: str, about: Object, previous: Object | None = None) -> None:
        """Remember an event, with the object as it is now and what of it was otherwise before."""
        before = {} if previous is None else {"previous_attributes": previous}
        self.events.append(
            {
                "id": self.new_id("evt"),
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": self.now(),
                "data": {"object": deepcopy(about), **before},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
        )

    def known(self, table: dict[str, Object], name: str, what: str, param: str, status: int = 404) -> Object:
        try:
            return table[name]
        except KeyError:
            raise missing(what, name, param, status) from None

    def present_customer(self, name: str) -> None:
        """Refuse a customer that never was, or was deleted: that one can only be looked at."""
        if self.known(self.customers, name, "customer", "customer", 400).get("deleted"):
            raise missing("customer", name, "customer", 400)

    # Cards ------------------------------------------------------------------------------------------------------

    def new_method(self, script: Script) -> Object:
        """Make a card as the browser does: it belongs to nobody yet."""
        method = {
            "id": self.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": deepcopy(_NOBODY),
            "card": self._card(script),
            "created": self.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
        }
        self.methods[method["id"]] = method
        self.scripts[method["id"]] = script
        return method

    def new_confirmation_token(self, script: Script) -> str:
        """Wrap a card as the browser does for a server that confirms; it can be used once."""
        token = self.new_id("ctoken")
        self.wrapped[token] = self.new_method(script)["id"]
        return token

    def method_to_confirm(self, form: Object, customer: str | None, *, off_session: bool) -> Object:
        """Return the card that a confirmation names, if it may be used for the customer."""
        token, name = form.get("confirmation_token"), form.get("payment_method")
        if (token is None) == (name is None):
            raise invalid("Name one card to confirm with.", code="parameter_missing", param="payment_method")
        if token is not None:
            self.known(self.wrapped, token, "confirmation_token", "confirmation_token", 400)
            name = self.wrapped.pop(token)
        if name in TEST_TOKENS:
            return self.new_method(TEST_TOKENS[name])
        method = self.known(self.methods, name, "PaymentMethod", "payment_method", 400)
        if method["customer"] is not None and method["customer"] != customer:
            raise invalid(f"The payment method {name} belongs to another customer.", param="payment_method")
        if name in self.used_up:
            raise invalid(
                f"The provided PaymentMethod {name} was previously used without Customer attachment,"
                " or was detached from a Customer. It may not be used again."
            )
        if off_session and method["customer"] is None:
            raise invalid("A card that is used off-session must be attached to a customer.", param="payment_method")
        return method

    def used(self, method: Object, customer: str | None, *, keep: bool) -> None:
        """Attach a card that is to be kept; any other that is nobody's can never be used again."""
        if keep and method["customer"] is None:
            method["customer"] = customer
            self.tell("payment_method.attached", method)
        elif method["customer"] is None:
            self.used_up.add(method["id"])

    def detach(self, method: Object) -> None:
        if method["customer"] is None:
            raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
        before = {"customer": method["customer"]}
        method["customer"] = None
        self.used_up.add(method["id"])
        self.tell("payment_method.detached", method, before)

    # Rendering --------------------------------------------------------------------------------------------------

    def shown(self, thing: Object, expand: list[str]) -> Object:
        """Return a copy with the asked parts in full."""
        copy = deepcopy(thing)
        tables = {"latest_charge": self.charges, "payment_method": self.methods}
        for part in expand:
            if part not in copy:
                raise invalid(f"This property cannot be expanded ({part}).", param="expand", stored=False)
            if copy[part] is not None:
                copy[part] = deepcopy(tables[part][copy[part]])
        return copy

    def listed(self, table: dict[str, Object], query: Object, wanted: Callable[[Object], bool], url: str) -> Object:
        """Return a page, newest first."""
        since = int(query.get("created", {}).get("gte", 0))
        found = [thing for thing in reversed(table.values()) if wanted(thing) and thing["created"] >= since]
        after = query.get("starting_after")
        if after is not None:
            found = found[[thing["id"] for thing in found].index(after) + 1 :]
        limit = min(int(query.get("limit", "10")), self.page_max)
        expand = [part.removeprefix("data.") for part in query.get("expand", [])]
        return {
            "object": "list",
            "data": [self.shown(thing, expand) for thing in found[:limit]],
            "has_more": len(found) > limit,
            "url": url,
        }

    def charge_of(self, payment: Object, method: Object, *, status: str, decline: Object | None = None) -> Object:
        """Make the charge that a confirmation comes to."""
        script = self.scripts[method["id"]]
        captured = payment["amount"] - script.short_by if status == "succeeded" else 0
        codes = {name: (decline or {}).get(name) for name in ("advice_code",)}
        charge = {
            "id": self.new_id("ch"),
            "object": "charge",
            "amount": payment["amount"],
            "amount_captured": captured,
            "amount_refunded": 0,
            "billing_details": deepcopy(_NOBODY),
            "captured": status == "succeeded",
            "created": self.now(),
            "currency": payment["currency"],
            "customer": payment["customer"],
            "disputed": False,
            "failure_code": (decline or {}).get("code"),
            "failure_message": (decline or {}).get("message"),
            "livemode": False,
            "metadata": dict(payment["metadata"]),
            "outcome": {
                **codes,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "declined_by_network" if decline else "approved_by_network",
                "reason": (decline or {}).get("decline_code"),
                "risk_level": "normal",
                "seller_message": "Payment complete.",
                "type": "issuer_declined" if decline else "authorized",
            },
            "paid": status == "succeeded",
            "payment_intent": payment["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": self._card_of_charge(script), "type": "card"},
            "refunded": False,
            "status": status,
        }
        self.charges[charge["id"]] = charge
        return charge

    @staticmethod
    def _card(script: Script) -> Object:
        return {
            "brand": script.brand,
            "checks": dict(_CHECKS),
            "country": "GB",
            "display_brand": script.brand,
            "exp_month": 12,
            "exp_year": 2039,
            "fingerprint": f"fingerprint{script.last4}",
            "funding": script.funding,
            "generated_from": None,
            "last4": script.last4,
            "networks": {"available": [script.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }

    @staticmethod
    def _card_of_charge(script: Script) -> Object:
        return {
            "amount_authorized": None,
            "brand": script.brand,
            "checks": dict(_CHECKS),
            "country": "GB",
            "exp_month": 12,
            "exp_year": 2039,
            "fingerprint": f"fingerprint{script.last4}",
            "funding": script.funding,
            "installments": None,
            "last4": script.last4,
            "mandate": None,
            "network": script.brand,
            "three_d_secure": None,
            "wallet": None,
        }
