"""Paying a charge back to the card that paid it, in full or in part, as often as something is left of it.

A refund is named gross, in the currency's minor unit. It takes its share of the credit and of each tax, in proportion
to what is left of them, so that the last refund takes exactly what is left. Its credit is reserved before the gateway
is asked, and given back if the gateway refuses.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus, Refund, may_be_sent_again
from interact_ledger.domain.answers import storable_names
from interact_ledger.domain.charges import Charge, Parts
from interact_ledger.domain.operations import Request
from interact_ledger.domain.standing import refuse_closed
from interact_ledger.errors import InvalidRequest, NotRefundable, TransactionNotFound
from interact_ledger.free_text import from_outside
from interact_ledger.gateways.protocol import Declined, DeclineReason, NotAttempted, Pending, RefundResult, Unknown
from interact_ledger.gateways.protocol import Refunded as PaidBack
from interact_ledger.money import EXACT, minor_unit, minor_units, plain, round_card

__all__ = [
    "attempt_refund_again",
    "charge_to_refund",
    "leave_queue",
    "queue_refund",
    "record_refund_absence",
    "record_refund_result",
    "refundable",
    "request_refund",
    "send_refund_again",
]


TRIED_EVERY = timedelta(hours=1)
"""How often a refund is tried whose charge has to settle first, which mostly takes less than a day."""
QUEUED_AT_MOST = timedelta(days=7)
"""What has not settled by then needs a person."""


def charge_to_refund(charges: Mapping[str, Charge], reference: str | None) -> Charge:
    """Return the charge that is meant: the only one of its top-up, or the one that is named.

    Raises:
        TransactionNotFound: if nothing was captured, or nothing under that reference.
        InvalidRequest: if there are several and none is named.
    """
    if not charges:
        raise TransactionNotFound("nothing was captured under this transaction", field="transaction_id")
    if reference is not None and reference not in charges:
        raise TransactionNotFound("is no charge of this transaction", field="charge")
    if reference is None and len(charges) > 1:
        raise InvalidRequest(f"name one of the transaction's charges: {', '.join(charges)}", field="charge")
    return charges[reference or next(iter(charges))]


def refundable(account: Account, charge: Charge) -> Decimal:
    """Return the most that can be paid back of a charge now: what is left of it, within what is purchased."""
    left, currency = charge.left, account.currency

    def amount(units: int) -> Decimal:
        return EXACT.multiply(minor_unit(currency), units)

    amounts = range(minor_units(max(left.total, Decimal(0)), currency) + 1)
    covered = bisect_right(amounts, account.purchased, key=lambda units: left.at_most(amount(units), currency).credit)
    return amount(max(covered - 1, 0))


def request_refund(
    account: Account, request: Request, charge: Charge, amount: Decimal | None, reason: str, send_before: datetime
) -> list[e.Event]:
    """Reserve what is to be paid back and open the first attempt.

    Args:
        account: whose money it is.
        request: the command, to be recognised when repeated.
        charge: what is paid back.
        amount: how much, gross; None for all that is left of the charge.
        reason: why, for the record.
        send_before: nothing is sent from this moment on.

    Raises:
        NotRefundable, AccountClosed
    """
    captured = charge.captured
    total = round_card(charge.left.total if amount is None else amount, captured.currency)
    return [
        e.RefundRequested(
            **request.fields,
            transaction_id=captured.operation_id,
            charge_reference=captured.reference,
            total=total,
            currency=captured.currency,
            reason=reason,
        ),
        _attempted(account, request.operation_id, charge, total, 1, send_before),
    ]


def attempt_refund_again(account: Account, refund: Refund, charge: Charge, send_before: datetime) -> list[e.Event]:
    """Open the next attempt of a refund of which surely none paid back, if it can still be paid back."""
    if refund.status is not AttemptStatus.NOT_ATTEMPTED or refund.paid:
        return []
    number = refund.intent.number + 1
    return [_attempted(account, refund.operation_id, charge, refund.intent.total, number, send_before)]


def queue_refund(refund: Refund, attempt_id: str, why: str) -> list[e.Event]:
    """Let a refund wait of whose latest attempt a try did nothing, since its charge has to settle first."""
    if attempt_id != refund.intent.attempt_id or not refund.is_undecided:
        return []
    if refund.tries > 1:
        return _not_known(refund, why)
    return [_waits(refund, why)]


def leave_queue(refund: Refund) -> list[e.Event]:
    """End the attempt that waits, so that another may follow."""
    if refund.status is not AttemptStatus.QUEUED or refund.queued is None:
        return []
    return [_failed(refund.intent, "not_attempted", refund.queued.why)]


def send_refund_again(refund: Refund, now: datetime) -> list[e.Event]:
    """Mean to send an undecided attempt once more under its key; nothing once it is decided or too late."""
    return [e.RefundRetried(**_fields(refund.intent))] if may_be_sent_again(refund, now) else []


def record_refund_absence(refund: Refund, attempt_id: str) -> list[e.Event]:
    """Record that an attempt surely did nothing: the gateway knows none of it, after it could last be sent."""
    if attempt_id != refund.intent.attempt_id or not refund.is_undecided:
        return []
    return [_not_sent(refund, "the gateway knows of no such refund")]


def record_refund_result(refund: Refund, charge: Charge, attempt_id: str, result: RefundResult) -> list[e.Event]:
    """Turn what the gateway said of a refund of a charge into facts, or into none where it is known or overtaken.

    `NotAttempted` speaks of one try. If there was another, that one may have arrived, and nothing is known.
    """
    result = storable_names(result)
    intent = next((intent for intent in refund.intents if intent.attempt_id == attempt_id), None)
    if intent is None:
        return []
    if isinstance(result, PaidBack):
        paid_back = _paid_back(refund, charge, intent, result)
        return [*paid_back, *leave_queue(refund)] if paid_back and intent is not refund.intent else paid_back
    paid = refund.paid_by(attempt_id)
    if paid is not None:
        return [_returned(intent, paid, result)] if isinstance(result, Declined) else []
    if not refund.is_undecided or intent is not refund.intent:
        return []
    match result:
        case Pending(reference=reference) if refund.status is not AttemptStatus.PENDING:
            return [e.RefundPending(**_fields(intent), reference=reference)]
        case Declined(raw_code=raw_code):
            return [_failed(intent, "declined", raw_code, reason=result.reason, reference=result.reference)]
        case NotAttempted(why=why) if refund.tries == 1:
            return [_not_sent(refund, why)]
        case Unknown(why=why) | NotAttempted(why=why):
            return _not_known(refund, why)
    return []


def _attempted(
    account: Account, operation_id: str, charge: Charge, total: Decimal, number: int, send_before: datetime
) -> e.RefundAttempted:
    refuse_closed(account)
    captured = charge.captured
    _refuse_too_much(account, charge, total)
    parts = charge.left.at_most(total, captured.currency)
    return e.RefundAttempted(
        operation_id=operation_id,
        transaction_id=captured.operation_id,
        attempt_id=f"{operation_id}.{number}",
        gateway=captured.gateway,
        number=number,
        charge_reference=captured.reference,
        credit=parts.credit,
        taxes=charge.tax_lines(parts),
        total=total,
        currency=captured.currency,
        send_before=send_before,
    )


def _refuse_too_much(account: Account, charge: Charge, total: Decimal) -> None:
    most = refundable(account, charge)
    if not 0 < total <= most:
        left, currency = plain(charge.left.total, account.currency), account.currency
        raise NotRefundable(
            f"{plain(most, currency)} {currency} can be paid back now: {left} is left of the charge,"
            f" and the purchased balance covers {plain(max(account.purchased, Decimal(0)), currency)} without tax",
            field="amount",
        )


def _paid_back(refund: Refund, charge: Charge, intent: e.RefundAttempted, result: PaidBack) -> list[e.Event]:
    if result.reference in refund.told_references:
        return []  # known, or an answer from before the customer's bank sent it back
    late = refund.is_over or intent is not refund.intent
    takes = charge.taken_by(intent)
    if (result.amount.amount, result.amount.currency.code) != (intent.total, intent.currency):
        return [
            e.RefundMismatched(
                **_fields(intent),
                reference=result.reference,
                credit=takes.credit,
                taxes=charge.tax_lines(takes),
                expected_amount=intent.total,
                expected_currency=intent.currency,
                refunded_amount=result.amount.amount,
                refunded_currency=result.amount.currency.code,
                refunded_at=result.refunded_at,
                late=late,
            )
        ]
    return [
        e.Refunded(
            **_fields(intent),
            reference=result.reference,
            credit=takes.credit,
            taxes=charge.tax_lines(takes),
            total=takes.total,
            currency=intent.currency,
            refunded_at=result.refunded_at,
            late=late,
            claimed=None if takes == Parts.of(intent) else intent.total,
        )
    ]


def _returned(intent: e.RefundAttempted, paid: e.Refunded | e.RefundMismatched, declined: Declined) -> e.RefundReturned:
    return e.RefundReturned(
        **_fields(paid),
        reference=paid.reference,
        credit=paid.credit,
        total=Parts.paid_back(intent, paid).total,
        currency=intent.currency,
        reason=declined.reason,
        detail=from_outside(declined.raw_code),
    )


def _not_sent(refund: Refund, why: str) -> e.Event:
    """What waited once goes on waiting: nobody repeats its command."""
    return _waits(refund, why) if refund.queued is not None else _failed(refund.intent, "not_attempted", why)


def _waits(refund: Refund, why: str) -> e.Event:
    latest, first = refund.intent.send_before, refund.intents[0].send_before
    if refund.paid:
        return _failed(refund.intent, "not_attempted", f"{why}; an earlier attempt paid back")
    if latest - first >= QUEUED_AT_MOST:
        return _failed(refund.intent, "not_attempted", f"{why}; it was tried for {QUEUED_AT_MOST.days} days")
    return e.RefundQueued(**_fields(refund.intent), why=from_outside(why), next_try_at=latest + TRIED_EVERY)


def _not_known(refund: Refund, why: str) -> list[e.Event]:
    if refund.status is not AttemptStatus.REQUESTED:
        return []
    return [e.RefundUnknown(**_fields(refund.intent), why=from_outside(why))]


def _failed(
    intent: e.RefundAttempted,
    outcome: str,
    detail: str,
    *,
    reason: DeclineReason | None = None,
    reference: str | None = None,
) -> e.RefundFailed:
    return e.RefundFailed(
        **_fields(intent), outcome=outcome, reason=reason, detail=from_outside(detail), reference=reference
    )


def _fields(about: e.RefundEvent) -> dict[str, str]:
    return {
        "operation_id": about.operation_id,
        "transaction_id": about.transaction_id,
        "attempt_id": about.attempt_id,
        "gateway": about.gateway,
    }
