"""What the books of a gateway's server show, as the benches of the conformance kit give it."""

from __future__ import annotations

from dataclasses import dataclass

from moneyed import Money

__all__ = ["Captured", "Chargeable"]


@dataclass(frozen=True)
class Captured:
    """One payment that the server captured."""

    transaction_id: str
    reference: str
    amount: Money
    refunded: Money


@dataclass(frozen=True)
class Chargeable:
    """One thing at the server that could yet be charged."""

    kind: str
    reference: str
