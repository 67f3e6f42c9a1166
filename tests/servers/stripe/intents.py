"""PaymentIntents and SetupIntents: what moves them from one status to the next."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from servers.stripe.cards import Decline, Outcome
from servers.stripe.disputes import open_dispute
from servers.stripe.errors import Refused, card_error, invalid
from servers.stripe.state import Object, State

__all__ = [
    "authenticate",
    "cancel_payment",
    "cancel_saving",
    "confirm_payment",
    "confirm_saving",
    "new_payment",
    "new_saving",
    "settle_payment",
]

_THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
_WHOLE = {"isk", "ugx"}
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_NEXT_ACTION = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
_MESSAGES = {"authentication_required": "Your card was declined. This transaction requires authentication."}


def new_payment(state: State, form: Object) -> Object:
    amount, currency = _amount(state, form), form["currency"]
    state.present_customer(form["customer"])
    name = state.new_id("pi")
    payment = {
        "id": name,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": form.get("capture_method", "automatic_async"),
        "client_secret": f"{name}_secret_{state.new_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": state.now(),
        "currency": currency,
        "customer": form["customer"],
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": dict(form.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": form.get("payment_method_types", ["card"]),
        "processing": None,
        "receipt_email": None,
        "setup_future_usage": form.get("setup_future_usage"),
        "shipping": None,
        "status": "requires_payment_method",
        "transfer_data": None,
    }
    state.payments[name] = payment
    state.tell("payment_intent.created", payment)
    return payment


def confirm_payment(state: State, payment: Object, form: Object) -> Object:
    if payment["status"] not in _CONFIRMABLE:
        raise _unexpected("payment_intent", payment)
    off_session = form.get("off_session") not in {None, "false"}
    method = state.method_to_confirm(form, payment["customer"], off_session=off_session)
    state.confirmed.add(payment["id"])
    script = state.scripts[method["id"]]
    outcome = script.off_session if off_session and isinstance(script.pay, Outcome) else script.pay
    if off_session and outcome is Outcome.AUTHENTICATE:
        outcome = Decline("authentication_required", "authentication_required")
    if isinstance(outcome, Decline):
        raise _declined_payment(state, payment, method, outcome)
    payment.update(payment_method=method["id"], last_payment_error=None)
    if outcome is Outcome.AUTHENTICATE:
        payment.update(status="requires_action", next_action=deepcopy(_NEXT_ACTION))
        state.tell("payment_intent.requires_action", payment)
    elif outcome is Outcome.PROCESS:
        charge = state.charge_of(payment, method, status="pending")
        payment.update(status="processing", processing={"type": "card"}, latest_charge=charge["id"])
        state.tell("payment_intent.processing", payment)
    else:
        _captured(state, payment, method)
    return payment


def settle_payment(state: State, payment: Object, *, succeed: bool) -> None:
    """Let the networks say what became of a processing payment."""
    if payment["status"] != "processing":
        return
    method = state.methods[payment["payment_method"]]
    payment["processing"] = None
    if succeed:
        _captured(state, payment, method)
    else:
        _declined_payment(state, payment, method, Decline("card_declined", "generic_decline"))


def authenticate(state: State, name: str, *, succeed: bool) -> None:
    """Play the customer who answers, or fails, a 3-D Secure challenge; nothing happens where none is open."""
    intent = state.payments.get(name) or state.savings.get(name)
    if intent is None or intent["status"] != "requires_action":
        return
    method = state.methods[intent["payment_method"]]
    intent["next_action"] = None
    if intent["object"] == "payment_intent":
        if succeed:
            _captured(state, intent, method)
        else:
            _declined_payment(state, intent, method, Decline("payment_intent_authentication_failure"))
    elif succeed:
        _saved(state, intent, method)
    else:
        _declined_saving(state, intent, method, Decline("setup_intent_authentication_failure"))


def cancel_payment(state: State, payment: Object, form: Object) -> Object:
    if payment["status"] not in {*_CONFIRMABLE, "requires_capture"}:
        raise _unexpected("payment_intent", payment)
    reason = form.get("cancellation_reason")
    payment.update(status="canceled", canceled_at=state.now(), cancellation_reason=reason, next_action=None)
    state.tell("payment_intent.canceled", payment)
    return payment


def new_saving(state: State, form: Object) -> Object:
    state.present_customer(form["customer"])
    name = state.new_id("seti")
    saving = {
        "id": name,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{name}_secret_{state.new_id('x')[2:]}",
        "created": state.now(),
        "customer": form["customer"],
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": dict(form.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": form.get("payment_method_types", ["card"]),
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": form.get("usage", "off_session"),
    }
    state.savings[name] = saving
    state.tell("setup_intent.created", saving)
    return saving


def confirm_saving(state: State, saving: Object, form: Object) -> Object:
    if saving["status"] not in _CONFIRMABLE:
        raise _unexpected("setup_intent", saving)
    method = state.method_to_confirm(form, saving["customer"], off_session=False)
    state.confirmed.add(saving["id"])
    script = state.scripts[method["id"]]
    outcome = script.pay if script.save is None else script.save
    if isinstance(outcome, Decline):
        raise _declined_saving(state, saving, method, outcome)
    saving.update(payment_method=method["id"], last_setup_error=None)
    if outcome is Outcome.AUTHENTICATE:
        saving.update(status="requires_action", next_action=deepcopy(_NEXT_ACTION))
        state.tell("setup_intent.requires_action", saving)
    else:
        _saved(state, saving, method)
    return saving


def cancel_saving(state: State, saving: Object, form: Object) -> Object:
    if saving["status"] not in _CONFIRMABLE:
        raise _unexpected("setup_intent", saving)
    saving.update(status="canceled", cancellation_reason=form.get("cancellation_reason"), next_action=None)
    state.tell("setup_intent.canceled", saving)
    return saving


def _captured(state: State, payment: Object, method: Object) -> None:
    charge = state.charge_of(payment, method, status="succeeded")
    payment.update(
        status="succeeded",
        amount_received=charge["amount_captured"],
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=None,
    )
    state.used(method, payment["customer"], keep=payment["setup_future_usage"] is not None)
    state.tell("payment_intent.succeeded", payment)
    if state.scripts[method["id"]].disputed:
        open_dispute(state, payment, reason="fraudulent")


def _declined_payment(state: State, payment: Object, method: Object, decline: Decline) -> Refused:
    error = _error(decline, method)
    if not decline.code.endswith("_authentication_failure"):
        charge = state.charge_of(payment, method, status="failed", decline=error)
        payment["latest_charge"] = charge["id"]
        error["charge"] = charge["id"]
    payment.update(status="requires_payment_method", payment_method=None, next_action=None, last_payment_error=error)
    state.used(method, None, keep=False)
    state.tell("payment_intent.payment_failed", payment)
    return card_error(error, payment_intent=deepcopy(payment))


def _saved(state: State, saving: Object, method: Object) -> None:
    saving.update(status="succeeded", next_action=None, last_setup_error=None)
    state.used(method, saving["customer"], keep=True)
    state.tell("setup_intent.succeeded", saving)


def _declined_saving(state: State, saving: Object, method: Object, decline: Decline) -> Refused:
    error = _error(decline, method)
    saving.update(status="requires_payment_method", payment_method=None, next_action=None, last_setup_error=error)
    state.used(method, None, keep=False)
    state.tell("setup_intent.setup_failed", saving)
    return card_error(error, setup_intent=deepcopy(saving))


def _error(decline: Decline, method: Object) -> dict[str, Any]:
    is_card_error = not decline.code.endswith("_authentication_failure")
    codes = {"code": decline.code, "decline_code": decline.decline_code, "advice_code": decline.advice_code}
    return {
        "type": "card_error" if is_card_error else "invalid_request_error",
        "message": _MESSAGES.get(decline.code, "Your card was declined."),
        "payment_method": deepcopy(method),
        **{name: code for name, code in codes.items() if code is not None},
    }


def _unexpected(kind: str, intent: Object) -> Refused:
    return invalid(
        f"You cannot do this because the {kind} has a status of {intent['status']}.",
        code=f"{kind}_unexpected_state",
        **{kind: deepcopy(intent)},
    )


def _amount(state: State, form: Object) -> int:
    currency = form["currency"]
    if not form["amount"].isdecimal():
        raise invalid("Invalid integer", code="parameter_invalid_integer", param="amount", stored=False)
    amount = int(form["amount"])
    if amount > 99_999_999:
        raise invalid("Amount must be no more than eight digits", code="amount_too_large", param="amount", stored=False)
    if amount < state.least.get(currency, 1):
        raise invalid("Amount must convert to 30 pence.", code="amount_too_small", param="amount", stored=False)
    step = 10 if currency in _THREE_DECIMALS else 100 if currency in _WHOLE else 1
    if amount % step:
        raise invalid(f"Invalid amount for {currency}", code="parameter_invalid_integer", param="amount", stored=False)
    return amount
