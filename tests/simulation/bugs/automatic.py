"""What is wrong with charging a card automatically."""

from __future__ import annotations

from typing import Any

from interact_ledger.domain import auto_top_up, automatic, monthly_recharge
from interact_ledger.domain import events as e
from interact_ledger.domain.account import Account, AttemptStatus
from interact_ledger.gateways.protocol import Initiator
from interact_ledger.ids import derived_id
from interact_ledger.processes import top_up
from simulation.bugs.planting import Patch, bug


@bug
def _lost_answer_not_waited_for(patch: Patch) -> None:
    """An automatic payment whose answer was lost does not keep the next one from being started."""

    def in_flight(account: Account) -> bool:
        mine = (one for one in account.top_ups.values() if one.intent.initiator is not Initiator.CUSTOMER)
        return any(one.status is not AttemptStatus.UNKNOWN for one in mine)

    patch(Account, "automatic_in_flight", property(in_flight))


@bug
def _cap_ignored(patch: Patch) -> None:
    """A card is charged as often as the balance is low."""
    patch(auto_top_up, "_exceeded_cap", lambda *_: None)


@bug
def _month_key_per_run(patch: Patch) -> None:
    """Each run charges the month that is due, under a key of its own: the key was to tell that it is charged."""
    original = monthly_recharge.start

    def start(*arguments: Any) -> list[e.Event]:
        def still_due(event: e.Event) -> e.Event:
            if not isinstance(event, e.MonthlyRechargeStarted):
                return event
            return event.model_copy(update={"next_month": event.month, "next_due_at": event.due_at})

        return [still_due(event) for event in original(*arguments)]

    def operation_of(account: Account, month: str) -> str:
        return derived_id("txn", account.account_id, "monthly recharge", month, str(account.version))

    patch(monthly_recharge, "start", start)
    patch(monthly_recharge, "operation_of", operation_of)


@bug
def _removed_card_charged_automatically(patch: Patch) -> None:
    """What was agreed on a card goes on after its removal."""
    patch(automatic, "card_removed", lambda *_: [])


@bug
def _decline_without_consequence(patch: Patch) -> None:
    """A card that was declined is charged again as if it had never been tried."""
    original = top_up.with_consequences

    def with_consequences(account: Account, present: Any, facts: Any, *how: Any) -> list[e.Event]:
        is_declined = any(isinstance(fact, e.PaymentDeclined) for fact in facts)
        return [*facts] if is_declined else original(account, present, facts, *how)

    patch(top_up, "with_consequences", with_consequences)
