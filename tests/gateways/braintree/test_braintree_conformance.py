"""Braintree's adapter passes the conformance kit, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from braintree_bench import opened_bench
from interact_ledger.gateways.braintree.notices import FUTURE, PAST
from interact_ledger.gateways.conformance import Behaviour, Bench, GatewayConformance
from interact_ledger.gateways.protocol import DeclineReason


class TestBraintree(GatewayConformance):
    """Every check of the kit; the customer authenticates before there is a nonce, so nothing ever asks for it."""

    lacks: ClassVar[frozenset[Behaviour | DeclineReason]] = frozenset(
        {Behaviour.ASKS_CUSTOMER, DeclineReason.AUTHENTICATION_FAILED}
    )

    notice_too_old = PAST + FUTURE

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with opened_bench() as opened:
            yield opened
