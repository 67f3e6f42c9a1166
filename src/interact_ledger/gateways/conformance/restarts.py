"""The same attempt from a process that was started anew: what an adapter kept in its memory is gone."""

from __future__ import annotations

import pytest

from interact_ledger.gateways.conformance.bench import Bench, Fault
from interact_ledger.gateways.conformance.requests import (
    begin_and_charge,
    captures,
    good_card,
    half,
    one_of,
    paid,
    payment,
    refund_of,
    saving,
    send,
    told,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.protocol import CardSaved, Found, Pending, Refunded, Succeeded, Unknown

__all__ = ["Restarts"]


class Restarts:
    """What the ledger does when its process died, or another one was asked: it goes on with another adapter."""

    def test_the_same_attempt_after_a_restart_is_one_charge(self, bench: Bench) -> None:
        request, card = payment(bench), good_card(bench)
        first = paid(bench, request, card)
        second = send(bench.restarted(), request, card)
        captures(bench, 1)
        hold(Rule.ONE_CHARGE, second == first, f"after a restart it comes out as {second!r}, and was {first!r}")

    @pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
    def test_a_lost_answer_is_one_charge_after_a_restart(self, bench: Bench, fault: Fault) -> None:
        request, card = payment(bench), good_card(bench)
        bench.fail_next("charge", fault)
        begin_and_charge(bench, request, card)
        result = send(bench.restarted(), request, card)
        one_of((Succeeded, Pending, Unknown), result, f"{fault}, and a restart", Rule.UNKNOWN)
        captures(bench, 1)

    def test_a_charge_is_found_after_a_restart(self, bench: Bench) -> None:
        request = payment(bench)
        first = paid(bench, request)
        bench.clock.advance(bench.gateway.capabilities.lookup_lag)
        found = bench.restarted().find_charge(request)
        hold(Rule.FINDING, found == Found(first), f"after a restart {first!r} is found as {found!r}")

    def test_the_same_saving_after_a_restart_keeps_one_card(self, bench: Bench) -> None:
        if not bench.gateway.capabilities.saves_without_charging:
            return  # that it is refused is checked where savings are
        request, card = saving(bench), good_card(bench)
        first = told(CardSaved, bench.gateway.save(request, card), "saving a card", Rule.SAVED)
        second = bench.restarted().save(request, card)
        hold(Rule.SAVED, second == first, f"after a restart it comes out as {second!r}, and was {first!r}")
        kept = bench.saved_cards()
        hold(Rule.SAVED, len(kept) == 1, f"one card was saved, and the gateway keeps {kept!r}")

    def test_the_same_refund_after_a_restart_is_one_refund(self, bench: Bench) -> None:
        capabilities = bench.gateway.capabilities
        if not capabilities.refunds:
            return  # that it is refused is checked where refunds are
        charge = paid(bench)
        bench.settle(charge.reference)
        request = refund_of(bench, charge, half(charge.amount) if capabilities.partial_refunds else None)
        first = told(Refunded, bench.gateway.refund(request), "refunding", Rule.REFUND_ONCE)
        second = bench.restarted().refund(request)
        hold(Rule.REFUND_ONCE, second == first, f"after a restart it comes out as {second!r}, and was {first!r}")
        (captured,) = captures(bench, 1)
        hold(Rule.REFUND_ONCE, captured.refunded == request.amount, f"{captured.refunded} was paid back")
