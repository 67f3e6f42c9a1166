"""Several threads at one adapter, as in any web server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from moneyed import Money

from interact_ledger.gateways.conformance.bench import Bench
from interact_ledger.gateways.conformance.requests import (
    begin_and_charge,
    captures,
    good_card,
    half,
    one_of,
    paid,
    payment,
    refund_of,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.protocol import NotAttempted, Pending, Refunded, Succeeded, Unknown

__all__ = ["Threads"]

_THREADS = 6

Result = TypeVar("Result")


class Threads:
    """The same attempt from several threads at once, and different ones."""

    def test_one_attempt_from_several_threads_is_one_charge(self, bench: Bench) -> None:
        for number in range(1, 4):
            request, card = payment(bench, number), good_card(bench)
            for result in _at_once([partial(begin_and_charge, bench, request, card)] * _THREADS):
                one_of((Succeeded, Pending, Unknown, NotAttempted), result, "one of several threads", Rule.THREADS)
            captures(bench, number, Rule.THREADS)
            paid(bench, request, card)
        captures(bench, 3, Rule.THREADS)

    def test_one_refund_from_several_threads_is_one_refund(self, bench: Bench) -> None:
        capabilities = bench.gateway.capabilities
        if not capabilities.refunds:
            return  # that it is refused is checked where refunds are
        charge = paid(bench)
        bench.settle(charge.reference)
        request = refund_of(bench, charge, half(charge.amount) if capabilities.partial_refunds else None)
        for result in _at_once([partial(bench.gateway.refund, request)] * _THREADS):
            one_of((Refunded, Pending, Unknown, NotAttempted), result, "one of several threads", Rule.THREADS)
        (captured,) = captures(bench, 1, Rule.THREADS)
        hold(Rule.THREADS, captured.refunded == request.amount, f"{captured.refunded} was paid back")

    def test_threads_do_not_see_each_others_charges(self, bench: Bench) -> None:
        usual = payment(bench).amount
        step = bench.gateway.capabilities.currencies[usual.currency.code].step
        requests = [
            payment(bench, number, amount=Money(usual.amount - number * step, usual.currency))
            for number in range(1, _THREADS + 1)
        ]
        results = _at_once([partial(begin_and_charge, bench, request, good_card(bench)) for request in requests])
        for request, result in zip(requests, results, strict=True):
            own = isinstance(result, Succeeded) and result.amount == request.amount
            hold(Rule.THREADS, own, f"{request.amount} was asked for, and it came out as {result!r}")
        by_transaction = {captured.transaction_id: captured.amount for captured in bench.captured()}
        wanted = {request.transaction_id: request.amount for request in requests}
        hold(Rule.THREADS, by_transaction == wanted, f"{wanted!r} was asked for, {by_transaction!r} captured")


def _at_once(calls: list[Callable[[], Result]]) -> list[Result]:
    """Make all calls at the same moment, each in a thread of its own."""
    start = Barrier(len(calls))

    def wait_and(call: Callable[[], Result]) -> Result:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(wait_and, calls))
