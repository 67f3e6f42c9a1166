"""The sandbox passes the conformance kit whole: it lacks nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_helpers import NOON

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.conformance import Bench, GatewayConformance
from interact_ledger.gateways.sandbox import SandboxGateway
from sandbox_bench import SandboxBench


class TestSandbox(GatewayConformance):
    """Every check of the kit, on the sandbox."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        clock = MovableClock(NOON)
        with SandboxGateway(clock=clock) as opened:
            yield SandboxBench(opened, clock)
