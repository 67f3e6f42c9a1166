"""Gateways that begin or charge wrongly, alone or from several threads, each in one way."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from kit_runner import BeginsNothing, Broken, breaks

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Begun,
    ChargeRequest,
    ChargeResult,
    Found,
    NewCard,
    PaymentSource,
    Succeeded,
)

FOR_EVER = timedelta(days=3650)


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
    "a_charge_is_found_by_its_reference_and_by_our_ids",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_charge_whose_answer_was_lost_is_found",
    "a_decline_says_why_and_what_may_be_tried_next",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "a_look_up_that_fails_is_indeterminate",
    "a_pending_charge_is_pending_until_it_settles",
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
    "a_repeated_saving_charge_keeps_one_card",
    "an_attempt_with_another_card_never_charges_it",
    "an_attempt_with_changed_parameters_never_charges",
    "cancelling_a_captured_charge_says_that_it_succeeded",
    "cancelling_after_a_fault_converges_on_unpayable",
    "cancelling_while_nothing_can_be_looked_up_hides_no_capture",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
    "looking_up_changes_nothing",
    "one_attempt_from_several_threads_is_one_charge",
    "repeating_a_charge_after_a_fault_converges_on_one",
    "the_same_attempt_twice_is_one_charge",
    "what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more",
    "a_charge_is_found_after_a_restart",
)
class KeyPerCall(BeginsNothing):
    """A key for each call, and none for the attempt: every repeat charges again."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        self._calls = getattr(self, "_calls", count())
        return super().charge(replace(request, attempt_id=f"{request.attempt_id}-{next(self._calls)}"), source)


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
    "a_card_saved_by_paying_is_told_by_whoever_tells_of_the_charge",
    "a_card_that_is_gone_or_anothers_is_not_found",
    "a_charge_is_found_by_its_reference_and_by_our_ids",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_charge_that_was_never_captured_is_not_found",
    "a_charge_whose_answer_was_lost_is_found",
    "a_charge_with_a_saved_card_saves_no_other",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "a_look_up_that_fails_is_indeterminate",
    "a_notice_has_one_id_however_often_and_in_whatever_order_it_comes",
    "a_notice_signed_for_another_body_is_never_accepted",
    "a_part_is_paid_back_exactly_in_every_currency",
    "a_pending_charge_is_pending_until_it_settles",
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
    "a_saved_card_pays_until_it_is_forgotten",
    "a_saved_card_pays_whoever_initiates",
    "a_saved_card_that_wants_its_owner_is_declined_off_session",
    "an_altered_notice_is_never_accepted",
    "an_attempt_with_changed_parameters_never_charges",
    "any_amount_in_any_currency_is_captured_exactly",
    "cancelling_a_captured_charge_says_that_it_succeeded",
    "cancelling_after_a_fault_converges_on_unpayable",
    "cancelling_while_nothing_can_be_looked_up_hides_no_capture",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
    "every_look_up_that_fails_is_indeterminate",
    "forgetting_one_card_keeps_the_others",
    "looking_up_changes_nothing",
    "nothing_secret_is_logged_shown_or_raised",
    "one_attempt_from_several_threads_is_one_charge",
    "the_bounds_of_every_currency_are_captured_exactly",
    "the_next_attempt_of_a_top_up_is_a_charge_of_its_own",
    "threads_do_not_see_each_others_charges",
    "two_attempts_are_two_charges",
    "what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more",
    "what_left_another_charge_is_not_told",
    "what_left_is_told_exactly_in_every_currency",
    "what_others_do_to_a_charge_is_noticed_with_its_reference",
    "a_charge_is_found_after_a_restart",
    "after_a_deleted_customer_another_is_linked",
    "for_a_deleted_customer_nothing_is_charged_or_saved_and_that_is_said",
)
class KeyPerAccount(BeginsNothing):
    """One key for all that an account ever pays."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(replace(request, attempt_id=request.account_id), source)


@breaks(
    "the_next_attempt_of_a_top_up_is_a_charge_of_its_own",
)
class KeyPerTopUp(Broken):
    """One key for all attempts of a top-up: the gateway replays the first one's decline."""

    def begin(self, request: ChargeRequest) -> Any:
        return super().begin(_first(request))

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(_first(request), source)


def _first(request: ChargeRequest) -> ChargeRequest:
    return replace(request, attempt_id=f"{request.transaction_id}.1") if request.attempt_id[-1] == "2" else request


@breaks(
    "an_attempt_with_another_card_never_charges_it",
    "an_attempt_with_changed_parameters_never_charges",
)
class NewKeyWhenRefused(BeginsNothing):
    """What the gateway refuses under a used key is sent again under a new one."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        try:
            return super().charge(request, source)
        except GatewayInvalidRequest as refused:
            if refused.field != "attempt_id":
                raise
            return super().charge(replace(request, attempt_id=f"{request.attempt_id}-again"), source)


@breaks(
    "a_charge_that_succeeds_is_captured_once_with_what_was_asked_for",
)
class BrandInCapitals(Broken):
    """The brand as the gateway writes it, which is offered nowhere."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return _capitals(super().charge(request, source))

    def find_charge(self, request: ChargeRequest) -> Any:
        found = super().find_charge(request)
        return Found(_capitals(found.result)) if isinstance(found, Found) else found

    def cancel(self, request: ChargeRequest) -> ChargeResult:
        return _capitals(super().cancel(request))


def _capitals(result: Any) -> Any:
    return replace(result, card=replace(result.card, brand="Visa")) if isinstance(result, Succeeded) else result


@breaks(
    "an_attempt_with_changed_parameters_never_charges",
    "an_unsaved_card_leaves_nothing_chargeable",
)
class KeepsEveryCard(BeginsNothing):
    """Every card is saved, whatever the customer chose."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(replace(request, save_card=isinstance(source, NewCard)), source)


@breaks(
    "a_token_that_never_was_is_an_invalid_request",
)
class AnyTokenPays(Broken):
    """A token that never was is taken for a good one."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        known = source.token.startswith("tok_") or not isinstance(source, NewCard)
        return super().charge(request, source if known else NewCard("tok_visa"))


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
    "a_card_saved_alone_is_not_charged_and_pays_later",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_that_never_arrived_is_not_found_as_charged",
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_charge_that_was_never_captured_is_not_found",
    "a_charge_that_was_surely_not_sent_is_not_attempted",
    "a_charge_whose_answer_is_lost_is_unknown",
    "a_charge_with_a_saved_card_saves_no_other",
    "a_decline_says_why_and_what_may_be_tried_next",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "a_declined_refund_pays_nothing_back",
    "a_pending_charge_is_pending_until_it_settles",
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
    "a_pending_refund_is_pending_until_it_settles",
    "a_refund_is_told_once_it_went_out",
    "a_saved_card_pays_until_it_is_forgotten",
    "a_saved_card_pays_whoever_initiates",
    "a_saved_card_that_wants_its_owner_is_declined_off_session",
    "a_token_that_never_was_is_an_invalid_request",
    "another_customers_saved_card_never_pays",
    "beginning_after_a_fault_converges_on_one_charge",
    "beginning_charges_and_saves_nothing",
    "cancelling_after_a_fault_converges_on_unpayable",
    "cancelling_is_allowed_after_send_before",
    "forgetting_one_card_keeps_the_others",
    "looking_up_changes_nothing",
    "nothing_is_charged_at_or_after_send_before",
    "the_next_attempt_of_a_top_up_is_a_charge_of_its_own",
    "what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more",
    "what_was_begun_and_never_charged_is_found_as_begun",
)
class BeginCharges(Broken):
    """Beginning charges already."""

    def begin(self, request: ChargeRequest) -> Any:
        charged = super().charge(request, NewCard("tok_visa"))
        return Begun(reference=charged.reference) if isinstance(charged, Succeeded) else charged


@breaks(
    "beginning_charges_and_saves_nothing",
    "what_was_begun_and_never_charged_is_found_as_begun",
)
class BeginsAnew(Broken):
    """Beginning again makes another object."""

    def begin(self, request: ChargeRequest) -> Any:
        self._calls = getattr(self, "_calls", count())
        first = super().begin(request)
        return replace(first, reference=f"{first.reference}{next(self._calls)}") if isinstance(first, Begun) else first


@breaks(
    "nothing_is_charged_at_or_after_send_before",
)
class NeverLooksAtTheClock(Broken):
    """`send_before` is not looked at."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(replace(request, send_before=request.send_before + FOR_EVER), source)


@breaks(
    "looking_up_changes_nothing",
    "the_last_moment_before_send_before_is_in_time",
)
class StopsEarly(Broken):
    """It charges nothing in the last seconds before `send_before`."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(replace(request, send_before=request.send_before - timedelta(seconds=5)), source)


@breaks(
    "a_card_that_is_gone_or_anothers_is_not_found",
    "a_customer_is_linked_once_and_alone",
    "another_customers_card_is_not_forgotten",
    "another_customers_saved_card_never_pays",
    "after_a_deleted_customer_another_is_linked",
)
class OneCustomerForAll(Broken):
    """All accounts share one customer, and with it their cards."""

    def link_customer(self, account_id: str) -> str:
        return "cus_1"


@breaks(
    "one_attempt_from_several_threads_is_one_charge",
)
class ChecksThenActs(BeginsNothing):
    """It looks whether the attempt was charged, and only then makes a key for it."""

    _turn = threading.Lock()

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        main = threading.current_thread() is threading.main_thread()
        if main or isinstance(super().find_charge(request), Found):
            return super().charge(request, source)
        time.sleep(0.05)
        with self._turn:  # so that whoever comes second sees what the first has made
            late = isinstance(super().find_charge(request), Found)
            return super().charge(replace(request, attempt_id=f"{threading.get_ident()}") if late else request, source)


@breaks(
    "threads_do_not_see_each_others_charges",
)
class RemembersTheRequestInItself(BeginsNothing):
    """The request waits in an attribute, where another thread's takes its place."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        self._request = request
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.05)
        return super().charge(self._request, source)
