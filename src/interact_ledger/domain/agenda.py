"""What an account has to have done, and when: the work that recovery and the schedule find by due time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from interact_ledger.domain import auto_top_up, monthly_recharge
from interact_ledger.domain.account import Account, AttemptStatus, CardSaving, Refund, TopUp

__all__ = ["AgendaItem", "AgendaKind", "agenda"]


class AgendaKind(StrEnum):
    """What is to be done."""

    PAYMENT = "payment"
    """Bring a top-up to its true end."""
    CARD_SAVING = "card_saving"
    """Bring the saving of a card to its true end."""
    CARD_REMOVAL = "card_removal"
    """Have the gateway forget a card."""
    REFUND = "refund"
    """Bring a refund to its true end."""
    QUEUED_REFUND = "queued_refund"
    """Try again to pay back a charge that had not settled."""
    HOLD_EXPIRY = "hold_expiry"
    CREDIT_EXPIRY = "credit_expiry"
    NUMBER_RENT = "number_rent"
    AUTO_TOP_UP = "auto_top_up"
    MONTHLY_RECHARGE = "monthly_recharge"
    CARD_EXPIRY = "card_expiry"
    """Tell the customer that a card will have expired when it is to be charged next."""


class AgendaItem(NamedTuple):
    """One thing to do."""

    kind: AgendaKind
    subject: str
    """The operation, card, hold, number or month."""
    due_at: datetime
    """Not before this moment; an attempt may still be under way until its `send_before`."""


def agenda(account: Account) -> frozenset[AgendaItem]:
    """Return all that is to be done for an account, as its state has it."""
    return frozenset(_items(account))


def _items(account: Account) -> Iterator[AgendaItem]:
    for operation_id, top_up in account.top_ups.items():
        yield AgendaItem(AgendaKind.PAYMENT, operation_id, _due(top_up))
    for operation_id, saving in account.card_savings.items():
        yield AgendaItem(AgendaKind.CARD_SAVING, operation_id, _due(saving))
    for card in account.cards.values():
        if card.removal_requested_at is not None:
            yield AgendaItem(AgendaKind.CARD_REMOVAL, card.card_id, card.removal_requested_at)
    for operation_id, refund in account.refunds.items():
        if refund.status is AttemptStatus.QUEUED and refund.queued is not None:
            yield AgendaItem(AgendaKind.QUEUED_REFUND, operation_id, refund.queued.next_try_at)
        else:
            yield AgendaItem(AgendaKind.REFUND, operation_id, _due(refund))
    for hold in account.holds.values():
        yield AgendaItem(AgendaKind.HOLD_EXPIRY, hold.hold_id, hold.expires_at)
    for lot in account.lots.values():
        if lot.expires_at is not None and lot.free:
            yield AgendaItem(AgendaKind.CREDIT_EXPIRY, lot.lot_id, lot.expires_at)
    for rented in account.numbers.values():
        yield AgendaItem(AgendaKind.NUMBER_RENT, rented.number, rented.next_due_at)
    yield from _automatic_payments(account)


def _automatic_payments(account: Account) -> Iterator[AgendaItem]:
    if (low_at := auto_top_up.due_at(account)) is not None:
        yield AgendaItem(AgendaKind.AUTO_TOP_UP, auto_top_up.next_operation(account), low_at)
    recharge = account.monthly_recharge
    if recharge is None:
        return
    if (due_at := monthly_recharge.due_at(account)) is not None:
        month = recharge.next_month if recharge.retry_at is None else recharge.latest_month
        yield AgendaItem(AgendaKind.MONTHLY_RECHARGE, month, due_at)
    if (announced_at := monthly_recharge.expiry_announced_at(account)) is not None:
        yield AgendaItem(AgendaKind.CARD_EXPIRY, recharge.terms.card_id, announced_at)


def _due(attempt: TopUp | CardSaving | Refund) -> datetime:
    match attempt:
        case TopUp(status=AttemptStatus.ACTION_REQUIRED) | CardSaving(status=AttemptStatus.ACTION_REQUIRED):
            return attempt.action_expires_at or attempt.intent.send_before
    return attempt.intent.send_before
