"""Disputes: a bank takes money back, and decides later whether it was right to."""

from __future__ import annotations

from datetime import timedelta

from servers.stripe.errors import invalid
from servers.stripe.state import Object, State

__all__ = ["FEE", "decide_dispute", "open_dispute", "refuse_disputed"]

FEE = 2000
"""What each dispute costs, in units of the settlement currency."""
SETTLED_IN = "gbp"
ANSWERED_WITHIN = timedelta(days=9)

_WITHOUT_MONEY = {"warning_needs_response": "inquiry", "warning_closed": "inquiry", "prevented": "block"}


def open_dispute(
    state: State, payment: Object, *, units: int | None = None, status: str = "needs_response", reason: str
) -> Object:
    """Let a cardholder's bank dispute a payment, or only ask about it."""
    case = _WITHOUT_MONEY.get(status, "chargeback")
    dispute = {
        "id": state.new_id("du"),
        "object": "dispute",
        "amount": payment["amount_received"] if units is None else units,
        "balance_transactions": [],
        "charge": payment["latest_charge"],
        "created": state.now(),
        "currency": payment["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": state.now() + int(ANSWERED_WITHIN.total_seconds()),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": case != "chargeback",
        "livemode": False,
        "metadata": {},
        "payment_intent": payment["id"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": case, "network": "visa", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": status,
    }
    state.disputes[dispute["id"]] = dispute
    state.charges[payment["latest_charge"]]["disputed"] = True
    state.tell("charge.dispute.created", dispute)
    if case == "chargeback":
        _book(state, dispute, -dispute["amount"], FEE)
        state.tell("charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide_dispute(state: State, dispute: Object, *, won: bool) -> None:
    """Let the bank say who was right."""
    dispute["status"] = "won" if won else "lost"
    state.tell("charge.dispute.closed", dispute)
    if won:
        _book(state, dispute, dispute["amount"], 0)
        state.tell("charge.dispute.funds_reinstated", dispute)


def refuse_disputed(state: State, payment: Object) -> None:
    """Refuse to refund what the bank has taken back already."""
    of_it = (dispute for dispute in state.disputes.values() if dispute["payment_intent"] == payment["id"])
    if any(not dispute["is_charge_refundable"] and dispute["status"] != "won" for dispute in of_it):
        raise invalid("The charge has been charged back.", code="charge_disputed")


def _book(state: State, dispute: Object, units: int, fee: int) -> None:
    dispute["balance_transactions"].append(
        {
            "id": state.new_id("txn"),
            "object": "balance_transaction",
            "amount": units,
            "available_on": state.now(),
            "balance_type": "payments",
            "created": state.now(),
            "currency": SETTLED_IN,
            "description": f"Chargeback withdrawal for {dispute['charge']}",
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [{"amount": fee, "currency": SETTLED_IN, "type": "stripe_fee"}] if fee else [],
            "net": units - fee,
            "reporting_category": "dispute",
            "source": dispute["id"],
            "status": "available",
            "type": "adjustment",
        }
    )
