"""Refunds: never more than was captured, and sometimes returned by the bank."""

from __future__ import annotations

from servers.stripe.disputes import refuse_disputed
from servers.stripe.errors import invalid
from servers.stripe.state import Object, State

__all__ = ["fail_refund", "new_refund", "refunded_units", "settle_refund"]

_COUNTED = {"succeeded", "pending", "requires_action"}


def new_refund(state: State, form: Object) -> Object:
    payment = state.known(state.payments, form["payment_intent"], "payment_intent", "payment_intent", 400)
    if payment["amount_received"] == 0:
        raise invalid(f"This PaymentIntent ({payment['id']}) does not have a successful charge to refund.")
    charge = state.charges[payment["latest_charge"]]
    script = state.scripts[charge["payment_method"]]
    left = payment["amount_received"] - refunded_units(state, payment["id"])
    amount = int(form.get("amount", left))
    if script.refund == "refused":
        raise invalid("The charge has been charged back.", code="charge_disputed")
    refuse_disputed(state, payment)
    if left == 0:
        raise invalid("The charge has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise invalid("Refund amount is greater than unrefunded amount on charge", param="amount")
    refund = {
        "id": state.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": state.now(),
        "currency": payment["currency"],
        "metadata": dict(form.get("metadata", {})),
        "payment_intent": payment["id"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": script.refund,
        "transfer_reversal": None,
    }
    state.refunds[refund["id"]] = refund
    _count(state, charge)
    state.tell("refund.created", refund)
    if refund["status"] == "succeeded":
        state.tell("charge.refunded", charge)
    return refund


def refunded_units(state: State, payment_intent: str) -> int:
    """Return what of a payment was paid back, or is on its way."""
    of_it = (refund for refund in state.refunds.values() if refund["payment_intent"] == payment_intent)
    return sum(refund["amount"] for refund in of_it if refund["status"] in _COUNTED)


def settle_refund(state: State, refund: Object, *, succeed: bool) -> None:
    """Let a pending refund arrive, or not."""
    if refund["status"] == "pending":
        _move(state, refund, "succeeded" if succeed else "failed")


def fail_refund(state: State, refund: Object) -> None:
    """Let the bank send back what was refunded."""
    if refund["status"] == "succeeded":
        _move(state, refund, "failed")


def _move(state: State, refund: Object, status: str) -> None:
    refund["status"] = status
    if status == "failed":
        refund["failure_reason"] = "expired_or_canceled_card"
    _count(state, state.charges[refund["charge"]])
    state.tell("refund.failed" if status == "failed" else "refund.updated", refund)


def _count(state: State, charge: Object) -> None:
    charge["amount_refunded"] = refunded_units(state, charge["payment_intent"])
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
