"""A command is killed before and after each HTTP request; recovery and the repeat come to exactly one of each.

What is killed is a process, by `kill -9`, with real files and a real connection to a server that outlives it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from braintree_scenes import CREDIT, SCENES, Kit, Scene, opened

import interact_ledger
from braintree_bench import ACCOUNTS, NOON, BraintreeBench, gateway_at
from interact_ledger.clock import MovableClock
from servers.braintree import BraintreeServer

PROVEN = timedelta(minutes=10)
"""So long after a command, what the gateway does not know was never sent."""


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose children are killed."""
    here = Path(__file__).resolve().parent
    package = Path(interact_ledger.__file__).parents[1]
    path = os.pathsep.join(map(str, [here, here.parents[1], package]))
    arguments = [sys.executable, str(here / "braintree_victim.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": path}, **pipes) as started:
        yield started
        started.stdin.close()
        assert started.wait(timeout=60) == 0


class Killing:
    """One scene, prepared once; each kill has a gateway and a copy of the files to itself."""

    request_keys = True
    """Whether the merchant has at-most-once processing."""

    def __init__(self, name: str, directory: Path, process: subprocess.Popen[str]) -> None:
        self.scene: Scene = SCENES[name]
        self._name = name
        self._directory = directory
        self._process = process
        self.nonce = ""

    def moments(self) -> range:
        """Return the moments at which to kill: before and after each request, and after the answer."""
        with self._server() as server:
            told = self._ended(server, None)
        assert told["moments"], "the command sent requests"
        return range(told["moments"] + 1)

    def killed(self, at: int) -> Iterator[BraintreeBench]:
        """Kill the command at a moment, and yield what it leaves behind."""
        with self._server() as server:
            assert self._ended(server, at)["signal"] == signal.SIGKILL
            clock = server.books.clock
            assert isinstance(clock, MovableClock)
            again = partial(gateway_at, server.port, clock)
            yield BraintreeBench(server, clock, again(), again)

    def opened(self, bench: BraintreeBench, after: timedelta) -> AbstractContextManager[Kit]:
        """Open the ledger that was left behind, so long after the beginning."""
        return opened(self.directory, bench.server.port, after, request_keys=self.request_keys)

    @property
    def directory(self) -> Path:
        return self._directory / "ledger"

    def _server(self) -> BraintreeServer:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        return BraintreeServer(MovableClock(NOON), {account: code for code, account in ACCOUNTS.items()})

    def _ended(self, server: BraintreeServer, at: int | None) -> dict[str, int | None]:
        server.books.request_keys = self.request_keys
        with opened(self.directory, server.port) as kit:
            kit.ledger.checkout(kit.account_id, CREDIT)
        self.nonce = server.books.nonce()
        asked = {
            "scene": self._name,
            "directory": str(self.directory),
            "port": server.port,
            "nonce": self.nonce,
            "request_keys": self.request_keys,
            "at": at,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        told: dict[str, int | None] = json.loads(self._process.stdout.readline())
        return told


@pytest.fixture(params=SCENES)
def killing(request: pytest.FixtureRequest, process: subprocess.Popen[str], tmp_path: Path) -> Killing:
    return Killing(request.param, tmp_path, process)


def assert_agrees(kit: Kit, bench: BraintreeBench) -> None:
    """As many credits as charges, no card that the log does not know of, and nothing left open."""
    captured = bench.captured()
    assert len(captured) <= 1
    assert kit.ledger.balance(kit.account_id).available == CREDIT * len(captured)
    assert kit.ledger.balance(kit.account_id).pending.amount == 0
    known = kit.ledger._account(kit.account_id).cards.values()
    assert set(bench.books.vault) == {card.token for card in known}
    assert [each for each in bench.chargeable() if each.kind != "card"] == []
    report = kit.ledger.audit()
    assert report.clean, report.findings


def assert_is_done(kit: Kit, bench: BraintreeBench, scene: Scene) -> None:
    assert len(bench.captured()) == scene.captures
    assert len(kit.ledger.cards(kit.account_id)) == scene.cards
    assert_agrees(kit, bench)


@pytest.mark.parametrize("request_keys", [True, False], ids=["keys", "no keys"])
def test_a_killed_command_is_recovered_and_then_done_once(killing, request_keys):
    killing.request_keys = request_keys
    for at in killing.moments():
        for bench in killing.killed(at):
            bench.clock.advance(PROVEN)
            with killing.opened(bench, PROVEN) as kit:
                assert [one for one in kit.ledger.recover() if not one.is_over] == []
                assert kit.ledger.recover() == []
                assert_agrees(kit, bench)
                repeat = killing.scene.request(kit, killing.nonce)
                assert repeat() == repeat()
                assert_is_done(kit, bench, killing.scene)


def test_a_killed_command_that_is_repeated_at_once_is_done_once(killing):
    for at in killing.moments():
        for bench in killing.killed(at):
            with killing.opened(bench, timedelta(seconds=1)) as kit:
                repeat = killing.scene.request(kit, killing.nonce)
                assert repeat() == repeat()
                assert_is_done(kit, bench, killing.scene)
                kit.clock.advance(PROVEN)
                assert kit.ledger.recover() == []
                assert_is_done(kit, bench, killing.scene)
