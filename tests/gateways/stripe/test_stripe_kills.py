"""A command is killed before and after each request that it sends to Stripe; what comes of it is recovered.

What is killed is a process, by `kill -9`, on real files; Stripe is a server that lives on. What comes after starts from
the files and from what Stripe remembers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from stripe_scenes import BEFORE, CREDIT, PROVEN, SCENES, SETTINGS, Opened, Scene, opened

from interact_ledger.clock import MovableClock
from interact_ledger.testing import START
from servers.stripe import StripeServer

LATER = SETTINGS.authentication_within + timedelta(minutes=1)
POINTS = [
    pytest.param(name, number, when, id=f"{name}, {when} request {number}")
    for name, scene in SCENES.items()
    for number in range(scene.requests)
    for when in ("before", "after")
]

Kill = Callable[[str, int, str], None]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose children are killed."""
    arguments = [sys.executable, str(Path(__file__).with_name("stripe_victim.py"))]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, env=environ, **pipes) as started:
        yield started
        started.stdin.close()
        assert started.wait(timeout=60) == 0


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with StripeServer(MovableClock(START)) as running:
        yield running


@pytest.fixture
def kill(process: subprocess.Popen[str], server: StripeServer, tmp_path: Path) -> Kill:
    """Prepares a scene and kills its command."""

    def prepare_and_kill(name: str, number: int, when: str) -> None:
        with opened(tmp_path, server.address) as at:
            SCENES[name].prepare(at)
        asked = {"directory": str(tmp_path), "address": server.address, "number": number, "when": when, "scene": name}
        print(json.dumps(asked), file=process.stdin, flush=True)
        assert json.loads(process.stdout.readline()) == {"signal": signal.SIGKILL}

    return prepare_and_kill


def assert_nothing_is_unknown_to_the_log(at: Opened, server: StripeServer) -> None:
    account = at.ledger._account(at.account_id)
    assert {card["id"] for card in server.attached()} == {card.token for card in account.cards.values()}
    awaited = {attempt.reference for attempt in (*account.top_ups.values(), *account.card_savings.values())}
    assert {intent["id"] for intent in server.open_intents()} <= awaited
    report = at.ledger.audit()
    assert report.clean, report.findings
    assert report.findings == ()


def credits_of(at: Opened) -> float:
    """Return how many times the credit is on the account, beside what was there before."""
    return (at.ledger.balance(at.account_id).available - BEFORE) / CREDIT


def net_captures(server: StripeServer) -> int:
    return sum(1 for payment in server.captured() if not server.refunded_units(payment["id"]))


def assert_is_done(at: Opened, server: StripeServer, scene: Scene) -> None:
    assert len(server.captured()) == scene.captures
    assert net_captures(server) == credits_of(at) == scene.credits
    assert len(at.ledger.cards(at.account_id)) == scene.cards
    assert server.open_intents() == []
    assert_nothing_is_unknown_to_the_log(at, server)


def settle(at: Opened, server: StripeServer) -> None:
    """Recover, and once more after what waited for its customer is to be called off."""
    at.ledger.recover()
    for clock in (at.clock, server.state.clock):
        clock.advance(LATER)
    assert [one for one in at.ledger.recover() if not one.is_over] == []


@pytest.mark.parametrize(("name", "number", "when"), POINTS)
def test_a_killed_command_is_recovered_and_then_done_once(kill, server, tmp_path, name, number, when):
    kill(name, number, when)
    server.state.clock.advance(PROVEN)
    with opened(tmp_path, server.address, PROVEN) as at:
        at.ledger.recover()
        assert len(server.captured()) <= SCENES[name].captures
        assert credits_of(at) == net_captures(server)
        assert_nothing_is_unknown_to_the_log(at, server)
        request = SCENES[name].request(at)
        assert request() == request()
        settle(at, server)
        assert_is_done(at, server, SCENES[name])


@pytest.mark.parametrize(("name", "number", "when"), POINTS)
def test_a_killed_command_that_is_repeated_at_once_is_done_once(kill, server, tmp_path, name, number, when):
    kill(name, number, when)
    with opened(tmp_path, server.address, timedelta(seconds=1)) as at:
        request = SCENES[name].request(at)
        assert request() == request()
        for clock in (at.clock, server.state.clock):
            clock.advance(PROVEN)
        settle(at, server)
        assert_is_done(at, server, SCENES[name])
