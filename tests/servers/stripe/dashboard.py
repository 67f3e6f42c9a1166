"""What is done at Stripe without us: by its owner in the dashboard, and by the card networks."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from servers.stripe import intents
from servers.stripe.cards import Script
from servers.stripe.state import Object, State

__all__ = ["delete_customer", "pay", "update_card"]


def pay(state: State, customer_id: str, units: int, currency: str) -> Object:
    """Charge a customer by hand: the payment bears no metadata of ours."""
    form = {"amount": str(units), "currency": currency, "customer": customer_id}
    payment = intents.new_payment(state, form)
    method = state.new_method(Script())
    return intents.confirm_payment(state, payment, {"payment_method": method["id"]})


def update_card(state: State, method: Object, **card: Any) -> None:
    """Let the network tell of a new card, as when the old one expired."""
    before = {name: deepcopy(method["card"][name]) for name in card}
    method["card"].update(card)
    state.tell("payment_method.automatically_updated", method, {"card": before})


def delete_customer(state: State, customer_id: str) -> None:
    """Delete a customer, whose cards are then nobody's."""
    for method in state.methods.values():
        if method["customer"] == customer_id:
            method["customer"] = None
            state.used_up.add(method["id"])
    state.tell("customer.deleted", state.customers[customer_id])
    state.customers[customer_id] = {"id": customer_id, "object": "customer", "deleted": True}
