"""Money taken back at the gateway without the ledger: by cardholders' banks, networks, and people in the dashboard."""

from __future__ import annotations

from moneyed import Money

from interact_ledger.gateways.protocol import DisputeStatus
from interact_ledger.gateways.sandbox.memory import Intent, Kind
from interact_ledger.gateways.sandbox.tokens import Status
from simulation.world import World

__all__ = ["Claims"]

SHARES = ("5.00", "9.00", None)
"""What is claimed of a charge, as much as customers have paid back of theirs; None is the whole."""
NEW, WON, CHANGED, DECIDED = 0.5, 0.4, 0.2, 0.7
"""How often something new is claimed though a dispute is open, a dispute is won, one is decided otherwise, and one is
decided in the end."""
BESIDE = 0.7
"""How often a charge is disputed that is about to be paid back, if there is one."""


class Claims:
    """Those who take money back, one act at a time, and their disputes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance

    def act(self) -> None:
        """Dispute a charge, decide a dispute, pay back in the dashboard, or let a settlement fail."""
        charges = self._charges()
        if not charges:
            return
        disputes = [
            (dispute.reference, dispute.status)
            for charge in charges
            for dispute in self._world.sandbox._memory.disputes(charge.reference)
        ]
        open_ones = [reference for reference, status in disputes if status is DisputeStatus.OPEN]
        if open_ones and self._chance.random() >= NEW:
            self._decide(self._chance.choice(open_ones))
        elif disputes and self._chance.random() < CHANGED:
            self._decide(self._chance.choice(disputes)[0])
        else:
            self._claim(charges)
        self._world.watch.look()

    def decide_all(self) -> None:
        """Decide most of what is still disputed."""
        for charge in self._charges():
            for dispute in self._world.sandbox._memory.disputes(charge.reference):
                if dispute.status is DisputeStatus.OPEN and self._chance.random() < DECIDED:
                    self._decide(dispute.reference)

    def _charges(self) -> list[Intent]:
        """Return what was captured, but for what is not what was asked for: a person has to look at that anyhow."""
        intents = self._world.sandbox._memory.intents()
        captured = (one for one in intents if (one.kind, one.status) == (Kind.PAYMENT, Status.SUCCEEDED))
        return [payment for payment in captured if payment.token != "tok_captures_less"]

    def _decide(self, reference: str) -> None:
        decided = self._world.sandbox.decide_dispute(reference, won=self._chance.random() < WON)
        self._world.scheduler.tell(f"world decides {reference[-8:]}: {decided.status}")

    def _claim(self, charges: list[Intent]) -> None:
        refunds = {
            one.charge_reference for one in self._world.sandbox._memory.intents() if one.status == Status.PENDING
        }
        about_to_be_paid_back = [charge for charge in charges if charge.reference in refunds]
        if about_to_be_paid_back and self._chance.random() < BESIDE:
            charge = self._chance.choice(about_to_be_paid_back)
            self._world.scheduler.tell(f"world disputes {charge.reference[-8:]} beside its refund")
            self._world.sandbox.open_dispute(charge.reference, charge.amount)
        else:
            self._claim_of(self._chance.choice(charges))

    def _claim_of(self, charge: Intent) -> None:
        sandbox, share = self._world.sandbox, self._chance.choice(SHARES)
        amount = charge.amount if share is None else Money(share, "GBP")
        whats = ["dispute"] * 5 + ["refund"] * 4
        if charge.reference in self._world.witness.captures:  # else it would have been declined from the beginning
            whats.append("reversal")
        what = self._chance.choice(whats)
        self._world.scheduler.tell(f"world claims {amount} of {charge.reference[-8:]}: {what}")
        self._world.scheduler.count(f"claim: {what}")
        if what == "dispute":
            sandbox.open_dispute(charge.reference, amount)
        elif what == "refund":
            sandbox.refund_in_dashboard(charge.reference, amount)
        else:
            sandbox.reverse_settlement(charge.reference)
