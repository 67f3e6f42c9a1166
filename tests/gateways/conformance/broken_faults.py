"""Gateways that bear a lost request or answer wrongly, each in one way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from kit_runner import Broken, breaks

from interact_ledger.errors import GatewayError
from interact_ledger.gateways.protocol import (
    Begun,
    Cancelled,
    ChargeRequest,
    ChargeResult,
    Found,
    NewCard,
    NotAttempted,
    NotFound,
    PaymentSource,
    Unknown,
)
from interact_ledger.gateways.sandbox import Fault

FOR_EVER = timedelta(days=3650)


@breaks(
    "a_charge_whose_answer_is_lost_is_unknown",
)
class MaskedRetry(Broken):
    """The SDK tries again, is refused, and only that is told."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if isinstance(result, Unknown):
            again = super().charge(request, source)
            return NotAttempted(why="refused") if isinstance(again, Unknown) else again
        return result


@breaks(
    "a_charge_whose_answer_is_lost_is_unknown",
)
class LostIsNotAttempted(Broken):
    """A time-out is taken for a no."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return NotAttempted(why="timed out") if isinstance(result, Unknown) else result


@breaks(
    "a_charge_that_never_arrived_is_not_found_as_charged",
    "a_charge_whose_answer_is_lost_is_unknown",
    "a_charge_whose_answer_was_lost_is_found",
    "repeating_a_charge_after_a_fault_converges_on_one",
    "a_lost_answer_is_one_charge_after_a_restart",
)
class RaisesWhenLost(Broken):
    """A lost answer is an error of the gateway's, as if it had refused."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if isinstance(result, Unknown):
            raise GatewayError("timed out")
        return result


@breaks(
    "a_customer_who_cannot_be_linked_now_is_linked_later",
)
class LinksAnewWhenLost(Broken):
    """A customer whose linking timed out is made anew."""

    def link_customer(self, account_id: str) -> str:
        self._failed = getattr(self, "_failed", 0)
        try:
            customer_id = super().link_customer(account_id)
        except GatewayError:
            self._failed += 1
            return f"cus_{self._failed}"
        return customer_id


@breaks(
    "a_charge_that_was_surely_not_sent_is_not_attempted",
)
class RefusedIsUnknown(Broken):
    """A refused connection is as unknown as a time-out."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return Unknown(why=result.why) if isinstance(result, NotAttempted) else result


@breaks(
    "a_charge_whose_answer_was_lost_is_found",
)
class FindsWhatItWasTold(Broken):
    """It finds only what it had an answer to."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        self._lost = {*getattr(self, "_lost", set()), request.attempt_id} if isinstance(result, Unknown) else set()
        return result

    def find_charge(self, request: ChargeRequest) -> Any:
        lost = request.attempt_id in getattr(self, "_lost", set())
        return NotFound() if lost else super().find_charge(request)


@breaks(
    "a_charge_that_never_arrived_is_not_found_as_charged",
)
class FindsWhatItSent(Broken):
    """Whatever was sent is found as charged."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        self._lost = isinstance(result, Unknown)
        return result

    def find_charge(self, request: ChargeRequest) -> Any:
        found = super().find_charge(request)
        if getattr(self, "_lost", False) and isinstance(found, Found) and isinstance(found.result, Begun):
            other = super().charge(replace(request, send_before=self._now() + FOR_EVER), NewCard("tok_visa"))
            return Found(other)
        return found


@breaks(
    "cancelling_after_a_fault_converges_on_unpayable",
)
class CancelledWhenLost(Broken):
    """A cancellation that timed out counts as done."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        result = super().cancel(request)
        return Cancelled(reference=request.reference) if isinstance(result, Unknown) else result


@breaks(
    "a_charge_that_was_surely_not_sent_is_not_attempted",
    "a_charge_whose_answer_is_lost_is_unknown",
    "a_saving_whose_answer_is_lost_is_unknown_and_then_found",
    "beginning_after_a_fault_converges_on_one_charge",
    "cancelling_after_a_fault_converges_on_unpayable",
    "forgetting_after_a_fault_converges_on_forgotten",
    "refunding_after_a_fault_converges_on_one_refund",
)
class NothingEverFails(Broken):
    """Its bench brings no faults about, so that nothing is known of how it bears them."""

    def fail_next(self, verb: str, fault: Fault, *, times: int = 1) -> None:
        pass
