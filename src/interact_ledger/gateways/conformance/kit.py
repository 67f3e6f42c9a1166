"""The class to subclass: all checks together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interact_ledger.gateways.conformance.afterwards import Afterwards
from interact_ledger.gateways.conformance.amounts import Amounts
from interact_ledger.gateways.conformance.bench import Bench
from interact_ledger.gateways.conformance.cancelling import Cancelling
from interact_ledger.gateways.conformance.charging import Charging
from interact_ledger.gateways.conformance.customers import Customers
from interact_ledger.gateways.conformance.declared import Declared
from interact_ledger.gateways.conformance.faults import Faults
from interact_ledger.gateways.conformance.finding import Finding
from interact_ledger.gateways.conformance.kept_cards import KeptCards
from interact_ledger.gateways.conformance.noticing import Noticing
from interact_ledger.gateways.conformance.noticing_others import NoticingOthers
from interact_ledger.gateways.conformance.outcomes import Outcomes
from interact_ledger.gateways.conformance.refunding import Refunding
from interact_ledger.gateways.conformance.restarts import Restarts
from interact_ledger.gateways.conformance.saving import Saving, SavingAlone
from interact_ledger.gateways.conformance.secrecy import Secrecy
from interact_ledger.gateways.conformance.threads import Threads

__all__ = ["GatewayConformance"]


class GatewayConformance(
    Charging,
    Outcomes,
    Amounts,
    Finding,
    Cancelling,
    Saving,
    SavingAlone,
    Refunding,
    Afterwards,
    KeptCards,
    Customers,
    Faults,
    Noticing,
    NoticingOthers,
    Threads,
    Restarts,
    Secrecy,
    Declared,
):
    """Subclass it as `Test…`, give it a fixture `bench`, and name in `lacks` what nobody does at the gateway."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """Yield a fresh adapter with the server that it talks to."""
        raise NotImplementedError("give your test class a fixture `bench` that yields a Bench")
