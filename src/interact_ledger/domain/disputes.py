"""What takes a captured charge back without our asking: disputes, refunds made at the gateway, a failed settlement.

All of it are facts that a gateway told; none is refused, and the balance may fall below zero. A fact takes at most
what is left of its charge, so that a refund and a dispute of one payment never take more than was captured. What is
told again, late or in another order is recognised, and nothing that is missing from an answer is taken for undone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from moneyed import Money

from interact_ledger.domain import events as e
from interact_ledger.domain.answers import REFERENCE_LENGTH_MAX
from interact_ledger.domain.charges import Charge, Parts, evolve_charge
from interact_ledger.domain.charges import Dispute as Known
from interact_ledger.free_text import from_outside, storable
from interact_ledger.gateways.protocol import AfterCapture, Dispute, DisputeStatus, RefundMade
from interact_ledger.ids import derived_id

__all__ = ["claim_again", "dispute_id", "is_told_in", "record_after_capture"]


def record_after_capture(charge: Charge, after: AfterCapture, *, hold: bool) -> list[e.Event]:
    """Turn what a gateway says left a charge into facts, or into none where it is known.

    Args:
        charge: what was captured, and what is known to have left it.
        after: what the gateway says left it.
        hold: whether what a dispute could take is held until it is decided.
    """
    recorded: list[e.Event] = []
    facts: list[RefundMade | Dispute] = [*after.refunds, *after.disputes]
    for fact in (*sorted(facts, key=_order), after):
        new = _told(charge, fact, hold=hold)
        recorded += new
        for event in new:
            charge = evolve_charge(charge, event)
    return recorded


def claim_again(charge: Charge) -> list[e.Event]:
    """Let what took less of a charge than was its due take what it lacks, now that more is left."""
    claimed: list[e.Event] = []
    lost = (dispute for dispute in charge.disputes.values() if dispute.status is DisputeStatus.LOST)
    for dispute in sorted(lost, key=lambda dispute: (dispute.opened.opened_at, dispute.opened.reference)):
        takes = _lacking(charge, dispute.claimed, dispute)
        if takes.total:
            claimed.append(_lost_event(charge, dispute, takes))
            charge = evolve_charge(charge, claimed[-1])
    return claimed + _reversed_again(charge)


def is_told_in(after: AfterCapture, currency: str) -> bool:
    """Say whether all that a gateway says left a charge is in the charge's currency, as it must be."""
    facts: list[RefundMade | Dispute] = [*after.refunds, *after.disputes]
    return all(fact.amount.currency.code == currency for fact in facts)


def dispute_id(gateway: str, reference: str) -> str:
    """Return our id of a gateway's dispute."""
    return derived_id("dsp", gateway, reference)


def _order(fact: RefundMade | Dispute) -> tuple[int, datetime, str]:
    """What gives back comes first, so that what takes finds all that is left; else as it happened.

    A refund comes before a dispute: a dispute that is lost for less than its claim takes the rest when more becomes
    left, and a refund does not.
    """
    if isinstance(fact, RefundMade):
        return 0 if fact.returned else 1, fact.refunded_at, fact.reference
    return 0 if fact.status is DisputeStatus.WON else 2, fact.opened_at, fact.reference


def _told(charge: Charge, fact: RefundMade | Dispute | AfterCapture, *, hold: bool) -> list[e.Event]:
    match fact:
        case RefundMade():
            return _refund(charge, fact)
        case Dispute():
            return _dispute(charge, fact, hold=hold)
        case AfterCapture(reversed_at=datetime() as reversed_at):
            return _reversed(charge, fact.reversal_code, reversed_at)
    return []


# Refunds that somebody made at the gateway ------------------------------------------------------------------------


def _refund(charge: Charge, made: RefundMade) -> list[e.Event]:
    reference = storable(made.reference, REFERENCE_LENGTH_MAX)
    if made.operation_id in charge.refunds or reference in charge.refund_references:
        return []  # ours: its own story tells of it
    known = charge.elsewhere.get(reference)
    if known is not None:
        is_news = made.returned and not known.returned
        return (
            [_event(e.RefundElsewhereReturned, charge, known.operation_id, reference, known.takes)] if is_news else []
        )
    if made.returned:
        return []  # it went out and came back before we heard of it
    operation_id, claimed = derived_id("rfe", charge.captured.gateway, reference), made.amount.amount
    takes = charge.kept.at_most(claimed, charge.captured.currency)
    about = {"claimed": claimed, "refunded_at": made.refunded_at}
    return [_event(e.RefundMadeElsewhere, charge, operation_id, reference, takes, **about)]


# Disputes ---------------------------------------------------------------------------------------------------------


def _dispute(charge: Charge, said: Dispute, *, hold: bool) -> list[e.Event]:
    reference = storable(said.reference, REFERENCE_LENGTH_MAX)
    known = charge.disputes.get(reference)
    if known is not None:
        return _moved(charge, known, said)
    opened = _opened(charge, reference, said, hold=hold)
    charge = evolve_charge(charge, opened)
    return [opened, *_moved(charge, charge.disputes[reference], said)]


def _opened(charge: Charge, reference: str, said: Dispute, *, hold: bool) -> e.Event:
    takes = charge.left.at_most(said.amount.amount, charge.captured.currency)
    return _event(
        e.DisputeOpened,
        charge,
        dispute_id(charge.captured.gateway, reference),
        reference,
        takes,
        claimed=said.amount.amount,
        held=takes.credit if hold else Decimal(0),
        reason=from_outside(said.reason),
        evidence_due_by=said.evidence_due_by,
        opened_at=said.opened_at,
    )


def _moved(charge: Charge, known: Known, said: Dispute) -> list[e.Event]:
    if known.decided_at is not None and said.decided_at is not None and said.decided_at < known.decided_at:
        return []  # an answer from before
    match said.status:
        case DisputeStatus.OPEN if known.status is DisputeStatus.OPEN:
            return _evidence_due(charge, known, said.evidence_due_by)
        case DisputeStatus.WON if known.status is not DisputeStatus.WON:
            return [_won_event(charge, known, said.decided_at)]
        case DisputeStatus.LOST:
            return _lost(charge, known, said)
    return []


def _evidence_due(charge: Charge, known: Known, due_by: datetime | None) -> list[e.Event]:
    if due_by is None or due_by == known.evidence_due_by:
        return []
    return [
        e.DisputeEvidenceDue(
            **_fields(charge, known.opened.operation_id, known.opened.reference), evidence_due_by=due_by
        )
    ]


def _lost(charge: Charge, known: Known, said: Dispute) -> list[e.Event]:
    if known.status is DisputeStatus.LOST and said.amount.amount < known.claimed:
        return _lost_for_less(charge, known, said)
    takes = _lacking(charge, said.amount.amount, known)
    if known.status is DisputeStatus.LOST and not takes.total:
        return []
    claimed = None if said.amount.amount == known.claimed else said.amount.amount
    return [_lost_event(charge, known, takes, claimed=claimed, fee=said.fee, decided_at=said.decided_at)]


def _lost_for_less(charge: Charge, known: Known, said: Dispute) -> list[e.Event]:
    """Give back all that a dispute took, and take what it is lost for since it was decided anew."""
    won = _won_event(charge, known, said.decided_at)
    charge = evolve_charge(charge, won)
    return [won, *_lost(charge, charge.disputes[known.opened.reference], said)]


def _lacking(charge: Charge, claimed: Decimal, known: Known) -> Parts:
    before = known.takes.total if known.status is DisputeStatus.LOST else Decimal(0)
    return charge.claimable.at_most(claimed - before, charge.captured.currency)


def _won_event(charge: Charge, known: Known, decided_at: datetime | None) -> e.Event:
    gives, opened = known.takes if known.status is DisputeStatus.LOST else charge.left.nothing, known.opened
    return _event(e.DisputeWon, charge, opened.operation_id, opened.reference, gives, decided_at=decided_at)


def _lost_event(
    charge: Charge,
    known: Known,
    takes: Parts,
    *,
    claimed: Decimal | None = None,
    fee: Money | None = None,
    decided_at: datetime | None = None,
) -> e.Event:
    return _event(
        e.DisputeLost,
        charge,
        known.opened.operation_id,
        known.opened.reference,
        takes,
        claimed=claimed,
        fee_amount=fee.amount if fee else None,
        fee_currency=fee.currency.code if fee else None,
        decided_at=decided_at,
    )


# A failed settlement ----------------------------------------------------------------------------------------------


def _reversed(charge: Charge, code: str | None, reversed_at: datetime) -> list[e.Event]:
    captured = charge.captured
    takes = charge.claimable.at_most(captured.total, captured.currency)
    if charge.reversal is not None and not takes.total:
        return []
    reversed_ = e.PaymentReversed(
        operation_id=captured.operation_id,
        attempt_id=captured.attempt_id,
        gateway=captured.gateway,
        reference=captured.reference,
        code=from_outside(code or "unknown"),
        credit=takes.credit,
        taxes=charge.tax_lines(takes),
        total=takes.total,
        currency=captured.currency,
        reversed_at=reversed_at,
    )
    return [reversed_]


def _reversed_again(charge: Charge) -> list[e.Event]:
    told = charge.reversal
    return [] if told is None else _reversed(charge, told.code, told.reversed_at)


# Events -----------------------------------------------------------------------------------------------------------


def _event(
    kind: type[e.ChargeShare], charge: Charge, operation_id: str, reference: str, parts: Parts, **about: Any
) -> e.Event:
    return kind(
        **_fields(charge, operation_id, reference),
        credit=parts.credit,
        taxes=charge.tax_lines(parts),
        total=parts.total,
        **about,
    )


def _fields(charge: Charge, operation_id: str, reference: str) -> dict[str, Any]:
    captured = charge.captured
    return {
        "operation_id": operation_id,
        "transaction_id": captured.operation_id,
        "gateway": captured.gateway,
        "reference": reference,
        "charge_reference": captured.reference,
        "currency": captured.currency,
    }
