"""What an account is at one moment.

The state holds what bounds itself: balances, what is open, and what is kept until removed. What is over is dropped
and found again through its operation's events. `fold` makes it from the account's events, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce

from interact_ledger.domain import events as e
from interact_ledger.gateways.protocol import CardFunding, Initiator
from interact_ledger.money import EXACT

__all__ = [
    "UNANSWERED",
    "UNDECIDED",
    "Account",
    "AttemptStatus",
    "AutoTopUp",
    "AutomaticCharge",
    "Card",
    "CardSaving",
    "CreditLot",
    "Hold",
    "MonthlyRecharge",
    "Refund",
    "RentedNumber",
    "Standing",
    "TaxNumber",
    "TopUp",
    "may_be_sent_again",
]


class Standing(StrEnum):
    """Whether an account takes commands."""

    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AttemptStatus(StrEnum):
    """Where an attempt stands. Captured money beats every other state, whatever order facts come in."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    PENDING = "pending"
    QUEUED = "queued"
    """Surely not attempted yet, and to be tried again by itself: a refund whose charge has to settle first."""
    ACTION_REQUIRED = "action_required"
    NOT_ATTEMPTED = "not_attempted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUCCEEDED = "succeeded"
    MISMATCHED = "mismatched"
    REVERSED = "reversed"
    """Captured, and then its settlement failed: the money never came."""


UNANSWERED = frozenset({AttemptStatus.REQUESTED, AttemptStatus.UNKNOWN})
"""The states in which no answer of the gateway is known."""

UNDECIDED = UNANSWERED | {AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
"""The states in which the gateway may yet capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """The latest attempt of one top-up, and how far it got."""

    intent: e.PaymentAttempted
    tries: int = 1
    """How often the attempt may have been sent."""
    status: AttemptStatus = AttemptStatus.REQUESTED
    reference: str | None = None
    """The gateway's id of what can be charged, once it said one."""
    action_expires_at: datetime | None = None
    cancelling: e.CancelReason | None = None
    """Why the gateway's object is to be cancelled, until it is."""
    declined: e.PaymentDeclined | None = None
    captured: e.PaymentCaptured | None = None
    captured_references: tuple[str, ...] = ()
    """Every charge of this operation that was credited or reported."""
    reversed_references: frozenset[str] = frozenset()
    """Those of them whose settlement failed afterwards."""

    @property
    def operation_id(self) -> str:
        return self.intent.operation_id

    @property
    def outcome(self) -> AttemptStatus:
        """What the top-up as a whole came to: money captured by any attempt, and not reversed, beats all else."""
        if self.captured is None:
            return self.status
        is_reversed = self.reversed_references.issuperset(self.captured_references)
        return AttemptStatus.REVERSED if is_reversed else AttemptStatus.SUCCEEDED

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask or tell the gateway."""
        return self.cancelling is None and self.status not in UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSaving:
    """The latest attempt to save one card without a charge, and how far it got."""

    intent: e.CardSavingAttempted
    tries: int = 1
    """How often the attempt may have been sent."""
    status: AttemptStatus = AttemptStatus.REQUESTED
    reference: str | None = None
    action_expires_at: datetime | None = None
    cancelling: e.CancelReason | None = None
    failure: e.CardSavingFailed | None = None
    saved: e.CardSaved | None = None
    saved_references: tuple[str, ...] = ()
    """Every saving of this operation whose card is known."""

    @property
    def operation_id(self) -> str:
        return self.intent.operation_id

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask or tell the gateway."""
        return self.status not in UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """The attempts of one refund, and how far the latest got."""

    intents: tuple[e.RefundAttempted, ...]
    tries: int = 1
    """How often the latest attempt may have been sent."""
    status: AttemptStatus = AttemptStatus.REQUESTED
    reference: str | None = None
    queued: e.RefundQueued | None = None
    """That its charge had to settle first, as it was said last."""
    failure: e.RefundFailed | e.RefundReturned | None = None
    paid: tuple[e.Refunded | e.RefundMismatched, ...] = ()
    """What was paid back and did not return."""
    told_references: tuple[str, ...] = ()
    """Every refund at the gateway whose success, or whose failure, is recorded: that it succeeded is no news."""

    @property
    def intent(self) -> e.RefundAttempted:
        """The latest attempt."""
        return self.intents[-1]

    @property
    def operation_id(self) -> str:
        return self.intent.operation_id

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask the gateway, now or once the charge has settled."""
        return not self.is_undecided and self.status is not AttemptStatus.QUEUED

    @property
    def is_undecided(self) -> bool:
        """Whether the gateway may yet act on the latest attempt."""
        return self.status in UNDECIDED

    @property
    def outcome(self) -> AttemptStatus:
        """What the refund as a whole came to: what any attempt paid back beats a latest one that did not."""
        if not self.is_over or not self.paid:
            return self.status
        is_as_asked = isinstance(self.paid[0], e.Refunded)
        return AttemptStatus.SUCCEEDED if is_as_asked else AttemptStatus.MISMATCHED

    @property
    def reserved(self) -> Decimal:
        """What of the balance is held back for it."""
        return Decimal(0) if self.is_over else self.intent.credit

    def paid_by(self, attempt_id: str) -> e.Refunded | e.RefundMismatched | None:
        """Return what an attempt paid back, if it did and that did not return."""
        return next((paid for paid in self.paid if paid.attempt_id == attempt_id), None)


def may_be_sent_again(attempt: TopUp | CardSaving | Refund, now: datetime) -> bool:
    """Say whether an attempt is so undecided that sending it again under the same key makes sense.

    That it does no second thing then is the gateway's promise, within its replay window.
    """
    unwanted = not isinstance(attempt, Refund) and attempt.cancelling is not None
    return attempt.status in UNANSWERED and not unwanted and now < attempt.intent.send_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A saved card."""

    card_id: str
    gateway: str
    token: str = field(repr=False)
    brand: str
    last_four: str
    expiry_month: int
    expiry_year: int
    funding: CardFunding
    saved_by: str
    """The saving, or the top-up that it was saved with."""
    removal_id: str | None = None
    """The operation that removes it; from then on it is not charged."""
    removal_requested_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Part of the balance reserved until it is settled, released or expires."""

    hold_id: str
    remaining: Decimal
    reference: str
    expires_at: datetime
    lots: Mapping[str, Decimal] = field(default_factory=dict)
    """What of it is granted credit, by lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLot:
    """Granted credit, until it is used up or expires."""

    lot_id: str
    remaining: Decimal
    held: Decimal = Decimal(0)
    """What holds reserve of it."""
    priority: int
    expires_at: datetime | None

    @property
    def free(self) -> Decimal:
        return EXACT.subtract(self.remaining, self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedNumber:
    """A phone number with its monthly rent."""

    number: str
    item: str
    monthly_price: Decimal
    anchor_day: int
    next_due_at: datetime
    unpaid: bool = False
    """Its rent fell due and could not be charged: too little balance, or a suspended account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticCharge:
    """One automatic top-up, as the caps count it."""

    operation_id: str
    month: str
    day: str
    total: Decimal
    counts: bool = True
    """Whether it was paid, or may yet be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoTopUp:
    """The agreement to charge a card when the balance runs low, also after it was disabled: its caps go on."""

    terms: e.AutoTopUpEnabled
    disabled: e.StopReason | None = None
    paused: e.StopReason | None = None
    started: int = 0
    """How many were started, ever."""
    charges: tuple[AutomaticCharge, ...] = ()
    """Those of the latest month in which there was one."""
    failures: int = 0
    """How many in a row."""
    unsent: int = 0
    """How many in a row surely did not reach the gateway."""
    cool_down_until: datetime | None = None
    wait_until: datetime | None = None
    """The end of the wait after a failure, or until a cap allows another one."""
    low_since: datetime | None = None
    """Since when what is available and under way is less than the threshold, while it is."""

    @property
    def enabled(self) -> bool:
        """Whether there is an agreement, paused or not."""
        return self.disabled is None

    @property
    def latest(self) -> str | None:
        """The latest that was started."""
        return self.charges[-1].operation_id if self.charges else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyRecharge:
    """The agreement to charge a card once a month, also after it was disabled: no month is charged twice."""

    terms: e.MonthlyRechargeEnabled
    next_month: str
    next_due_at: datetime
    card_checked_at: datetime
    disabled: e.StopReason | None = None
    latest: str | None = None
    """The latest top-up that was started under this agreement."""
    latest_month: str = ""
    """The latest month for which one was started, under whatever agreement."""
    unsent: int = 0
    """How often in a row it surely did not reach the gateway."""
    retry_at: datetime | None = None
    """When the latest top-up is attempted again, if it surely did not reach the gateway."""
    announced: e.CardExpiryAnnounced | None = None
    """The latest expiry of a card that the customer was told of."""

    @property
    def enabled(self) -> bool:
        """Whether there is an agreement."""
        return self.disabled is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxNumber:
    """A tax number that the service had verified."""

    number: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A prepaid balance and all that belongs to it, after `version` events."""

    account_id: str
    version: int
    opened_at: datetime
    recorded_at: datetime
    """When its latest event was recorded, UTC."""
    owner: str
    currency: str
    country: str
    region: str | None
    tax_status: e.TaxStatus
    time_zone: str
    tax_number: TaxNumber | None = None
    low_balance_threshold: Decimal | None = None
    """Somebody is told when what is available falls below it."""
    closed: bool = False
    suspended: bool = False
    """By an operator."""
    balance: Decimal = Decimal(0)
    """All that is on the account, held or not."""
    held: Decimal = Decimal(0)
    """What holds, refunds under way and open disputes reserve of it."""
    top_ups: Mapping[str, TopUp] = field(default_factory=dict)
    """Those that are not over, by operation."""
    card_savings: Mapping[str, CardSaving] = field(default_factory=dict)
    """Those that are not over, by operation."""
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    """Those that are not over, by operation."""
    disputes: Mapping[str, Decimal] = field(default_factory=dict)
    """What each open dispute holds of the balance, by operation."""
    cards: Mapping[str, Card] = field(default_factory=dict)
    default_card_id: str | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)
    lots: Mapping[str, CreditLot] = field(default_factory=dict)
    """Granted credit that is left, by lot; all else of the balance was purchased."""
    numbers: Mapping[str, RentedNumber] = field(default_factory=dict)
    declined_at: tuple[datetime, ...] = ()
    """When the customer's latest declines were recorded, the oldest first."""
    cards_added_at: tuple[datetime, ...] = ()
    """When new cards were last asked to be kept, the oldest first."""
    gateway_customers: Mapping[str, str] = field(default_factory=dict)
    """The customer's id at each gateway."""
    auto_top_up: AutoTopUp | None = None
    monthly_recharge: MonthlyRecharge | None = None

    @property
    def standing(self) -> Standing:
        """Closed; or suspended, by an operator or because only a gateway's facts take a balance below zero; or open."""
        if self.closed:
            return Standing.CLOSED
        return Standing.SUSPENDED if self.suspended or self.balance < 0 else Standing.OPEN

    @property
    def available(self) -> Decimal:
        """What can be spent or held now."""
        return EXACT.subtract(self.balance, self.held)

    @property
    def granted(self) -> Decimal:
        """What of the balance nobody paid for, held or not."""
        return reduce(EXACT.add, (lot.remaining for lot in self.lots.values()), Decimal(0))

    @property
    def purchased(self) -> Decimal:
        """What of the available balance was paid for: below zero if more was taken back than was left of it."""
        return reduce(EXACT.subtract, (lot.free for lot in self.lots.values()), self.available)

    @property
    def pending(self) -> Decimal:
        """What top-ups under way would credit; not part of the balance."""
        undecided = (t.intent.credit for t in self.top_ups.values() if t.status in UNDECIDED)
        return reduce(EXACT.add, undecided, Decimal(0))

    @property
    def expected(self) -> Decimal:
        """What can be spent once all that is under way has come."""
        return EXACT.add(self.available, self.pending)

    @property
    def automatic_in_flight(self) -> bool:
        """Whether the gateway may yet act on an automatic payment, or has to be told something of one."""
        return any(top_up.intent.initiator is not Initiator.CUSTOMER for top_up in self.top_ups.values())
