"""What is wrong with charging a card automatically."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interact_ledger.domain import auto_top_up, cards, monthly_recharge
from interact_ledger.domain.account import Account, AttemptStatus
from interact_ledger.gateways.protocol import Initiator
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
def _month_charged_again(patch: Patch) -> None:
    """Who agrees anew is charged anew for the month, under a key of its own."""
    first_due, operation_of = monthly_recharge.first_due, monthly_recharge.operation_of

    def forgetful(account: Account, day: int, now: Any) -> Any:
        return first_due(replace(account, monthly_recharge=None), day, now)

    patch(monthly_recharge, "first_due", forgetful)
    patch(monthly_recharge, "operation_of", lambda account, month: operation_of(account, f"{month} {account.version}"))


@bug
def _removed_card_still_agreed(patch: Patch) -> None:
    """Removing a card leaves what was agreed on it as it is."""
    patch(cards.automatic, "card_removed", lambda *_: [])


@bug
def _decline_without_consequence(patch: Patch) -> None:
    """What a payment's result means for the agreement is left to be noticed later."""
    patch(top_up, "with_consequences", lambda _account, _top_up, facts, *_: list(facts))
