"""What of a captured charge is left, after all that took it back: refunds of ours and of others, disputes, a reversal.

What is *left* may still be paid back: refunds under way and open disputes take from it, so that no command promises the
same money twice. What is *kept* was taken by no fact. A refund made at the gateway takes of that, for the gateway would
not pay back the same money twice; but a lost dispute and a failed settlement leave what a refund of ours is about to
take, so that all together take no more than was captured. What they lack by that they take if the refund fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import NamedTuple, Self

from interact_ledger.domain import events as e
from interact_ledger.gateways.protocol import DisputeStatus
from interact_ledger.money import EXACT, allocate

__all__ = ["Charge", "Dispute", "Parts", "RefundElsewhere", "evolve_charge", "fold_charges", "taxes_paid_back"]


class Parts(NamedTuple):
    """A gross amount, split as its payment was."""

    credit: Decimal
    taxes: tuple[Decimal, ...]
    """Of each tax of the payment, in its order."""

    @classmethod
    def of(cls, event: e.PaymentCaptured | e.RefundAttempted | e.PaymentReversed | e.ChargeShare) -> Self:
        return cls(event.credit, tuple(tax.amount for tax in event.taxes))

    @classmethod
    def paid_back(cls, intent: e.RefundAttempted, paid: e.Refunded | e.RefundMismatched) -> Self:
        """Return what a refund of ours took of its charge."""
        return cls(paid.credit, tuple(tax.amount for tax in taxes_paid_back(intent, paid)))

    @property
    def total(self) -> Decimal:
        return reduce(EXACT.add, self.taxes, self.credit)

    @property
    def nothing(self) -> Parts:
        """Nothing, in as many parts."""
        return Parts(Decimal(0), (Decimal(0),) * len(self.taxes))

    def plus(self, other: Parts) -> Parts:
        taxes = zip(self.taxes, other.taxes, strict=True)
        return Parts(EXACT.add(self.credit, other.credit), tuple(EXACT.add(a, b) for a, b in taxes))

    def minus(self, other: Parts) -> Parts:
        taxes = zip(self.taxes, other.taxes, strict=True)
        return Parts(EXACT.subtract(self.credit, other.credit), tuple(EXACT.subtract(a, b) for a, b in taxes))

    def at_most(self, total: Decimal, currency: str) -> Parts:
        """Take a gross amount out of these parts, or as much of it as they hold; each grows with the amount.

        It is split first into credit and tax, then the tax among taxes. A part below zero holds nothing.
        """
        credit_left, taxes_left = max(self.credit, Decimal(0)), [max(tax, Decimal(0)) for tax in self.taxes]
        tax_left = reduce(EXACT.add, taxes_left, Decimal(0))
        taken = max(min(total, EXACT.add(credit_left, tax_left)), Decimal(0))
        credit, tax = allocate(taken, [credit_left, tax_left], currency)
        return Parts(credit, tuple(allocate(tax, taxes_left, currency)) if taxes_left else ())

    def cover(self, other: Parts) -> bool:
        """Say whether there is as much of each as others take."""
        rest = self.minus(other)
        return rest.credit >= 0 and all(tax >= 0 for tax in rest.taxes)


def taxes_paid_back(intent: e.RefundAttempted, paid: e.Refunded | e.RefundMismatched) -> tuple[e.TaxLine, ...]:
    """Return what a refund of ours took of each tax."""
    return intent.taxes if paid.taxes is None else paid.taxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One dispute of a charge, as far as it is known."""

    opened: e.DisputeOpened
    takes: Parts
    """What it keeps from being paid back while it is open, and what it took once it is lost; nothing once won."""
    claimed: Decimal
    """What the gateway takes if it is lost, gross."""
    status: DisputeStatus = DisputeStatus.OPEN
    evidence_due_by: datetime | None = None
    fee: tuple[Decimal, str] | None = None
    decided_at: datetime | None = None
    """When it was decided, if the gateway said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundElsewhere:
    """One refund of a charge that somebody made at the gateway."""

    operation_id: str
    takes: Parts
    returned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One captured payment, and what took it back."""

    captured: e.PaymentCaptured
    left: Parts
    """What may be paid back: nothing took it, is about to, or disputes it."""
    under_way: Parts
    """What refunds of ours are about to take."""
    refunds: frozenset[str] = frozenset()
    """Our refunds of it, by operation, whatever became of them."""
    refund_references: frozenset[str] = frozenset()
    """What they are at the gateway, where it said so."""
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    """By the gateway's reference."""
    elsewhere: Mapping[str, RefundElsewhere] = field(default_factory=dict)
    """By the gateway's reference."""
    reversal: e.PaymentReversed | None = None
    """That its settlement failed, as it was told first."""

    @property
    def claimable(self) -> Parts:
        """What no fact took, and no refund of ours is about to."""
        disputed = (dispute.takes for dispute in self.disputes.values() if dispute.status is DisputeStatus.OPEN)
        return reduce(Parts.plus, disputed, self.left)

    @property
    def kept(self) -> Parts:
        """What no fact took."""
        return self.claimable.plus(self.under_way)

    def taken_by(self, intent: e.RefundAttempted) -> Parts:
        """Return what a refund of ours takes that was made: what was reserved for it, unless others took of that."""
        parts, kept = Parts.of(intent), self.kept
        return parts if kept.cover(parts) else kept.at_most(parts.total, intent.currency)

    def tax_lines(self, parts: Parts) -> tuple[e.TaxLine, ...]:
        """Write what parts of the charge come to of each of its taxes."""
        lines = zip(self.captured.taxes, parts.taxes, strict=True)
        return tuple(tax.model_copy(update={"amount": amount}) for tax, amount in lines)

    def takes(self, parts: Parts) -> Charge:
        """Return the charge with less left."""
        return replace(self, left=self.left.minus(parts))

    def gives(self, parts: Parts) -> Charge:
        """Return the charge with more left."""
        return replace(self, left=self.left.plus(parts))


def fold_charges(top_up: Iterable[e.Recorded]) -> dict[str, Charge]:
    """Return the charges of a top-up from its operation's events, by the gateway's reference, the first one first."""
    charges: dict[str, Charge] = {}
    intents: dict[str, e.RefundAttempted] = {}
    paid_back: dict[str, Parts] = {}
    for recorded in top_up:
        match recorded.event:
            case e.PaymentCaptured() as captured:
                whole = Parts.of(captured)
                charges[captured.reference] = Charge(captured=captured, left=whole, under_way=whole.nothing)
            case e.RefundAttempted() as intent:
                intents[intent.attempt_id] = intent
                charges[intent.charge_reference] = _refund_attempted(charges[intent.charge_reference], intent)
            case e.RefundEvent() as refund if refund.attempt_id in intents:
                intent = intents[refund.attempt_id]
                if isinstance(refund, e.Refunded | e.RefundMismatched):
                    paid_back[refund.attempt_id] = Parts.paid_back(intent, refund)
                took = paid_back.get(refund.attempt_id, Parts.of(intent))
                charges[intent.charge_reference] = _refund_moved(charges[intent.charge_reference], intent, refund, took)
            case e.ChargeEvent() | e.PaymentReversed() as taken:
                reference = taken.reference if isinstance(taken, e.PaymentReversed) else taken.charge_reference
                charges[reference] = evolve_charge(charges[reference], taken)
    return charges


def evolve_charge(charge: Charge, event: e.Event) -> Charge:
    """Return a charge after one more fact that takes it back without our asking."""
    match event:
        case e.PaymentReversed():
            return replace(charge.takes(Parts.of(event)), reversal=charge.reversal or event)
        case e.RefundMadeElsewhere():
            made = RefundElsewhere(operation_id=event.operation_id, takes=Parts.of(event))
            return replace(charge.takes(made.takes), elsewhere={**charge.elsewhere, event.reference: made})
        case e.RefundElsewhereReturned():
            returned = replace(charge.elsewhere[event.reference], takes=charge.left.nothing, returned=True)
            return replace(charge.gives(Parts.of(event)), elsewhere={**charge.elsewhere, event.reference: returned})
        case e.DisputeOpened():
            takes = Parts.of(event)
            opened = Dispute(opened=event, takes=takes, claimed=event.claimed, evidence_due_by=event.evidence_due_by)
            return _with_dispute(charge.takes(takes), opened)
        case e.DisputeEvidenceDue():
            known = charge.disputes[event.reference]
            return _with_dispute(charge, replace(known, evidence_due_by=event.evidence_due_by))
        case e.DisputeWon() | e.DisputeLost():
            return _decided(charge, charge.disputes[event.reference], event)
    return charge


def _decided(charge: Charge, known: Dispute, event: e.DisputeWon | e.DisputeLost) -> Charge:
    if known.status is DisputeStatus.OPEN:
        charge, known = charge.gives(known.takes), replace(known, takes=charge.left.nothing)
    decided = replace(known, evidence_due_by=None, decided_at=event.decided_at or known.decided_at)
    parts = Parts.of(event)
    if isinstance(event, e.DisputeWon):
        won = replace(decided, status=DisputeStatus.WON, takes=charge.left.nothing)
        return _with_dispute(charge.gives(parts), won)
    fee = None if event.fee_amount is None or event.fee_currency is None else (event.fee_amount, event.fee_currency)
    lost = replace(
        decided,
        status=DisputeStatus.LOST,
        takes=known.takes.plus(parts),
        claimed=known.claimed if event.claimed is None else event.claimed,
        fee=fee or known.fee,
    )
    return _with_dispute(charge.takes(parts), lost)


def _with_dispute(charge: Charge, dispute: Dispute) -> Charge:
    return replace(charge, disputes={**charge.disputes, dispute.opened.reference: dispute})


def _refund_attempted(charge: Charge, intent: e.RefundAttempted) -> Charge:
    parts = Parts.of(intent)
    return replace(
        charge.takes(parts),
        under_way=charge.under_way.plus(parts),
        refunds=charge.refunds | {intent.operation_id},
    )


def _refund_moved(charge: Charge, intent: e.RefundAttempted, event: e.RefundEvent, took: Parts) -> Charge:
    """Return a charge after one more fact about a refund of ours that was to take, and took, such parts of it."""
    reference = getattr(event, "reference", None)
    if reference is not None:
        charge = replace(charge, refund_references=charge.refund_references | {reference})
    match event:
        case e.RefundFailed():
            return _refund_over(charge, intent)
        case e.Refunded() | e.RefundMismatched():
            return (charge if event.late else _refund_over(charge, intent)).takes(took)
        case e.RefundReturned():
            return charge.gives(took)
    return charge


def _refund_over(charge: Charge, intent: e.RefundAttempted) -> Charge:
    parts = Parts.of(intent)
    return replace(charge.gives(parts), under_way=charge.under_way.minus(parts))
