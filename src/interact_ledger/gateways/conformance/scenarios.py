"""What a gateway cannot be brought to do, pinned by its own test class."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from interact_ledger.gateways.conformance.bench import Behaviour, Bench, Elsewhere, Others
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.protocol import DeclineReason, NewCard

__all__ = ["Scenarios"]

Played = TypeVar("Played")


class Scenarios:
    """A group of checks that need cards of many kinds, and what others do at the gateway."""

    lacks: ClassVar[frozenset[Behaviour | DeclineReason | Elsewhere]] = frozenset()
    """What this gateway has not: behaviours, decline reasons, deeds of others. Each is checked to be really absent."""
    untold: ClassVar[frozenset[Elsewhere]] = frozenset()
    """What others do at this gateway that no webhook tells. Each is checked to be really untold."""

    def card(self, bench: Bench, kind: Behaviour | DeclineReason) -> NewCard | None:
        """Return a card that behaves so, None if the gateway is pinned to lack it."""
        token = bench.card(kind)
        lacking = kind in self.lacks
        hold(Rule.BENCH, lacking == (token is None), f"{kind!r} is {'in' if lacking else 'not in'} `lacks`: {token!r}")
        return None if token is None else NewCard(token)

    def others(self, bench: Bench) -> Others:
        """Return what plays the others."""
        if bench.others is None:
            raise Violation(Rule.BENCH, "the bench has no `others`, and the capabilities say that it needs them")
        return bench.others

    def played(self, kind: Elsewhere, result: Played | None) -> Played | None:
        """Return what others did came to, None if the gateway is pinned to lack it."""
        lacking = kind in self.lacks
        hold(
            Rule.BENCH, lacking == (result is None), f"{kind!r} is {'in' if lacking else 'not in'} `lacks`: {result!r}"
        )
        return result

    def declining_card(self, bench: Bench) -> NewCard:
        """Return a card that is declined, for whatever reason."""
        reason = next((reason for reason in DeclineReason if reason not in self.lacks), DeclineReason.OTHER)
        token = bench.card(reason)
        if token is None:
            raise Violation(Rule.BENCH, "the bench has no card that is declined")
        return NewCard(token)
