"""What is wrong before the gateway is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from interact_ledger.domain import cards as card_life
from interact_ledger.domain import events as e
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import TopUp, may_be_sent_again
from interact_ledger.processes import top_up
from interact_ledger.storage.accounts import Change
from simulation.bugs.planting import Patch, bug, with_a_key_per_call


@bug
def _no_intent_event(patch: Patch) -> None:
    """The card is charged first, and intent and outcome are recorded together afterwards."""
    original = top_up.top_up

    def charged_first(context: Any, account_id: str, request: Any, **how: Any) -> Any:
        def history(subject: str) -> Any:
            return context.accounts.history(account_id, subject)

        if request.is_repeated(history(request.operation_id)) or not isinstance(how["card"], top_up.NewCard):
            return original(context, account_id, request, **how)
        quote = top_up.checkout.usable_quote(history(how["quote_id"]), context.now())
        events = life.request_top_up(
            context.accounts.load(account_id),
            request,
            quote,
            gateway=quote.gateway,
            card_id=None,
            save_card=how["save_card"],
            initiator=how["initiator"],
            send_before=context.now() + context.settings.send_within,
        )
        attempt = TopUp(intent=events[1])
        gateway = context.gateway(quote.gateway)
        customer_id = context.customer_at(account_id, gateway)
        result = gateway.charge(top_up._charge_request(account_id, customer_id, attempt), how["card"])
        context.once(account_id, request, lambda *_: events)
        top_up._record(context, account_id, attempt, result)
        return top_up._finish(context, account_id, request.operation_id)

    patch(top_up, "top_up", charged_first)


@bug
def _key_per_call(patch: Patch) -> None:
    """Each call to the gateway gets an idempotency key of its own."""
    patch(top_up, "_charge_request", with_a_key_per_call(top_up._charge_request))


@bug
def _key_per_try(patch: Patch) -> None:
    """A repeat while the first try is undecided opens an attempt with another key."""

    def again(present: TopUp, now: datetime) -> list[e.Event]:
        if not may_be_sent_again(present, now):
            return []
        number = present.intent.number + 1
        changed = {"attempt_id": f"{present.operation_id}.{number}", "number": number}
        return [present.intent.model_copy(update=changed)]

    patch(life, "send_again", again)


@bug
def _paused_sender(patch: Patch) -> None:
    """A sender does not look at the clock before it sends."""
    original = top_up._charge_request

    def request(*arguments: Any) -> Any:
        made = original(*arguments)
        return replace(made, send_before=made.send_before + timedelta(days=3650))

    patch(top_up, "_charge_request", request)


@bug
def _retry_not_recorded(patch: Patch) -> None:
    """A repeat sends the same attempt again without recording that it does."""
    original = top_up._repeat

    def repeat(context: Any, account_id: str, operation_id: str, card: Any) -> Any:
        present = top_up.load(context, account_id, operation_id)
        if not may_be_sent_again(present, context.now()):
            return original(context, account_id, operation_id, card)
        account = context.accounts.load(account_id)
        recorded = e.Recorded(account_id, account.version, context.now(), "service", None, present.intent)
        return top_up.drive(context, account_id, operation_id, Change(account, (recorded,)), card)

    patch(top_up, "_repeat", repeat)


@bug
def _card_kept_though_not_saved(patch: Patch) -> None:
    """Every card is saved at the gateway, whatever the customer chose."""
    original = top_up._charge_request
    patch(top_up, "_charge_request", lambda *arguments: replace(original(*arguments), save_card=True))


@bug
def _removed_card_charged(patch: Patch) -> None:
    """A card can be charged until the gateway has confirmed its removal."""

    def usable(account: Any, card_id: str, past: Any) -> Any:
        return account.cards.get(card_id) or card_life.usable_card(account, card_id, past)

    patch(top_up, "usable_card", usable)
