"""Any sequence of requests, faults, crashes and clock changes leaves the ledger where a simple model says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from dispute_rules import DisputeRules
from hypothesis import Phase, seed, settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from payment_rules import ASKING_FAULTS, PICKS
from spending_rules import SpendingRules
from world import IN_MEMORY

from everyday import wipe
from interact_ledger.clock import END
from interact_ledger.domain.agenda import AgendaKind
from interact_ledger.storage import accounts as storage_accounts
from interact_ledger.storage.index import due_items
from scratch import scratch
from servers.fixtures import VERSIONS, schema_on

STEPS = 50

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


class EverythingAtOnce(DisputeRules, SpendingRules):
    """All rules, time, recovery, the schedule, crashes; and what must hold after every step."""

    def __init__(self, url: str, *, looks_after_each_step: bool, digests: list[str]) -> None:
        super().__init__(url)
        self._looks_after_each_step = looks_after_each_step
        self._digests = digests
        self._snapshot_every, storage_accounts.SNAPSHOT_EVERY = storage_accounts.SNAPSHOT_EVERY, 7

    def teardown(self) -> None:
        self._look()
        self._digests.append(self.digest())
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
    def the_ledger_is_what_the_model_says(self) -> None:
        if self._looks_after_each_step:
            self._look()

    def _look(self) -> None:
        for account in self.accounts:
            self.compare(account)
        self.compare_with_gateway()

    def digest(self) -> str:
        """Return what the bytes of all events come to."""
        rows = self.ledger._log.query(
            "SELECT originator_id, originator_version, topic, state FROM stored_events"
            " ORDER BY originator_id, originator_version"
        )
        return sha256(repr([(*row.values(),) for row in rows]).encode()).hexdigest()


def run_machine(seed_: int, runs: int, new_url: Callable[[], str], *, looks_after_each_step: bool) -> list[str]:
    """Run the machine as a seed says, each time on another empty database; return the digests of what was stored.

    The same seed takes the same steps as long as the ledger gives the same answers: not even the numbers that happen to
    stand in the modules that are imported by now make a difference, as they would if Hypothesis drew from them.
    """
    digests: list[str] = []

    def machine() -> EverythingAtOnce:
        return EverythingAtOnce(new_url(), looks_after_each_step=looks_after_each_step, digests=digests)

    steps = settings(max_examples=runs, stateful_step_count=STEPS, database=None, phases=(Phase.generate, Phase.shrink))
    with patch.object(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None):
        run_state_machine_as_test(seed(seed_)(machine), settings=steps)
    return digests


SERVERS_IN_TURN = (None, VERSIONS[0], None, None, VERSIONS[-1], None)
"""On every CI run a part in three is repeated on a server, and the others on a file; before a release, each on both."""


@pytest.mark.programme(row=8, what="runs of the machine, each on two stores or three", ci=300, release=5_000, each=50)
def test_every_store_does_what_the_model_says_and_keeps_the_same_bytes(part, request, shared_clusters):
    numbers = count()
    number = part.start // len(part)
    run = partial(run_machine, part.start, len(part))
    in_memory = run(lambda: IN_MEMORY, looks_after_each_step=True)
    assert len(set(in_memory)) > len(part) / 2, "the runs differ from one another"

    is_release = request.config.getoption("tier") == "release"
    server = VERSIONS[number % len(VERSIONS)] if is_release else SERVERS_IN_TURN[number % len(SERVERS_IN_TURN)]
    if server is None or is_release:
        with scratch(megabytes=100) as folder:
            on_file = run(lambda: f"sqlite:///{folder}/{next(numbers)}.db", looks_after_each_step=False)
        assert on_file == in_memory
    if server is not None:
        with schema_on(shared_clusters(server)) as address:

            def wiped() -> str:
                wipe(address)
                return address

            assert run(wiped, looks_after_each_step=False) == in_memory
