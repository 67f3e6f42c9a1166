"""What Braintree's transactions and vaulted cards are in the terms of the protocol.

A sale counts as captured from `submitted_for_settlement` on: from there on Braintree settles it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moneyed import Money

from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.braintree.amounts import read_money
from interact_ledger.gateways.braintree.calls import AnswerLost
from interact_ledger.gateways.braintree.declines import (
    CUSTOMER_GONE,
    DUPLICATE,
    MISCONFIGURED_ERRORS,
    MISCONFIGURED_RESPONSES,
    REQUEST_KEYS_OFF,
    Decline,
    declined_by_error,
    declined_by_gateway,
    declined_by_processor,
)
from interact_ledger.gateways.protocol import (
    Advice,
    Cancelled,
    CardDetails,
    CardFunding,
    CardSaved,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    Pending,
    Refunded,
    RefundResult,
    Succeeded,
    Unknown,
)
from interact_ledger.ids import derived_id

__all__ = [
    "CAPTURED",
    "VOIDABLE",
    "brand_of",
    "card_details",
    "card_saved",
    "charge_result",
    "declined_verification",
    "error_codes",
    "is_captured",
    "is_duplicate",
    "is_misconfigured",
    "is_unsettled",
    "latest_fact",
    "moment",
    "money_of",
    "reference_of_card",
    "refund_result",
    "refused_request",
    "void_result",
]

CAPTURED = frozenset({"submitted_for_settlement", "settling", "settled", "settlement_confirmed"})
_UNSETTLED = frozenset({"settlement_declined", "settlement_failed"})
_PENDING = frozenset({"settlement_pending", "authorizing", "authorized"})
_CANCELLED = frozenset({"voided", "authorization_expired"})
VOIDABLE = frozenset({"submitted_for_settlement", "settlement_pending", "authorized"})
"""Statuses in which a transaction is taken back as a whole, there being nothing settled to refund."""

_PARTLY_APPROVED = "1004"
_STRENGTH = (CAPTURED, _PENDING, _CANCELLED)

_BRANDS = {
    "american express": "american_express",
    "china unionpay": "unionpay",
    "diners club": "diners_club",
    "mastercard": "mastercard",
    "uk maestro": "maestro",
}


def charge_result(sale: Any, request: ChargeRequest) -> ChargeResult:
    """Return the present state of a sale.

    The amount and the currency are what Braintree says, whatever was asked for: the ledger compares.
    """
    status = sale.status
    if status in CAPTURED:
        return _succeeded(sale, request)
    if status in _PENDING:
        return Pending(reference=sale.id)
    if status in _CANCELLED:
        return Cancelled(reference=sale.id)
    return _declined(sale)


def refund_result(refund: Any) -> RefundResult:
    """Return the present state of a refund."""
    if refund.status in CAPTURED:
        return Refunded(reference=refund.id, amount=money_of(refund), refunded_at=moment(refund.created_at))
    if refund.status in _PENDING:
        return Pending(reference=refund.id)
    return _declined(refund)


def void_result(sale: Any) -> Refunded:
    """Return what voiding a sale paid back: all of it, under a reference of its own."""
    return Refunded(reference=f"{sale.id}.void", amount=money_of(sale), refunded_at=moment(sale.updated_at))


def card_saved(card: Any) -> CardSaved:
    """Return a card of the vault."""
    return CardSaved(reference=reference_of_card(card.token), token=card.token, details=card_details(card))


def reference_of_card(token: str) -> str:
    """Return a name for a vaulted card that says nothing of its token, so that it may be shown and logged."""
    return derived_id("crd", "braintree", token)


def is_captured(sale: Any) -> bool:
    """Say whether a sale's money is captured."""
    return sale.status in CAPTURED


def is_unsettled(transaction: Any) -> bool:
    """Say whether the settlement failed of what was captured or paid back: the money never moved."""
    return transaction.status in _UNSETTLED


def is_duplicate(sale: Any) -> bool:
    """Say whether a sale was rejected for being the repeat of another, which is the one that counts."""
    return bool(sale.status == "gateway_rejected" and sale.gateway_rejection_reason == DUPLICATE)


def is_misconfigured(sale: Any) -> bool:
    """Say whether a sale failed for how the merchant account is set up."""
    return sale.status == "processor_declined" and sale.processor_response_code in MISCONFIGURED_RESPONSES


def latest_fact(sales: Iterable[Any]) -> Any | None:
    """Return the sale that says what became of an attempt: captured money first, the oldest of equals."""

    def strength(sale: Any) -> tuple[int, datetime]:
        rank = next((n for n, group in enumerate(_STRENGTH) if sale.status in group), len(_STRENGTH))
        return rank, sale.created_at

    return min((sale for sale in sales if not is_duplicate(sale)), key=strength, default=None)


def money_of(transaction: Any) -> Money:
    """Return a transaction's amount.

    Raises:
        AnswerLost: if it says none.
    """
    try:
        return read_money(transaction.amount, transaction.currency_iso_code)
    except (ValueError, AttributeError):
        raise AnswerLost("the gateway's answer says no amount") from None


def moment(told: object) -> datetime:
    """Return a time as the SDK reads it (UTC, without saying so) with its zone."""
    if not isinstance(told, datetime):
        raise AnswerLost("the gateway's answer says no time")
    return told.replace(tzinfo=UTC)


def error_codes(result: Any) -> list[str]:
    """Return the codes of a result's validation errors."""
    return [error.code for error in result.errors.deep_errors]


def refused_request(codes: list[str]) -> Declined:
    """Return what validation errors mean, none of which did anything.

    Raises:
        GatewayMisconfigured, GatewayInvalidRequest, GatewayCustomerGone
    """
    if REQUEST_KEYS_OFF in codes:
        raise GatewayMisconfigured(
            "this merchant has no at-most-once processing (915231); have it enabled or set request_keys to False",
            field="request_keys",
        )
    wrong = MISCONFIGURED_ERRORS.intersection(codes)
    if wrong:
        raise GatewayMisconfigured(f"Braintree refuses the merchant account ({', '.join(sorted(wrong))})")
    if CUSTOMER_GONE.intersection(codes):
        raise GatewayCustomerGone("was deleted at Braintree", field="customer_id")
    decline = declined_by_error(codes)
    if decline is None:
        raise GatewayInvalidRequest(f"Braintree refuses the request ({', '.join(codes) or 'without a code'})")
    code, (reason, advice) = decline
    return Declined(reason=reason, advice=advice, raw_code=code)


def declined_verification(verification: Any) -> Declined:
    """Return why a card could not be verified."""
    code, (reason, advice) = _refusal(verification)
    return Declined(reason=reason, advice=advice, raw_code=code)


def brand_of(card_type: str | None) -> str:
    """Return a card type in the protocol's words."""
    if not card_type:
        return "unknown"
    name = card_type.lower()
    return _BRANDS.get(name, name.replace(" ", "_"))


def _succeeded(sale: Any, request: ChargeRequest) -> Succeeded | Unknown:
    amount = money_of(sale)
    if sale.processor_response_code == _PARTLY_APPROVED and amount == request.amount:
        # A part was approved, and the answer names the whole: what will be settled is for a person to find out.
        return Unknown(why="the processor approved a part of the amount only (1004)", reference=sale.id)
    card = getattr(sale, "credit_card_details", None)
    token = getattr(card, "token", None)
    return Succeeded(
        reference=sale.id,
        amount=amount,
        captured_at=moment(sale.created_at),
        card=card_details(card),
        saved_card=card_saved(card) if request.save_card and token else None,
    )


def _declined(transaction: Any) -> Declined:
    status = transaction.status
    if status in {"gateway_rejected", "processor_declined", "failed"}:
        code, (reason, advice) = _refusal(transaction)
    elif status in _UNSETTLED:
        code, reason, advice = status, DeclineReason.DO_NOT_HONOUR, Advice.NEW_METHOD
    else:
        code, reason, advice = str(status), DeclineReason.OTHER, Advice.LATER
    return Declined(reason=reason, advice=advice, raw_code=code, reference=transaction.id)


def _refusal(refused: Any) -> tuple[str, Decline]:
    """Return the code under which the gateway itself or the processor refused, and what it means."""
    if refused.status == "gateway_rejected":
        code = str(refused.gateway_rejection_reason)
        return code, declined_by_gateway(code)
    code = str(refused.processor_response_code or refused.status)
    return code, declined_by_processor(code, getattr(refused, "processor_response_type", None))


def card_details(card: Any) -> CardDetails:
    """Return what may be shown of a card, of the vault's or of a transaction's."""
    return CardDetails(
        brand=brand_of(getattr(card, "card_type", None)),
        last_four=str(getattr(card, "last_4", None) or ""),
        expiry_month=_number(card, "expiration_month"),
        expiry_year=_number(card, "expiration_year"),
        funding=_funding(card),
    )


def _number(card: Any, name: str) -> int:
    told = str(getattr(card, name, None) or "")
    return int(told) if told.isascii() and told.isdigit() else 0


def _funding(card: Any) -> CardFunding:
    if getattr(card, "prepaid", None) == "Yes":
        return CardFunding.PREPAID
    match getattr(card, "debit", None):
        case "Yes":
            return CardFunding.DEBIT
        case "No":
            return CardFunding.CREDIT
    return CardFunding.UNKNOWN
