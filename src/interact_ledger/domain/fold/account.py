"""What an account is after one more event of its stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import singledispatch
from typing import TypeVar

from interact_ledger.domain import events as e
from interact_ledger.domain.account import (
    Account,
    Card,
    CardSaving,
    CreditLot,
    Hold,
    Refund,
    RentedNumber,
    TaxNumber,
    TopUp,
)
from interact_ledger.domain.fold.automatic import evolve_automatic
from interact_ledger.domain.fold.operations import evolve_card_saving, evolve_refund, evolve_top_up
from interact_ledger.gateways.protocol import Initiator

__all__ = ["evolve"]


def evolve(account: Account | None, recorded: e.Recorded) -> Account:
    """Return the account as it is after one more event of its stream."""
    event = recorded.event
    if account is None:
        assert isinstance(event, e.AccountOpened), "a stream starts with the account's opening"
        return _opened(recorded, event)
    assert recorded.version == account.version + 1, "versions are contiguous"
    after = evolve_automatic(_apply(event, account), recorded)
    after = replace(after, version=recorded.version, recorded_at=recorded.recorded_at)
    return _card_trouble_noted(after, account, recorded) if isinstance(event, _CARD_TROUBLE) else after


_CARD_TROUBLE = (e.PaymentDeclined, e.CardSavingFailed, e.TopUpRequested, e.CardSavingRequested)
_NOTED_MAX = 100


def _card_trouble_noted(account: Account, before: Account, recorded: e.Recorded) -> Account:
    """Keep when a customer was declined or gave a new card to keep; what is charged automatically does not count."""
    match recorded.event:
        case e.PaymentDeclined(operation_id=operation_id):
            top_up = before.top_ups.get(operation_id)
            counts = top_up is None or top_up.intent.initiator is Initiator.CUSTOMER
            return _declined(account, recorded) if counts else account
        case e.CardSavingFailed(outcome="declined"):
            return _declined(account, recorded)
        case e.TopUpRequested(save_card=True, card_id=None) | e.CardSavingRequested():
            added = (*account.cards_added_at, recorded.recorded_at)
            return replace(account, cards_added_at=added[-_NOTED_MAX:])
    return account


def _declined(account: Account, recorded: e.Recorded) -> Account:
    return replace(account, declined_at=(*account.declined_at, recorded.recorded_at)[-_NOTED_MAX:])


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
    return replace(account, suspended=True)


@_apply.register
def _(event: e.AccountReinstated, account: Account) -> Account:
    return replace(account, suspended=False)


@_apply.register
def _(event: e.LowBalanceThresholdSet, account: Account) -> Account:
    return replace(account, low_balance_threshold=event.threshold)


@_apply.register
def _(event: e.AccountClosed, account: Account) -> Account:
    rest = account.balance - event.paid_out - event.written_off
    return replace(account, closed=True, balance=rest)


@_apply.register
def _(event: e.Spent, account: Account) -> Account:
    return replace(account, balance=account.balance - event.amount, lots=_lots_used(account.lots, event.lots))


@_apply.register
def _(event: e.BalanceAdjusted, account: Account) -> Account:
    return replace(account, balance=account.balance + event.amount, lots=_lots_used(account.lots, event.lots))


@_apply.register
def _(event: e.SpendReversed, account: Account) -> Account:
    lots = account.lots
    for part in event.lots:
        lots = _lot_raised(lots, part.lot_id, part.amount, part.priority, part.expires_at)
    return replace(account, balance=account.balance + event.amount, lots=lots)


@_apply.register
def _(event: e.PaymentAttempted | e.PaymentEvent, account: Account) -> Account:
    top_up = evolve_top_up(account.top_ups.get(event.operation_id), event)
    credit = event.credit if isinstance(event, e.PaymentCaptured) else Decimal(0)
    return replace(account, balance=account.balance + credit, top_ups=_kept_while_open(account.top_ups, event, top_up))


@_apply.register
def _(event: e.RefundEvent, account: Account) -> Account:
    before = account.refunds.get(event.operation_id)
    refund = evolve_refund(before, event)
    reserved = (refund.reserved if refund else 0) - (before.reserved if before else 0)
    return replace(
        account,
        balance=account.balance - _paid_back(event),
        held=account.held + reserved,
        refunds=_kept_while_open(account.refunds, event, refund),
    )


def _paid_back(event: e.RefundEvent) -> Decimal:
    match event:
        case e.Refunded() | e.RefundMismatched():
            return event.credit
        case e.RefundReturned():
            return -event.credit
    return Decimal(0)


@_apply.register
def _(event: e.DisputeOpened, account: Account) -> Account:
    disputes = {**account.disputes, event.operation_id: event.held}
    return replace(account, held=account.held + event.held, disputes=disputes)


@_apply.register
def _(event: e.DisputeWon | e.DisputeLost, account: Account) -> Account:
    freed = account.disputes.get(event.operation_id, Decimal(0))
    return replace(
        account,
        balance=account.balance + (event.credit if isinstance(event, e.DisputeWon) else -event.credit),
        held=account.held - freed,
        disputes=_without(account.disputes, event.operation_id),
    )


@_apply.register
def _(event: e.RefundMadeElsewhere, account: Account) -> Account:
    return replace(account, balance=account.balance - event.credit)


@_apply.register
def _(event: e.RefundElsewhereReturned, account: Account) -> Account:
    return replace(account, balance=account.balance + event.credit)


@_apply.register
def _(event: e.PaymentReversed, account: Account) -> Account:
    return replace(account, balance=account.balance - event.credit)


@_apply.register
def _(event: e.GatewayCustomerLinked, account: Account) -> Account:
    return replace(account, gateway_customers={**account.gateway_customers, event.gateway: event.customer_id})


@_apply.register
def _(event: e.CardSavingAttempted | e.CardSavingEvent, account: Account) -> Account:
    saving = evolve_card_saving(account.card_savings.get(event.operation_id), event)
    return replace(account, card_savings=_kept_while_open(account.card_savings, event, saving))


@_apply.register
def _(event: e.CardSaved, account: Account) -> Account:
    known = account.cards.get(event.card_id)
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
        removal_id=known.removal_id if known else None,
        removal_requested_at=known.removal_requested_at if known else None,
    )
    return replace(
        account,
        cards={**account.cards, card.card_id: card},
        card_savings=_without(account.card_savings, event.operation_id),
        default_card_id=account.default_card_id or (None if card.removal_id else card.card_id),
    )


@_apply.register
def _(event: e.CardRemovalRequested, account: Account) -> Account:
    card = replace(account.cards[event.card_id], removal_id=event.operation_id, removal_requested_at=event.requested_at)
    default = None if account.default_card_id == event.card_id else account.default_card_id
    return replace(account, cards={**account.cards, card.card_id: card}, default_card_id=default)


@_apply.register
def _(event: e.CardRemoved, account: Account) -> Account:
    return replace(account, cards=_without(account.cards, event.card_id))


@_apply.register
def _(event: e.CardDetached, account: Account) -> Account:
    default = None if account.default_card_id == event.card_id else account.default_card_id
    return replace(account, cards=_without(account.cards, event.card_id), default_card_id=default)


@_apply.register
def _(event: e.CardUpdated, account: Account) -> Account:
    card = replace(
        account.cards[event.card_id],
        brand=event.brand,
        last_four=event.last_four,
        expiry_month=event.expiry_month,
        expiry_year=event.expiry_year,
        funding=event.funding,
    )
    return replace(account, cards={**account.cards, card.card_id: card})


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
    return replace(
        account,
        balance=account.balance - event.amount,
        lots=_lots_used(account.lots, event.lots),
        numbers={**account.numbers, rented.number: rented},
    )


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
        lots=dict(event.lots),
    )
    return replace(
        account,
        held=account.held + event.amount,
        holds={**account.holds, hold.hold_id: hold},
        lots=_lots_held(account.lots, hold.lots, 1),
    )


@_apply.register
def _(event: e.HoldSettled, account: Account) -> Account:
    reduced = _hold_reduced(account, event.hold_id, event.amount, dict(event.lots))
    return replace(reduced, balance=reduced.balance - event.amount, lots=_lots_used(reduced.lots, event.lots))


@_apply.register
def _(event: e.HoldReleased | e.HoldExpired, account: Account) -> Account:
    return _hold_reduced(account, event.hold_id, event.amount, account.holds[event.hold_id].lots)


def _hold_reduced(account: Account, hold_id: str, amount: Decimal, lots: Mapping[str, Decimal]) -> Account:
    hold = account.holds[hold_id]
    left = {lot_id: held - lots.get(lot_id, 0) for lot_id, held in hold.lots.items()}
    rest = replace(
        hold, remaining=hold.remaining - amount, lots={lot_id: held for lot_id, held in left.items() if held}
    )
    return replace(
        account,
        held=account.held - amount,
        holds={**account.holds, hold_id: rest} if rest.remaining else _without(account.holds, hold_id),
        lots=_lots_held(account.lots, lots, -1),
    )


@_apply.register
def _(event: e.CreditGranted, account: Account) -> Account:
    lots = _lot_raised(account.lots, event.operation_id, event.amount, event.priority, event.expires_at)
    return replace(account, balance=account.balance + event.amount, lots=lots)


@_apply.register
def _(event: e.CreditExpired, account: Account) -> Account:
    used = _lots_used(account.lots, (e.LotPart(event.lot_id, event.amount),))
    return replace(account, balance=account.balance - event.amount, lots=used)


_Lots = Mapping[str, CreditLot]


def _lot_raised(lots: _Lots, lot_id: str, amount: Decimal, priority: int, expires_at: datetime | None) -> _Lots:
    lot = lots.get(lot_id) or CreditLot(lot_id=lot_id, remaining=Decimal(0), priority=priority, expires_at=expires_at)
    return {**lots, lot_id: replace(lot, remaining=lot.remaining + amount)}


def _lots_used(lots: _Lots, parts: Iterable[e.LotPart]) -> _Lots:
    for lot_id, amount in parts:
        rest = replace(lots[lot_id], remaining=lots[lot_id].remaining - amount)
        lots = {**lots, lot_id: rest} if rest.remaining else _without(lots, lot_id)
    return lots


def _lots_held(lots: _Lots, parts: Mapping[str, Decimal], times: int) -> _Lots:
    held = {lot_id: replace(lots[lot_id], held=lots[lot_id].held + times * part) for lot_id, part in parts.items()}
    return {**lots, **held} if held else lots


# Small maps that are never changed in place -----------------------------------------------------------------------

_Open = TypeVar("_Open", TopUp, CardSaving, Refund)
_Value = TypeVar("_Value")


def _kept_while_open(items: Mapping[str, _Open], event: e.OperationEvent, item: _Open | None) -> Mapping[str, _Open]:
    if item is None or item.is_over:
        return _without(items, event.operation_id)
    return {**items, event.operation_id: item}


def _without(items: Mapping[str, _Value], key: str) -> Mapping[str, _Value]:
    return {k: v for k, v in items.items() if k != key} if key in items else items
