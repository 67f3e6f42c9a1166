"""Any sequence of requests, faults, crashes and clock changes leaves the ledger where a simple model says."""

from __future__ import annotations

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis.stateful import invariant, rule
from payment_rules import ASKING_FAULTS, PICKS
from refund_rules import RefundRules
from spending_rules import SpendingRules

from interact_ledger.clock import END
from interact_ledger.domain.agenda import AgendaKind
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.storage.index import due_items

JUMPS = st.sampled_from(
    [
        timedelta(seconds=1),
        timedelta(minutes=2),
        timedelta(hours=2),
        timedelta(days=40),
        timedelta(seconds=-1),
        timedelta(minutes=-5),
    ]
)


RARELY = [
    *("suspend", "reinstate", "reinstate", "choose_default_card", "reuse_a_key_for_another_request", "release_number"),
    *("GB", "FR", "DE", "KW", "JP"),
]


class EverythingAtOnce(RefundRules, SpendingRules):
    """All rules, time, recovery, the schedule, crashes; and what must hold after every step."""

    def __init__(self) -> None:
        super().__init__()
        self._snapshot_every, storage_accounts.SNAPSHOT_EVERY = storage_accounts.SNAPSHOT_EVERY, 7

    def teardown(self) -> None:
        storage_accounts.SNAPSHOT_EVERY = self._snapshot_every
        super().teardown()

    @rule(jump=JUMPS)
    def move_the_clock(self, jump: timedelta) -> None:
        self.world.clock.advance(jump)

    @rule(pick=PICKS)
    def move_the_clock_to_something_due(self, pick: int) -> None:
        due = [item.due_at for item in due_items(self.ledger._query, list(AgendaKind), END)]
        later = [moment + wait for moment in due for wait in (timedelta(0), timedelta(minutes=1))]
        coming = sorted(moment for moment in later if moment > self.now)
        if coming:
            self.world.clock.set(coming[pick % len(coming)])

    @rule(fault=ASKING_FAULTS, outage=st.booleans())
    def recover(self, fault: list[tuple[str, str]], *, outage: bool) -> None:
        self.world.fail_next(fault)
        self.world.sandbox.lookups_available = not outage
        self.ledger.recover()
        self.world.sandbox.lookups_available = True
        self.world.repair()
        for account in self.accounts:
            self.follow(account)

    @rule()
    def recover_with_time(self) -> None:
        self.let_recovery_have_its_time()

    @rule()
    def run_due(self) -> None:
        due = sorted(item for account in self.accounts for item in account.due(self.now))
        self.ledger.run_due()
        by_id = {account.account_id: account for account in self.accounts}
        for _, account_id, subject in due:
            by_id[account_id].do(subject, self.now)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(pick=PICKS)
    def rebuild_and_look_back(self, pick: int) -> None:
        before = self.all_rows()
        self.ledger.rebuild()
        assert self.all_rows() == before
        account = self.account(pick)
        if account.seen:
            self.compare_with_the_past(account, pick)
            self.compare_with_events(account)

    @rule(pick=PICKS, what=st.sampled_from(RARELY))
    def do_something_rare(self, pick: int, what: str) -> None:
        match what:
            case "suspend" | "reinstate":
                self.suspend_or_reinstate(pick, what)
            case "choose_default_card" | "reuse_a_key_for_another_request" | "release_number":
                getattr(self, what)(pick)
            case country:
                self.change_details(pick, country)

    @invariant()
    def the_balance_is_what_the_model_says(self) -> None:
        for account in self.accounts:
            self.compare(account)

    @invariant()
    def the_gateway_and_the_log_know_of_each_other(self) -> None:
        self.compare_with_gateway()


class InMemory(EverythingAtOnce):
    on_file = False


class OnFile(EverythingAtOnce):
    on_file = True


TestLedgerInMemory = InMemory.TestCase
TestLedgerOnFile = OnFile.TestCase
