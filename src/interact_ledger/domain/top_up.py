"""The life of a top-up: requested, attempted, and decided by what the gateway says.

    requested ──► succeeded | pending | action_required | declined | not_attempted | unknown
    pending, unknown ──► any outcome, by look-up or notice
    action_required ──► succeeded | pending | declined | expired
    undecided ──► cancelling ──► cancelled | succeeded

Only stronger facts move the state: captured money beats declined, cancelled and expired. A new attempt opens only
after a definite no. A decline whose object could yet be paid is cancelled before the top-up counts as over.
"""

from __future__ import annotations

from datetime import datetime

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus, TopUp, may_be_sent_again
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX, storable_names
from interact_ledger.domain.cards import card_saved
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.free_text import from_outside, storable
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Cancelled,
    ChargeResult,
    Declined,
    Initiator,
    NotAttempted,
    Pending,
    Succeeded,
    Unknown,
)

__all__ = [
    "abandon",
    "attempt_again",
    "begun",
    "cancel",
    "expire",
    "record_absence",
    "record_result",
    "request_top_up",
    "send_again",
]


def request_top_up(
    account: Account,
    request: Request,
    quote: e.CheckoutQuoted,
    *,
    gateway: str,
    card_id: str | None,
    save_card: bool,
    initiator: Initiator,
    send_before: datetime,
) -> list[e.Event]:
    """Ask for a quoted top-up and open its first attempt. A suspended account may be topped up by hand."""
    refuse_closed(account)
    return [
        e.TopUpRequested(
            **request.fields,
            quote_id=quote.quote_id,
            total=quote.total,
            currency=quote.currency,
            card_id=card_id,
            save_card=save_card,
            initiator=initiator,
        ),
        e.PaymentAttempted(
            operation_id=request.operation_id,
            attempt_id=f"{request.operation_id}.1",
            number=1,
            gateway=gateway,
            credit=quote.credit,
            taxes=quote.taxes,
            total=quote.total,
            currency=quote.currency,
            card_id=card_id,
            save_card=save_card,
            initiator=initiator,
            send_before=send_before,
        ),
    ]


def attempt_again(
    account: Account, top_up: TopUp, *, gateway: str, card_id: str | None, send_before: datetime
) -> list[e.Event]:
    """Open the next attempt of a top-up whose last one surely charged nothing and left nothing to pay.

    It may go to another gateway, with a card of that one: never after a decline, or while anything is unknown.
    """
    if not top_up.is_over or top_up.outcome is not AttemptStatus.NOT_ATTEMPTED:
        return []
    refuse_closed(account)
    number = top_up.intent.number + 1
    changes = {
        "attempt_id": f"{top_up.operation_id}.{number}",
        "number": number,
        "gateway": gateway,
        "card_id": card_id,
        "send_before": send_before,
    }
    return [top_up.intent.model_copy(update=changes)]


def send_again(top_up: TopUp, now: datetime) -> list[e.Event]:
    """Mean to send an undecided attempt once more under its key; nothing once it is decided or too late."""
    if not may_be_sent_again(top_up, now):
        return []
    intent = top_up.intent
    return [e.PaymentRetried(operation_id=intent.operation_id, attempt_id=intent.attempt_id, gateway=intent.gateway)]


def begun(top_up: TopUp, attempt_id: str, reference: str) -> list[e.Event]:
    """Remember what the gateway made for this attempt, before anything can charge it."""
    reference = storable(reference, REFERENCE_LENGTH_MAX)
    if top_up.intent.attempt_id != attempt_id or top_up.reference == reference:
        return []
    return [
        e.PaymentBegun(
            operation_id=top_up.operation_id,
            attempt_id=attempt_id,
            gateway=top_up.intent.gateway,
            reference=reference,
        )
    ]


def cancel(top_up: TopUp, reason: e.CancelReason = e.CancelReason.CUSTOMER) -> list[e.Event]:
    """Ask for the gateway's object to be cancelled, unless the top-up is over or being cancelled already."""
    if top_up.is_over or top_up.cancelling:
        return []
    return [_cancel_requested(top_up, reason)]


def expire(top_up: TopUp, now: datetime) -> list[e.Event]:
    """Cancel a payment that the customer did not authenticate in time."""
    if top_up.status is not AttemptStatus.ACTION_REQUIRED or top_up.action_expires_at is None:
        return []
    return cancel(top_up, e.CancelReason.EXPIRED) if now >= top_up.action_expires_at else []


def abandon(top_up: TopUp, attempt_id: str, reference: str) -> list[e.Event]:
    """Cancel what was begun for this attempt under this reference and, for sure, never sent."""
    if attempt_id != top_up.intent.attempt_id:
        return []
    called_off = cancel(top_up, e.CancelReason.ABANDONED)
    return [*begun(top_up, attempt_id, reference), *called_off] if called_off else []


def record_absence(top_up: TopUp, attempt_id: str) -> list[e.Event]:
    """Record that an attempt surely did nothing: the gateway knows none of it, after it could last be sent."""
    if attempt_id != top_up.intent.attempt_id or top_up.is_over or top_up.cancelling:
        return []
    return _not_attempted(top_up, "the gateway knows of no such charge")


def record_result(
    account: Account, top_up: TopUp, attempt: e.PaymentAttempted, result: ChargeResult, *, action_expires_at: datetime
) -> list[e.Event]:
    """Turn what the gateway said of an attempt into facts, or into none where it is known or overtaken.

    `NotAttempted` speaks of one try. If there was another, that one may have arrived, and nothing is known.

    Args:
        account: the account that is topped up.
        top_up: the top-up, from its operation's events.
        attempt: the attempt that the gateway spoke of, maybe not the latest, and maybe at another gateway.
        result: what it said.
        action_expires_at: until when the customer may authenticate, if that is what it asked for.
    """
    result = storable_names(result)
    if isinstance(result, Succeeded):
        return _captured(account, top_up, attempt, result)
    if attempt.attempt_id != top_up.intent.attempt_id or top_up.is_over:
        return []
    if top_up.cancelling:
        unpayable = isinstance(result, Cancelled) or (isinstance(result, Declined) and not result.still_payable)
        return [_cancelled(top_up)] if unpayable else []
    return _moved(top_up, result, action_expires_at)


def _moved(top_up: TopUp, result: ChargeResult, action_expires_at: datetime) -> list[e.Event]:
    # The wish to cancel comes before the fact that would end the attempt: an account drops what is over, and with
    # it recovery's knowledge that the gateway is still to be told.
    status = top_up.status
    operation_id, attempt_id, gateway = top_up.operation_id, top_up.intent.attempt_id, top_up.intent.gateway
    match result:
        case Pending(reference=reference) if status is not AttemptStatus.PENDING:
            return [
                e.PaymentPending(operation_id=operation_id, attempt_id=attempt_id, gateway=gateway, reference=reference)
            ]
        case ActionRequired(reference=reference) if status is not AttemptStatus.ACTION_REQUIRED:
            return [
                e.PaymentActionRequired(
                    operation_id=operation_id,
                    attempt_id=attempt_id,
                    gateway=gateway,
                    reference=reference,
                    expires_at=action_expires_at,
                )
            ]
        case Declined():
            declined = e.PaymentDeclined(
                operation_id=operation_id,
                attempt_id=attempt_id,
                gateway=gateway,
                reason=result.reason,
                advice=result.advice,
                raw_code=from_outside(result.raw_code),
                reference=result.reference,
            )
            if result.still_payable:
                return [_cancel_requested(top_up, e.CancelReason.DECLINED), declined]
            return [declined]
        case NotAttempted(why=why) if top_up.tries == 1:
            return _not_attempted(top_up, why)
        case Cancelled():
            return [_cancelled(top_up)]
        case Unknown(why=why) | NotAttempted(why=why) if status is AttemptStatus.REQUESTED:
            return [
                e.PaymentUnknown(
                    operation_id=operation_id, attempt_id=attempt_id, gateway=gateway, why=from_outside(why)
                )
            ]
    return []


def _not_attempted(top_up: TopUp, why: str) -> list[e.Event]:
    intent = top_up.intent
    not_attempted = e.PaymentNotAttempted(
        operation_id=intent.operation_id, attempt_id=intent.attempt_id, gateway=intent.gateway, why=from_outside(why)
    )
    if top_up.reference is not None:
        return [_cancel_requested(top_up, e.CancelReason.ABANDONED), not_attempted]
    return [not_attempted]


def _captured(account: Account, top_up: TopUp, attempt: e.PaymentAttempted, result: Succeeded) -> list[e.Event]:
    if result.reference in top_up.captured_references:
        return []
    is_latest = attempt.attempt_id == top_up.intent.attempt_id
    # Whatever was captured, a card that the gateway now keeps must be known here.
    saved = card_saved(account, top_up.operation_id, attempt.gateway, result.saved_card) if result.saved_card else []
    if (result.amount.amount, result.amount.currency.code) != (attempt.total, attempt.currency):
        return [
            e.CaptureMismatched(
                operation_id=top_up.operation_id,
                attempt_id=attempt.attempt_id,
                gateway=attempt.gateway,
                reference=result.reference,
                expected_amount=attempt.total,
                expected_currency=attempt.currency,
                captured_amount=result.amount.amount,
                captured_currency=result.amount.currency.code,
                captured_at=result.captured_at,
            ),
            *saved,
        ]
    captured = e.PaymentCaptured(
        operation_id=top_up.operation_id,
        attempt_id=attempt.attempt_id,
        gateway=attempt.gateway,
        reference=result.reference,
        credit=attempt.credit,
        taxes=attempt.taxes,
        total=attempt.total,
        currency=attempt.currency,
        captured_at=result.captured_at,
        brand=from_outside(result.card.brand),
        last_four=from_outside(result.card.last_four[-4:]),
        funding=result.card.funding,
        late=top_up.is_over or not is_latest,
    )
    is_superseded = not is_latest and not top_up.is_over and not top_up.cancelling
    superseded = [_cancel_requested(top_up, e.CancelReason.SUPERSEDED)] if is_superseded else []
    return [*superseded, captured, *saved]


def _cancel_requested(top_up: TopUp, reason: e.CancelReason) -> e.PaymentCancelRequested:
    return e.PaymentCancelRequested(
        operation_id=top_up.operation_id,
        attempt_id=top_up.intent.attempt_id,
        gateway=top_up.intent.gateway,
        reason=reason,
    )


def _cancelled(top_up: TopUp) -> e.PaymentCancelled:
    return e.PaymentCancelled(
        operation_id=top_up.operation_id,
        attempt_id=top_up.intent.attempt_id,
        gateway=top_up.intent.gateway,
        reference=top_up.reference,
    )
