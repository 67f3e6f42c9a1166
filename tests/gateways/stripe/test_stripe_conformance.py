"""Stripe's adapter passes the conformance kit whole, over real HTTP: it lacks nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interact_ledger.gateways.conformance import Bench, GatewayConformance
from stripe_bench import stripe_bench


class TestStripe(GatewayConformance):
    """Every check of the kit."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with stripe_bench() as bench:
            yield bench
