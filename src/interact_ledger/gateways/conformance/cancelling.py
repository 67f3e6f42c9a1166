"""Making sure that nobody pays what is over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interact_ledger.gateways.conformance.bench import Behaviour, Bench
from interact_ledger.gateways.conformance.requests import (
    SEND_WITHIN,
    answer,
    begin_and_charge,
    begun,
    captures,
    good_card,
    one_of,
    paid,
    payment,
    told,
)
from interact_ledger.gateways.conformance.rules import Rule, hold
from interact_ledger.gateways.conformance.scenarios import Scenarios
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Cancelled,
    Declined,
    Pending,
    Succeeded,
    Unknown,
)

__all__ = ["Cancelling"]


class Cancelling(Scenarios):
    """Making sure that nobody pays what is over."""

    def test_a_declined_and_abandoned_charge_cannot_be_paid_any_more(self, bench: Bench) -> None:
        request = payment(bench)
        ready = begun(bench, request)
        result = told(
            Declined,
            bench.gateway.charge(ready, self.declining_card(bench)),
            "charging a card that is declined",
        )
        reference = result.reference or ready.reference
        over = bench.gateway.cancel(replace(ready, reference=reference))
        no_more = isinstance(over, Cancelled) or (isinstance(over, Declined) and not over.still_payable)
        hold(Rule.UNPAYABLE, no_more, f"cancelling a declined charge came out as {over!r}")
        self._nobody_can_pay(bench, reference)

    def test_what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more(self, bench: Bench) -> None:
        ready = begun(bench, payment(bench))
        first = bench.gateway.cancel(ready)
        if ready.reference is None and not isinstance(first, Cancelled):
            return  # with nothing begun, a gateway may have nothing to cancel; then `send_before` is all that holds
        second = bench.gateway.cancel(ready)
        hold(Rule.UNPAYABLE, isinstance(first, Cancelled), f"cancelling what was begun came out as {first!r}")
        hold(Rule.UNPAYABLE, isinstance(second, Cancelled), f"cancelling again came out as {second!r}")
        result = bench.gateway.charge(ready, good_card(bench))
        hold(Rule.UNPAYABLE, not isinstance(result, Succeeded), "a cancelled attempt was charged")
        self._nobody_can_pay(bench, ready.reference)

    def test_a_charge_that_waits_for_the_customer_can_be_cancelled(self, bench: Bench) -> None:
        card = self.card(bench, Behaviour.ASKS_CUSTOMER)
        if card is None:
            return
        request = payment(bench)
        result = told(ActionRequired, begin_and_charge(bench, request, card), "a charge that asks the customer")
        over = bench.gateway.cancel(replace(request, reference=result.reference))
        hold(Rule.UNPAYABLE, isinstance(over, Cancelled), f"cancelling it came out as {over!r}")
        bench.authenticate(result.reference)
        self._nobody_can_pay(bench, result.reference)

    def test_cancelling_a_captured_charge_says_that_it_succeeded(self, bench: Bench) -> None:
        request = payment(bench)
        result = paid(bench, request)
        told = bench.gateway.cancel(replace(request, reference=result.reference))
        hold(Rule.TRUE_CANCEL, told == result, f"cancelling a captured charge came out as {told!r}")
        (captured,) = captures(bench, 1, Rule.TRUE_CANCEL)
        hold(Rule.TRUE_CANCEL, captured.refunded.amount == 0, "cancelling a captured charge paid it back")

    def test_cancelling_while_nothing_can_be_looked_up_hides_no_capture(self, bench: Bench) -> None:
        request = payment(bench)
        result = paid(bench, request)
        bench.lookups_available = False
        for asked in (request, replace(request, reference=result.reference)):
            over = answer("cancelling with look-ups down", partial(bench.gateway.cancel, asked))
            hidden = isinstance(over, Cancelled | Declined)
            hold(Rule.TRUE_CANCEL, not hidden, f"with look-ups down, cancelling a captured charge came out as {over!r}")
        captures(bench, 1, Rule.TRUE_CANCEL)

    def test_a_pending_charge_that_is_said_to_be_cancelled_is_never_captured(self, bench: Bench) -> None:
        card = self.card(bench, Behaviour.PENDS)
        if card is None:
            return
        request = payment(bench)
        result = told(Pending, begin_and_charge(bench, request, card), "a charge that pends")
        over = bench.gateway.cancel(replace(request, reference=result.reference))
        one_of((Cancelled, Pending, Unknown), over, "cancelling a charge that pends", Rule.TRUE_CANCEL)
        bench.settle(result.reference)
        captures(bench, 0 if isinstance(over, Cancelled) else 1, Rule.TRUE_CANCEL)

    def test_cancelling_is_allowed_after_send_before(self, bench: Bench) -> None:
        request = payment(bench)
        ready = begun(bench, request)
        if ready.reference is None:
            return
        bench.clock.set(request.send_before + SEND_WITHIN)
        over = bench.gateway.cancel(ready)
        hold(Rule.UNPAYABLE, isinstance(over, Cancelled), f"recovery cancels late, and it came out as {over!r}")

    @staticmethod
    def _nobody_can_pay(bench: Bench, reference: str | None) -> None:
        if reference is not None:
            bench.pay_in_browser(reference, good_card(bench).token)
        captures(bench, 0, Rule.UNPAYABLE)
        hold(Rule.UNPAYABLE, not bench.chargeable(), f"this could yet be charged: {bench.chargeable()!r}")
