"""Cards."""

from __future__ import annotations

from typing import Literal

from interact_ledger.domain.events.event import Event, OperationEvent, OperationStarted
from interact_ledger.domain.events.fields import GatewayToken, UtcTime
from interact_ledger.domain.events.top_up import CancelReason
from interact_ledger.gateways.protocol import Advice, CardFunding, DeclineReason

__all__ = [
    "CardDetached",
    "CardRemovalRequested",
    "CardRemoved",
    "CardSaved",
    "CardSavingActionRequired",
    "CardSavingAttempted",
    "CardSavingCancelRequested",
    "CardSavingEvent",
    "CardSavingFailed",
    "CardSavingPending",
    "CardSavingRequested",
    "CardSavingRetried",
    "CardSavingUnknown",
    "CardUpdated",
    "DefaultCardChosen",
    "GatewayCustomerLinked",
    "SavingOutcome",
]


class GatewayCustomerLinked(Event):
    TOPIC = "gateway-customer-linked"

    gateway: str
    customer_id: str
    """The gateway's id of the account's customer."""


class CardSavingRequested(OperationStarted):
    """A card is to be kept without charging it."""

    TOPIC = "card-saving-requested"


class CardSavingAttempted(OperationEvent):
    """The intent to have the gateway keep a card, durable before anything is sent."""

    TOPIC = "card-saving-attempted"

    attempt_id: str
    number: int
    gateway: str
    send_before: UtcTime


SavingOutcome = Literal["declined", "cancelled", "expired", "not_attempted"]


class CardSavingEvent(OperationEvent):
    """A fact about one attempt to save a card."""

    attempt_id: str
    gateway: str


class CardSavingRetried(CardSavingEvent):
    """The same attempt is sent once more under the same key; durable before it is."""

    TOPIC = "card-saving-retried"


class CardSavingPending(CardSavingEvent):
    TOPIC = "card-saving-pending"

    reference: str


class CardSavingActionRequired(CardSavingEvent):
    TOPIC = "card-saving-action-required"

    reference: str
    expires_at: UtcTime


class CardSavingUnknown(CardSavingEvent):
    TOPIC = "card-saving-unknown"

    why: str


class CardSavingCancelRequested(CardSavingEvent):
    """The intent to make sure that the saving cannot be completed any more."""

    TOPIC = "card-saving-cancel-requested"

    reason: CancelReason


class CardSavingFailed(CardSavingEvent):
    """No card was saved, for sure."""

    TOPIC = "card-saving-failed"

    outcome: SavingOutcome
    reason: DeclineReason | None
    advice: Advice | None
    detail: str
    """The gateway's own code, or why nothing was attempted."""


class CardSaved(OperationEvent):
    """The gateway keeps the card; the operation is the saving, or the top-up that the card was saved with."""

    TOPIC = "card-saved"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    gateway: str
    reference: str
    token: GatewayToken
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding


class CardRemovalRequested(OperationStarted):
    """From here on the card is not charged any more; the gateway is told next."""

    TOPIC = "card-removal-requested"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    requested_at: UtcTime


class CardRemoved(OperationEvent):
    """The gateway no longer keeps the card."""

    TOPIC = "card-removed"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str


class CardDetached(OperationEvent):
    """The gateway keeps the card no more, and we did not ask for that; the operation is the one that saved it."""

    TOPIC = "card-detached"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str


class CardUpdated(OperationEvent):
    """The card's network renewed it: what may be shown of it from now on."""

    TOPIC = "card-updated"
    OPERATIONS = ("operation_id", "card_id")

    card_id: str
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding


class DefaultCardChosen(Event):
    TOPIC = "default-card-chosen"

    card_id: str
