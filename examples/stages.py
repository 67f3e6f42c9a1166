"""Where the demo's story plays: a gateway, and a hand on the customers, cards and networks around it.

The sandbox plays both sides itself. Stripe and Braintree are their official libraries over HTTP on this machine, to the
servers that stand in for the vendors in this project's own tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from interact_ledger import MovableClock
from interact_ledger.gateways.conformance import Bench
from interact_ledger.gateways.sandbox import SandboxGateway

__all__ = ["STAGES", "START", "Scene", "Stage"]

START = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
TESTS = Path(__file__).parents[1] / "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a story plays in."""

    bench: Bench
    card_that_runs_dry: Callable[[], str]
    """Returns the token of a card that pays while its owner is there, and has no money when it is charged later."""
    tells_of_refunds: bool
    """Whether the gateway sends a notice of a refund that somebody made in its dashboard."""


Stage = Callable[[Path], AbstractContextManager[Scene]]
"""Given a file that a gateway may remember in: opens it, at the story's beginning."""


@contextmanager
def sandbox(memory: Path) -> Iterator[Scene]:
    clock = MovableClock(START)
    with SandboxGateway(memory, clock=clock) as gateway:
        bench = import_module("sandbox_bench").SandboxBench(gateway, clock)
        yield Scene(bench=bench, card_that_runs_dry=lambda: "tok_later_insufficient_funds", tells_of_refunds=True)


@contextmanager
def stripe(_: Path) -> Iterator[Scene]:
    clock = MovableClock(START)
    stand_in, vendor = import_module("stripe_bench"), import_module("servers.stripe")
    runs_dry = vendor.Script(last4="0341", off_session=vendor.Decline("card_declined", "insufficient_funds"))
    with vendor.StripeServer(clock) as server:
        # Without further tries, so that one lost answer is seen; with them, the next one would tell.
        bench = stand_in.StripeBench(server, clock, stand_in.adapter(server, clock, pauses=()))
        yield Scene(bench=bench, card_that_runs_dry=lambda: server.card(runs_dry), tells_of_refunds=True)


@contextmanager
def braintree(_: Path) -> Iterator[Scene]:
    runs_dry = import_module("servers.braintree").Plan(last_4="0341", off_session="2001")
    with import_module("braintree_bench").opened_bench() as bench:
        bench.clock.set(START)
        yield Scene(bench=bench, card_that_runs_dry=lambda: bench.books.nonce(runs_dry), tells_of_refunds=False)


STAGES: Mapping[str, Stage] = MappingProxyType({"sandbox": sandbox, "stripe": stripe, "braintree": braintree})

sys.path.append(str(TESTS))
