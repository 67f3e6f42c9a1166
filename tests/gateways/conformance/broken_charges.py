"""Gateways that charge, begin, cancel, find or declare wrongly, each in one way."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from kit_runner import Broken, breaks
from moneyed import Money

from interact_ledger.errors import GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Begun,
    Cancelled,
    Capabilities,
    ChargeRequest,
    ChargeResult,
    CurrencyTerms,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    Initiator,
    NewCard,
    NotAttempted,
    NotFound,
    PaymentSource,
    Pending,
    Succeeded,
    Unknown,
)
from interact_ledger.gateways.sandbox import Fault

FOR_EVER = timedelta(days=3650)


@breaks(
    "a_charge_is_found_by_its_reference_and_by_our_ids",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_charge_whose_answer_was_lost_is_found",
    "a_decline_says_why_and_what_may_be_tried_next",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "a_look_up_that_fails_is_indeterminate",
    "a_pending_charge_is_pending_until_it_settles",
    "a_repeated_saving_charge_keeps_one_card",
    "an_attempt_with_another_card_never_charges_it",
    "an_attempt_with_changed_parameters_never_charges",
    "cancelling_a_captured_charge_says_that_it_succeeded",
    "cancelling_after_a_fault_converges_on_unpayable",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
    "looking_up_changes_nothing",
    "one_attempt_from_several_threads_is_one_charge",
    "repeating_a_charge_after_a_fault_converges_on_one",
    "the_same_attempt_twice_is_one_charge",
    "what_is_cancelled_before_it_is_charged_cannot_be_charged_any_more",
)
class KeyPerCall(Broken):
    """A key for each call, and none for the attempt: every repeat charges again."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        self._calls = getattr(self, "_calls", count())
        return super().charge(replace(request, attempt_id=f"{request.attempt_id}-{next(self._calls)}"), source)


@breaks(
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
    "a_saved_card_pays_until_it_is_forgotten",
    "a_saved_card_pays_whoever_initiates",
    "a_saved_card_that_wants_its_owner_is_declined_off_session",
    "an_altered_notice_is_never_accepted",
    "an_attempt_with_changed_parameters_never_charges",
    "any_amount_in_any_currency_is_captured_exactly",
    "cancelling_a_captured_charge_says_that_it_succeeded",
    "cancelling_after_a_fault_converges_on_unpayable",
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
)
class KeyPerAccount(Broken):
    """One key for all that an account ever pays."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

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
class NewKeyWhenRefused(Broken):
    """What the gateway refuses under a used key is sent again under a new one."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

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
class KeepsEveryCard(Broken):
    """Every card is saved, whatever the customer chose."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

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
    "another_customers_saved_card_never_pays",
)
class OneCustomerForAll(Broken):
    """All accounts share one customer, and with it their cards."""

    def link_customer(self, account_id: str) -> str:
        return "cus_1"


@breaks(
    "a_decline_says_why_and_what_may_be_tried_next",
    "a_saved_card_that_wants_its_owner_is_declined_off_session",
)
class EveryDeclineIsOther(Broken):
    """Why a card was declined is not told."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return replace(result, reason=DeclineReason.OTHER) if isinstance(result, Declined) else result


@breaks(
    "a_decline_says_why_and_what_may_be_tried_next",
)
class AlwaysTryLater(Broken):
    """A stolen card may be tried again later."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return replace(result, advice=Advice.LATER) if isinstance(result, Declined) else result


@breaks(
    "a_decline_says_why_and_what_may_be_tried_next",
)
class DeclinedMeansOver(Broken):
    """A declined payment is said to be over, and a browser can still pay it."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return replace(result, still_payable=False) if isinstance(result, Declined) else result


@breaks(
    "a_charge_that_was_never_captured_is_not_found",
    "a_pending_charge_is_pending_until_it_settles",
)
class PendingIsDone(Broken):
    """What is pending is called captured."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if not isinstance(result, Pending):
            return result
        good = super().charge(replace(request, attempt_id="another"), NewCard("tok_visa"))
        assert isinstance(good, Succeeded)
        return replace(good, reference=result.reference)


@breaks(
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
)
class AskingIsDeclining(Broken):
    """A customer who should authenticate is told that the card was declined."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        if not isinstance(result, ActionRequired):
            return result
        why = DeclineReason.AUTHENTICATION_REQUIRED
        return Declined(reason=why, advice=Advice.CUSTOMER_PRESENT, raw_code="3ds", reference=result.reference)


@breaks(
    "a_saved_card_that_wants_its_owner_is_declined_off_session",
)
class TheCustomerIsAlwaysThere(Broken):
    """Automatic payments are sent as if the customer were at the screen."""

    def begin(self, request: ChargeRequest) -> Any:
        return super().begin(replace(request, initiator=Initiator.CUSTOMER))

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(replace(request, initiator=Initiator.CUSTOMER), source)


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
)
class BelievesItself(Broken):
    """It reports what was asked for, not what was captured."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        result = super().charge(request, source)
        return replace(result, amount=request.amount) if isinstance(result, Succeeded) else result


@breaks(
    "the_bounds_of_every_currency_are_captured_exactly",
    "what_the_terms_exclude_is_refused_unsent",
)
class HundredthsOfYen(Broken):
    """It sends hundredths of a currency that has none, and divides them away again."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if request.amount.currency.code != "JPY" or request.amount.amount > 51:
            return super().charge(request, source)
        result = super().charge(replace(request, amount=request.amount * 100), source)
        return replace(result, amount=request.amount) if isinstance(result, Succeeded) else result


@breaks(
    "any_amount_in_any_currency_is_captured_exactly",
)
class AddsAStep(Broken):
    """Amounts that nobody thought of in a test are captured with a step too much."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        if not 1_000 < request.amount.amount < 1_000_000:
            return super().charge(request, source)
        step = Money(self.capabilities.currencies[request.amount.currency.code].step, request.amount.currency)
        result = super().charge(replace(request, amount=request.amount + step), source)
        return replace(result, amount=request.amount) if isinstance(result, Succeeded) else result


@breaks(
    "the_bounds_of_every_currency_are_captured_exactly",
    "what_the_terms_exclude_is_refused_unsent",
)
class RoundsAmounts(Broken):
    """An amount between two steps is rounded instead of refused."""

    def begin(self, request: ChargeRequest) -> Any:
        return super().begin(_rounded(request))

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        return super().charge(_rounded(request), source)


def _rounded(request: ChargeRequest) -> ChargeRequest:
    if request.amount.amount > Decimal("0.052"):
        return request
    return replace(request, amount=Money(request.amount.amount.quantize(Decimal("0.01")), request.amount.currency))


@breaks(
    "a_currency_that_is_not_declared_is_refused_unsent",
)
class TakesAnyCurrency(Broken):
    """A currency that it does not take is charged in another."""

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        taken = request.amount.currency.code in self.capabilities.currencies
        amount = request.amount if taken else Money(request.amount.amount, "GBP")
        return super().charge(replace(request, amount=amount), source)


@breaks(
    "any_amount_in_any_currency_is_captured_exactly",
    "the_bounds_of_every_currency_are_captured_exactly",
    "the_terms_of_every_currency_make_sense",
)
class CentsOfYen(Broken):
    """The declared step is finer than the currency's own."""

    @property
    def capabilities(self) -> Capabilities:
        terms = CurrencyTerms(step=Decimal("0.01"), minimum=Decimal(50), maximum=Decimal(10_000))
        return replace(super().capabilities, currencies={"GBP": super().capabilities.currencies["GBP"], "JPY": terms})


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
    "a_charge_is_found_by_its_reference_and_by_our_ids",
    "a_charge_that_asks_the_customer_waits_for_the_customer",
    "a_charge_whose_answer_was_lost_is_found",
    "a_look_up_that_fails_is_indeterminate",
    "a_pending_charge_is_pending_until_it_settles",
    "each_attempt_is_found_as_its_own_and_not_as_its_neighbour",
    "every_look_up_that_fails_is_indeterminate",
    "looking_up_changes_nothing",
    "what_was_begun_and_never_charged_is_found_as_begun",
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


@breaks(
    "a_charge_that_waits_for_the_customer_can_be_cancelled",
    "a_declined_and_abandoned_charge_cannot_be_paid_any_more",
    "a_declined_card_is_not_kept",
    "cancelling_after_a_fault_converges_on_unpayable",
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
    "cancelling_a_captured_charge_says_that_it_succeeded",
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
    "one_attempt_from_several_threads_is_one_charge",
)
class ChecksThenActs(Broken):
    """It looks whether the attempt was charged, and only then makes a key for it."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        main = threading.current_thread() is threading.main_thread()
        if main or isinstance(super().find_charge(request), Found):
            return super().charge(request, source)
        time.sleep(0.01)
        late = isinstance(super().find_charge(request), Found)
        return super().charge(replace(request, attempt_id=f"{threading.get_ident()}") if late else request, source)


@breaks(
    "threads_do_not_see_each_others_charges",
)
class RemembersTheRequestInItself(Broken):
    """The request waits in an attribute, where another thread's takes its place."""

    def begin(self, request: ChargeRequest) -> Any:
        return None

    def charge(self, request: ChargeRequest, source: PaymentSource) -> ChargeResult:
        self._request = request
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.01)
        return super().charge(self._request, source)


@breaks(
    "it_has_every_method_and_a_name_that_events_can_bear",
)
class NameWithSpaces(Broken):
    """Its name cannot stand in an event."""

    @property
    def gateway_id(self) -> str:
        return "my gateway"


@breaks(
    "capabilities_agree_with_each_other",
)
class CountriesInSmallLetters(Broken):
    """Its countries are not written as ISO 3166-1 has them, so no customer is in one."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, countries=frozenset({"gb"}))


@breaks(
    "a_charge_that_was_never_captured_is_not_found",
    "a_pending_charge_is_pending_until_it_settles",
    "what_no_card_does_is_pinned",
)
class NoCardPends(Broken):
    """Its bench has no card that pends, and nobody pinned that."""

    without_cards = frozenset({"pends"})


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
