"""Stripe's adapter passes the conformance kit, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from interact_ledger.gateways.conformance import Behaviour, Bench, Elsewhere, GatewayConformance
from interact_ledger.gateways.protocol import DeclineReason
from stripe_bench import stripe_bench


class TestStripe(GatewayConformance):
    """Every check of the kit; no card payment that Stripe captured fails to settle."""

    lacks: ClassVar[frozenset[Behaviour | DeclineReason | Elsewhere]] = frozenset({Elsewhere.REVERSAL})

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with stripe_bench() as bench:
            yield bench
