"""The conformance kit: whether an adapter can be trusted with money, faults included.

    class TestOurGateway(GatewayConformance):
        @pytest.fixture
        def bench(self) -> Iterator[Bench]:
            with our_loopback_server() as server:
                yield OurBench(server)

Run it with pytest; it comes with the extra `testing`. Each failure says which rule of `gateways.protocol` was broken
and what that does to somebody's money. What the gateway has not, the adapter declares in its capabilities, and the
kit then checks that it is refused; what no scenario can bring about is pinned in `lacks`,
and what no webhook tells in `untold`.
"""

from interact_ledger.gateways.conformance.bench import (
    Behaviour,
    Bench,
    Captured,
    Chargeable,
    Delivery,
    Elsewhere,
    Fault,
    Others,
)
from interact_ledger.gateways.conformance.kit import GatewayConformance
from interact_ledger.gateways.conformance.rules import Rule, Violation

__all__ = [
    "Behaviour",
    "Bench",
    "Captured",
    "Chargeable",
    "Delivery",
    "Elsewhere",
    "Fault",
    "GatewayConformance",
    "Others",
    "Rule",
    "Violation",
]
