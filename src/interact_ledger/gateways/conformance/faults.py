"""What is said when requests and answers are lost, and that looking up then converges on one charge."""

from __future__ import annotations

import contextlib

import pytest

from interact_ledger.errors import GatewayError
from interact_ledger.gateways.conformance.bench import Bench, Fault
from interact_ledger.gateways.conformance.requests import (
    ACCOUNT,
    answer,
    begin_and_charge,
    begun,
    captures,
    found_charge,
    good_card,
    one_of,
    paid,
    payment,
    refund_of,
    saved,
    saving,
    told,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.protocol import (
    Begun,
    Cancelled,
    CardSaved,
    Forgotten,
    Found,
    NotAttempted,
    NotFound,
    Refunded,
    Succeeded,
    Unknown,
)

__all__ = ["Faults"]

LOST = (Fault.BEFORE, Fault.AFTER, Fault.AFTER_THEN_REFUSED)
EFFECTIVE = (Fault.AFTER, Fault.AFTER_THEN_REFUSED)


class Faults:
    """The network between the adapter and the gateway fails, once, at each method that changes anything."""

    @pytest.mark.parametrize("fault", LOST)
    def test_a_charge_whose_answer_is_lost_is_unknown(self, bench: Bench, fault: Fault) -> None:
        ready, card = begun(bench, payment(bench)), good_card(bench)
        bench.fail_next("charge", fault)
        result = answer(f"{fault}: charging", lambda: bench.gateway.charge(ready, card))
        one_of(_allowed(fault, Succeeded), result, f"{fault}: charging", Rule.UNKNOWN)
        charged = isinstance(result, Succeeded) or fault in EFFECTIVE
        captures(bench, 1 if charged else 0, Rule.OUTCOME)

    def test_a_charge_that_was_surely_not_sent_is_not_attempted(self, bench: Bench) -> None:
        request, card = payment(bench), good_card(bench)
        ready = begun(bench, request)
        bench.fail_next("charge", Fault.REFUSED)
        result = answer("refused outright, charging", lambda: bench.gateway.charge(ready, card))
        told(NotAttempted, result, "refused outright, charging", Rule.SURELY_NOT_SENT)
        captures(bench, 0)
        one_of((NotFound, Begun), found_charge(bench, request), "looking it up then", Rule.FINDING)

    @pytest.mark.parametrize("fault", list(Fault))
    def test_repeating_a_charge_after_a_fault_converges_on_one(self, bench: Bench, fault: Fault) -> None:
        request, card = payment(bench), good_card(bench)
        bench.fail_next("charge", fault)
        for _ in range(3):
            last = begin_and_charge(bench, request, card)
        told(Succeeded, last, f"{fault}, then twice without a fault: charging", Rule.ONE_CHARGE)
        captures(bench, 1)

    @pytest.mark.parametrize("fault", EFFECTIVE)
    def test_a_charge_whose_answer_was_lost_is_found(self, bench: Bench, fault: Fault) -> None:
        request = payment(bench)
        ready, card = begun(bench, request), good_card(bench)
        bench.fail_next("charge", fault)
        bench.gateway.charge(ready, card)
        bench.clock.set(request.send_before + bench.gateway.capabilities.safe_delay)
        result = told(Succeeded, found_charge(bench, request), "looked up after the safe delay, it", Rule.FINDING)
        (captured,) = captures(bench, 1)
        hold(Rule.AMOUNT, result.amount == captured.amount == request.amount, f"{captured!r} is found as {result!r}")

    def test_a_charge_that_never_arrived_is_not_found_as_charged(self, bench: Bench) -> None:
        request, card = payment(bench), good_card(bench)
        ready = begun(bench, request)
        bench.fail_next("charge", Fault.BEFORE)
        if isinstance(bench.gateway.charge(ready, card), Succeeded):
            return  # the adapter tried again by itself, under the same key
        bench.clock.set(request.send_before + bench.gateway.capabilities.safe_delay)
        one_of((NotFound, Begun), found_charge(bench, request), "a charge that never arrived", Rule.FINDING)
        captures(bench, 0)

    @pytest.mark.parametrize("fault", list(Fault))
    def test_beginning_after_a_fault_converges_on_one_charge(self, bench: Bench, fault: Fault) -> None:
        request, card = payment(bench), good_card(bench)
        bench.fail_next("begin", fault)
        first = answer(f"{fault}: beginning", lambda: bench.gateway.begin(request))
        if first is None:
            return  # there is no such step, so nothing was sent that could fail
        one_of(_allowed(fault, Begun), first, f"{fault}: beginning", Rule.UNKNOWN)
        captures(bench, 0, Rule.BEGIN)
        for _ in range(3):
            last = begin_and_charge(bench, request, card)
        told(Succeeded, last, f"{fault} on begin, then without a fault: charging", Rule.ONE_CHARGE)
        captures(bench, 1)

    @pytest.mark.parametrize("fault", list(Fault))
    def test_cancelling_after_a_fault_converges_on_unpayable(self, bench: Bench, fault: Fault) -> None:
        ready = begun(bench, payment(bench))
        if ready.reference is None and not isinstance(bench.gateway.cancel(payment(bench, 2)), Cancelled):
            return  # with nothing begun, a gateway may have nothing to cancel
        bench.fail_next("cancel", fault)
        last = answer(f"{fault}: cancelling", lambda: bench.gateway.cancel(ready))
        one_of((Unknown, *_allowed(fault, Cancelled)), last, f"{fault}: cancelling", Rule.UNPAYABLE)
        for _ in range(3):
            if not isinstance(last, Cancelled):  # said once, it must be true
                last = bench.gateway.cancel(ready)
        told(Cancelled, last, f"{fault}, then without a fault: cancelling", Rule.UNPAYABLE)
        bench.gateway.charge(ready, good_card(bench))
        captures(bench, 0, Rule.UNPAYABLE)

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_saving_whose_answer_is_lost_is_unknown_and_then_found(self, bench: Bench, fault: Fault) -> None:
        if not bench.gateway.capabilities.saves_without_charging:
            return  # that it is refused is checked where saving alone is
        request, card = saving(bench), good_card(bench)
        bench.fail_next("save", fault)
        first = answer(f"{fault}: saving a card", lambda: bench.gateway.save(request, card))
        one_of(_allowed(fault, CardSaved), first, f"{fault}: saving a card", Rule.UNKNOWN)
        for _ in range(2):
            last = bench.gateway.save(request, card)
        told(CardSaved, last, f"{fault}, then without a fault: saving a card", Rule.ONE_CHARGE)
        hold(Rule.SAVED, len(bench.saved_cards()) == 1, f"the gateway keeps {bench.saved_cards()!r}")
        bench.clock.set(request.send_before + bench.gateway.capabilities.safe_delay)
        found = bench.gateway.find_card(request)
        hold(Rule.FINDING, found == Found(last), f"saved as {last!r}, it is found as {found!r}")

    @pytest.mark.parametrize("fault", list(Fault))
    def test_forgetting_after_a_fault_converges_on_forgotten(self, bench: Bench, fault: Fault) -> None:
        if not bench.gateway.capabilities.saves_cards:
            return  # that it is refused is checked where saving is
        kept, customer_id = saved(bench), payment(bench).customer_id
        bench.fail_next("forget", fault)
        first = answer(f"{fault}: forgetting", lambda: bench.gateway.forget(kept, customer_id))
        allowed = (Unknown, NotAttempted) if fault is Fault.REFUSED else (Unknown, Forgotten)  # if that is true
        one_of(allowed, first, f"{fault}: forgetting", Rule.FORGOTTEN)
        honest = not isinstance(first, Forgotten) or not bench.saved_cards()
        hold(Rule.FORGOTTEN, honest, f"{fault}: it said Forgotten, and yet it keeps {bench.saved_cards()!r}")
        for _ in range(2):
            last = bench.gateway.forget(kept, customer_id)
        told(Forgotten, last, f"{fault}, then without a fault: forgetting", Rule.FORGOTTEN)
        hold(Rule.FORGOTTEN, not bench.saved_cards(), f"forgotten, and yet it keeps {bench.saved_cards()!r}")

    @pytest.mark.parametrize("fault", list(Fault))
    def test_refunding_after_a_fault_converges_on_one_refund(self, bench: Bench, fault: Fault) -> None:
        if not bench.gateway.capabilities.refunds:
            return  # that it is refused is checked where refunds are
        charge = paid(bench)
        bench.settle(charge.reference)
        request = refund_of(bench, charge)
        bench.fail_next("refund", fault)
        first = answer(f"{fault}: refunding", lambda: bench.gateway.refund(request))
        one_of(_allowed(fault, Refunded), first, f"{fault}: refunding", Rule.UNKNOWN)
        for _ in range(2):
            last = bench.gateway.refund(request)
        told(Refunded, last, f"{fault}, then without a fault: refunding", Rule.REFUND_ONCE)
        (captured,) = captures(bench, 1)
        hold(Rule.REFUND_ONCE, captured.refunded == charge.amount, f"{fault}: {captured.refunded} was paid back")

    @pytest.mark.parametrize("fault", EFFECTIVE)
    def test_a_refund_whose_answer_was_lost_is_found(self, bench: Bench, fault: Fault) -> None:
        if not bench.gateway.capabilities.refunds:
            return  # that it is refused is checked where refunds are
        charge = paid(bench)
        bench.settle(charge.reference)
        request = refund_of(bench, charge)
        bench.fail_next("refund", fault)
        bench.gateway.refund(request)
        bench.clock.set(request.send_before + bench.gateway.capabilities.safe_delay)
        found = bench.gateway.find_refund(request)
        wanted = isinstance(found, Found) and isinstance(found.result, Refunded)
        hold(Rule.FINDING, wanted, f"{fault}: it was paid back, and is found as {found!r}")
        (captured,) = captures(bench, 1)
        hold(Rule.REFUND_ONCE, captured.refunded == charge.amount, f"{fault}: {captured.refunded} was paid back")

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_customer_who_cannot_be_linked_now_is_linked_later(self, bench: Bench, fault: Fault) -> None:
        bench.fail_next("link_customer", fault)
        linked = set()
        for _ in range(4):
            with contextlib.suppress(GatewayError):  # the one error that it may raise; nothing chargeable depends on it
                linked.add(bench.gateway.link_customer(ACCOUNT))
        hold(Rule.ONE_CHARGE, len(linked) == 1, f"{fault}: one account is linked to {len(linked)} customers")


def _allowed(fault: Fault, success: type) -> tuple[type, ...]:
    """Return what may be said then; success only where the adapter may have tried again under the same key.

    Two of the faults leave one true answer. So a bench that does not bring them about is found out.
    """
    match fault:
        case Fault.REFUSED:
            return (NotAttempted,)
        case Fault.AFTER_THEN_REFUSED:
            return (Unknown,)
        case _:
            return (Unknown, success)
