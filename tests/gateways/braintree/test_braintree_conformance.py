"""Braintree's adapter passes the conformance kit, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from braintree_bench import opened_bench
from interact_ledger.gateways.braintree.notices import FUTURE, PAST
from interact_ledger.gateways.conformance import Behaviour, Bench, Elsewhere, GatewayConformance
from interact_ledger.gateways.protocol import DeclineReason


class TestBraintree(GatewayConformance):
    """Every check of the kit; the customer authenticates before there is a nonce, so nothing ever asks for it.

    Webhooks tell of disputes and failed settlements, and of nothing that is done in the Control Panel.
    """

    lacks: ClassVar[frozenset[Behaviour | DeclineReason | Elsewhere]] = frozenset(
        {Behaviour.ASKS_CUSTOMER, DeclineReason.AUTHENTICATION_FAILED}
    )
    untold: ClassVar[frozenset[Elsewhere]] = frozenset({*Elsewhere} - {Elsewhere.DISPUTE, Elsewhere.REVERSAL})

    notice_too_old = PAST + FUTURE

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with opened_bench() as opened:
            yield opened
