"""What left captured charges again, by whomever: refunds, disputes, settlements that failed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TypeAlias

import pytest
from moneyed import Money

from interact_ledger.gateways.conformance.bench import Behaviour, Bench, Elsewhere, Fault
from interact_ledger.gateways.conformance.requests import (
    answer,
    begin_and_charge,
    captures,
    good_card,
    half,
    paid,
    payment,
    refund_of,
    told,
    unsupported,
    usual_amount,
)
from interact_ledger.gateways.conformance.rules import Rule, Violation, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    AfterCapture,
    Declined,
    Dispute,
    DisputeStatus,
    Found,
    Indeterminate,
    NewCard,
    NotFound,
    Pending,
    Refunded,
    Succeeded,
)

__all__ = ["Afterwards", "settled_charge"]

_Made: TypeAlias = tuple[str, Money, str | None]
"""A refund: its reference, its amount, and our id if it is ours."""


class Afterwards(Scenarios):
    """What left captured and settled charges again."""

    def test_a_charge_that_nothing_left_is_told_so(self, bench: Bench) -> None:
        charge = settled_charge(bench)
        if charge is None:
            return
        left = _left(bench, charge)
        hold(Rule.LEFT, left == AfterCapture(), f"nothing left the charge, and yet {left!r} is told")

    def test_each_refund_of_ours_is_told_with_our_id(self, bench: Bench) -> None:
        charge = settled_charge(bench)
        if charge is None or not bench.gateway.capabilities.refunds:
            return
        parts = 2 if bench.gateway.capabilities.partial_refunds else 1
        made = [
            _refund(bench, charge, Money(charge.amount.amount / parts, charge.amount.currency), n) for n in range(parts)
        ]
        _told_refunds(bench, charge, made)

    def test_refunds_made_elsewhere_are_told_beside_ours(self, bench: Bench) -> None:
        charge = settled_charge(bench)
        if charge is None:
            return
        part = half(half(charge.amount))
        made: list[_Made] = []
        for _ in range(2):
            reference = self.played(Elsewhere.REFUND, self.others(bench).refund_in_dashboard(charge.reference, part))
            if reference is not None:
                made.append((reference, part, None))
        if bench.gateway.capabilities.partial_refunds:
            made.append(_refund(bench, charge, part))
        _told_refunds(bench, charge, made)

    @pytest.mark.parametrize("behaviour", [Behaviour.REFUND_PENDS, Behaviour.REFUND_DECLINED])
    def test_a_refund_is_told_once_it_went_out(self, bench: Bench, behaviour: Behaviour) -> None:
        card = self.card(bench, behaviour)
        charge = None if card is None else settled_charge(bench, card)
        if charge is None or not bench.gateway.capabilities.refunds:
            return
        request = refund_of(bench, charge)
        result = bench.gateway.refund(request)
        _told_refunds(bench, charge, [])
        if behaviour is Behaviour.REFUND_DECLINED:
            told(Declined, result, "a refund that is declined")
            return
        pending = told(Pending, result, "a refund that pends")
        bench.settle(pending.reference)
        _told_refunds(bench, charge, [(pending.reference, charge.amount, request.refund_id)])

    def test_a_refund_that_the_bank_sent_back_is_told_as_returned(self, bench: Bench) -> None:
        card = self.card(bench, Behaviour.REFUND_RETURNS)
        charge = None if card is None else settled_charge(bench, card)
        if charge is None or not bench.gateway.capabilities.refunds:
            return
        reference, *_ = _refund(bench, charge, charge.amount)
        bench.return_refund(reference)
        refunds = _left(bench, charge).refunds
        back = [refund.reference for refund in refunds if refund.returned]
        hold(Rule.LEFT, back == [reference], f"sent back by the bank, it is told as {refunds!r}")

    @pytest.mark.parametrize("won", [True, False], ids=["won", "lost"])
    def test_a_dispute_is_told_as_it_stands(self, bench: Bench, won: bool) -> None:  # noqa: FBT001 - pytest names it
        charge = settled_charge(bench)
        if charge is None:
            return
        others, amount = self.others(bench), half(charge.amount)
        reference = self.played(Elsewhere.DISPUTE, others.open_dispute(charge.reference, amount))
        if reference is None:
            return
        opened = _told_dispute(bench, charge, (reference, DisputeStatus.OPEN, amount))
        zoned = all(moment.utcoffset() is not None for moment in _moments(opened))
        hold(Rule.LEFT, zoned, f"a time without a zone: {opened!r}")
        hold(Rule.LEFT, bool(opened.reason), "a dispute without a reason")
        others.decide_dispute(reference, won=won)
        decided = DisputeStatus.WON if won else DisputeStatus.LOST
        _told_dispute(bench, charge, (reference, decided, amount))

    def test_a_settlement_that_failed_is_told(self, bench: Bench) -> None:
        charge = settled_charge(bench)
        if charge is None:
            return
        code = self.played(Elsewhere.REVERSAL, self.others(bench).reverse_settlement(charge.reference))
        if code is None:
            return
        left = _left(bench, charge)
        is_told = left.reversed_at is not None and left.reversed_at.utcoffset() is not None
        hold(Rule.LEFT, is_told and left.reversal_code == code, f"its settlement failed with {code!r}: {left!r}")

    def test_what_left_is_told_exactly_in_every_currency(self, bench: Bench) -> None:
        if settled_charge(bench) is None:
            return
        others = self.others(bench)
        for number, currency in enumerate(sorted(bench.gateway.capabilities.currencies), start=2):
            charge = paid(bench, payment(bench, number, amount=usual_amount(bench, currency)))
            bench.settle(charge.reference)
            refunded, disputed = half(charge.amount), half(half(charge.amount))
            known = [(Elsewhere.REFUND, refunded, others.refund_in_dashboard(charge.reference, refunded))]
            known += [(Elsewhere.DISPUTE, disputed, others.open_dispute(charge.reference, disputed))]
            wanted = [amount for kind, amount, reference in known if self.played(kind, reference) is not None]
            left = _left(bench, charge)
            amounts = [refund.amount for refund in left.refunds] + [dispute.amount for dispute in left.disputes]
            hold(Rule.AMOUNT, amounts == wanted, f"{wanted!r} left the charge, and {amounts!r} is told")

    def test_what_left_another_charge_is_not_told(self, bench: Bench) -> None:
        first = settled_charge(bench)
        if first is None:
            return
        others, part = self.others(bench), half(first.amount)
        second = paid(bench, payment(bench, 2))
        bench.settle(second.reference)
        self.played(Elsewhere.REFUND, others.refund_in_dashboard(second.reference, part))
        self.played(Elsewhere.DISPUTE, others.open_dispute(second.reference, part))
        left = _left(bench, first)
        hold(Rule.LEFT, left == AfterCapture(), f"another charge was disputed, and of this one {left!r} is told")

    def test_a_charge_that_was_never_captured_is_not_found(self, bench: Bench) -> None:
        if settled_charge(bench) is None:
            return
        references = ["no-such-charge"]
        pending = self.card(bench, Behaviour.PENDS)
        if pending is not None:
            result = begin_and_charge(bench, payment(bench, 2), pending)
            references.append(told(Pending, result, "a charge that pends").reference)
            bench.settle(references[-1], succeed=False)
        declined = told(Declined, begin_and_charge(bench, payment(bench, 3), self.declining_card(bench)), "declining")
        references += [declined.reference] if declined.reference else []
        for reference in references:
            found = bench.gateway.find_after_capture(reference)
            hold(Rule.LEFT, isinstance(found, NotFound), f"nothing was captured there, and it is found as {found!r}")

    def test_telling_what_left_changes_nothing(self, bench: Bench) -> None:
        charge = settled_charge(bench)
        if charge is None:
            return
        self.played(Elsewhere.REFUND, self.others(bench).refund_in_dashboard(charge.reference, half(charge.amount)))
        (before,) = captures(bench, 1)
        due = len(bench.notices_due())
        hold(Rule.CHANGES_NOTHING, _left(bench, charge) == _left(bench, charge), "told twice, it is told otherwise")
        (after,) = captures(bench, 1)
        same = (after.amount, after.refunded) == (before.amount, before.refunded)
        hold(Rule.CHANGES_NOTHING, same, f"telling what left a charge changed it from {before!r} to {after!r}")
        hold(Rule.CHANGES_NOTHING, len(bench.notices_due()) == due, "telling what left a charge set off a notice")

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_part_of_what_left_is_never_told(self, bench: Bench, fault: Fault) -> None:
        charge = settled_charge(bench)
        if charge is None:
            return
        others, part = self.others(bench), half(half(charge.amount))
        self.played(Elsewhere.REFUND, others.refund_in_dashboard(charge.reference, part))
        self.played(Elsewhere.DISPUTE, others.open_dispute(charge.reference, part))
        truth = Found(_left(bench, charge))
        bench.fail_next("find_after_capture", fault)
        found = answer(f"{fault}: find_after_capture", lambda: bench.gateway.find_after_capture(charge.reference))
        whole = found == truth or isinstance(found, Indeterminate)
        hold(Rule.INDETERMINATE, whole, f"{fault}: {truth.result!r} left the charge, and it said {found!r}")


def settled_charge(bench: Bench, card: NewCard | None = None) -> Succeeded | None:
    """Return a captured and settled charge; None after checking that a gateway that tells nothing more refuses to."""
    result = begin_and_charge(bench, payment(bench), card or good_card(bench))
    charge = told(Succeeded, result, "charging a card that pays")
    bench.settle(charge.reference)
    if bench.gateway.capabilities.tells_after_capture:
        return charge
    unsupported(bench, "find_after_capture", lambda: bench.gateway.find_after_capture(charge.reference))
    return None


def _refund(bench: Bench, charge: Succeeded, amount: Money, number: int = 1) -> _Made:
    request = refund_of(bench, charge, amount, number)
    result = told(Refunded, bench.gateway.refund(request), "refunding", Rule.REFUND_ONCE)
    return result.reference, amount, request.refund_id


def _left(bench: Bench, charge: Succeeded) -> AfterCapture:
    bench.clock.advance(bench.gateway.capabilities.lookup_lag)
    found = bench.gateway.find_after_capture(charge.reference)
    if not isinstance(found, Found):
        raise Violation(Rule.LEFT, f"a captured charge is found as {found!r}")
    return told(AfterCapture, found.result, "what left a charge", Rule.LEFT)


def _told_refunds(bench: Bench, charge: Succeeded, wanted: Collection[_Made]) -> None:
    refunds = _left(bench, charge).refunds
    seen = [(refund.reference, refund.amount, refund.operation_id) for refund in refunds]
    hold(Rule.LEFT, sorted(seen, key=repr) == sorted(wanted, key=repr), f"{wanted!r} was paid back, told is {seen!r}")
    zoned = all(refund.refunded_at.utcoffset() is not None for refund in refunds)
    hold(Rule.LEFT, zoned, f"a time without a zone: {refunds!r}")
    back = [refund for refund in refunds if refund.returned]
    hold(Rule.LEFT, not back, f"no bank sent anything back, and yet {back!r} is told")


def _told_dispute(bench: Bench, charge: Succeeded, wanted: tuple[str, DisputeStatus, Money]) -> Dispute:
    disputes = _left(bench, charge).disputes
    seen = [(dispute.reference, dispute.status, dispute.amount) for dispute in disputes]
    hold(Rule.LEFT, seen == [wanted], f"the bank has {wanted!r}, told is {seen!r}")
    return disputes[0]


def _moments(dispute: Dispute) -> Iterator[datetime]:
    yield dispute.opened_at
    yield from filter(None, (dispute.evidence_due_by, dispute.decided_at))
