"""Top-ups."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from moneyed import Money

from interact_ledger.domain.account import Account, TopUp
from interact_ledger.views.amounts import Tax, tax_of
from interact_ledger.views.cards import SavedCardDetails, card_saved_by

__all__ = ["TopUpResult", "top_up_result"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpResult:
    """Where a top-up stands: the payment confirmation, once its status is "succeeded"."""

    transaction_id: str
    """The same as on the receipt."""
    status: str
    """requested, unknown, pending, action_required, not_attempted, declined, cancelled, expired, succeeded,
    mismatched (captured with another amount: an operator decides) or reversed (its settlement failed: the money never
    came)."""
    credit: Money
    """What the balance grows by."""
    taxes: tuple[Tax, ...]
    total: Money
    """What the card is charged."""
    balance: Money
    """The total balance now."""
    paid_at: datetime | None
    """The gateway's own time of the capture, UTC."""
    brand: str | None
    last_four: str | None
    saved_card: SavedCardDetails | None
    """The card, if the customer chose to save it and it is still there."""
    decline_reason: str | None
    decline_advice: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the payment, once it has said one."""
    action_expires_at: datetime | None
    """Until when the customer may authenticate, if the status is "action_required"."""
    client_secret: str | None = field(repr=False)
    """For the gateway's own code in the browser. Never stored; `complete` fetches it again."""


def top_up_result(account: Account, top_up: TopUp, balance: Money, client_secret: str | None) -> TopUpResult:
    intent, captured, declined = top_up.intent, top_up.captured, top_up.declined
    return TopUpResult(
        transaction_id=top_up.operation_id,
        status=top_up.outcome.value,
        credit=Money(intent.credit, intent.currency),
        taxes=tuple(tax_of(tax, intent.currency) for tax in intent.taxes),
        total=Money(intent.total, intent.currency),
        balance=balance,
        paid_at=captured.captured_at if captured else None,
        brand=captured.brand if captured else None,
        last_four=captured.last_four if captured else None,
        saved_card=card_saved_by(account, top_up.operation_id),
        decline_reason=declined.reason.value if declined else None,
        decline_advice=declined.advice.value if declined else None,
        gateway=intent.gateway,
        gateway_reference=top_up.reference,
        action_expires_at=top_up.action_expires_at,
        client_secret=client_secret,
    )
