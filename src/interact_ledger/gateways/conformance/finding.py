"""Looking up what became of an attempt, with and without its reference."""

from __future__ import annotations

from dataclasses import replace

from interact_ledger.gateways.conformance.bench import Bench
from interact_ledger.gateways.conformance.requests import (
    OTHER_ACCOUNT,
    begun,
    captures,
    found_charge,
    paid,
    payment,
    seconds,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.protocol import Begun, Indeterminate, NotFound

__all__ = ["Finding"]


class Finding:
    """Looking up what became of an attempt, with and without its reference."""

    def test_an_attempt_that_never_was_is_not_found(self, bench: Bench) -> None:
        paid(bench, payment(bench, 2))
        found = found_charge(bench, payment(bench, 1))
        hold(Rule.FINDING, isinstance(found, NotFound), f"an attempt that never was is found as {found!r}")

    def test_what_was_begun_and_never_charged_is_found_as_begun(self, bench: Bench) -> None:
        request = payment(bench)
        ready = begun(bench, request)
        for asked in (request, ready):
            found = found_charge(bench, asked)
            if ready.reference is None:
                hold(Rule.FINDING, isinstance(found, NotFound), f"nothing was sent, and yet it is found as {found!r}")
            else:
                same = isinstance(found, Begun) and found.reference == ready.reference
                hold(Rule.FINDING, same, f"begun under {ready.reference!r}, it is found as {found!r}")

    def test_a_charge_is_found_by_its_reference_and_by_our_ids(self, bench: Bench) -> None:
        request = payment(bench)
        result = paid(bench, request)
        for asked in (replace(request, reference=result.reference), request):
            found = found_charge(bench, asked)
            by = "its reference" if asked.reference else "our ids alone"
            hold(Rule.FINDING, found == result, f"charged with {result!r}, it is found by {by} as {found!r}")

    def test_each_attempt_is_found_as_its_own_and_not_as_its_neighbour(self, bench: Bench) -> None:
        requests = [payment(bench, 1), payment(bench, 2), payment(bench, 1, OTHER_ACCOUNT)]
        results = [paid(bench, request) for request in requests]
        for request, result in zip(requests, results, strict=True):
            found = found_charge(bench, request)
            hold(Rule.FINDING, found == result, f"{request.attempt_id}: {found!r} instead of {result!r}")

    def test_looking_up_changes_nothing(self, bench: Bench) -> None:
        request = payment(bench)
        begun(bench, request)
        found_charge(bench, request)
        captures(bench, 0, Rule.CHANGES_NOTHING)
        bench.clock.set(request.send_before - seconds(1))
        result = paid(bench, request)
        found_charge(bench, request)
        (captured,) = captures(bench, 1, Rule.CHANGES_NOTHING)
        hold(Rule.CHANGES_NOTHING, captured.refunded.amount == 0, "looking a charge up refunded it")
        hold(Rule.CHANGES_NOTHING, found_charge(bench, request) == result, "looking a charge up changed it")

    def test_a_look_up_that_fails_is_indeterminate(self, bench: Bench) -> None:
        request = payment(bench)
        result = paid(bench, request)
        bench.lookups_available = False
        for asked in (request, replace(request, reference=result.reference)):
            found = bench.gateway.find_charge(asked)
            hold(Rule.INDETERMINATE, isinstance(found, Indeterminate), f"with look-ups down it said {found!r}")
        bench.lookups_available = True
        hold(Rule.FINDING, found_charge(bench, request) == result, "with look-ups up again it is not found")
