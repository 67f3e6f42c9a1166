"""Sessions are ended, servers killed, answers lost: what was acknowledged is there once, and nothing else is.

Row 5 of the programme. Each time several processes work on one account through it all, repeat what was not answered
under its key, and add up what was; then the balance is exact and the audit clean.
"""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from crew import Crew

from interact_ledger.testing import ledger_kit
from servers.proxy import CuttingProxy
from tellers import gbp

NO_POWER_CUT = {"fsync": "off"}
"""Killed processes leave to the operating system what they wrote."""
SOME = 25
"""So many commands at the least are under way in a test, or it shows little."""
WORKING = "SELECT pid FROM pg_stat_activity WHERE backend_type='client backend' AND pid<>pg_backend_pid()"


@pytest.mark.programme(row=5, what="sessions terminated", ci=300, release=3_000, each=300)
def test_every_command_counts_once_while_sessions_are_terminated(part, new_cluster, tmp_path):
    chance = random.Random(part.start)
    cluster = new_cluster(**NO_POWER_CUT)
    crew = Crew(tmp_path, cluster.url())
    crew.wait_until_all_work()
    with cluster.connect() as connection:
        for _ in part:
            while not (pids := connection.execute(WORKING).fetchall()):
                time.sleep(0.001)
            connection.execute("SELECT pg_terminate_backend(%s)", chance.choice(pids))
            time.sleep(chance.uniform(0, 0.02))
    assert crew.check() > SOME


@pytest.mark.programme(row=5, what="servers killed", ci=5, release=50, each=5)
def test_every_command_counts_once_while_the_server_is_killed(part, new_cluster, tmp_path):
    chance = random.Random(part.start)
    cluster = new_cluster(**NO_POWER_CUT)
    crew = Crew(tmp_path, cluster.url())
    crew.wait_until_all_work()
    for _ in part:
        time.sleep(chance.uniform(0.1, 0.6))
        cluster.kill()
        time.sleep(chance.uniform(0, 0.3))
        cluster.start()
    time.sleep(0.3)
    assert crew.check() > SOME


@pytest.mark.programme(row=5, what="acknowledgements cut", ci=50, release=1_000, each=50)
def test_every_command_counts_once_while_acknowledgements_are_cut(part, new_cluster, tmp_path):
    chance = random.Random(part.start)
    cluster = new_cluster(**NO_POWER_CUT)
    with contextlib.closing(CuttingProxy(cluster.port)) as proxy:
        crew = Crew(tmp_path, cluster.url().replace(str(cluster.port), str(proxy.port)))
        crew.wait_until_all_work()
        give_up_at = time.monotonic() + 120
        for cut, number in enumerate(part, 1):
            proxy.cut("before" if number % 2 else "after")
            while proxy.made < cut:
                assert time.monotonic() < give_up_at, f"{proxy.made} cuts were made"
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
        assert crew.check(cluster.url()) > SOME


@pytest.mark.programme(row=5, what="synchronous failover", ci=0, release=5, each=1)
def test_every_command_counts_once_when_a_synchronous_standby_takes_over(part, new_cluster, tmp_path):
    chance = random.Random(part.start)
    primary = new_cluster()
    with primary.standby() as standby:
        primary.set(synchronous_standby_names="standby")
        primary.wait_for_standby()
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        crew = Crew(tmp_path, f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
        crew.wait_until_all_work()
        time.sleep(chance.uniform(0.5, 2))
        primary.kill()
        standby.promote()
        time.sleep(2)
        assert crew.check() > SOME


@pytest.mark.programme(row=5, what="asynchronous failover, which loses", ci=0, release=1, each=1)
def test_an_asynchronous_standby_that_takes_over_lacks_what_had_not_arrived(part, new_cluster):
    """As the guide says; what is there is sound all the same."""
    primary = new_cluster(**NO_POWER_CUT)
    with primary.standby() as standby:
        primary.wait_for_standby(state="async")
        with ledger_kit(primary.url()) as kit:
            account_id = kit.account().account_id
            kit.ledger.adjust(account_id, gbp("1.00"), "arrives", idempotency_key="first")
            ((position,),) = primary.execute("SELECT pg_current_wal_lsn()")
            while standby.execute("SELECT pg_last_wal_replay_lsn() < %s::pg_lsn", position) == [(True,)]:
                time.sleep(0.01)
            standby.set(primary_conninfo="host=127.0.0.1 port=1")
            kit.ledger.adjust(account_id, gbp("1.00"), "is acknowledged", idempotency_key="second")
        primary.kill()
        standby.promote()
        with ledger_kit(standby.url()) as kit:
            assert kit.ledger.balance(account_id).total == gbp("1.00")
            assert kit.ledger.audit().clean


def test_a_session_that_was_ended_while_idle_costs_no_command(new_cluster):
    cluster = new_cluster(**NO_POWER_CUT)
    with ledger_kit(cluster.url()) as kit, cluster.connect() as connection:
        account_id = kit.account().account_id
        for _ in range(20):
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({WORKING}) AS working")
            while connection.execute(WORKING).fetchall():
                time.sleep(0.001)
            kit.top_up(account_id, gbp("10.00"))
        assert kit.ledger.balance(account_id).total == gbp("200.00")
