"""What left a captured payment again: refunds by whomever, and disputes.

A card payment that Stripe captured is settled; nothing reverses it but these.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from moneyed import Money

from interact_ledger.gateways.protocol import (
    AfterCapture,
    Dispute,
    DisputeStatus,
    Found,
    Indeterminate,
    NotFound,
    RefundMade,
)
from interact_ledger.gateways.stripe.amounts import money_of
from interact_ledger.gateways.stripe.connection import Answer, Refusal
from interact_ledger.gateways.stripe.intents import PAGE, not_understood, pages
from interact_ledger.gateways.stripe.requests import OPERATION
from interact_ledger.gateways.stripe.results import UNREADABLE, Object, moment, text
from interact_ledger.gateways.stripe.understanding import MISSING, Verbs, refuse_empty

__all__ = ["AfterCaptures"]

PAGES_MAX = 20
"""No payment has nearly as many refunds; whatever is longer is not read for ever."""

Result = TypeVar("Result")


class AfterCaptures(Verbs):
    """The verb about what left a payment again."""

    def find_after_capture(self, charge_reference: str) -> Found[AfterCapture] | NotFound | Indeterminate:
        """Retrieve the PaymentIntent, and list all its Refunds and Disputes; a part of them is no answer."""
        refuse_empty(charge_reference, "charge_reference")
        sent = self._connection.send(lambda v1: v1.payment_intents.retrieve(charge_reference))
        if isinstance(sent, Refusal) and sent.code == MISSING:
            return NotFound()
        if not isinstance(sent, Answer):
            return Indeterminate(why="the payment could not be retrieved")
        try:
            currency = text(sent.body["currency"])
            if sent.body["status"] != "succeeded":
                return NotFound()
        except UNREADABLE as error:
            return not_understood(error)
        refunds = self._all(lambda v1: v1.refunds, charge_reference, currency, _refund_made)
        if isinstance(refunds, Indeterminate):
            return refunds
        disputes = self._all(lambda v1: v1.disputes, charge_reference, currency, _dispute)
        if isinstance(disputes, Indeterminate):
            return disputes
        return Found(AfterCapture(refunds=refunds, disputes=disputes))

    def _all(
        self, service: Callable[[Any], Any], payment: str, currency: str, read: Callable[[Object], Result | None]
    ) -> tuple[Result, ...] | Indeterminate:
        """Return all that a payment has of one kind, oldest first."""
        found: list[Result] = []
        params = {"payment_intent": payment, "limit": PAGE}
        for number, page in enumerate(pages(self._connection, service, params), start=1):
            if isinstance(page, Indeterminate):
                return page
            if number > PAGES_MAX:
                return Indeterminate(why=f"there are more than {PAGES_MAX * PAGE:,} of them")
            try:
                if any(item["currency"] != currency for item in page):
                    return Indeterminate(why="it is in another currency than its payment")
                found += [result for result in map(read, page) if result is not None]
            except UNREADABLE as error:
                return not_understood(error)
        return tuple(reversed(found))


def _refund_made(refund: Object) -> RefundMade | None:
    """Return a refund that went out; one that is under way, or was called off, did not."""
    match refund["status"]:
        case "pending" | "requires_action" | "canceled":
            return None
        case "succeeded" | "failed" as status:
            operation_id = (refund.get("metadata") or {}).get(OPERATION)
            return RefundMade(
                reference=text(refund["id"]),
                amount=money_of(refund["amount"], refund["currency"]),
                refunded_at=moment(refund["created"]),
                operation_id=None if operation_id is None else text(operation_id),
                returned=status == "failed",
            )
    raise ValueError("not a status of a Refund")


def _dispute(dispute: Object) -> Dispute | None:
    """Return a dispute; an inquiry is none, nor one that was prevented before any money was taken for it."""
    status = _dispute_status(dispute)
    if status is None:
        return None
    return Dispute(
        reference=text(dispute["id"]),
        status=status,
        amount=money_of(dispute["amount"], dispute["currency"]),
        reason=text(dispute["reason"]),
        opened_at=moment(dispute["created"]),
        evidence_due_by=_due_by(dispute["evidence_details"]),
        fee=_fee(dispute),
    )


def _dispute_status(dispute: Object) -> DisputeStatus | None:
    match dispute["status"]:
        case "needs_response" | "under_review":
            return DisputeStatus.OPEN
        case "won":
            return DisputeStatus.WON
        case "lost":
            return DisputeStatus.LOST
        case "prevented":
            moved = [booked["amount"] for booked in dispute["balance_transactions"]]
            if not moved:
                return None
            return DisputeStatus.LOST if sum(moved) < 0 else DisputeStatus.WON
        case "warning_needs_response" | "warning_under_review" | "warning_closed":
            return None
    raise ValueError("not a status of a Dispute")


def _due_by(evidence: Object) -> datetime | None:
    seconds = evidence["due_by"]
    return None if seconds is None else moment(seconds)


def _fee(dispute: Object) -> Money | None:
    """Return what Stripe took for itself and did not give back, in the currency in which the account settles."""
    booked = dispute["balance_transactions"]
    units = sum(each["fee"] for each in booked)
    return money_of(units, booked[0]["currency"]) if units > 0 else None
