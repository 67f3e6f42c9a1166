"""What kind of story a seed tells: how many processes, how often what fails, what the gateway promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rates and sizes of one seed."""

    theme: str
    """What customers mostly do: payments, cards, refunds, automatic payments or spending."""
    processes: int
    threads: int
    """Of each process; they share its ledger and its cache."""
    requests: int
    accounts: int
    switches: float
    """How often another task goes on at a point where one may."""
    crashes: float
    pauses: float
    storage_faults: float
    gateway_faults: float
    lookup_faults: float
    claims: float
    """How often, when something happens around the gateway, money is taken back there without the ledger."""
    repeats: float
    """How often a customer asks again for what was asked for before, under the same key."""
    begins: bool
    """Whether the gateway has something to begin, and so to cancel."""
    replay_window: timedelta
    settles_within: timedelta
    lookup_lag: timedelta
    keeps_promises: bool
    """Whether no request takes effect later than the gateway says. If some do, it has nothing to begin, as then
    nothing can be cancelled, and a customer may pay twice; but all that is captured is credited and reported."""
    snapshot_every: int
    cached_accounts_max: int
    quote_lifetime: timedelta
    clock_difference_max: timedelta
    """By how much the clocks of two processes may differ, as the settings have it."""
    card_troubles: float
    """How often a card does not simply pay."""

    @classmethod
    def of(cls, chance: Random) -> Plan:
        """Draw a plan."""
        keeps_promises = chance.random() < 0.8
        troubled = chance.choice([0.3, 1.0, 1.0, 2.0])
        theme = chance.choice(["payments"] * 4 + ["cards", "refunds", "automatic"] * 2 + ["spending"])
        return cls(
            theme=theme,
            processes=chance.choice([1, 2, 2, 3]),
            threads=chance.choice([1, 1, 2]),
            requests=chance.randint(16, 30),
            accounts=chance.choice([1, 1, 2]),
            switches=chance.choice([0.05, 0.2, 0.5]),
            crashes=chance.choice([0.0, 0.002, 0.006]),
            pauses=chance.choice([0.0, 0.004, 0.012]),
            storage_faults=chance.choice([0.0, 0.03, 0.08]) * troubled,
            gateway_faults=chance.choice([0.05, 0.2, 0.35]) if keeps_promises else 0.35,
            lookup_faults=chance.choice([0.0, 0.3, 0.5]),
            claims=chance.choice([0.2] if theme == "refunds" else [0.0, 0.0, 0.15]),
            repeats=chance.choice([0.25, 0.4, 0.5]),
            begins=keeps_promises and chance.random() < 0.5,
            replay_window=timedelta(days=chance.choice([0, 3650, 3650])),
            settles_within=timedelta(seconds=chance.choice([5, 60, 600])),
            lookup_lag=timedelta(seconds=chance.choice([0, 120, 600])),
            keeps_promises=keeps_promises,
            snapshot_every=chance.choice([5, 200]),
            cached_accounts_max=chance.choice([1, 10_000]),
            card_troubles=chance.choice([0.3, 0.7]),
            quote_lifetime=timedelta(minutes=chance.choice([30, 10_000, 10_000])),
            clock_difference_max=timedelta(seconds=chance.choice([10, 900, 10, 900])),
        )
