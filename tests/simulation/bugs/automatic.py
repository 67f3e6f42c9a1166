"""What is wrong with charging a card automatically."""

from __future__ import annotations

from interact_ledger.domain import auto_top_up
from interact_ledger.domain.account import Account, AttemptStatus
from interact_ledger.gateways.protocol import Initiator
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
