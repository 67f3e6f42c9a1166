"""What left a captured sale again: refunds by whomever, a void, disputes, and a settlement that was declined.

A sale names its refunds, and holds its disputes and the history of its statuses. A void leaves no object of its own,
and does not say who asked for it: its reference is the one under which `refund` tells of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from interact_ledger.gateways.braintree.amounts import read_money
from interact_ledger.gateways.braintree.calls import Absent, AnswerLost
from interact_ledger.gateways.braintree.connection import Verbs
from interact_ledger.gateways.braintree.requests import operation_of
from interact_ledger.gateways.braintree.results import (
    CAPTURED,
    is_captured,
    is_unsettled,
    moment,
    money_of,
    void_result,
)
from interact_ledger.gateways.protocol import (
    AfterCapture,
    Dispute,
    DisputeStatus,
    Found,
    Indeterminate,
    NotFound,
    RefundMade,
)

__all__ = ["AfterCaptures"]

REFUNDS_MAX = 200
"""Each is a request of its own, and no sale has nearly as many."""

_RETRIEVAL = "retrieval"
"""A bank that only asks about a sale: no money is taken."""

_DISPUTES = {
    "open": DisputeStatus.OPEN,
    "disputed": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "accepted": DisputeStatus.LOST,
    "auto_accepted": DisputeStatus.LOST,
    "expired": DisputeStatus.LOST,
}


class AfterCaptures(Verbs):
    """What became of one merchant's sales."""

    def find_after_capture(self, charge_reference: str) -> Found[AfterCapture] | NotFound | Indeterminate:
        """Tell all that left a sale; a part of it is no answer."""
        return self._connection.found(lambda: self._left(self._connection.transaction(charge_reference)))

    def _left(self, sale: Any) -> AfterCapture:
        if sale.type != "sale" or not _was_captured(sale):
            raise Absent("there is no such captured sale")
        reversed_at = _since(sale) if is_unsettled(sale) else None
        return AfterCapture(
            refunds=(_voided(sale),) if sale.status == "voided" else self._refunds(sale),
            disputes=tuple(_dispute(each) for each in getattr(sale, "disputes", None) or () if _takes_money(each)),
            reversed_at=reversed_at,
            reversal_code=_reversal_code(sale) if reversed_at else None,
        )

    def _refunds(self, sale: Any) -> tuple[RefundMade, ...]:
        refund_ids = sale.refund_ids or ()
        if len(refund_ids) > REFUNDS_MAX:
            raise AnswerLost(f"the sale has more than {REFUNDS_MAX} refunds")
        refunds = [self._refund(refund_id) for refund_id in refund_ids]
        return tuple(_refund_made(refund, sale) for refund in refunds if is_captured(refund) or is_unsettled(refund))

    def _refund(self, refund_id: str) -> Any:
        try:
            return self._connection.transaction(refund_id)
        except Absent:
            raise AnswerLost("a refund that the sale names could not be found") from None


def _refund_made(refund: Any, sale: Any) -> RefundMade:
    """Return a refund; made by hand, it bears the order id of its sale, which the gateway copies."""
    return RefundMade(
        reference=refund.id,
        amount=money_of(refund),
        refunded_at=moment(refund.created_at),
        operation_id=None if refund.order_id == sale.order_id else operation_of(refund.order_id),
        returned=is_unsettled(refund),
    )


def _voided(sale: Any) -> RefundMade:
    void = void_result(sale)
    return RefundMade(reference=void.reference, amount=void.amount, refunded_at=_since(sale), operation_id=None)


def _was_captured(sale: Any) -> bool:
    """Say whether a sale took money once, whatever became of it."""
    gone = is_unsettled(sale) or sale.status == "voided"
    return is_captured(sale) or (gone and any(event.status in CAPTURED for event in _history(sale)))


def _since(transaction: Any) -> datetime:
    """Return when a transaction came to its present status."""
    told = [event.timestamp for event in _history(transaction) if event.status == transaction.status]
    return moment(told[-1] if told else transaction.updated_at)


def _history(thing: Any) -> Sequence[Any]:
    return getattr(thing, "status_history", None) or ()


def _reversal_code(sale: Any) -> str:
    return str(getattr(sale, "processor_settlement_response_code", None) or sale.status)


def _takes_money(dispute: Any) -> bool:
    return bool(dispute.kind != _RETRIEVAL)


def _dispute(dispute: Any) -> Dispute:
    status = _DISPUTES[dispute.status]
    disputed = getattr(dispute, "amount_disputed", None)  # older documents say only `amount`
    amount = read_money(dispute.amount if disputed is None else disputed, dispute.currency_iso_code)
    won = read_money(getattr(dispute, "amount_won", None) or Decimal(0), dispute.currency_iso_code)
    if status is DisputeStatus.WON and 0 < won.amount < amount.amount:
        status, amount = DisputeStatus.LOST, amount - won  # won in part: the rest is lost
    return Dispute(
        reference=dispute.id,
        status=status,
        amount=amount,
        reason=str(dispute.reason),
        opened_at=_opened_at(dispute),
        evidence_due_by=_start_of(dispute.reply_by_date),
        decided_at=None if status is DisputeStatus.OPEN else _decided_at(dispute),
    )


def _opened_at(dispute: Any) -> datetime:
    created_at = getattr(dispute, "created_at", None)
    opened = _start_of(dispute.received_date) if created_at is None else moment(created_at)
    if opened is None:
        raise ValueError("a dispute without a beginning")
    return opened


def _decided_at(dispute: Any) -> datetime | None:
    told = [event.timestamp for event in _history(dispute) if event.status == dispute.status]
    return moment(told[-1]) if told else None


def _start_of(day: date | None) -> datetime | None:
    """Return a day's first moment in UTC, which for a last day is early rather than late."""
    return None if day is None else moment(datetime.combine(day, time()))
