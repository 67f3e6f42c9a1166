"""What Stripe's objects mean in the words of the protocol.

Each function reads one object as Stripe sent it; whatever it stumbles over is one of `UNREADABLE`, and the caller then
knows nothing. A payment that failed can be paid again until it is cancelled, whatever made it fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Begun,
    Cancelled,
    CardDetails,
    CardFunding,
    CardRequest,
    CardResult,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    Pending,
    Refunded,
    RefundResult,
    Succeeded,
)
from interact_ledger.gateways.stripe.amounts import money_of
from interact_ledger.gateways.stripe.declines import declined

__all__ = [
    "BRANDS",
    "UNREADABLE",
    "Object",
    "card_decline",
    "card_details",
    "card_result",
    "charge_result",
    "moment",
    "refund_result",
    "text",
]

Object = Mapping[str, Any]
"""One of Stripe's objects, as its JSON has it."""

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError)

_OTHER_NAMES = {"amex": "american_express", "diners": "diners_club"}
BRANDS = frozenset(
    {"visa", "mastercard", "american_express", "discover", "diners_club", "jcb", "unionpay", "eftpos_au"}
)
_FUNDINGS = {funding.value: funding for funding in CardFunding}


def text(value: object) -> str:
    """Return an id or a secret of Stripe's, which is never empty: an empty id in a path names the whole collection."""
    if not isinstance(value, str) or not value:
        raise ValueError("not a text of Stripe's")
    return value


def charge_result(request: ChargeRequest, payment: Object) -> ChargeResult | Begun:
    """Return the present state of a PaymentIntent; `Begun` if nobody ever confirmed it."""
    reference, failure = text(payment["id"]), payment.get("last_payment_error")
    match payment["status"]:
        case "succeeded":
            return _succeeded(request, reference, payment)
        case "processing" | "requires_capture":
            return Pending(reference=reference)
        case "requires_action":
            return ActionRequired(reference=reference, client_secret=text(payment["client_secret"]))
        case "requires_payment_method" if failure:
            return _declined(failure, reference, still_payable=True)
        case "requires_payment_method" | "requires_confirmation":
            return Begun(reference=reference)
        case "canceled":
            return Cancelled(reference=reference)
    raise ValueError("not a status of a PaymentIntent")


def card_result(request: CardRequest, saving: Object) -> CardResult | None:
    """Return the present state of a SetupIntent; None if nobody ever confirmed it.

    One that was declined waits for its customer, who may try again with another card, until it is cancelled.
    """
    reference, failure = text(saving["id"]), saving.get("last_setup_error")
    match saving["status"]:
        case "succeeded":
            kept = _kept(request.customer_id, reference, saving["payment_method"])
            return kept or Cancelled(reference=reference)
        case "processing":
            return Pending(reference=reference)
        case "requires_payment_method" | "requires_confirmation" if not failure:
            return None
        case "requires_action" | "requires_payment_method" | "requires_confirmation":
            return ActionRequired(reference=reference, client_secret=text(saving["client_secret"]))
        case "canceled":
            return _declined(failure, reference) if failure else Cancelled(reference=reference)
    raise ValueError("not a status of a SetupIntent")


def card_decline(saving: Object) -> Declined | None:
    """Return why a SetupIntent's last try failed, if it did and is to be cancelled now."""
    failure = saving.get("last_setup_error")
    is_open = saving.get("status") == "requires_payment_method"
    return _declined(failure, text(saving["id"])) if is_open and failure else None


def refund_result(refund: Object) -> RefundResult:
    """Return the present state of a Refund."""
    reference = text(refund["id"])
    match refund["status"]:
        case "succeeded":
            amount = money_of(refund["amount"], refund["currency"])
            return Refunded(reference=reference, amount=amount, refunded_at=moment(refund["created"]))
        case "pending" | "requires_action":
            return Pending(reference=reference)
        case "failed" | "canceled" as status:
            return Declined(
                reason=DeclineReason.METHOD_UNUSABLE,
                advice=Advice.NEVER,
                raw_code=refund.get("failure_reason") or status,
                reference=reference,
            )
    raise ValueError("not a status of a Refund")


def _succeeded(request: ChargeRequest, reference: str, payment: Object) -> Succeeded:
    """Return what was captured. All that is said about the card may be null, and the money is taken all the same."""
    charge, method = payment["latest_charge"] or payment, payment["payment_method"]
    about = charge.get("payment_method_details") or {}
    return Succeeded(
        reference=reference,
        amount=money_of(payment["amount_received"], payment["currency"]),
        captured_at=moment(charge["created"]),
        card=card_details(about.get("card") or {}),
        saved_card=_kept(request.customer_id, reference, method) if request.save_card and method else None,
    )


def _kept(customer_id: str, reference: str, method: Object) -> CardSaved | None:
    """Return the card if Stripe keeps it for the customer; detached, it is nobody's.

    Its reference is the object that saved it, because its own id is the token.
    """
    if method["customer"] != customer_id:
        return None
    return CardSaved(reference=reference, token=text(method["id"]), details=card_details(method["card"]))


def card_details(card: Object) -> CardDetails:
    """Return what may be shown of a card, of a PaymentMethod's or of a charge's."""
    brand = card.get("brand") or "unknown"
    return CardDetails(
        brand=_OTHER_NAMES.get(brand, brand),
        last_four=card.get("last4") or "",
        expiry_month=card.get("exp_month") or 0,
        expiry_year=card.get("exp_year") or 0,
        funding=_FUNDINGS.get(str(card.get("funding")), CardFunding.UNKNOWN),
    )


def _declined(failure: Object, reference: str, *, still_payable: bool = False) -> Declined:
    codes = (failure.get(name) for name in ("code", "decline_code", "advice_code"))
    return declined(*codes, reference=reference, still_payable=still_payable)


def moment(seconds: object) -> datetime:
    """Return a time of Stripe's."""
    if type(seconds) is not int:
        raise ValueError("not a time of Stripe's")
    return datetime.fromtimestamp(seconds, UTC)
