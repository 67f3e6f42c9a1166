"""What is sent to Stripe: parameters and keys, which are the same on every repeat of an attempt.

One PaymentIntent per attempt, one SetupIntent per saving's attempt; each is created unconfirmed, which nobody can pay,
and then confirmed. A key is the attempt's id with what is done to it, because Stripe binds a key to one request.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from interact_ledger.gateways.protocol import (
    CardRequest,
    ChargeRequest,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
)
from interact_ledger.gateways.stripe.amounts import units_of

__all__ = [
    "ACCOUNT",
    "ATTEMPT",
    "LASTS_AT_MOST",
    "LOOKED_BACK",
    "LOOKUP_LAG",
    "NOTHING_COMES_AFTER",
    "OPERATION",
    "SETTLES_WITHIN",
    "Parameters",
    "key",
    "new_customer",
    "new_payment",
    "new_refund",
    "new_saving",
    "payment_confirmation",
    "saving_confirmation",
]

OPERATION = "interact_ledger_operation"
"""Our id of the top-up, saving or refund, in an object's metadata."""
ATTEMPT = "interact_ledger_attempt"
ACCOUNT = "interact_ledger_account"

LASTS_AT_MOST = timedelta(days=30)
"""How long before its `send_before` an attempt can have begun."""
LOOKED_BACK = LASTS_AT_MOST + timedelta(days=1)
"""How long before its `send_before` its object can have been made, whatever the difference of clocks."""

SETTLES_WITHIN = timedelta(minutes=2)
LOOKUP_LAG = timedelta(minutes=1)
NOTHING_COMES_AFTER = SETTLES_WITHIN + LOOKUP_LAG + timedelta(minutes=1)
"""How long after its `send_before` an attempt that is not there is nowhere; a sender's clock may be a minute behind."""

_OFF_SESSION = {Initiator.UNSCHEDULED: "one_off", Initiator.RECURRING: "recurring"}

Parameters = dict[str, Any]


def key(attempt_id: str, step: str) -> str:
    """Return the idempotency key of one step of an attempt."""
    return f"{attempt_id}:{step}"


def new_customer(account_id: str) -> Parameters:
    """A customer has nothing of its own: who it is, is the service's business."""
    return {"metadata": {ACCOUNT: account_id}}


def new_payment(request: ChargeRequest) -> Parameters:
    """An unconfirmed PaymentIntent; only what the customer chose to save can be used again.

    Raises:
        GatewayInvalidRequest: for an amount that Stripe does not take.
    """
    saving = {"setup_future_usage": "off_session"} if request.save_card else {}
    return {
        "amount": units_of(request.amount),
        "currency": request.amount.currency.code.lower(),
        "customer": request.customer_id,
        "payment_method_types": ["card"],
        "capture_method": "automatic",
        "metadata": _metadata(request.transaction_id, request.attempt_id, request.account_id),
        **saving,
    }


def payment_confirmation(request: ChargeRequest, source: PaymentSource) -> Parameters:
    """The request that charges, which says who initiates."""
    off_session = _OFF_SESSION.get(request.initiator)
    session = {"use_stripe_sdk": True} if off_session is None else {"off_session": off_session}
    return {**_card(source.token), **session}


def new_saving(request: CardRequest) -> Parameters:
    """An unconfirmed SetupIntent for later payments on anyone's initiative."""
    return {
        "customer": request.customer_id,
        "usage": "off_session",
        "payment_method_types": ["card"],
        "metadata": _metadata(request.saving_id, request.attempt_id, request.account_id),
    }


def saving_confirmation(card: NewCard) -> Parameters:
    """The request that saves."""
    return {**_card(card.token), "use_stripe_sdk": True}


def new_refund(request: RefundRequest) -> Parameters:
    """A refund of a captured PaymentIntent.

    Raises:
        GatewayInvalidRequest: for an amount that Stripe does not take.
    """
    return {
        "payment_intent": request.charge_reference,
        "amount": units_of(request.amount, at_least_minimum=False),
        "metadata": _metadata(request.refund_id, request.attempt_id, request.account_id),
    }


def _card(token: str) -> Parameters:
    """Name a card by whatever the browser made of it: a ConfirmationToken or a PaymentMethod."""
    return {"confirmation_token" if token.startswith("ctoken_") else "payment_method": token}


def _metadata(operation_id: str, attempt_id: str, account_id: str) -> dict[str, str]:
    return {OPERATION: operation_id, ATTEMPT: attempt_id, ACCOUNT: account_id}
