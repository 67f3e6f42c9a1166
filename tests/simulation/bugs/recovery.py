"""What is wrong with looking up and with recovery."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from interact_ledger.domain import account as account_module
from interact_ledger.domain import agenda as agenda_module
from interact_ledger.domain import cards as card_life
from interact_ledger.domain import top_up as life
from interact_ledger.domain.account import UNDECIDED, AttemptStatus, TopUp
from interact_ledger.gateways.protocol import Indeterminate, NotFound
from interact_ledger.processes import cards, top_up
from interact_ledger.storage import index
from simulation.bugs.planting import Patch, bug


@bug
def _not_found_believed_at_once(patch: Patch) -> None:
    """A look-up that finds nothing is believed at any time."""
    patch(top_up, "proof_from", lambda _context, attempt: attempt.intent.send_before - timedelta(days=1))


@bug
def _safe_delay_ignored(patch: Patch) -> None:
    """A look-up that finds nothing is believed as soon as nothing may be sent any more."""
    patch(top_up, "proof_from", lambda _context, attempt: attempt.intent.send_before)
    patch(cards, "proof_from", lambda _context, attempt: attempt.intent.send_before)


@bug
def _clock_difference_ignored(patch: Patch) -> None:
    """The clocks of two machines are taken for the same."""

    def proof(context: Any, attempt: Any) -> datetime:
        return attempt.intent.send_before + context.gateway(attempt.intent.gateway).capabilities.safe_delay

    patch(top_up, "proof_from", proof)
    patch(cards, "proof_from", proof)


@bug
def _failed_look_up_believed(patch: Patch) -> None:
    """A look-up that fails is taken for one that finds nothing."""
    original = top_up._look_up

    def look_up(context: Any, account_id: str, gateway: Any, attempt: TopUp) -> Any:
        class Believing:
            def __getattr__(self, name: str) -> Any:
                return getattr(gateway, name)

            def find_charge(self, request: Any) -> Any:
                found = gateway.find_charge(request)
                return NotFound() if isinstance(found, Indeterminate) else found

        return original(context, account_id, Believing(), attempt)

    patch(top_up, "_look_up", look_up)


@bug
def _second_attempt_after_unknown(patch: Patch) -> None:
    """A repeat opens the next attempt although the last one is unknown."""
    original = life.attempt_again

    def again(account: Any, present: TopUp, **how: Any) -> Any:
        if present.status is AttemptStatus.UNKNOWN and not present.cancelling:
            present = replace(present, status=AttemptStatus.NOT_ATTEMPTED)
        return original(account, present, **how)

    patch(life, "attempt_again", again)


@bug
def _unknown_not_in_flight(patch: Patch) -> None:
    """A top-up whose outcome is unknown counts as over."""
    patch(account_module, "UNDECIDED", UNDECIDED - {AttemptStatus.UNKNOWN})


@bug
def _expiry_forgotten(patch: Patch) -> None:
    """A payment that nobody authenticates is never cancelled."""
    patch(life, "expire", lambda *_: [])


@bug
def _recovery_charges(patch: Patch) -> None:
    """Recovery charges a saved card once more if the gateway knows nothing of the payment."""
    original = top_up.settle

    def settle(context: Any, account_id: str, operation_id: str) -> Any:
        present = top_up.load(context, account_id, operation_id)
        if present.status is AttemptStatus.UNKNOWN and present.intent.card_id and not present.cancelling:
            gateway = context.gateway(present.intent.gateway)
            top_up._charge(context, account_id, gateway, present, present.intent.card_id)
        return original(context, account_id, operation_id)

    patch(top_up, "settle", settle)


@bug
def _agenda_forgets_removals(patch: Patch) -> None:
    """Removing a card is not on the agenda: after a crash nobody tells the gateway."""
    original = agenda_module._items

    def items(account: Any) -> Any:
        return (item for item in original(account) if item.kind is not agenda_module.AgendaKind.CARD_REMOVAL)

    patch(agenda_module, "_items", items)


@bug
def _agenda_row_dropped(patch: Patch) -> None:
    """The agenda is only written when a top-up is opened or over, not when one is added beside another."""
    patch(index, "_same_work", lambda before, after: bool(before.top_ups) == bool(after.top_ups))


@bug
def _forgetting_not_confirmed(patch: Patch) -> None:
    """A card counts as removed, whatever the gateway answers."""
    original = cards.forget

    def forget(context: Any, account_id: str, card_id: str) -> bool:
        card = context.accounts.load(account_id).cards.get(card_id)
        if card is not None and not original(context, account_id, card_id):
            context.transact(account_id, lambda account, _: card_life.removed(account, card_id))
        return True

    patch(cards, "forget", forget)
