"""A sandbox that remembers until the test ends, and the clock that it reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_helpers import NOON

from interact_ledger.clock import MovableClock
from interact_ledger.gateways.sandbox import SandboxGateway


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
def gateway(clock: MovableClock) -> Iterator[SandboxGateway]:
    with SandboxGateway(clock=clock) as opened:
        yield opened
