"""Gateways that cancel wrongly, each in one way."""

from __future__ import annotations

from kit_runner import Broken, breaks

from interact_ledger.gateways.protocol import (
    Cancelled,
    ChargeRequest,
    ChargeResult,
    Declined,
    Found,
    NotAttempted,
    Pending,
    Succeeded,
)


@breaks(
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
    "cancelling_after_a_fault_converges_on_unpayable",
    "cancelling_while_nothing_can_be_looked_up_hides_no_capture",
    "what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more",
)
class CancelsNothing(Broken):
    """It says Cancelled and leaves everything as it is."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Succeeded):
            return found.result
        return Cancelled(reference=request.reference)


@breaks(
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
)
class CancelsDeclinesNot(Broken):
    """A declined payment is not cancelled, since it is over anyway."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Declined):
            return Cancelled(reference=request.reference)
        return super().cancel(request)


@breaks(
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
    "cancelling_a_captured_charge_says_that_it_succeeded",
    "cancelling_while_nothing_can_be_looked_up_hides_no_capture",
)
class CancelledWhateverWasPaid(Broken):
    """Cancelling what was captured says Cancelled."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        result = super().cancel(request)
        return Cancelled(reference=request.reference) if isinstance(result, Succeeded) else result


@breaks(
    "cancelling_is_allowed_after_send_before",
)
class CancelsInTimeOnly(Broken):
    """Recovery comes after `send_before`, and then nothing is cancelled."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        return NotAttempted(why="late") if self._now() >= request.send_before else super().cancel(request)


@breaks(
    "cancelling_while_nothing_can_be_looked_up_hides_no_capture",
)
class CancelledUnlessFound(Broken):
    """What cannot be found is called cancelled, in an outage too."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        found = super().find_charge(request)
        return super().cancel(request) if isinstance(found, Found) else Cancelled(reference=request.reference)


@breaks(
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
)
class CancelledWhilePending(Broken):
    """What is too late to be cancelled is called cancelled, and then captured."""

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        result = super().cancel(request)
        return Cancelled(reference=request.reference) if isinstance(result, Pending) else result
