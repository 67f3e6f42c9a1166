"""Saved cards: saving without a charge, keeping one from a payment, choosing, removing (product rules 5 to 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from interact_ledger.domain import automatic
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus, Card, CardSaving, may_be_sent_again
from interact_ledger.domain.answers import storable_names
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import CardNotFound, CardRemoved
from interact_ledger.free_text import from_outside
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Cancelled,
    CardDetails,
    CardResult,
    CardSaved,
    Declined,
    NotAttempted,
    Pending,
    Unknown,
)
from interact_ledger.ids import derived_id, request_fingerprint

__all__ = [
    "attempt_saving_again",
    "cancel_saving",
    "card_saved",
    "choose_default",
    "expire_saving",
    "record_card",
    "record_saving_absence",
    "record_saving_result",
    "removed",
    "request_removal",
    "request_saving",
    "send_saving_again",
    "usable_card",
]

_SHOWN = ("brand", "last_four", "expiry_month", "expiry_year", "funding")
"""What may be shown of a card, and changes when its network renews it."""


def usable_card(account: Account, card_id: str, past: Sequence[e.Recorded]) -> Card:
    """Return a card of this account that may be charged.

    Args:
        account: the account whose card it must be.
        card_id: the card.
        past: the events of this account that name the card.

    Raises:
        CardRemoved: if it was removed, or is being removed.
        CardNotFound: if this account never had it.
    """
    card = account.cards.get(card_id)
    if card is not None and card.removal_id is None:
        return card
    if card is not None or past:
        raise CardRemoved("the card was removed; choose another or add it again", field="card_id")
    raise CardNotFound("there is no such card on this account", field="card_id")


def request_saving(account: Account, request: Request, *, gateway: str, send_before: datetime) -> list[e.Event]:
    """Ask for a card to be kept and open the first attempt."""
    refuse_closed(account)
    return [
        e.CardSavingRequested(**request.fields),
        e.CardSavingAttempted(
            operation_id=request.operation_id,
            attempt_id=f"{request.operation_id}.1",
            number=1,
            gateway=gateway,
            send_before=send_before,
        ),
    ]


def attempt_saving_again(account: Account, saving: CardSaving, send_before: datetime) -> list[e.Event]:
    """Open the next attempt of a saving whose last one surely reached nobody."""
    if saving.status is not AttemptStatus.NOT_ATTEMPTED:
        return []
    refuse_closed(account)
    number = saving.intent.number + 1
    attempt_id = f"{saving.operation_id}.{number}"
    return [saving.intent.model_copy(update={"attempt_id": attempt_id, "number": number, "send_before": send_before})]


def send_saving_again(saving: CardSaving, now: datetime) -> list[e.Event]:
    """Mean to send an undecided attempt once more under its key; nothing once it is decided or too late."""
    if not may_be_sent_again(saving, now):
        return []
    intent = saving.intent
    return [e.CardSavingRetried(operation_id=intent.operation_id, attempt_id=intent.attempt_id, gateway=intent.gateway)]


def record_saving_absence(saving: CardSaving, attempt_id: str) -> list[e.Event]:
    """Record that an attempt surely did nothing: the gateway knows none of it, after it could last be sent."""
    if attempt_id != saving.intent.attempt_id or saving.is_over or saving.cancelling:
        return []
    return [_failed(saving, "not_attempted", "the gateway knows of no such saving")]


def record_saving_result(
    account: Account, saving: CardSaving, attempt_id: str, result: CardResult, *, action_expires_at: datetime
) -> list[e.Event]:
    """Turn what the gateway said of a saving into facts, or into none where it is known or overtaken."""
    result = storable_names(result)
    if isinstance(result, CardSaved):
        known = result.reference in saving.saved_references
        return [] if known else card_saved(account, saving.operation_id, saving.intent.gateway, result)
    if attempt_id != saving.intent.attempt_id or saving.is_over:
        return []
    if saving.cancelling:
        return [_cancelled(saving)] if isinstance(result, Cancelled | Declined) else []
    return _moved(saving, result, action_expires_at)


def cancel_saving(saving: CardSaving, reason: e.CancelReason = e.CancelReason.CUSTOMER) -> list[e.Event]:
    """Ask for a saving to be made impossible, unless it is over or that was asked before."""
    if saving.is_over or saving.cancelling:
        return []
    return [
        e.CardSavingCancelRequested(
            operation_id=saving.operation_id,
            attempt_id=saving.intent.attempt_id,
            gateway=saving.intent.gateway,
            reason=reason,
        )
    ]


def expire_saving(saving: CardSaving, now: datetime) -> list[e.Event]:
    """Cancel a saving that the customer did not authenticate in time."""
    if saving.status is not AttemptStatus.ACTION_REQUIRED or saving.action_expires_at is None:
        return []
    return cancel_saving(saving, e.CancelReason.EXPIRED) if now >= saving.action_expires_at else []


def card_saved(account: Account, operation_id: str, gateway: str, card: CardSaved) -> list[e.Event]:
    """Keep a card that the gateway keeps for us; one that is known under the same token stays the same card.

    A closed account keeps none: its removal is begun at once.
    """
    known = next((c for c in account.cards.values() if (c.gateway, c.token) == (gateway, card.token)), None)
    card_id = known.card_id if known else derived_id("card", account.account_id, operation_id, card.reference)
    saved = e.CardSaved(
        operation_id=operation_id,
        card_id=card_id,
        gateway=gateway,
        reference=card.reference,
        token=card.token,
        brand=from_outside(card.details.brand),
        last_four=from_outside(card.details.last_four[-4:]),
        expiry_month=card.details.expiry_month,
        expiry_year=card.details.expiry_year,
        funding=card.details.funding,
    )
    if not account.closed:
        return [saved]
    removal = e.CardRemovalRequested(
        operation_id=derived_id("txn", account.account_id, "closed", card_id),
        idempotency_key=f"closed {card_id}",
        fingerprint=request_fingerprint("remove_card", card_id),
        card_id=card_id,
        requested_at=account.recorded_at,
    )
    return [saved, removal]


def request_removal(
    account: Account, request: Request, card_id: str, past: Sequence[e.Recorded], now: datetime
) -> list[e.Event]:
    """Stop charging a card from now on, also automatically, and mean to have the gateway forget it."""
    refuse_closed(account)
    card = usable_card(account, card_id, past)
    removal = e.CardRemovalRequested(**request.fields, card_id=card.card_id, requested_at=now)
    return [removal, *automatic.card_removed(account, card_id)]


def removed(account: Account, card_id: str) -> list[e.Event]:
    """Record that the gateway forgot a card; nothing if that is known."""
    card = account.cards.get(card_id)
    if card is None or card.removal_id is None:
        return []
    return [e.CardRemoved(operation_id=card.removal_id, card_id=card_id)]


def record_card(account: Account, card_id: str, details: CardDetails | None) -> list[e.Event]:
    """Record what a gateway now knows of a saved card, None if it keeps it no more; nothing if that is known."""
    card = account.cards.get(card_id)
    if card is None:
        return []
    if details is None:
        gone = e.CardDetached(operation_id=card.saved_by, card_id=card_id)
        return (
            [gone, *automatic.card_removed(account, card_id)] if card.removal_id is None else removed(account, card_id)
        )
    updated = e.CardUpdated(
        operation_id=card.saved_by,
        card_id=card_id,
        brand=from_outside(details.brand),
        last_four=from_outside(details.last_four[-4:]),
        expiry_month=details.expiry_month,
        expiry_year=details.expiry_year,
        funding=details.funding,
    )
    is_known = all(getattr(card, field) == getattr(updated, field) for field in _SHOWN)
    return [] if is_known else [updated]


def choose_default(account: Account, card_id: str, past: Sequence[e.Recorded]) -> list[e.Event]:
    """Make a saved card the one that is offered first."""
    refuse_closed(account)
    card = usable_card(account, card_id, past)
    return [] if account.default_card_id == card.card_id else [e.DefaultCardChosen(card_id=card.card_id)]


def _moved(saving: CardSaving, result: CardResult, action_expires_at: datetime) -> list[e.Event]:
    operation_id, attempt_id, gateway = saving.operation_id, saving.intent.attempt_id, saving.intent.gateway
    match result:
        case Pending(reference=reference) if saving.status is not AttemptStatus.PENDING:
            return [
                e.CardSavingPending(
                    operation_id=operation_id, attempt_id=attempt_id, gateway=gateway, reference=reference
                )
            ]
        case ActionRequired(reference=reference) if saving.status is not AttemptStatus.ACTION_REQUIRED:
            return [
                e.CardSavingActionRequired(
                    operation_id=operation_id,
                    attempt_id=attempt_id,
                    gateway=gateway,
                    reference=reference,
                    expires_at=action_expires_at,
                )
            ]
        case Declined():
            failed = _failed(saving, "declined", result.raw_code)
            return [failed.model_copy(update={"reason": result.reason, "advice": result.advice})]
        case NotAttempted(why=why) if saving.tries == 1:
            return [_failed(saving, "not_attempted", why)]
        case Cancelled():
            return [_cancelled(saving)]
        case Unknown(why=why) | NotAttempted(why=why) if saving.status is AttemptStatus.REQUESTED:
            return [
                e.CardSavingUnknown(
                    operation_id=operation_id, attempt_id=attempt_id, gateway=gateway, why=from_outside(why)
                )
            ]
    return []


def _cancelled(saving: CardSaving) -> e.CardSavingFailed:
    expired = saving.cancelling is e.CancelReason.EXPIRED
    return _failed(saving, "expired" if expired else "cancelled", "can no longer be completed at the gateway")


def _failed(saving: CardSaving, outcome: e.SavingOutcome, detail: str) -> e.CardSavingFailed:
    return e.CardSavingFailed(
        operation_id=saving.operation_id,
        attempt_id=saving.intent.attempt_id,
        gateway=saving.intent.gateway,
        outcome=outcome,
        reason=None,
        advice=None,
        detail=from_outside(detail),
    )
