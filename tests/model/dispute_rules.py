"""Money taken back at the gateway without the ledger: disputes, refunds in the dashboard, settlements that fail."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import hypothesis.strategies as st
from hypothesis.stateful import rule
from payment_rules import PICKS
from refund_rules import RefundRules
from simple_model import DECIMALS, NOTHING, ModelAccount, Taken
from world import START

from interact_ledger.gateways.protocol import Pending, Refunded

D = Decimal
UNANSWERED = {"requested", "unknown"}
SHARES = st.sampled_from([D("0.01"), D("0.33"), D("0.5"), D(1)])


class DisputeRules(RefundRules):
    """Rules about what banks, networks and people do at the gateway; its notices are delivered at once."""

    _decided_at = START

    def _some_charge(self, pick: int) -> tuple[ModelAccount, str, str]:
        account, transaction_id = self._some_paid(pick)
        self.deliver_everything()  # so that nothing else is told with what comes now
        reference = self.ledger.top_up_result(account.account_id, transaction_id).gateway_reference
        assert reference is not None
        return account, transaction_id, reference

    def _claim(self, account: ModelAccount, transaction_id: str, share: Decimal) -> Decimal:
        unit = DECIMALS[account.currency]
        return max(unit, (account.top_ups[transaction_id].total * share).quantize(unit))

    @rule(pick=PICKS, share=SHARES)
    def open_a_dispute(self, pick: int, share: Decimal) -> None:
        account, transaction_id, charge = self._some_charge(pick)
        claimed = self._claim(account, transaction_id, share)
        takes = account.left_of(transaction_id).at_most(claimed, DECIMALS[account.currency])
        dispute = self.world.sandbox.open_dispute(charge, self.money(claimed, account))
        since = (dispute.opened_at, dispute.reference)
        account.taken[dispute.reference] = Taken("dispute", transaction_id, claimed, takes, "open", since)
        self.deliver_everything()

    @rule(pick=PICKS, won=st.booleans())
    def decide_a_dispute(self, pick: int, won: bool) -> None:
        choices = [(a, r) for a in self.accounts for r, taken in a.taken.items() if taken.what == "dispute"]
        if not choices:
            self.open_a_dispute(pick, D("0.33"))
            choices = [(a, r) for a in self.accounts for r, taken in a.taken.items() if taken.what == "dispute"]
        account, reference = choices[-1 - pick % len(choices)]
        self.deliver_everything()
        # A gateway's own time does not run backwards, whatever ours does: the later decision is the later one.
        self._decided_at = max(self.now, self._decided_at) + timedelta(seconds=1)
        self.world.clock.set(self._decided_at)
        self.world.sandbox.decide_dispute(reference, won=won)
        account.decide(reference, won=won)
        self.deliver_everything()
        (told,) = [one for one in self.ledger.disputes(account.account_id) if one.gateway_reference == reference]
        assert told.status == account.taken[reference].status
        assert told.lost.amount == (D(0) if won else account.taken[reference].takes.credit)

    @rule(pick=PICKS, share=SHARES)
    def refund_in_the_dashboard(self, pick: int, share: Decimal) -> None:
        account, transaction_id, charge = self._some_charge(pick)
        claimed = self._claim(account, transaction_id, share)
        if any(
            refund.transaction_id == transaction_id and refund.total == claimed and refund.status in UNANSWERED
            for refund in account.refunds.values()
        ):
            self.let_recovery_have_its_time()  # until then nobody can say whose refund it is
        takes = account.kept_of(transaction_id).at_most(claimed, DECIMALS[account.currency])
        made = self.world.sandbox.refund_in_dashboard(charge, self.money(claimed, account))
        if isinstance(made, Refunded):
            account.taken[made.reference] = Taken("refund", transaction_id, claimed, takes, "made")
            account.change("refund-made-elsewhere", -takes.credit)
        elif isinstance(made, Pending):
            self.pending_elsewhere.add(transaction_id)
        self.deliver_everything()

    @rule(pick=PICKS)
    def let_a_settlement_fail(self, pick: int) -> None:
        account, transaction_id, charge = self._some_charge(pick)
        there = account.claimable_of(transaction_id)
        takes = there.at_most(there.total, DECIMALS[account.currency]) if there.total > 0 else NOTHING
        self.world.sandbox.reverse_settlement(charge)
        account.taken[f"reversal of {charge}"] = Taken("reversal", transaction_id, takes.total, takes, "made")
        account.change("payment-reversed", -takes.credit)
        self.deliver_everything()
        assert account.top_ups[transaction_id].status == "reversed"
