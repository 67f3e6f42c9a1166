"""A replica answers from a real streaming standby, and refuses whenever it may be staler than was allowed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from interact_ledger import LedgerReplica, ReplicaLag
from interact_ledger.errors import ConfigurationError, ReplicaTooFarBehind, SchemaTooNew, TransactionNotFound
from interact_ledger.storage.schema import SCHEMA_VERSION
from interact_ledger.testing import LedgerKit, ledger_kit
from ledger_helpers import funded, gbp, opened, pay
from servers.postgres import Cluster

ALLOWED = timedelta(seconds=3)
LONG = timedelta(hours=1)
WAIT_SECONDS = 30
QUICK = {"fsync": "off", "wal_receiver_timeout": "2s", "wal_retrieve_retry_interval": "200ms"}
"""With these a standby hears from an idle primary each second, and looks for a lost one often."""


@pytest.fixture
def primary(new_cluster: Callable[..., Cluster]) -> Cluster:
    return new_cluster(**QUICK)


@pytest.fixture
def pkit(primary: Cluster) -> Iterator[LedgerKit]:
    """A ledger on the primary."""
    with ledger_kit(primary.url()) as kit:
        yield kit


@pytest.fixture
def standby(primary: Cluster, pkit: LedgerKit) -> Iterator[Cluster]:
    with primary.standby() as follower:
        primary.wait_for_standby(state="async")
        yield follower


@pytest.fixture
def replica(standby: Cluster) -> Iterator[LedgerReplica]:
    until(lambda: lag_of(standby).by is not None and lag_of(standby).by < ALLOWED)
    with LedgerReplica.open(standby.url(), max_behind=ALLOWED) as ledger:
        yield ledger


class Gag:
    """Stands between a standby and its primary, which from some moment on says no more than that it is there."""

    STREAM_BEGINS = 8
    """So many bytes answer START_REPLICATION, before the log."""

    def __init__(self, port: int) -> None:
        self._primary = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.silenced = 0
        self._is_silent = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def silence(self) -> None:
        """End what is there; whoever connects again hears nothing of the log."""
        self._is_silent = True
        self._end()

    def close(self) -> None:
        self._listener.close()
        self._end()

    def _end(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                standby = self._listener.accept()[0]
                primary = socket.create_connection(("127.0.0.1", self._primary))
                self._open += [standby, primary]
                begun = threading.Event()
                threading.Thread(target=self._ask, args=(standby, primary, begun), daemon=True).start()
                threading.Thread(target=self._answer, args=(primary, standby, begun), daemon=True).start()

    def _ask(self, standby: socket.socket, primary: socket.socket, begun: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while asked := standby.recv(65536):
                if b"START_REPLICATION" in asked:
                    begun.set()
                primary.sendall(asked)

    def _answer(self, primary: socket.socket, standby: socket.socket, begun: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := primary.recv(65536):
                if not (self._is_silent and begun.is_set()):
                    standby.sendall(answer)
                elif answer.startswith(b"W"):
                    standby.sendall(answer[: self.STREAM_BEGINS])
                    self.silenced += 1


def lag_of(standby: Cluster) -> ReplicaLag:
    with contextlib.suppress(ReplicaTooFarBehind), LedgerReplica.open(standby.url(), max_behind=LONG) as ledger:
        return ledger.behind()
    return ReplicaLag(is_standby=True, is_receiving=False, as_of=None, by=None)


def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come about"
        time.sleep(0.05)


def refuses(replica: LedgerReplica, account_id: str) -> bool:
    try:
        replica.balance(account_id)
    except ReplicaTooFarBehind:
        return True
    return False


def test_a_replica_says_all_that_the_primary_says(pkit, standby, replica):
    account_id = funded(pkit, "50.00")
    transaction_id = pay(pkit, account_id, key="second", save_card=True).transaction_id
    until(lambda: replica.accounts().accounts == pkit.ledger.accounts().accounts)
    for verb in ("account", "balance", "receipts", "statement", "history", "cards"):
        assert getattr(replica, verb)(account_id) == getattr(pkit.ledger, verb)(account_id), verb
    assert replica.receipt(transaction_id) == pkit.ledger.receipt(transaction_id)
    assert replica.audit().clean
    assert replica.audit().events == pkit.ledger.audit().events


def test_a_caught_up_replica_stays_fresh_and_has_all_that_was_committed_before_the_moment_it_says(
    primary, pkit, replica
):
    account_id = opened(pkit).account_id
    for number in range(5):
        pkit.ledger.adjust(account_id, gbp("1.00"), "test", idempotency_key=str(number))
        ((committed_at,),) = primary.execute("SELECT clock_timestamp()")
        until(lambda at=committed_at: (lag := replica.behind()).as_of is not None and lag.as_of >= at)
        assert replica.balance(account_id).available == gbp(f"{number + 1}.00")
    time.sleep(2 * ALLOWED.total_seconds())  # nothing is committed in all that time
    assert replica.balance(account_id) == pkit.ledger.balance(account_id)
    lag = replica.behind()
    assert (lag.is_standby, lag.is_receiving) == (True, True)
    assert lag.by < ALLOWED


def test_a_replica_whose_replay_is_paused_refuses_once_it_is_too_far_behind(pkit, standby, replica):
    account_id = funded(pkit)
    until(lambda: replica.balance(account_id).available == gbp("50.00"))
    standby.execute("SELECT pg_wal_replay_pause()")
    pkit.ledger.adjust(account_id, gbp("1.00"), "test", idempotency_key="adjust")
    until(lambda: refuses(replica, account_id))
    assert replica.behind().is_receiving
    assert replica.behind().by > ALLOWED
    standby.execute("SELECT pg_wal_replay_resume()")
    until(lambda: not refuses(replica, account_id))
    assert replica.balance(account_id).available == gbp("51.00")


def test_a_replica_whose_primary_is_gone_refuses_although_it_replayed_all_it_received(primary, pkit, standby, replica):
    account_id = funded(pkit)
    until(lambda: replica.balance(account_id).available == gbp("50.00"))
    primary.kill()
    until(lambda: refuses(replica, account_id))
    for verb in ("account", "balance", "receipts", "statement", "history", "cards"):
        with pytest.raises(ReplicaTooFarBehind):
            getattr(replica, verb)(account_id)
    for read in (replica.accounts, replica.audit, lambda: replica.receipt("txn_0")):
        with pytest.raises(ReplicaTooFarBehind):
            read()
    with pytest.raises(ReplicaTooFarBehind):
        LedgerReplica.open(standby.url(), max_behind=ALLOWED)
    lag = replica.behind()
    assert not lag.is_receiving
    assert lag.by > ALLOWED


def test_a_standby_that_has_only_just_connected_knows_no_more_than_before(primary, pkit):
    with contextlib.closing(Gag(primary.port)) as gag:
        through = f"host=127.0.0.1 port={gag.port} user=postgres application_name=standby"
        with primary.standby(primary_conninfo=through) as standby:
            primary.wait_for_standby(state="async")
            account_id = funded(pkit)
            with LedgerReplica.open(standby.url(), max_behind=ALLOWED) as replica:
                until(lambda: replica.balance(account_id).available == gbp("50.00"))
                gag.silence()
                streaming = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status='streaming'"
                until(lambda: standby.execute(streaming) == [(1,)])
                until(lambda: refuses(replica, account_id))
                for _ in range(30):
                    assert refuses(replica, account_id)
                    assert not replica.behind().is_receiving
                    time.sleep(0.1)
                assert gag.silenced > 0


def test_a_standby_that_became_the_primary_is_behind_nothing(primary, pkit, standby, replica):
    account_id = funded(pkit)
    until(lambda: replica.balance(account_id).available == gbp("50.00"))
    primary.kill()
    standby.promote()
    assert replica.balance(account_id).available == gbp("50.00")
    lag = replica.behind()
    assert (lag.is_standby, lag.by) == (False, timedelta(0))


def test_a_role_that_may_not_see_the_receiver_reads_only_what_was_just_committed(primary, pkit, standby, replica):
    primary.execute("CREATE ROLE reader LOGIN")
    primary.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    account_id = funded(pkit)
    until(lambda: replica.balance(account_id).available == gbp("50.00"))
    with LedgerReplica.open(standby.url(user="reader"), max_behind=ALLOWED) as blind:
        assert blind.balance(account_id).available == gbp("50.00")
        until(lambda: refuses(blind, account_id))
        assert not refuses(replica, account_id)
        primary.execute("GRANT pg_read_all_stats TO reader")
        until(lambda: not refuses(blind, account_id))


def test_a_replica_writes_nothing_not_even_an_invoice_number(pkit, replica, monkeypatch):
    account_id = opened(pkit).account_id
    monkeypatch.setattr(type(pkit.ledger), "_give_numbers", lambda *_: None)
    transaction_id = pay(pkit, account_id).transaction_id
    until(lambda: replica.account(account_id).version == pkit.ledger.account(account_id).version)
    assert replica.receipts(account_id) == []
    with pytest.raises(TransactionNotFound):
        replica.receipt(transaction_id)
    numbered = pkit.ledger.receipt(transaction_id)
    until(lambda: replica.receipts(account_id) == [numbered])


def test_only_a_migrated_database_of_this_release_is_opened(primary, standby):
    primary.execute("CREATE DATABASE empty")
    until(lambda: standby.execute("SELECT count(*) FROM pg_database WHERE datname='empty'") == [(1,)])
    with pytest.raises(ConfigurationError, match="migrate its primary"):
        LedgerReplica.open(standby.url("empty"), max_behind=LONG)
    primary.execute("UPDATE ledger_schema SET version=%s", SCHEMA_VERSION + 1)
    until(lambda: standby.execute("SELECT version FROM ledger_schema") == [(SCHEMA_VERSION + 1,)])
    with pytest.raises(SchemaTooNew):
        LedgerReplica.open(standby.url(), max_behind=LONG)


@pytest.mark.parametrize(
    ("url", "max_behind"),
    [("sqlite:///ledger.db", ALLOWED), ("mysql://host/db", ALLOWED), ("postgresql://host/db", timedelta(0)), ("", 3)],
)
def test_an_address_that_is_no_standby_and_a_bound_that_is_none_are_refused(url, max_behind):
    with pytest.raises(ConfigurationError):
        LedgerReplica.open(url, max_behind=max_behind)
