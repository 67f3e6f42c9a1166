"""Saved cards, and the saving of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from interact_ledger.domain.account import Account, Card, CardSaving

__all__ = ["CardSavingResult", "SavedCardDetails", "card_details", "card_saved_by", "card_saving_result", "saved_cards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCardDetails:
    """A saved card, as a customer recognises it."""

    card_id: str
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSavingResult:
    """Where the saving of a card stands."""

    saving_id: str
    status: str
    """requested, unknown, pending, action_required, not_attempted, declined, cancelled, expired or succeeded."""
    card: SavedCardDetails | None
    """The card, once it is saved and as long as it is still there."""
    decline_reason: str | None
    decline_advice: str | None
    gateway: str
    gateway_reference: str | None
    """The gateway's id of the saving, once it has said one."""
    action_expires_at: datetime | None
    client_secret: str | None = field(repr=False)


def card_details(account: Account, card: Card) -> SavedCardDetails:
    return SavedCardDetails(
        card_id=card.card_id,
        brand=card.brand,
        last_four=card.last_four,
        expiry_month=card.expiry_month,
        expiry_year=card.expiry_year,
        funding=card.funding.value,
        is_default=card.card_id == account.default_card_id,
    )


def card_saved_by(account: Account, operation_id: str) -> SavedCardDetails | None:
    """Return the card that a saving or a top-up brought, if it is still there."""
    saved = next((c for c in account.cards.values() if c.saved_by == operation_id and c.removal_id is None), None)
    return card_details(account, saved) if saved else None


def saved_cards(account: Account) -> tuple[SavedCardDetails, ...]:
    """Return the cards that can be charged, oldest first."""
    return tuple(card_details(account, card) for card in account.cards.values() if card.removal_id is None)


def card_saving_result(account: Account, saving: CardSaving, client_secret: str | None) -> CardSavingResult:
    reason, advice = (saving.failure.reason, saving.failure.advice) if saving.failure else (None, None)
    return CardSavingResult(
        saving_id=saving.operation_id,
        status=saving.status.value,
        card=card_saved_by(account, saving.operation_id),
        decline_reason=reason.value if reason else None,
        decline_advice=advice.value if advice else None,
        gateway=saving.intent.gateway,
        gateway_reference=saving.saved.reference if saving.saved else saving.reference,
        action_expires_at=saving.action_expires_at,
        client_secret=client_secret,
    )
