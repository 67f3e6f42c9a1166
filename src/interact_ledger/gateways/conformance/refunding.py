"""Paying back: in full, in parts, once, and never more than was captured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.requests import (
    begin_and_charge,
    captures,
    good_card,
    half,
    one_of,
    paid,
    payment,
    refund_of,
    seconds,
    told,
    unsupported,
    usual_amount,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    Declined,
    Found,
    NewCard,
    NotAttempted,
    NotFound,
    Pending,
    Refunded,
    RefundRequest,
    Succeeded,
    Unknown,
)

__all__ = ["Refunding"]


class Refunding(Scenarios):
    """Refunds of captured charges, settled ones unless the check says otherwise."""

    def test_a_charge_is_paid_back_whole(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        result = told(Refunded, bench.gateway.refund(refund_of(bench, charge)), "refunding", Rule.REFUND_ONCE)
        _paid_back(bench, charge, 2)
        hold(Rule.AMOUNT, result.amount == charge.amount, f"{charge.amount} was paid back, and it says {result!r}")
        hold(Rule.OUTCOME, result.refunded_at.utcoffset() is not None, "refunded_at bears no time zone")

    def test_a_refund_repeated_under_its_attempt_is_one_refund(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        request = _part_or_whole(bench, charge)
        first = told(Refunded, bench.gateway.refund(request), "refunding", Rule.REFUND_ONCE)
        second = bench.gateway.refund(request)
        hold(Rule.REFUND_ONCE, first == second, f"a repeat does not tell the present state: {first!r}, then {second!r}")
        _paid_back(bench, charge, 2 if request.amount == charge.amount else 1)

    def test_two_equal_parts_are_two_refunds(self, bench: Bench) -> None:
        charge = _in_parts(bench)
        if charge is None:
            return
        part = half(charge.amount)
        first = told(Refunded, bench.gateway.refund(refund_of(bench, charge, part, 1)), "refunding a part")
        _paid_back(bench, charge, 1)
        second = told(Refunded, bench.gateway.refund(refund_of(bench, charge, part, 2)), "refunding another part")
        _paid_back(bench, charge, 2)
        hold(Rule.REFUND_ONCE, first.reference != second.reference, f"two refunds have one reference: {first!r}")

    def test_a_part_is_paid_back_exactly_in_every_currency(self, bench: Bench) -> None:
        if _in_parts(bench) is None:
            return
        for number, currency in enumerate(sorted(bench.gateway.capabilities.currencies), start=2):
            charge = paid(bench, payment(bench, number, amount=usual_amount(bench, currency)))
            bench.settle(charge.reference)
            part = half(charge.amount)
            request = replace(
                refund_of(bench, charge, part, number), transaction_id=payment(bench, number).transaction_id
            )
            result = told(Refunded, bench.gateway.refund(request), f"refunding {part}", Rule.REFUND_ONCE)
            captured = next(each for each in bench.captured() if each.reference == charge.reference)
            exact = captured.refunded == part == result.amount
            hold(Rule.AMOUNT, exact, f"{part!r} was asked for, {captured.refunded!r} paid back, {result.amount!r} said")

    def test_more_than_was_captured_is_never_paid_back(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        told(Refunded, bench.gateway.refund(refund_of(bench, charge)), "refunding", Rule.REFUND_ONCE)
        _refused(bench, refund_of(bench, charge, number=2), "a second refund of all")
        _paid_back(bench, charge, 2)

    def test_a_part_that_exceeds_what_is_left_is_refused(self, bench: Bench) -> None:
        charge = _in_parts(bench)
        if charge is None:
            return
        told(Refunded, bench.gateway.refund(refund_of(bench, charge, half(charge.amount), 1)), "refunding a part")
        _refused(bench, refund_of(bench, charge, charge.amount, 2), "a refund of more than is left")
        _refused(bench, refund_of(bench, charge, charge.amount + charge.amount, 3), "a refund of twice the charge")
        _paid_back(bench, charge, 1)

    def test_a_refund_attempt_with_another_amount_pays_nothing_back(self, bench: Bench) -> None:
        charge = _in_parts(bench)
        if charge is None:
            return
        request = refund_of(bench, charge, half(charge.amount))
        first = bench.gateway.refund(request)
        try:
            second = bench.gateway.refund(replace(request, amount=half(half(charge.amount))))
        except GatewayInvalidRequest:
            second = first
        hold(Rule.SAME_ATTEMPT, second == first, f"with another amount the attempt came out as {second!r}")
        _paid_back(bench, charge, 1)

    def test_a_refund_is_found_by_our_ids_and_not_as_its_neighbour(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        request = _part_or_whole(bench, charge)
        result = told(Refunded, bench.gateway.refund(request), "refunding", Rule.REFUND_ONCE)
        bench.clock.advance(bench.gateway.capabilities.lookup_lag)
        found = bench.gateway.find_refund(request)
        hold(Rule.FINDING, found == Found(result), f"refunded with {result!r}, it is found as {found!r}")
        absent = bench.gateway.find_refund(replace(request, attempt_id="other.1", refund_id="other"))
        hold(Rule.FINDING, isinstance(absent, NotFound), f"an equal refund that never was is found as {absent!r}")
        _paid_back(bench, charge, 2 if request.amount == charge.amount else 1)

    @pytest.mark.parametrize("succeed", [True, False], ids=["paid", "declined"])
    def test_a_pending_refund_is_pending_until_it_settles(self, bench: Bench, *, succeed: bool) -> None:
        charge = self._settled_with(bench, Behaviour.REFUND_PENDS)
        if charge is None:
            return
        request = refund_of(bench, charge)
        pending = told(Pending, bench.gateway.refund(request), "a refund that pends")
        found = bench.gateway.find_refund(request)
        still = isinstance(found, Found) and isinstance(found.result, Pending)
        hold(Rule.FINDING, still, f"a refund that pends is found as {found!r}")
        bench.settle(pending.reference, succeed=succeed)
        found = bench.gateway.find_refund(request)
        wanted = isinstance(found, Found) and isinstance(found.result, Refunded if succeed else Declined)
        hold(Rule.FINDING, wanted, f"settled, it is found as {found!r}")

    def test_a_declined_refund_pays_nothing_back(self, bench: Bench) -> None:
        charge = self._settled_with(bench, Behaviour.REFUND_DECLINED)
        if charge is None:
            return
        told(Declined, bench.gateway.refund(refund_of(bench, charge)), "a refund that is declined")
        _paid_back(bench, charge, 0)

    def test_a_refund_that_the_bank_sent_back_is_found_as_declined(self, bench: Bench) -> None:
        charge = self._settled_with(bench, Behaviour.REFUND_RETURNS)
        if charge is None:
            return
        request = refund_of(bench, charge)
        refunded = told(Refunded, bench.gateway.refund(request), "refunding", Rule.REFUND_ONCE)
        bench.return_refund(refunded.reference)
        found = bench.gateway.find_refund(request)
        wanted = isinstance(found, Found) and isinstance(found.result, Declined)
        hold(Rule.FINDING, wanted, f"sent back by the bank, it is found as {found!r}")

    def test_nothing_is_paid_back_at_or_after_send_before(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        request = refund_of(bench, charge)
        for late_by in (0, 1):
            bench.clock.set(request.send_before + seconds(late_by))
            one_of((NotAttempted, Unknown), bench.gateway.refund(request), "too late, refunding", Rule.SEND_BEFORE)
            (captured,) = captures(bench, 1)
            hold(Rule.SEND_BEFORE, captured.refunded.amount == 0, f"too late, {captured.refunded} was paid back")

    def test_what_was_never_captured_is_not_paid_back(self, bench: Bench) -> None:
        charge = _settled(bench)
        if charge is None:
            return
        _refused(bench, replace(refund_of(bench, charge), charge_reference="no-such-charge"), "a refund of nothing")
        _paid_back(bench, charge, 0)

    def test_a_charge_that_is_not_settled_is_paid_back_as_declared(self, bench: Bench) -> None:
        capabilities = bench.gateway.capabilities
        if not capabilities.refunds:
            return  # that it is refused is checked with each of the others
        charge = paid(bench)
        request = _part_or_whole(bench, charge)
        if not capabilities.refunds_before_settlement:
            unsupported(bench, "a refund before settlement", lambda: bench.gateway.refund(request))
            return
        told(Refunded, bench.gateway.refund(request), "refunding before settlement", Rule.DECLARED)

    def _settled_with(self, bench: Bench, behaviour: Behaviour) -> Succeeded | None:
        card = self.card(bench, behaviour)
        return None if card is None else _settled(bench, card)


def _settled(bench: Bench, card: NewCard | None = None) -> Succeeded | None:
    """Return a charge to pay back; None after checking that a gateway without refunds refuses them."""
    result = begin_and_charge(bench, payment(bench), card or good_card(bench))
    charge = told(Succeeded, result, "charging a card that pays")
    bench.settle(charge.reference)
    if bench.gateway.capabilities.refunds:
        return charge
    request = refund_of(bench, charge)
    unsupported(bench, "refund", lambda: bench.gateway.refund(request))
    unsupported(bench, "find_refund", lambda: bench.gateway.find_refund(request))
    return None


def _in_parts(bench: Bench) -> Succeeded | None:
    """Return a charge to pay back in parts; None after checking that a gateway without partial refunds refuses them."""
    charge = _settled(bench)
    if charge is None or bench.gateway.capabilities.partial_refunds:
        return charge
    part = refund_of(bench, charge, half(charge.amount))
    unsupported(bench, "a partial refund", lambda: bench.gateway.refund(part))
    return None


def _part_or_whole(bench: Bench, charge: Succeeded) -> RefundRequest:
    """Return a refund of half, so that doing it twice would show, or of all where there are no parts."""
    in_parts = bench.gateway.capabilities.partial_refunds
    return refund_of(bench, charge, half(charge.amount) if in_parts else charge.amount)


def _paid_back(bench: Bench, charge: Succeeded, halves: int) -> None:
    (captured,) = captures(bench, 1)
    wanted = halves * half(charge.amount)
    rule = Rule.REFUND_LIMIT if captured.refunded > charge.amount else Rule.REFUND_ONCE
    hold(rule, captured.refunded == wanted, f"{captured.refunded} of {charge.amount} was paid back instead of {wanted}")


def _refused(bench: Bench, request: RefundRequest, what: str) -> None:
    try:
        result: object = bench.gateway.refund(request)
    except GatewayInvalidRequest:
        return
    told(Declined, result, what, Rule.REFUND_LIMIT)
