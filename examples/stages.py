"""Where the demo's story plays: a gateway, and a hand on the customers, cards and networks around it.

The sandbox plays both sides itself. Stripe and Braintree are their official libraries over HTTP on this machine, to the
servers that stand in for the vendors in this project's own tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from interact_ledger import MovableClock
from interact_ledger.gateways.conformance import Bench
from interact_ledger.gateways.sandbox import SandboxGateway

__all__ = ["STAGES", "START", "Stage"]

START = datetime(2027, 3, 1, 9, 30, tzinfo=UTC)
TESTS = Path(__file__).parents[1] / "tests"

Stage = Callable[[Path], AbstractContextManager[Bench]]
"""Given a file that a gateway may remember in: opens it, at the story's beginning."""


@contextmanager
def sandbox(memory: Path) -> Iterator[Bench]:
    clock = MovableClock(START)
    with SandboxGateway(memory, clock=clock) as gateway:
        yield import_module("sandbox_bench").SandboxBench(gateway, clock)


@contextmanager
def stripe(_: Path) -> Iterator[Bench]:
    clock = MovableClock(START)
    stand_in = import_module("stripe_bench")
    with import_module("servers.stripe").StripeServer(clock) as server:
        # Without further tries, so that one lost answer is seen; with them, the next one would tell.
        yield stand_in.StripeBench(server, clock, stand_in.adapter(server, clock, pauses=()))


@contextmanager
def braintree(_: Path) -> Iterator[Bench]:
    with import_module("braintree_bench").opened_bench() as bench:
        bench.clock.set(START)
        yield bench


STAGES: Mapping[str, Stage] = MappingProxyType({"sandbox": sandbox, "stripe": stripe, "braintree": braintree})

sys.path.append(str(TESTS))
