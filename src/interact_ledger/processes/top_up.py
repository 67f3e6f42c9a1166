"""Topping up: the intent is durable, then the gateway is asked, then its answer is durable.

    1  decide → TopUpRequested, PaymentAttempted     append
    2  gateway.begin  → PaymentBegun                 append; nothing can charge yet
    3  gateway.charge                                never after `send_before`
    4  decide → PaymentCaptured | …                  append
    5  gateway.cancel, if something could yet be paid → PaymentCancelled

A crash anywhere leaves an open attempt, which `settle` brings to its true end by asking the gateway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from moneyed import Money

from interact_ledger.domain import checkout, monthly_recharge
from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import Account, Card, TopUp
from interact_ledger.domain.automatic import with_consequences
from interact_ledger.domain.cards import usable_card
from interact_ledger.domain.fold import fold_top_up
from interact_ledger.domain.operations import Request
from interact_ledger.errors import (
    CardRemoved,
    GatewayCustomerGone,
    GatewayError,
    GatewayUnsupported,
    InvalidRequest,
    TransactionNotFound,
)
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Begun,
    ChargeRequest,
    ChargeResult,
    Found,
    Gateway,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    PaymentSource,
    SavedCard,
    Unknown,
)
from interact_ledger.processes.attempts import (
    TOO_LATE,
    Marked,
    can_replay,
    makers,
    may_yet_come,
    nothing,
    proof_from,
    refused,
)
from interact_ledger.processes.checkout import refuse_gateway
from interact_ledger.processes.context import Context
from interact_ledger.processes.kept_cards import replace_customer
from interact_ledger.storage.accounts import Change, Decide, History

__all__ = ["Progress", "cancel", "drive", "hear", "settle", "top_up", "top_up_elsewhere"]


class Progress(NamedTuple):
    """How far a top-up got, and what the browser needs to go on with it, if anything."""

    top_up: TopUp
    client_secret: str | None = None


def top_up(
    context: Context,
    account_id: str,
    request: Request,
    *,
    quote_id: str,
    card: NewCard | str,
    save_card: bool,
    initiator: Initiator,
) -> Progress:
    """Charge a quoted top-up; repeated under its key, return its present state or go on where it stopped.

    Args:
        context: what to work with.
        account_id: the account to top up.
        request: the command, to be recognised when repeated.
        quote_id: what `checkout` returned.
        card: a card just typed in, or the id of a saved one.
        save_card: whether the customer chose to save the new card.
        initiator: who sets it off.
    """
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        quote = checkout.usable_quote(history(quote_id), context.now())
        saved = _usable_saved_card(context, account, history, quote, card)
        gateway_id = saved.gateway if saved else quote.gateway
        _refuse_unsupported(context, gateway_id, save_card=save_card)
        if initiator is Initiator.CUSTOMER:
            context.refuse_card_testing(account, "top_up", is_new_card=saved is None)
        return life.request_top_up(
            account,
            request,
            quote,
            gateway=gateway_id,
            card_id=saved.card_id if saved else None,
            save_card=save_card,
            initiator=initiator,
            send_before=send_before,
        )

    change = context.once(account_id, request, decide)
    if change.recorded:
        return drive(context, account_id, request.operation_id, change, card)
    return _repeat(context, account_id, request.operation_id, card)


def top_up_elsewhere(context: Context, account_id: str, operation_id: str, gateway_id: str, card: NewCard) -> Progress:
    """Go on with a top-up at another gateway, if it is sure that nothing was charged; else tell its present state.

    Args:
        context: what to work with.
        account_id: the account to top up.
        operation_id: the top-up.
        gateway_id: the gateway whose fields the card was typed into.
        card: that gateway's one-time token.
    """
    settle(context, account_id, operation_id)
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        first = _first_attempt(history, operation_id)
        if first.initiator is not Initiator.CUSTOMER:
            raise InvalidRequest("is an automatic payment; the ledger goes on with it itself", field="transaction_id")
        if gateway_id == first.gateway:
            raise InvalidRequest("is the gateway that it began with; repeat the request for it", field="gateway")
        latest = _folded(history, operation_id)
        again = life.attempt_again(account, latest, gateway=gateway_id, card_id=None, send_before=send_before)
        if again:
            quote = _quote(history, operation_id)
            checkout.refuse_expired(quote, context.now())
            refuse_gateway(context, account, quote, gateway_id, quote.method)
            _refuse_unsupported(context, gateway_id, save_card=latest.intent.save_card)
            context.refuse_card_testing(account, "top_up", is_new_card=True, is_further=True)
        return again

    change = context.transact(account_id, decide)
    if change.recorded:
        return drive(context, account_id, operation_id, change, card)
    return Progress(load(context, account_id, operation_id))


def settle(context: Context, account_id: str, operation_id: str) -> Progress:
    """Ask the gateway what became of a top-up, record it, and cancel what can no longer be wanted. Never charges.

    Raises:
        TransactionNotFound: if the account has no such top-up.
        GatewayError: if the gateway cannot be asked.
    """
    found = load(context, account_id, operation_id)
    if found.is_over:
        return Progress(found)
    if found.cancelling:
        return _cancel_at_gateway(context, account_id, found)
    gateway = context.gateway(found.intent.gateway)
    attempt_id = found.intent.attempt_id
    result = _look_up(context, account_id, gateway, found)
    if isinstance(result, Begun):
        reference = result.reference
        context.transact(
            account_id, lambda _, history: life.abandon(_folded(history, operation_id), attempt_id, reference)
        )
    elif isinstance(result, NotFound):
        context.transact(account_id, _recording_absence(context, operation_id, attempt_id))
    elif result is not None:
        _record(context, account_id, found, result)
    context.transact(account_id, lambda _, history: life.expire(_folded(history, operation_id), context.now()))
    settled = load(context, account_id, operation_id)
    if settled.cancelling:
        return _cancel_at_gateway(context, account_id, settled)
    return Progress(settled, result.client_secret if isinstance(result, ActionRequired) else None)


def hear(context: Context, account_id: str, operation_id: str, reference: str, marked: Marked) -> bool:
    """Look up the charge that a notice is about, over or not, and record what it is with the notice's mark.

    Returns whether it could be looked up, and is an attempt's.
    """
    candidates = makers(context.accounts.history(account_id, operation_id), e.PaymentAttempted, reference)
    for intent in candidates.intents:
        attempt = TopUp(intent=intent, reference=candidates.reference)
        gateway = context.gateway(intent.gateway)
        found = gateway.find_charge(_charge_request(account_id, context.customer_at(account_id, gateway), attempt))
        if isinstance(found, Found) and candidates.explain(found.result):
            result = found.result
            decide = nothing if isinstance(result, Begun) else _recording(context, attempt, result)
            context.transact(account_id, marked(decide))
            _finish(context, account_id, operation_id)
            return True
    return False


def cancel(context: Context, account_id: str, operation_id: str) -> Progress:
    """Call a top-up off, unless it is over; one that was paid meanwhile is credited.

    A month's that did not reach the gateway would be attempted again, and is not.
    """

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        present = _folded(history, operation_id)
        return life.cancel(present) or monthly_recharge.call_off(account, present)

    context.transact(account_id, decide)
    return settle(context, account_id, operation_id)


def load(context: Context, account_id: str, operation_id: str) -> TopUp:
    """Return a top-up from its operation's events.

    Raises:
        TransactionNotFound: if the account has no such top-up.
    """
    return _folded(lambda subject: context.accounts.history(account_id, subject), operation_id)


def _repeat(context: Context, account_id: str, operation_id: str, card: NewCard | str) -> Progress:
    present = load(context, account_id, operation_id)
    if can_replay(context, present):

        def resend(_: Account, history: History) -> Sequence[e.Event]:
            latest = _folded(history, operation_id)
            is_this_cards = latest.intent.gateway == _first_attempt(history, operation_id).gateway
            return life.send_again(latest, context.now()) if is_this_cards else ()

        resent = context.transact(account_id, resend)
        if resent.recorded:
            return drive(context, account_id, operation_id, resent, card)
    progress = settle(context, account_id, operation_id)
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        first, latest = _first_attempt(history, operation_id), _folded(history, operation_id)
        again = life.attempt_again(
            account, latest, gateway=first.gateway, card_id=first.card_id, send_before=send_before
        )
        if again:
            quote = _quote(history, operation_id)
            saved = _usable_saved_card(context, account, history, quote, card)
            checkout.refuse_expired(quote, context.now())
            context.refuse_card_testing(account, "top_up", is_new_card=saved is None, is_further=True)
        return again

    change = context.transact(account_id, decide)
    if change.recorded:
        return drive(context, account_id, operation_id, change, card)
    return progress


def _first_attempt(history: History, operation_id: str) -> e.PaymentAttempted:
    """Return the attempt that the request itself opened, with the card that it named."""
    first = history(operation_id)[1].event
    assert isinstance(first, e.PaymentAttempted), "a top-up opens its first attempt with its request"
    return first


def _quote(history: History, operation_id: str) -> e.CheckoutQuoted:
    requested = history(operation_id)[0].event
    assert isinstance(requested, e.TopUpRequested), "a top-up starts with its request"
    quote = history(requested.quote_id)[0].event
    assert isinstance(quote, e.CheckoutQuoted), "a quote is what it says"
    return quote


def _usable_saved_card(
    context: Context, account: Account, history: History, quote: e.CheckoutQuoted, card: NewCard | str
) -> Card | None:
    """Return the saved card that is to be charged, None for a new one. It pays at the gateway that keeps it.

    Raises:
        CardNotFound, CardRemoved, MethodNotOffered, InvalidAmount
    """
    if isinstance(card, NewCard):
        return None
    saved = usable_card(account, card, history(card))
    refuse_gateway(context, account, quote, saved.gateway, saved.brand)
    return saved


def _refuse_unsupported(context: Context, gateway_id: str, *, save_card: bool) -> None:
    if save_card and not context.gateway(gateway_id).capabilities.saves_cards:
        raise GatewayUnsupported("this gateway saves no cards; pay without saving", field="save_card")


def drive(context: Context, account_id: str, operation_id: str, opened: Change, card: NewCard | str) -> Progress:
    """Send the attempt that was just opened, or opened once more; a later one is somebody else's to send."""
    attempt = load(context, account_id, operation_id)
    if attempt.intent.attempt_id != getattr(opened.recorded[-1].event, "attempt_id", None):
        return Progress(attempt)
    gateway = context.gateway(attempt.intent.gateway)
    try:
        result = _charge(context, account_id, gateway, attempt, card)
    except (GatewayError, CardRemoved) as error:
        _record(context, account_id, attempt, refused(error))
        _finish(context, account_id, operation_id)
        if isinstance(error, GatewayCustomerGone):
            replace_customer(context, account_id, gateway)
        raise
    _record(context, account_id, attempt, result)
    progress = _finish(context, account_id, operation_id)
    return progress._replace(client_secret=result.client_secret if isinstance(result, ActionRequired) else None)


def _finish(context: Context, account_id: str, operation_id: str) -> Progress:
    """Cancel what the gateway's answer left payable; if that fails now, recovery goes on trying."""
    attempt = load(context, account_id, operation_id)
    if attempt.cancelling:
        with contextlib.suppress(GatewayError):
            return _cancel_at_gateway(context, account_id, attempt)
    return Progress(attempt)


def _charge(context: Context, account_id: str, gateway: Gateway, attempt: TopUp, card: NewCard | str) -> ChargeResult:
    customer_id = context.customer_at(account_id, gateway)
    request = _charge_request(account_id, customer_id, attempt)
    begun = gateway.begin(request)
    if isinstance(begun, NotAttempted | Unknown):
        return begun
    if begun is not None:
        reference = begun.reference
        context.transact(
            account_id,
            lambda _, history: life.begun(_folded(history, attempt.operation_id), request.attempt_id, reference),
        )
        request = replace(request, reference=reference)
    if context.now() >= request.send_before:
        return TOO_LATE
    return gateway.charge(request, _source(context, account_id, card))


def _source(context: Context, account_id: str, card: NewCard | str) -> PaymentSource:
    if isinstance(card, NewCard):
        return card
    past = context.accounts.history(account_id, card)
    return SavedCard(usable_card(context.accounts.load(account_id), card, past).token)


def _look_up(
    context: Context, account_id: str, gateway: Gateway, attempt: TopUp
) -> ChargeResult | Begun | NotFound | None:
    """Return what the gateway says of the attempt, or None while it cannot be known."""
    request = _charge_request(account_id, context.customer_at(account_id, gateway), attempt)
    waiting = context.now() < proof_from(context, attempt)
    match gateway.find_charge(request):
        case Found(result=Begun() as begun):
            return None if waiting else begun
        case Found(result=result):
            return result
        case NotFound() as absent if not waiting:
            return absent
    return None


def _cancel_at_gateway(context: Context, account_id: str, attempt: TopUp) -> Progress:
    gateway = context.gateway(attempt.intent.gateway)
    customer_id = context.customer_at(account_id, gateway)
    result = gateway.cancel(_charge_request(account_id, customer_id, attempt))
    if may_yet_come(context, attempt, result):
        return Progress(attempt)
    _record(context, account_id, attempt, result)
    return Progress(load(context, account_id, attempt.operation_id))


def _record(context: Context, account_id: str, attempt: TopUp, result: ChargeResult) -> None:
    context.transact(account_id, _recording(context, attempt, result))


def _recording(context: Context, attempt: TopUp, result: ChargeResult) -> Decide:
    expires_at = context.now() + context.settings.authentication_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        present = _folded(history, attempt.operation_id)
        facts = life.record_result(account, present, attempt.intent, result, action_expires_at=expires_at)
        return with_consequences(account, present, facts, context.pace, context.now())

    return decide


def _recording_absence(context: Context, operation_id: str, attempt_id: str) -> Decide:
    def decide(account: Account, history: History) -> Sequence[e.Event]:
        present = _folded(history, operation_id)
        facts = life.record_absence(present, attempt_id)
        return with_consequences(account, present, facts, context.pace, context.now())

    return decide


def _folded(history: History, operation_id: str) -> TopUp:
    found = fold_top_up(history(operation_id))
    if found is None:
        raise TransactionNotFound("is no top-up of this account", field="transaction_id")
    return found


def _charge_request(account_id: str, customer_id: str, attempt: TopUp) -> ChargeRequest:
    intent = attempt.intent
    return ChargeRequest(
        attempt_id=intent.attempt_id,
        transaction_id=intent.operation_id,
        account_id=account_id,
        customer_id=customer_id,
        amount=Money(intent.total, intent.currency),
        save_card=intent.save_card,
        initiator=intent.initiator,
        send_before=intent.send_before,
        reference=attempt.reference,
    )
