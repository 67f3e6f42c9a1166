"""What an account is at one moment, and the one fold that makes it from its events.

The state holds what bounds itself: balances, what is open, and what is kept until removed. What is over is dropped
here and found again through its operation's events. The fold only adds up: no price, tax, rule or clock in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce, singledispatch
from typing import TypeVar

from interact_ledger.domain import events as e
from interact_ledger.gateways.protocol import CardFunding
from interact_ledger.money import EXACT

__all__ = [
    "FOLD_VERSION",
    "UNDECIDED",
    "Account",
    "AttemptStatus",
    "Card",
    "CardSaving",
    "Hold",
    "RentedNumber",
    "Standing",
    "TaxNumber",
    "TopUp",
    "evolve",
    "fold_card_saving",
    "fold_top_up",
]

FOLD_VERSION = 1
"""Raised whenever the fold's result changes for the same events, so that older snapshots are discarded."""


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
    ACTION_REQUIRED = "action_required"
    NOT_ATTEMPTED = "not_attempted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUCCEEDED = "succeeded"
    MISMATCHED = "mismatched"


UNDECIDED = frozenset(
    {AttemptStatus.REQUESTED, AttemptStatus.UNKNOWN, AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
)
"""The states in which the gateway may yet capture."""

_AFTER_CANCELLING = {
    e.CancelReason.CUSTOMER: AttemptStatus.CANCELLED,
    e.CancelReason.DECLINED: AttemptStatus.DECLINED,
    e.CancelReason.EXPIRED: AttemptStatus.EXPIRED,
    e.CancelReason.ABANDONED: AttemptStatus.NOT_ATTEMPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """The latest attempt of one top-up, and how far it got."""

    intent: e.PaymentAttempted
    status: AttemptStatus = AttemptStatus.REQUESTED
    reference: str | None = None
    """The gateway's id of what can be charged, once it said one."""
    action_expires_at: datetime | None = None
    cancelling: e.CancelReason | None = None
    """Why the gateway's object is to be cancelled, until it is."""
    declined: e.PaymentDeclined | None = None
    captured: e.PaymentCaptured | None = None
    captured_references: tuple[str, ...] = ()
    """Every charge of this operation that was credited or reported, of any attempt."""

    @property
    def operation_id(self) -> str:
        return self.intent.operation_id

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask or tell the gateway."""
        return self.cancelling is None and self.status not in UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSaving:
    """The latest attempt to save one card without a charge, and how far it got."""

    intent: e.CardSavingAttempted
    status: AttemptStatus = AttemptStatus.REQUESTED
    reference: str | None = None
    action_expires_at: datetime | None = None
    cancelling: e.CancelReason | None = None
    failure: e.CardSavingFailed | None = None
    saved: e.CardSaved | None = None

    @property
    def operation_id(self) -> str:
        return self.intent.operation_id

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to ask or tell the gateway."""
        return self.status not in UNDECIDED


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedNumber:
    """A phone number with its monthly rent."""

    number: str
    item: str
    monthly_price: Decimal
    anchor_day: int
    next_due_at: datetime
    unpaid: bool = False
    """Its rent fell due and the balance did not suffice."""


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
    standing: Standing = Standing.OPEN
    balance: Decimal = Decimal(0)
    """All that is on the account, held or not."""
    held: Decimal = Decimal(0)
    top_ups: Mapping[str, TopUp] = field(default_factory=dict)
    """Those that are not over, by operation."""
    card_savings: Mapping[str, CardSaving] = field(default_factory=dict)
    """Those that are not over, by operation."""
    cards: Mapping[str, Card] = field(default_factory=dict)
    default_card_id: str | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)
    numbers: Mapping[str, RentedNumber] = field(default_factory=dict)
    gateway_customers: Mapping[str, str] = field(default_factory=dict)
    """The customer's id at each gateway."""

    @property
    def available(self) -> Decimal:
        """What can be spent or held now."""
        return EXACT.subtract(self.balance, self.held)

    @property
    def pending(self) -> Decimal:
        """What top-ups under way would credit; not part of the balance."""
        undecided = (t.intent.credit for t in self.top_ups.values() if t.status in UNDECIDED)
        return reduce(EXACT.add, undecided, Decimal(0))


def evolve(account: Account | None, recorded: e.Recorded) -> Account:
    """Return the account as it is after one more event of its stream."""
    event = recorded.event
    if account is None:
        assert isinstance(event, e.AccountOpened), "a stream starts with the account's opening"
        return _opened(recorded, event)
    assert recorded.version == account.version + 1, "versions are contiguous"
    return replace(_apply(event, account), version=recorded.version, recorded_at=recorded.recorded_at)


def fold_top_up(operation: Iterable[e.Recorded]) -> TopUp | None:
    """Return the state of a top-up from its operation's events, None before its first attempt."""
    top_up = None
    for recorded in operation:
        top_up = _evolve_top_up(top_up, recorded.event)
    return top_up


def fold_card_saving(operation: Iterable[e.Recorded]) -> CardSaving | None:
    """Return the state of a card saving from its operation's events, None before its first attempt."""
    saving = None
    for recorded in operation:
        saving = _evolve_card_saving(saving, recorded.event)
    return saving


def _opened(recorded: e.Recorded, event: e.AccountOpened) -> Account:
    return Account(
        account_id=recorded.stream_id,
        version=recorded.version,
        opened_at=recorded.recorded_at,
        recorded_at=recorded.recorded_at,
        owner=event.owner,
        currency=event.currency,
        country=event.country,
        region=event.region,
        tax_status=event.tax_status,
        time_zone=event.time_zone,
    )


# The account, event by event --------------------------------------------------------------------------------------


@singledispatch
def _apply(event: e.Event, account: Account) -> Account:
    """Events that leave the account's state as it is (a quote) end here."""
    return account


@_apply.register
def _(event: e.AccountDetailsChanged, account: Account) -> Account:
    return replace(
        account,
        country=event.country,
        region=event.region,
        tax_status=event.tax_status,
        time_zone=event.time_zone,
    )


@_apply.register
def _(event: e.TaxNumberVerified, account: Account) -> Account:
    return replace(account, tax_number=TaxNumber(number=event.number, country=event.country))


@_apply.register
def _(event: e.TaxNumberWithdrawn, account: Account) -> Account:
    return replace(account, tax_number=None)


@_apply.register
def _(event: e.AccountSuspended, account: Account) -> Account:
    return replace(account, standing=Standing.SUSPENDED)


@_apply.register
def _(event: e.AccountReinstated, account: Account) -> Account:
    return replace(account, standing=Standing.OPEN)


@_apply.register
def _(event: e.AccountClosed, account: Account) -> Account:
    rest = account.balance - event.paid_out - event.written_off
    return replace(account, standing=Standing.CLOSED, balance=rest)


@_apply.register
def _(event: e.Spent, account: Account) -> Account:
    return replace(account, balance=account.balance - event.amount)


@_apply.register
def _(event: e.SpendReversed | e.BalanceAdjusted, account: Account) -> Account:
    return replace(account, balance=account.balance + event.amount)


@_apply.register
def _(event: e.PaymentAttempted | e.PaymentEvent, account: Account) -> Account:
    top_up = _evolve_top_up(account.top_ups.get(event.operation_id), event)
    credit = event.credit if isinstance(event, e.PaymentCaptured) else Decimal(0)
    return replace(account, balance=account.balance + credit, top_ups=_kept_while_open(account.top_ups, event, top_up))


@_apply.register
def _(event: e.GatewayCustomerLinked, account: Account) -> Account:
    return replace(account, gateway_customers={**account.gateway_customers, event.gateway: event.customer_id})


@_apply.register
def _(event: e.CardSavingAttempted | e.CardSavingEvent, account: Account) -> Account:
    saving = _evolve_card_saving(account.card_savings.get(event.operation_id), event)
    return replace(account, card_savings=_kept_while_open(account.card_savings, event, saving))


@_apply.register
def _(event: e.CardSaved, account: Account) -> Account:
    card = Card(
        card_id=event.card_id,
        gateway=event.gateway,
        token=event.token,
        brand=event.brand,
        last_four=event.last_four,
        expiry_month=event.expiry_month,
        expiry_year=event.expiry_year,
        funding=event.funding,
        saved_by=event.operation_id,
    )
    return replace(
        account,
        cards={**account.cards, card.card_id: card},
        card_savings=_without(account.card_savings, event.operation_id),
        default_card_id=account.default_card_id or card.card_id,
    )


@_apply.register
def _(event: e.CardRemovalRequested, account: Account) -> Account:
    card = replace(account.cards[event.card_id], removal_id=event.operation_id, removal_requested_at=event.requested_at)
    default = None if account.default_card_id == event.card_id else account.default_card_id
    return replace(account, cards={**account.cards, card.card_id: card}, default_card_id=default)


@_apply.register
def _(event: e.CardRemoved, account: Account) -> Account:
    default = None if account.default_card_id == event.card_id else account.default_card_id
    return replace(account, cards=_without(account.cards, event.card_id), default_card_id=default)


@_apply.register
def _(event: e.DefaultCardChosen, account: Account) -> Account:
    return replace(account, default_card_id=event.card_id)


@_apply.register
def _(event: e.NumberRented, account: Account) -> Account:
    rented = RentedNumber(
        number=event.number,
        item=event.item,
        monthly_price=event.monthly_price,
        anchor_day=event.anchor_day,
        next_due_at=event.next_due_at,
    )
    return replace(account, numbers={**account.numbers, rented.number: rented})


@_apply.register
def _(event: e.NumberRentalCharged, account: Account) -> Account:
    rented = replace(account.numbers[event.number], next_due_at=event.next_due_at, unpaid=False)
    return replace(account, balance=account.balance - event.amount, numbers={**account.numbers, rented.number: rented})


@_apply.register
def _(event: e.NumberRentalUnpaid, account: Account) -> Account:
    rented = replace(account.numbers[event.number], unpaid=True)
    return replace(account, numbers={**account.numbers, rented.number: rented})


@_apply.register
def _(event: e.NumberReleased, account: Account) -> Account:
    return replace(account, numbers=_without(account.numbers, event.number))


@_apply.register
def _(event: e.FundsHeld, account: Account) -> Account:
    hold = Hold(
        hold_id=event.operation_id,
        remaining=event.amount,
        reference=event.reference,
        expires_at=event.expires_at,
    )
    return replace(account, held=account.held + event.amount, holds={**account.holds, hold.hold_id: hold})


@_apply.register
def _(event: e.HoldSettled, account: Account) -> Account:
    reduced = _hold_reduced(account, event.hold_id, event.amount)
    return replace(reduced, balance=reduced.balance - event.amount)


@_apply.register
def _(event: e.HoldReleased | e.HoldExpired, account: Account) -> Account:
    return _hold_reduced(account, event.hold_id, event.amount)


def _hold_reduced(account: Account, hold_id: str, amount: Decimal) -> Account:
    hold = account.holds[hold_id]
    rest = hold.remaining - amount
    holds = {**account.holds, hold_id: replace(hold, remaining=rest)} if rest else _without(account.holds, hold_id)
    return replace(account, held=account.held - amount, holds=holds)


# One top-up and one card saving, event by event -------------------------------------------------------------------


def _evolve_top_up(top_up: TopUp | None, event: e.Event) -> TopUp | None:
    if isinstance(event, e.PaymentAttempted):
        return TopUp(intent=event, captured_references=top_up.captured_references if top_up else ())
    if top_up is None or not isinstance(event, e.PaymentEvent):
        return top_up
    match event:
        case e.PaymentBegun():
            return replace(top_up, reference=event.reference)
        case e.PaymentPending():
            return replace(top_up, status=AttemptStatus.PENDING, reference=event.reference)
        case e.PaymentActionRequired():
            return replace(
                top_up,
                status=AttemptStatus.ACTION_REQUIRED,
                reference=event.reference,
                action_expires_at=event.expires_at,
            )
        case e.PaymentUnknown():
            return replace(top_up, status=AttemptStatus.UNKNOWN)
        case e.PaymentNotAttempted():
            return replace(top_up, status=AttemptStatus.NOT_ATTEMPTED)
        case e.PaymentDeclined():
            return replace(
                top_up,
                status=AttemptStatus.DECLINED,
                reference=event.reference or top_up.reference,
                declined=event,
            )
        case e.PaymentCancelRequested():
            return replace(top_up, cancelling=event.reason)
        case e.PaymentCancelled():
            reason = top_up.cancelling or e.CancelReason.CUSTOMER
            return replace(top_up, status=_AFTER_CANCELLING[reason], cancelling=None)
        case e.PaymentCaptured():
            return replace(
                top_up,
                status=AttemptStatus.SUCCEEDED,
                cancelling=None,
                reference=event.reference,
                captured=event,
                captured_references=(*top_up.captured_references, event.reference),
            )
        case e.CaptureMismatched():
            return replace(
                top_up,
                status=AttemptStatus.MISMATCHED,
                cancelling=None,
                captured_references=(*top_up.captured_references, event.reference),
            )
    raise AssertionError(f"every event about a payment has its line here: {event.TOPIC}")


def _evolve_card_saving(saving: CardSaving | None, event: e.Event) -> CardSaving | None:
    if isinstance(event, e.CardSavingAttempted):
        return CardSaving(intent=event)
    if saving is None:
        return None
    match event:
        case e.CardSavingPending():
            return replace(saving, status=AttemptStatus.PENDING, reference=event.reference)
        case e.CardSavingActionRequired():
            return replace(
                saving,
                status=AttemptStatus.ACTION_REQUIRED,
                reference=event.reference,
                action_expires_at=event.expires_at,
            )
        case e.CardSavingUnknown():
            return replace(saving, status=AttemptStatus.UNKNOWN)
        case e.CardSavingCancelRequested():
            return replace(saving, cancelling=event.reason)
        case e.CardSavingFailed():
            return replace(saving, status=AttemptStatus(event.outcome), failure=event)
        case e.CardSaved():
            return replace(saving, status=AttemptStatus.SUCCEEDED, saved=event)
    return saving


# Small maps that are never changed in place -----------------------------------------------------------------------

_Open = TypeVar("_Open", TopUp, CardSaving)
_Value = TypeVar("_Value")


def _kept_while_open(items: Mapping[str, _Open], event: e.OperationEvent, item: _Open | None) -> Mapping[str, _Open]:
    if item is None or item.is_over:
        return _without(items, event.operation_id)
    return {**items, event.operation_id: item}


def _without(items: Mapping[str, _Value], key: str) -> Mapping[str, _Value]:
    return {k: v for k, v in items.items() if k != key} if key in items else items
