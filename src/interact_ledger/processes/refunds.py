"""Paying a charge back: reserved first, then the gateway is asked, then its answer is durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain import refunds as life
from interact_ledger.domain.account import Account, AttemptStatus, Refund
from interact_ledger.domain.charges import Charge, fold_charges
from interact_ledger.domain.disputes import claim_again
from interact_ledger.domain.fold import fold_refund
from interact_ledger.domain.operations import Request
from interact_ledger.errors import (
    ChargeNotSettled,
    GatewayError,
    GatewayUnsupported,
    NotRefundable,
    TransactionNotFound,
)
from interact_ledger.gateways.protocol import Found, NotFound, RefundRequest, RefundResult
from interact_ledger.processes.attempts import TOO_LATE, Marked, can_replay, followed_by, makers, proof_from, refused
from interact_ledger.processes.context import Context
from interact_ledger.storage.accounts import Change, Decide, History

__all__ = ["hear", "load", "refund", "refundable", "settle_refund", "try_queued"]


def refundable(context: Context, account_id: str, transaction_id: str, charge_reference: str | None) -> Decimal:
    """Return the most that can be paid back of a charge now."""
    history = context.accounts.history(account_id, transaction_id)
    charge = life.charge_to_refund(fold_charges(history), charge_reference)
    return life.refundable(context.accounts.load(account_id), charge)


def refund(
    context: Context,
    account_id: str,
    request: Request,
    transaction_id: str,
    amount: Decimal | None,
    reason: str,
    charge_reference: str | None,
) -> Refund:
    """Pay back; repeated under its key, return the refund's present state or go on where it stopped.

    Args:
        context: what to work with.
        account_id: whose payment it was.
        request: the command, to be recognised when repeated.
        transaction_id: the top-up.
        amount: how much, gross; None for all that is left.
        reason: why, for the record.
        charge_reference: which of the top-up's charges, if it has several.
    """
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        charge = life.charge_to_refund(fold_charges(history(transaction_id)), charge_reference)
        _refuse_unsupported(context, charge, amount)
        return life.request_refund(account, request, charge, amount, reason, send_before)

    change = context.once(account_id, request, decide)
    if change.recorded:
        return _drive(context, account_id, request.operation_id, change)
    return _repeat(context, account_id, request.operation_id)


def settle_refund(context: Context, account_id: str, operation_id: str) -> Refund:
    """Ask the gateway what became of a refund and record it. Never pays back.

    Raises:
        TransactionNotFound: if the account has no such refund.
        GatewayError: if the gateway cannot be asked.
    """
    found = load(context, account_id, operation_id)
    if not found.is_undecided:
        return found
    result = _look_up(context, account_id, found)
    if isinstance(result, NotFound):
        attempt_id = found.intent.attempt_id
        context.transact(
            account_id, _recording(found, lambda refund, _: life.record_refund_absence(refund, attempt_id))
        )
    elif result is not None:
        _record(context, account_id, found, result)
    return load(context, account_id, operation_id)


def try_queued(context: Context, account_id: str, operation_id: str) -> Refund:
    """Try once more to pay back what waits for its charge to settle; it is over if nothing is left to pay it from.

    Raises:
        TransactionNotFound: if the account has no such refund.
        GatewayError: if the gateway refuses outright.
    """
    waiting = load(context, account_id, operation_id)
    if waiting.status is not AttemptStatus.QUEUED:
        return waiting
    leave = _recording(waiting, lambda refund, _: life.leave_queue(refund))
    leave_and_attempt = followed_by(leave, _attempting_again(context, operation_id))

    def again(account: Account, history: History) -> Sequence[e.Event]:
        waits = _folded(history, operation_id).status is AttemptStatus.QUEUED
        return leave_and_attempt(account, history) if waits else ()  # another process was here and ended it

    try:
        change = context.transact(account_id, again)
    except NotRefundable:
        context.transact(account_id, leave)
        return load(context, account_id, operation_id)
    if not change.recorded:
        return load(context, account_id, operation_id)
    return _drive(context, account_id, operation_id, change)


def hear(context: Context, account_id: str, operation_id: str, reference: str, marked: Marked) -> bool:
    """Look up the refund that a notice is about, over or not, and record what it is with the notice's mark.

    Returns whether it could be looked up, and is an attempt's.
    """
    candidates = makers(context.accounts.history(account_id, operation_id), e.RefundAttempted, reference)
    for intent in candidates.intents:
        attempt = Refund(intents=(intent,))
        found = context.gateway(intent.gateway).find_refund(_refund_request(account_id, attempt))
        if isinstance(found, Found) and candidates.explain(found.result):
            context.transact(account_id, marked(_recording_result(attempt, found.result)))
            return True
    return False


def load(context: Context, account_id: str, operation_id: str) -> Refund:
    """Return a refund from its operation's events.

    Raises:
        TransactionNotFound: if the account has no such refund.
    """
    return _folded(lambda subject: context.accounts.history(account_id, subject), operation_id)


def _repeat(context: Context, account_id: str, operation_id: str) -> Refund:
    if can_replay(context, load(context, account_id, operation_id)):
        resent = context.transact(
            account_id, lambda _, history: life.send_refund_again(_folded(history, operation_id), context.now())
        )
        if resent.recorded:
            return _drive(context, account_id, operation_id, resent)
    settled = settle_refund(context, account_id, operation_id)
    if settled.status is AttemptStatus.QUEUED:
        return try_queued(context, account_id, operation_id)
    change = context.transact(account_id, _attempting_again(context, operation_id))
    if change.recorded:
        return _drive(context, account_id, operation_id, change)
    return settled


def _attempting_again(context: Context, operation_id: str) -> Decide:
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        present = _folded(history, operation_id)
        charge = fold_charges(history(present.intent.transaction_id))[present.intent.charge_reference]
        return life.attempt_refund_again(account, present, charge, send_before)

    return decide


def _drive(context: Context, account_id: str, operation_id: str, opened: Change) -> Refund:
    """Send the attempt that was just opened, or opened once more; a later one is somebody else's to send."""
    present = load(context, account_id, operation_id)
    if present.intent.attempt_id != getattr(opened.recorded[-1].event, "attempt_id", None):
        return present
    try:
        result = _send(context, account_id, present)
    except ChargeNotSettled as error:
        attempt_id, why = present.intent.attempt_id, error.message
        context.transact(account_id, _recording(present, lambda found, _: life.queue_refund(found, attempt_id, why)))
        return load(context, account_id, operation_id)
    except GatewayError as error:
        _record(context, account_id, present, refused(error))
        raise
    _record(context, account_id, present, result)
    return load(context, account_id, operation_id)


def _send(context: Context, account_id: str, present: Refund) -> RefundResult:
    gateway = context.gateway(present.intent.gateway)
    if context.now() >= present.intent.send_before:
        return TOO_LATE
    return gateway.refund(_refund_request(account_id, present))


def _look_up(context: Context, account_id: str, present: Refund) -> RefundResult | NotFound | None:
    """Return what the gateway says of the refund, or None while it cannot be known."""
    gateway = context.gateway(present.intent.gateway)
    waiting = context.now() < proof_from(context, present)
    match gateway.find_refund(_refund_request(account_id, present)):
        case Found(result=result):
            return result
        case NotFound() as absent if not waiting:
            return absent
    return None


def _record(context: Context, account_id: str, asked: Refund, result: RefundResult) -> None:
    context.transact(account_id, _recording_result(asked, result))


def _recording_result(asked: Refund, result: RefundResult) -> Decide:
    attempt_id = asked.intent.attempt_id
    return _recording(asked, lambda refund, charge: life.record_refund_result(refund, charge, attempt_id, result))


def _recording(asked: Refund, decide: Callable[[Refund, Charge], list[e.Event]]) -> Decide:
    """Return the decision that records what became of a refund, and what others then take of what it gave back."""
    intent = asked.intent

    def record(_: Account, history: History) -> Sequence[e.Event]:
        return decide(_folded(history, intent.operation_id), charge(history))

    def claim(_: Account, history: History) -> Sequence[e.Event]:
        return claim_again(charge(history))

    def charge(history: History) -> Charge:
        return fold_charges(history(intent.transaction_id))[intent.charge_reference]

    return followed_by(record, claim)


def _refuse_unsupported(context: Context, charge: Charge, amount: Decimal | None) -> None:
    capabilities = context.gateway(charge.captured.gateway).capabilities
    if not capabilities.refunds:
        raise GatewayUnsupported("this gateway pays nothing back", field="transaction_id")
    if not capabilities.partial_refunds and (amount or charge.left.total) != charge.captured.total:
        raise GatewayUnsupported("this gateway pays back whole charges only", field="amount")


def _folded(history: History, operation_id: str) -> Refund:
    found = fold_refund(history(operation_id))
    if found is None:
        raise TransactionNotFound("is no refund of this account", field="refund_id")
    return found


def _refund_request(account_id: str, present: Refund) -> RefundRequest:
    intent = present.intent
    return RefundRequest(
        attempt_id=intent.attempt_id,
        refund_id=intent.operation_id,
        transaction_id=intent.transaction_id,
        account_id=account_id,
        charge_reference=intent.charge_reference,
        amount=Money(intent.total, intent.currency),
        send_before=intent.send_before,
    )
