"""What is sent to Braintree, written from the protocol's requests."""

from __future__ import annotations

import re
from typing import Any

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.braintree.amounts import written
from interact_ledger.gateways.protocol import (
    CardRequest,
    ChargeRequest,
    Initiator,
    NewCard,
    PaymentSource,
    RefundRequest,
    SavedCard,
)
from interact_ledger.ids import derived_id, is_own_id

__all__ = ["checked_id", "operation_of", "refund_params", "sale_params", "save_params", "token_for"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")

_SOURCES = {Initiator.UNSCHEDULED: "unscheduled", Initiator.RECURRING: "recurring"}


def checked_id(value: str, field: str) -> str:
    """Return an id that Braintree takes for a customer or a card.

    Raises:
        GatewayInvalidRequest: if it takes no such id.
    """
    if _ID.fullmatch(value) is None:
        raise GatewayInvalidRequest("must be 1 to 36 ASCII letters, digits, hyphens or underscores", field=field)
    return value


def token_for(request: CardRequest) -> str:
    """Return the vault token that a saving's attempt gives its card: the same on each repeat."""
    return derived_id("card", "braintree", request.attempt_id)


def operation_of(order_id: object) -> str | None:
    """Return our operation whose attempt an order id names, None if it is not one of ours."""
    return order_id.partition(".")[0] if isinstance(order_id, str) and is_own_id(order_id) else None


def sale_params(
    request: ChargeRequest, source: PaymentSource, merchant_account: str, *, request_keys: bool
) -> dict[str, Any]:
    """Return a sale that is submitted for settlement at once.

    3-D Secure is required of a card that the customer just typed in: only such a nonce can carry the proof. A saved
    card that its issuer wants authenticated is declined (2099), and the customer types it in again.
    """
    options: dict[str, Any] = {"submit_for_settlement": True}
    params: dict[str, Any] = {
        "amount": written(request.amount),
        "order_id": request.attempt_id,
        "customer_id": request.customer_id,
        "merchant_account_id": merchant_account,
        "options": options,
    }
    match source:
        case NewCard(token=nonce):
            params["payment_method_nonce"] = nonce
            options["store_in_vault_on_success"] = request.save_card
            if request.initiator is Initiator.CUSTOMER:
                options["three_d_secure"] = {"required": True}
        case SavedCard(token=token):
            params["payment_method_token"] = token
    if request.initiator in _SOURCES:
        params["transaction_source"] = _SOURCES[request.initiator]
    return params | _key(request.attempt_id, request_keys=request_keys)


def save_params(request: CardRequest, card: NewCard, merchant_account: str) -> dict[str, Any]:
    """Return the card to keep, to be verified: without that its 3-D Secure proof would be lost."""
    return {
        "customer_id": request.customer_id,
        "payment_method_nonce": card.token,
        "token": token_for(request),
        "options": {"verify_card": True, "verification_merchant_account_id": merchant_account},
    }


def refund_params(request: RefundRequest, *, request_keys: bool) -> dict[str, Any]:
    """Return a refund of a settled charge."""
    params = {"amount": written(request.amount), "order_id": request.attempt_id}
    return params | _key(request.attempt_id, request_keys=request_keys)


def _key(attempt_id: str, *, request_keys: bool) -> dict[str, str]:
    return {"api_request_key": attempt_id} if request_keys else {}
