"""Saving a card without charging it, and having a gateway forget one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from interact_ledger.domain import cards as life
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus, CardSaving
from interact_ledger.domain.fold import fold_card_saving
from interact_ledger.domain.operations import Request
from interact_ledger.errors import (
    GatewayCustomerGone,
    GatewayError,
    GatewayUnsupported,
    MethodNotOffered,
    TransactionNotFound,
)
from interact_ledger.gateways.protocol import (
    ActionRequired,
    CardRequest,
    CardResult,
    Forgotten,
    Found,
    Gateway,
    NewCard,
    NotAttempted,
    NotFound,
    SavedCard,
)
from interact_ledger.pricing.availability import choose_gateway
from interact_ledger.processes.attempts import TOO_LATE, Marked, can_replay, makers, may_yet_come, proof_from, refused
from interact_ledger.processes.context import Context
from interact_ledger.processes.kept_cards import replace_customer
from interact_ledger.storage.accounts import Change, Decide, History

__all__ = [
    "Progress",
    "cancel_saving",
    "complete_saving",
    "forget",
    "gateway_to_save_at",
    "hear",
    "remove_card",
    "save_card",
    "settle_saving",
]


class Progress(NamedTuple):
    """How far a saving got, and what the browser needs to go on with it, if anything."""

    saving: CardSaving
    client_secret: str | None = None


def gateway_to_save_at(context: Context, account: Account, method: str | None) -> str:
    """Return the id of the first gateway that serves the account and saves cards without charging them.

    Raises:
        MethodNotOffered: if none serves it at all.
        GatewayUnsupported: if those that do cannot save a card alone.
    """
    availability, every = context.settings.availability, context.capabilities()
    first = choose_gateway(availability, every, account.currency, account.country, method)
    able = {gateway_id: can for gateway_id, can in every.items() if can.saves_without_charging}
    if first in able:
        return first
    try:
        return choose_gateway(availability, able, account.currency, account.country, method)
    except MethodNotOffered:
        raise GatewayUnsupported("cards are saved here only by paying with them", field="card_token") from None


def save_card(context: Context, account_id: str, request: Request, gateway_id: str, card: NewCard) -> Progress:
    """Have a gateway keep a card; repeated under its key, return its present state or go on where it stopped."""
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, _: History) -> Sequence[e.Event]:
        context.refuse_card_testing(account, "save_card", is_new_card=True)
        return life.request_saving(account, request, gateway=gateway_id, send_before=send_before)

    change = context.once(account_id, request, decide)
    if change.recorded:
        return _drive(context, account_id, request.operation_id, change, card)
    return _repeat(context, account_id, request.operation_id, card)


def complete_saving(context: Context, account_id: str, operation_id: str) -> Progress:
    """Go on with a saving after the customer authenticated."""
    saving = load(context, account_id, operation_id)
    if saving.status is not AttemptStatus.ACTION_REQUIRED or saving.cancelling:
        return settle_saving(context, account_id, operation_id)
    gateway = context.gateway(saving.intent.gateway)
    result = gateway.complete_save(_card_request(context, account_id, gateway, saving))
    if not isinstance(result, NotAttempted):  # said of this call only: the saving itself reached the gateway before
        _record(context, account_id, saving, result)
    return _progress(context, account_id, operation_id, result)


def settle_saving(context: Context, account_id: str, operation_id: str) -> Progress:
    """Ask the gateway what became of a saving, record it, and cancel what can no longer be wanted. Never saves.

    Raises:
        TransactionNotFound: if the account has no such saving.
        GatewayError: if the gateway cannot be asked.
    """
    saving = load(context, account_id, operation_id)
    if saving.is_over:
        return Progress(saving)
    gateway = context.gateway(saving.intent.gateway)
    result = None if saving.cancelling else _look_up(context, account_id, gateway, saving)
    if isinstance(result, NotFound):
        attempt_id = saving.intent.attempt_id
        context.transact(
            account_id, lambda _, history: life.record_saving_absence(_folded(history, operation_id), attempt_id)
        )
    elif result is not None:
        _record(context, account_id, saving, result)
    context.transact(account_id, lambda _, history: life.expire_saving(_folded(history, operation_id), context.now()))
    saving = load(context, account_id, operation_id)
    if saving.cancelling and not saving.is_over:
        cancelled = gateway.cancel_save(_card_request(context, account_id, gateway, saving))
        if not may_yet_come(context, saving, cancelled):
            _record(context, account_id, saving, cancelled)
    return _progress(context, account_id, operation_id, result)


def hear(context: Context, account_id: str, operation_id: str, reference: str, marked: Marked) -> bool:
    """Look up the saving that a notice is about, and record what it is with the notice's mark.

    Returns whether it could be looked up, and is an attempt's.
    """
    candidates = makers(context.accounts.history(account_id, operation_id), e.CardSavingAttempted, reference)
    for intent in candidates.intents:
        saving = CardSaving(intent=intent, reference=candidates.reference)
        gateway = context.gateway(intent.gateway)
        found = gateway.find_card(_card_request(context, account_id, gateway, saving))
        if isinstance(found, Found) and candidates.explain(found.result):
            context.transact(account_id, marked(_recording(context, saving, found.result)))
            return True
    return False


def cancel_saving(context: Context, account_id: str, operation_id: str) -> Progress:
    """Call a saving off, unless it is over; a card that was saved meanwhile is kept, and can be removed."""
    context.transact(account_id, lambda _, history: life.cancel_saving(_folded(history, operation_id)))
    return settle_saving(context, account_id, operation_id)


def remove_card(context: Context, account_id: str, request: Request, card_id: str) -> bool:
    """Stop charging a card and have its gateway forget it.

    Returns whether the gateway confirmed; if not, recovery goes on asking it. The card is not charged either way.
    """

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        return life.request_removal(account, request, card_id, history(card_id), context.now())

    context.once(account_id, request, decide)
    return forget(context, account_id, card_id)


def forget(context: Context, account_id: str, card_id: str) -> bool:
    """Have the gateway forget a card whose removal was asked for; say whether it has."""
    card = context.accounts.load(account_id).cards.get(card_id)
    if card is None:
        return True
    gateway = context.gateway(card.gateway)
    result = gateway.forget(SavedCard(card.token), context.customer_at(account_id, gateway))
    if not isinstance(result, Forgotten):
        return False
    context.transact(account_id, lambda account, _: life.removed(account, card_id))
    return True


def load(context: Context, account_id: str, operation_id: str) -> CardSaving:
    """Return a saving from its operation's events.

    Raises:
        TransactionNotFound: if the account has no such saving.
    """
    return _folded(lambda subject: context.accounts.history(account_id, subject), operation_id)


def _repeat(context: Context, account_id: str, operation_id: str, card: NewCard) -> Progress:
    present = load(context, account_id, operation_id)
    if can_replay(context, present):
        resent = context.transact(
            account_id, lambda _, history: life.send_saving_again(_folded(history, operation_id), context.now())
        )
        if resent.recorded:
            return _drive(context, account_id, operation_id, resent, card)
    progress = settle_saving(context, account_id, operation_id)
    send_before = context.now() + context.settings.send_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        again = life.attempt_saving_again(account, _folded(history, operation_id), send_before)
        if again:
            context.refuse_card_testing(account, "save_card", is_new_card=True, is_further=True)
        return again

    change = context.transact(account_id, decide)
    if change.recorded:
        return _drive(context, account_id, operation_id, change, card)
    return progress


def _drive(context: Context, account_id: str, operation_id: str, opened: Change, card: NewCard) -> Progress:
    """Send the attempt that was just opened, or opened once more; a later one is somebody else's to send."""
    saving = load(context, account_id, operation_id)
    if saving.intent.attempt_id != getattr(opened.recorded[-1].event, "attempt_id", None):
        return Progress(saving)
    gateway = context.gateway(saving.intent.gateway)
    try:
        result = _save(context, account_id, gateway, saving, card)
    except GatewayError as error:
        _record(context, account_id, saving, refused(error))
        if isinstance(error, GatewayCustomerGone):
            replace_customer(context, account_id, gateway)
        raise
    _record(context, account_id, saving, result)
    return _progress(context, account_id, operation_id, result)


def _save(context: Context, account_id: str, gateway: Gateway, saving: CardSaving, card: NewCard) -> CardResult:
    request = _card_request(context, account_id, gateway, saving)
    if context.now() >= request.send_before:
        return TOO_LATE
    return gateway.save(request, card)


def _look_up(context: Context, account_id: str, gateway: Gateway, saving: CardSaving) -> CardResult | NotFound | None:
    """Return what the gateway says of the saving, or None while it cannot be known."""
    waiting = context.now() < proof_from(context, saving)
    match gateway.find_card(_card_request(context, account_id, gateway, saving)):
        case Found(result=result):
            return result
        case NotFound() as absent if not waiting:
            return absent
    return None


def _record(context: Context, account_id: str, saving: CardSaving, result: CardResult) -> None:
    context.transact(account_id, _recording(context, saving, result))


def _recording(context: Context, saving: CardSaving, result: CardResult) -> Decide:
    expires_at = context.now() + context.settings.authentication_within

    def decide(account: Account, history: History) -> Sequence[e.Event]:
        present = _folded(history, saving.operation_id)
        return life.record_saving_result(
            account, present, saving.intent.attempt_id, result, action_expires_at=expires_at
        )

    return decide


def _progress(context: Context, account_id: str, operation_id: str, result: CardResult | NotFound | None) -> Progress:
    client_secret = result.client_secret if isinstance(result, ActionRequired) else None
    return Progress(load(context, account_id, operation_id), client_secret)


def _folded(history: History, operation_id: str) -> CardSaving:
    saving = fold_card_saving(history(operation_id))
    if saving is None:
        raise TransactionNotFound("is no saving of a card on this account", field="saving_id")
    return saving


def _card_request(context: Context, account_id: str, gateway: Gateway, saving: CardSaving) -> CardRequest:
    return CardRequest(
        attempt_id=saving.intent.attempt_id,
        saving_id=saving.operation_id,
        account_id=account_id,
        customer_id=context.customer_at(account_id, gateway),
        send_before=saving.intent.send_before,
        reference=saving.reference,
    )
