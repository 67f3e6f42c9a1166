"""What each gateway that ships with the package cannot do, pinned, so that none loses a capability unnoticed."""

from __future__ import annotations

import dataclasses

from braintree_bench import opened_bench
from interact_ledger.gateways.discovery import gateway_names
from interact_ledger.gateways.protocol import Capabilities
from interact_ledger.gateways.sandbox import SandboxGateway
from interact_ledger.gateways.stripe import StripeGateway

LACKING: dict[str, set[str]] = {
    "braintree": {"refunds_before_settlement", "sends_every_notice"},
    "sandbox": set(),
    "stripe": set(),
}
"""By the name of its entry point, the capabilities that a gateway declares not to have."""


def capabilities_of(name: str) -> Capabilities:
    match name:
        case "braintree":
            with opened_bench() as bench:
                return bench.gateway.capabilities
        case "sandbox":
            with SandboxGateway() as gateway:
                return gateway.capabilities
        case "stripe":
            return StripeGateway("sk_test_example").capabilities
    raise AssertionError(f"tell here how {name} is made")


def test_what_each_shipped_gateway_lacks():
    shipped = {name for name in gateway_names() if name != "voucher"}  # the example, where somebody installed it
    assert {name: lacking(capabilities_of(name)) for name in shipped} == LACKING


def lacking(capabilities: Capabilities) -> set[str]:
    values = dataclasses.asdict(dataclasses.replace(capabilities, currencies={}))
    return {name for name, value in values.items() if value is False}
