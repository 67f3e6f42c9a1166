"""What one top-up, one saving of a card and one refund are after the events of their operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from interact_ledger.domain import events as e
from interact_ledger.domain.account import AttemptStatus, CardSaving, Refund, TopUp

__all__ = ["evolve_card_saving", "evolve_refund", "evolve_top_up", "fold_card_saving", "fold_refund", "fold_top_up"]

_AFTER_CANCELLING = {
    e.CancelReason.CUSTOMER: AttemptStatus.CANCELLED,
    e.CancelReason.DECLINED: AttemptStatus.DECLINED,
    e.CancelReason.EXPIRED: AttemptStatus.EXPIRED,
    e.CancelReason.ABANDONED: AttemptStatus.NOT_ATTEMPTED,
    e.CancelReason.SUPERSEDED: AttemptStatus.CANCELLED,
}


def fold_top_up(operation: Iterable[e.Recorded]) -> TopUp | None:
    """Return the state of a top-up from its operation's events, None before its first attempt."""
    top_up = None
    for recorded in operation:
        top_up = evolve_top_up(top_up, recorded.event)
    return top_up


def fold_card_saving(operation: Iterable[e.Recorded]) -> CardSaving | None:
    """Return the state of a card saving from its operation's events, None before its first attempt."""
    saving = None
    for recorded in operation:
        saving = evolve_card_saving(saving, recorded.event)
    return saving


def fold_refund(operation: Iterable[e.Recorded]) -> Refund | None:
    """Return the state of a refund from its operation's events, None before its first attempt."""
    refund = None
    for recorded in operation:
        refund = evolve_refund(refund, recorded.event)
    return refund


def evolve_top_up(top_up: TopUp | None, event: e.Event) -> TopUp | None:
    if isinstance(event, e.PaymentAttempted):
        return TopUp(intent=event)
    if top_up is None or not isinstance(event, e.PaymentEvent):
        return top_up
    match event:
        case e.PaymentRetried():
            return replace(top_up, tries=top_up.tries + 1)
        case e.PaymentBegun():
            return replace(top_up, reference=event.reference)
        case e.PaymentPending():
            return replace(top_up, status=AttemptStatus.PENDING, reference=event.reference)
        case e.PaymentActionRequired():
            return replace(
                top_up,
                status=AttemptStatus.ACTION_REQUIRED,
                reference=event.reference,
                action_expires_at=event.expires_at,
            )
        case e.PaymentUnknown():
            return replace(top_up, status=AttemptStatus.UNKNOWN)
        case e.PaymentNotAttempted():
            return replace(top_up, status=AttemptStatus.NOT_ATTEMPTED)
        case e.PaymentDeclined():
            return replace(
                top_up,
                status=AttemptStatus.DECLINED,
                reference=event.reference or top_up.reference,
                declined=event,
            )
        case e.PaymentCancelRequested():
            return replace(top_up, cancelling=event.reason)
        case e.PaymentCancelled():
            reason = top_up.cancelling or e.CancelReason.CUSTOMER
            return replace(top_up, status=_AFTER_CANCELLING[reason], cancelling=None)
        case e.PaymentCaptured():
            known = _with_reference(top_up, event.reference)
            return replace(_ended(known, event, AttemptStatus.SUCCEEDED), captured=top_up.captured or event)
        case e.CaptureMismatched():
            return _ended(_with_reference(top_up, event.reference), event, AttemptStatus.MISMATCHED)
        case e.PaymentReversed():
            return replace(top_up, reversed_references=top_up.reversed_references | {event.reference})
    raise AssertionError(f"every event about a payment has its line here: {event.TOPIC}")


def _with_reference(top_up: TopUp, reference: str) -> TopUp:
    return replace(top_up, captured_references=(*top_up.captured_references, reference))


def _ended(top_up: TopUp, event: e.PaymentCaptured | e.CaptureMismatched, status: AttemptStatus) -> TopUp:
    """End the attempt that captured; a later one goes on until it is cancelled."""
    if event.attempt_id != top_up.intent.attempt_id:
        return top_up
    return replace(top_up, status=status, cancelling=None, reference=event.reference)


def evolve_card_saving(saving: CardSaving | None, event: e.Event) -> CardSaving | None:
    if isinstance(event, e.CardSavingAttempted):
        return CardSaving(intent=event)
    if saving is None:
        return None
    match event:
        case e.CardSavingRetried():
            return replace(saving, tries=saving.tries + 1)
        case e.CardSavingPending():
            return replace(saving, status=AttemptStatus.PENDING, reference=event.reference)
        case e.CardSavingActionRequired():
            return replace(
                saving,
                status=AttemptStatus.ACTION_REQUIRED,
                reference=event.reference,
                action_expires_at=event.expires_at,
            )
        case e.CardSavingUnknown():
            return replace(saving, status=AttemptStatus.UNKNOWN)
        case e.CardSavingCancelRequested():
            return replace(saving, cancelling=event.reason)
        case e.CardSavingFailed():
            return replace(saving, status=AttemptStatus(event.outcome), failure=event)
        case e.CardSaved():
            references = (*saving.saved_references, event.reference)
            return replace(saving, status=AttemptStatus.SUCCEEDED, saved=event, saved_references=references)
    return saving


def evolve_refund(refund: Refund | None, event: e.Event) -> Refund | None:
    if isinstance(event, e.RefundAttempted):
        known = refund or Refund(intents=())
        return Refund(
            intents=(*known.intents, event),
            queued=known.queued,
            paid=known.paid,
            told_references=known.told_references,
        )
    if refund is None:
        return None
    match event:
        case e.RefundRetried():
            return replace(refund, tries=refund.tries + 1)
        case e.RefundPending():
            return replace(refund, status=AttemptStatus.PENDING, reference=event.reference)
        case e.RefundQueued():
            return replace(refund, status=AttemptStatus.QUEUED, queued=event)
        case e.RefundUnknown():
            return replace(refund, status=AttemptStatus.UNKNOWN)
        case e.RefundFailed():
            told = (*refund.told_references, event.reference) if event.reference else refund.told_references
            return replace(refund, status=AttemptStatus(event.outcome), failure=event, told_references=told)
        case e.RefundReturned():
            standing = tuple(paid for paid in refund.paid if paid.attempt_id != event.attempt_id)
            return _with_latest(replace(refund, paid=standing), event, status=AttemptStatus.DECLINED, failure=event)
        case e.Refunded() | e.RefundMismatched():
            status = AttemptStatus.SUCCEEDED if isinstance(event, e.Refunded) else AttemptStatus.MISMATCHED
            paid = (*refund.paid, event)
            known = replace(refund, paid=paid, told_references=(*refund.told_references, event.reference))
            return _with_latest(known, event, status=status, reference=event.reference)
    return refund


def _with_latest(refund: Refund, event: e.RefundEvent, **changes: Any) -> Refund:
    """Move the latest attempt if it is the one that the event is about; an earlier one is over."""
    return replace(refund, **changes) if event.attempt_id == refund.intent.attempt_id else refund
