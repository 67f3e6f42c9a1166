"""What the audit keeps of one account while it reads its stream: its own sums, and what is open.

Written from the events' meaning, not from the ledger's fold. It keeps what bounds itself, and the account's payments
and quotes, which people make one at a time; purchases are looked up again when something of them is given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Attempts",
    "AutoTopUp",
    "AutomaticCharge",
    "Book",
    "Dispute",
    "Hold",
    "Lot",
    "Money",
    "MonthlyRecharge",
    "Number",
    "Purchase",
    "Quote",
    "RefundElsewhere",
    "RefundIntent",
    "Start",
    "Terms",
]


class Terms(NamedTuple):
    """What is to be charged, as written."""

    credit: str
    taxes: Sequence[Mapping[str, Any]]
    total: str
    currency: str

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Terms:
        return cls(event["credit"], event["taxes"], event["total"], event["currency"])


@dataclass(slots=True)
class Quote:
    """What the customer was shown, and whether it was charged."""

    terms: Terms
    summary: tuple[Any, ...]
    """The row of its summary, as it must be."""
    used: bool = False


@dataclass(slots=True)
class Attempts:
    """The attempts of one top-up, of the saving of one card, or of one refund."""

    terms: Terms | None
    """What is to be charged; None where nothing is."""
    known: dict[str, str] = field(default_factory=dict)
    """The gateway of every attempt, by its id."""
    latest: str = ""
    credit: int = 0
    undecided: bool = False
    """Whether the gateway may yet act on the latest attempt."""
    cancelling: str | None = None
    """Why the gateway's object is to be cancelled, until it is."""
    surely_not: bool = False
    """Whether the latest attempt surely reached nobody, so that another may follow."""
    send_before: str = ""
    queued_until: str | None = None
    """When a refund that waits for its charge to settle is tried next."""
    awaited_until: str | None = None
    """Until when the customer may authenticate, while that is awaited."""
    captured: set[str] = field(default_factory=set)
    """The gateway's references of its captures."""
    initiator: str = "customer"
    card_id: str | None = None

    @property
    def due_at(self) -> str:
        return self.awaited_until or self.send_before


@dataclass(slots=True)
class RefundIntent:
    """What one attempt of a refund pays back, and of which charge."""

    charge: tuple[str, str]
    """The top-up, and the gateway's reference."""
    parts: tuple[int, ...]
    """The credit, then each tax."""
    took: tuple[int, ...] = ()
    """What it took once it was paid back."""


@dataclass(slots=True)
class Dispute:
    """A dispute of a charge."""

    charge: tuple[str, str]
    claimed: int
    parts: tuple[int, ...]
    """What it keeps from being paid back while it is open, and what it took once it is lost."""
    held: int
    status: str = "open"


@dataclass(slots=True)
class RefundElsewhere:
    """A refund of a charge that was made at the gateway."""

    charge: tuple[str, str]
    parts: tuple[int, ...]
    returned: bool = False


@dataclass(slots=True)
class Hold:
    """What is reserved."""

    remaining: int
    expires_at: str
    lots: dict[str, int] = field(default_factory=dict)
    """What of it is granted credit, by lot."""


@dataclass(slots=True)
class Lot:
    """Granted credit that is left."""

    remaining: int = 0
    held: int = 0
    expires_at: str | None = None


@dataclass(slots=True)
class Number:
    """A rented number."""

    item: str
    monthly_price: int
    next_due_at: str


class Purchase(NamedTuple):
    """What was bought: where it stands in the stream, and the lines."""

    version: int
    lines: Sequence[Sequence[Any]]
    """Reference, item, quantity, segments, unit price."""
    amount: int
    lots: Sequence[Sequence[str]]
    """What granted credit paid: lot and amount."""


class Start(NamedTuple):
    """What the event that starts an automatic payment says of the request that must follow it at once."""

    version: int
    operation_id: str
    quote_id: str
    total: str
    card_id: str
    initiator: str


class AutomaticCharge(NamedTuple):
    """One automatic top-up, as the caps count it."""

    operation_id: str
    month: str
    day: str
    total: int


@dataclass(slots=True)
class AutoTopUp:
    """What was agreed on auto top-up, and what its guards need to know."""

    terms: Mapping[str, Any]
    enabled: bool = True
    paused: bool = False
    started: int = 0
    failures: int = 0
    charges: list[AutomaticCharge] = field(default_factory=list)
    """Those of the latest month."""
    cool_down_until: str = ""
    wait_until: str = ""
    low_since: str | None = None


@dataclass(slots=True)
class MonthlyRecharge:
    """What was agreed on monthly recharge, and what its guards need to know."""

    terms: Mapping[str, Any]
    next_month: str
    next_due_at: str
    card_checked_at: str
    enabled: bool = True
    latest: str = ""
    """The latest top-up under this agreement."""
    latest_month: str = ""
    retry_at: str | None = None
    announced: tuple[str, str] | None = None
    """The latest card, and its month, that the customer was told of."""


@dataclass(slots=True)
class Money:
    """Where money came from and went to, in millionths of one currency."""

    captured: int = 0
    taxed: int = 0
    credited: int = 0
    granted: int = 0
    expired: int = 0
    """Of what was granted."""
    refunded: int = 0
    refunded_elsewhere: int = 0
    lost: int = 0
    never_settled: int = 0
    spent: int = 0
    reversed: int = 0
    adjusted: int = 0
    paid_out: int = 0
    written_off: int = 0
    balance: int = 0
    held: int = 0

    @property
    def conserved(self) -> bool:
        """Whether what came in is what is there and what went out (invariant I1)."""
        came_in = self.credited + self.granted + self.reversed + self.adjusted
        taken_back = self.refunded + self.refunded_elsewhere + self.lost + self.never_settled
        went_out = taken_back + self.expired + self.spent + self.paid_out + self.written_off
        return self.captured == self.credited + self.taxed and came_in == went_out + self.balance

    def add(self, other: Money) -> None:
        """Add another account's."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Book:
    """One account, as far as its stream was read."""

    stream_id: str
    find_purchase: Callable[[str, str], Purchase | None]
    """By stream and operation."""
    opened: bool = False
    closed: bool = False
    suspended: bool = False
    """By an operator."""
    owner: str = ""
    currency: str = ""
    country: str = ""
    opened_at: str = ""
    recorded_at: str = ""
    """When its latest event was recorded."""
    low_balance_threshold: int | None = None
    money: Money = field(default_factory=Money)
    quotes: dict[str, Quote] = field(default_factory=dict)
    top_ups: dict[str, Attempts] = field(default_factory=dict)
    """All, by operation."""
    open_top_ups: dict[str, Attempts] = field(default_factory=dict)
    """Those that are undecided or to be cancelled."""
    charges: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """What may yet be paid back of each, credit first, then each tax; by top-up and gateway's reference."""
    kept: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """What no fact took of each charge, in the same parts."""
    under_way: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    """What refunds of ours are about to take of each charge, in the same parts."""
    reversed_charges: set[tuple[str, str]] = field(default_factory=set)
    """Those whose settlement failed."""
    disputes: dict[str, Dispute] = field(default_factory=dict)
    """By operation."""
    elsewhere: dict[str, RefundElsewhere] = field(default_factory=dict)
    """Refunds that were made at the gateway, by operation."""
    refunds: dict[str, Attempts] = field(default_factory=dict)
    """All, by operation."""
    open_refunds: dict[str, Attempts] = field(default_factory=dict)
    """Those that are undecided."""
    refund_intents: dict[str, RefundIntent] = field(default_factory=dict)
    """By attempt."""
    refund_terms: dict[str, Terms] = field(default_factory=dict)
    """By attempt."""
    savings: dict[str, Attempts] = field(default_factory=dict)
    """All, by operation."""
    open_savings: dict[str, Attempts] = field(default_factory=dict)
    auto_top_up: AutoTopUp | None = None
    monthly_recharge: MonthlyRecharge | None = None
    latest_start: Start | None = None
    """Of an automatic payment."""
    card_months: dict[str, str] = field(default_factory=dict)
    """The last month in which each card is good, as 2026-11."""
    cards: dict[str, str | None] = field(default_factory=dict)
    """The cards that are kept; those being removed with the moment that was asked for."""
    saved: set[tuple[str, str]] = field(default_factory=set)
    """The operation and the gateway's reference of each saving whose card is known."""
    holds: dict[str, Hold] = field(default_factory=dict)
    lots: dict[str, Lot] = field(default_factory=dict)
    lot_terms: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """Priority and expiry of every lot that was ever granted."""
    lots_given_back: dict[str, Counter[str]] = field(default_factory=dict)
    """What each lot got back, and under the empty name purchased credit; by purchase."""
    numbers: dict[str, Number] = field(default_factory=dict)
    given_back: dict[str, Counter[int]] = field(default_factory=dict)
    """How many of each line, by purchase."""
    latest_purchase: tuple[str, Sequence[Sequence[Any]]] = ("", ())
    """Operation and lines of the latest purchase: a number is rented right after it."""
    customers: set[tuple[str, str]] = field(default_factory=set)
    """Gateway and the customer's id there."""
    unexplained: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """Notices that nothing explains by now, by gateway and their id: where they stand, and what they are about."""
    references: dict[tuple[str, str], str] = field(default_factory=dict)
    """The operation of each gateway's reference."""

    @property
    def standing(self) -> str:
        """open, suspended or closed; empty before the opening."""
        if not self.opened:
            return ""
        if self.closed:
            return "closed"
        return "suspended" if self.suspended or self.money.balance < 0 else "open"

    @property
    def has_open_disputes(self) -> bool:
        return any(dispute.status == "open" for dispute in self.disputes.values())

    @property
    def available(self) -> int:
        return self.money.balance - self.money.held

    @property
    def automatic_in_flight(self) -> bool:
        """Whether an automatic payment is open."""
        return any(top_up.initiator != "customer" for top_up in self.open_top_ups.values())

    @property
    def granted(self) -> int:
        """What of the balance nobody paid for, held or not."""
        return sum(lot.remaining for lot in self.lots.values())

    @property
    def pending(self) -> int:
        """What open top-ups would credit."""
        return sum(top_up.credit for top_up in self.open_top_ups.values() if top_up.undecided)
