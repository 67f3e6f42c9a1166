"""Gateways that find charges wrongly, each in one way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kit_runner import Broken, breaks

from interact_ledger.gateways.protocol import Begun, ChargeRequest, Found, Indeterminate, NewCard, NotFound


@breaks(
    "an_attempt_that_never_was_is_not_found",
)
class FindsWhatLooksAlike(Broken):
    """An attempt that is not found is taken for the latest one."""

    def find_charge(self, request: ChargeRequest) -> Any:
        found, captured = super().find_charge(request), self.captured()
        if not isinstance(found, NotFound) or not captured:
            return found
        return super().find_charge(replace(request, attempt_id=captured[-1].attempt_id))


@breaks(
    "an_attempt_that_never_was_is_not_found",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
)
class FindsTheTopUp(Broken):
    """It looks for the newest payment of that amount, whosever it is."""

    def find_charge(self, request: ChargeRequest) -> Any:
        alike = [captured for captured in self.captured() if captured.amount == request.amount]
        asked = replace(request, attempt_id=alike[-1].attempt_id) if alike else request
        return super().find_charge(asked)


@breaks(
    "what_was_begun_and_never_charged_is_found_as_begun",
)
class BegunIsNothing(Broken):
    """What was begun and not charged is not found."""

    def find_charge(self, request: ChargeRequest) -> Any:
        found = super().find_charge(request)
        return NotFound() if isinstance(found, Found) and isinstance(found.result, Begun) else found


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
    "a_charge_is_found_by_its_reference_and_by_our_ids",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_whose_answer_was_lost_is_found",
    "a_look_up_that_fails_is_indeterminate",
    "a_pending_charge_is_pending_until_it_settles",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
    "every_look_up_that_fails_is_indeterminate",
    "looking_up_changes_nothing",
    "what_was_begun_and_never_charged_is_found_as_begun",
    "a_charge_is_found_after_a_restart",
)
class FindsByReferenceOnly(Broken):
    """Without the reference, which a crash can lose, nothing is found."""

    def find_charge(self, request: ChargeRequest) -> Any:
        return NotFound() if request.reference is None else super().find_charge(request)


@breaks(
    "looking_up_changes_nothing",
    "what_was_begun_and_never_charged_is_found_as_begun",
)
class FindingCharges(Broken):
    """What was begun is charged when it is looked up."""

    def find_charge(self, request: ChargeRequest) -> Any:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Begun):
            super().charge(request, NewCard("tok_visa"))
        return found


@breaks(
    "a_look_up_that_fails_is_indeterminate",
    "every_look_up_that_fails_is_indeterminate",
)
class AnOutageIsAbsence(Broken):
    """A look-up that failed found nothing."""

    def find_charge(self, request: ChargeRequest) -> Any:
        found = super().find_charge(request)
        return NotFound() if isinstance(found, Indeterminate) else found
