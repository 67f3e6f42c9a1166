"""What a gateway cannot be brought to do, pinned by its own test class."""

from __future__ import annotations

from typing import ClassVar

from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.protocol import DeclineReason, NewCard

__all__ = ["Scenarios"]


class Scenarios:
    """A group of checks that need cards of many kinds."""

    lacks: ClassVar[frozenset[Behaviour | DeclineReason]] = frozenset()
    """The behaviours and decline reasons that this gateway has not. Each is checked to be really without a card."""

    def card(self, bench: Bench, kind: Behaviour | DeclineReason) -> NewCard | None:
        """Return a card that behaves so, None if the gateway is pinned to lack it."""
        token = bench.card(kind)
        lacking = kind in self.lacks
        hold(Rule.BENCH, lacking == (token is None), f"{kind!r} is {'in' if lacking else 'not in'} `lacks`: {token!r}")
        return None if token is None else NewCard(token)

    def declining_card(self, bench: Bench) -> NewCard:
        """Return a card that is declined, for whatever reason."""
        reason = next((reason for reason in DeclineReason if reason not in self.lacks), DeclineReason.OTHER)
        token = bench.card(reason)
        if token is None:
            raise Violation(Rule.BENCH, "the bench has no card that is declined")
        return NewCard(token)
