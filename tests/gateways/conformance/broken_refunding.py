"""Gateways that pay back wrongly, each in one way."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from kit_runner import Broken, breaks
from moneyed import Money

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Capabilities,
    Declined,
    Found,
    Indeterminate,
    NotAttempted,
    NotFound,
    Pending,
    Refunded,
    RefundRequest,
    RefundResult,
    Unknown,
)
from interact_ledger.gateways.sandbox.tokens import SUCCEED, Step

FOR_EVER = timedelta(days=3650)


@breaks(
    "a_charge_is_paid_back_whole",
    "a_part_is_paid_back_exactly_in_every_currency",
    "a_part_that_exceeds_what_is_left_is_refused",
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
    "a_refund_is_told_once_it_went_out",
    "a_refund_repeated_under_its_attempt_is_one_refund",
    "a_refund_whose_answer_was_lost_is_found",
    "each_refund_of_ours_is_told_with_our_id",
    "more_than_was_captured_is_never_paid_back",
    "one_refund_from_several_threads_is_one_refund",
    "refunding_after_a_fault_converges_on_one_refund",
    "refunds_made_elsewhere_are_told_beside_ours",
    "two_equal_parts_are_two_refunds",
    "the_same_refund_after_a_restart_is_one_refund",
)
class PaysBackAPennyLess(Broken):
    """It keeps a penny of each refund, and says so."""

    def refund(self, request: RefundRequest) -> RefundResult:
        return super().refund(replace(request, amount=request.amount - Money("0.01", request.amount.currency)))


@breaks(
    "a_pending_refund_is_pending_until_it_settles",
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
    "a_refund_repeated_under_its_attempt_is_one_refund",
    "a_refund_that_the_bank_sent_back_is_found_as_declined",
    "a_refund_whose_answer_was_lost_is_found",
    "one_refund_from_several_threads_is_one_refund",
    "refunding_after_a_fault_converges_on_one_refund",
)
class RefundKeyPerCall(Broken):
    """A key for each call: every repeat pays back again."""

    def refund(self, request: RefundRequest) -> RefundResult:
        self._calls = getattr(self, "_calls", None) or count()
        return super().refund(replace(request, attempt_id=f"{request.attempt_id}-{next(self._calls)}"))


@breaks(
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
    "a_refund_is_told_once_it_went_out",
    "an_authentic_notice_names_the_object_and_our_id_for_it",
    "each_refund_of_ours_is_told_with_our_id",
    "more_than_was_captured_is_never_paid_back",
    "refunds_made_elsewhere_are_told_beside_ours",
    "two_equal_parts_are_two_refunds",
)
class OneRefundOfEachAmount(Broken):
    """The key of a refund is its charge and amount."""

    def refund(self, request: RefundRequest) -> RefundResult:
        return super().refund(_alike(request))

    def find_refund(self, request: RefundRequest) -> Any:
        return super().find_refund(_alike(request))


def _alike(request: RefundRequest) -> RefundRequest:
    return replace(request, attempt_id=f"{request.charge_reference}-{request.amount}", refund_id="refund")


@breaks(
    "a_part_that_exceeds_what_is_left_is_refused",
    "more_than_was_captured_is_never_paid_back",
)
class RefundsWithoutLimit(Broken):
    """It pays back more than it took."""

    def _refund_step(self, refund: Any) -> Step:
        step = super()._refund_step(refund)
        return SUCCEED if step.code == "refund_exceeds_capture" else step


@breaks(
    "a_part_that_exceeds_what_is_left_is_refused",
    "more_than_was_captured_is_never_paid_back",
)
class LimitsEachRefundAlone(Broken):
    """No refund exceeds the charge, but together they may."""

    def _refund_step(self, refund: Any) -> Step:
        step = super()._refund_step(refund)
        charge = self._memory.intent_at(refund.charge_reference)
        fits = charge is not None and refund.amount <= charge.amount
        return SUCCEED if fits and step.code == "refund_exceeds_capture" else step


@breaks(
    "a_refund_attempt_with_another_amount_pays_nothing_back",
)
class RefundsUnderAUsedKey(Broken):
    """What the gateway refuses under a used key is paid back under a new one."""

    def refund(self, request: RefundRequest) -> RefundResult:
        try:
            return super().refund(request)
        except GatewayInvalidRequest as refused:
            if refused.field != "attempt_id":
                raise
            return super().refund(replace(request, attempt_id=f"{request.attempt_id}-again"))


@breaks(
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
)
class FindsAnyRefund(Broken):
    """It finds whatever refund the charge has."""

    def refund(self, request: RefundRequest) -> RefundResult:
        self._latest = request.attempt_id
        return super().refund(request)

    def find_refund(self, request: RefundRequest) -> Any:
        return super().find_refund(replace(request, attempt_id=getattr(self, "_latest", request.attempt_id)))


@breaks(
    "a_pending_refund_is_pending_until_it_settles",
    "a_refund_is_told_once_it_went_out",
)
class PendingRefundIsPaid(Broken):
    """A refund that is pending is said to be paid."""

    def refund(self, request: RefundRequest) -> RefundResult:
        result = super().refund(request)
        if not isinstance(result, Pending):
            return result
        return Refunded(reference=result.reference, amount=request.amount, refunded_at=self._now())


@breaks(
    "a_declined_refund_pays_nothing_back",
    "a_refund_is_told_once_it_went_out",
)
class DeclinedRefundIsPaid(Broken):
    """A refund that the network declined is said to be paid."""

    def refund(self, request: RefundRequest) -> RefundResult:
        result = super().refund(request)
        if isinstance(result, Declined) and result.raw_code == "refund_refused":
            return Refunded(reference=result.reference or "", amount=request.amount, refunded_at=self._now())
        return result


@breaks(
    "a_refund_that_the_bank_sent_back_is_found_as_declined",
)
class NeverHearsOfReturns(Broken):
    """A refund that the bank sent back stays paid."""

    def find_refund(self, request: RefundRequest) -> Any:
        found = super().find_refund(request)
        if (
            isinstance(found, Found)
            and isinstance(found.result, Declined)
            and found.result.raw_code == "refund_returned"
        ):
            reference = found.result.reference or ""
            return Found(Refunded(reference=reference, amount=request.amount, refunded_at=self._now()))
        return found


@breaks(
    "nothing_is_paid_back_at_or_after_send_before",
)
class RefundsTooLate(Broken):
    """`send_before` is not looked at when paying back."""

    def refund(self, request: RefundRequest) -> RefundResult:
        return super().refund(replace(request, send_before=request.send_before + FOR_EVER))


@breaks(
    "what_was_never_captured_is_not_paid_back",
)
class RefundsWhatNeverWas(Broken):
    """A refund of a charge that never was is said to be paid."""

    def refund(self, request: RefundRequest) -> RefundResult:
        try:
            return super().refund(request)
        except GatewayInvalidRequest as refused:
            if refused.field != "charge_reference":
                raise
            return Refunded(reference="rfd", amount=request.amount, refunded_at=self._now())


@breaks(
    "refunding_after_a_fault_converges_on_one_refund",
)
class LostRefundIsNotAttempted(Broken):
    """A time-out on paying back is taken for a no."""

    def refund(self, request: RefundRequest) -> RefundResult:
        result = super().refund(request)
        return NotAttempted(why="timed out") if isinstance(result, Unknown) else result


@breaks(
    "a_part_is_paid_back_exactly_in_every_currency",
)
class PaysBackHundredthsOfYen(Broken):
    """Refunds in a currency without hundredths are sent as if it had them, where that still fits the charge."""

    def refund(self, request: RefundRequest) -> RefundResult:
        if request.amount.currency.code != "JPY":
            return super().refund(request)
        result = super().refund(replace(request, amount=Money(1, "JPY")))
        return replace(result, amount=request.amount) if isinstance(result, Refunded) else result


@breaks(
    "a_refund_whose_answer_was_lost_is_found",
)
class FindsRefundsItWasTold(Broken):
    """It finds only refunds that it had an answer to."""

    def refund(self, request: RefundRequest) -> RefundResult:
        result = super().refund(request)
        self._lost = isinstance(result, Unknown)
        return result

    def find_refund(self, request: RefundRequest) -> Any:
        return NotFound() if getattr(self, "_lost", False) else super().find_refund(request)


@breaks(
    "one_refund_from_several_threads_is_one_refund",
)
class RefundsPerThread(Broken):
    """It looks whether the refund exists, and makes another one if not."""

    _turn = threading.Lock()

    def refund(self, request: RefundRequest) -> RefundResult:
        if not isinstance(super().find_refund(request), NotFound):
            return super().refund(request)
        if threading.current_thread() is threading.main_thread():
            return super().refund(request)
        time.sleep(0.05)
        with self._turn:  # so that whoever comes second sees what the first has made
            known = not isinstance(super().find_refund(request), NotFound)
            return super().refund(replace(request, attempt_id=f"{threading.get_ident()}") if known else request)


@breaks(
    "a_charge_is_paid_back_whole",
    "a_declined_refund_pays_nothing_back",
    "a_part_is_paid_back_exactly_in_every_currency",
    "a_part_that_exceeds_what_is_left_is_refused",
    "a_pending_refund_is_pending_until_it_settles",
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
    "a_refund_repeated_under_its_attempt_is_one_refund",
    "a_refund_that_the_bank_sent_back_is_found_as_declined",
    "more_than_was_captured_is_never_paid_back",
    "nothing_is_paid_back_at_or_after_send_before",
    "two_equal_parts_are_two_refunds",
    "what_was_never_captured_is_not_paid_back",
)
class RefundsUndeclared(Broken):
    """It pays back, and its capabilities say that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, refunds=False, partial_refunds=False, refunds_before_settlement=False)


@breaks(
    "a_part_is_paid_back_exactly_in_every_currency",
    "a_part_that_exceeds_what_is_left_is_refused",
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "two_equal_parts_are_two_refunds",
)
class RefundsPartsUndeclared(Broken):
    """It pays back in parts, and its capabilities say that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, partial_refunds=False)


@breaks(
    "a_charge_that_is_not_settled_is_paid_back_as_declared",
)
class RefundsEarlyUndeclared(Broken):
    """It pays back before settlement, and its capabilities say that it does not."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, refunds_before_settlement=False)


@breaks(
    "a_charge_is_paid_back_whole",
    "a_declined_refund_pays_nothing_back",
    "a_part_is_paid_back_exactly_in_every_currency",
    "a_part_that_exceeds_what_is_left_is_refused",
    "a_pending_refund_is_pending_until_it_settles",
    "a_refund_attempt_with_another_amount_pays_nothing_back",
    "a_refund_is_found_by_our_ids_and_not_as_its_neighbour",
    "a_refund_repeated_under_its_attempt_is_one_refund",
    "a_refund_that_the_bank_sent_back_is_found_as_declined",
    "capabilities_agree_with_each_other",
    "more_than_was_captured_is_never_paid_back",
    "nothing_is_paid_back_at_or_after_send_before",
    "two_equal_parts_are_two_refunds",
    "what_was_never_captured_is_not_paid_back",
)
class PartsButNoRefunds(Broken):
    """Its capabilities contradict each other."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, refunds=False)


@breaks(
    "a_pending_refund_is_pending_until_it_settles",
)
class FindsPendingRefundsAsPaid(Broken):
    """The look-up takes a refund that pends for paid."""

    def find_refund(self, request: RefundRequest) -> Found[RefundResult] | NotFound | Indeterminate:
        found = super().find_refund(request)
        if isinstance(found, Found) and isinstance(found.result, Pending):
            reference = found.result.reference
            return Found(Refunded(reference=reference, amount=request.amount, refunded_at=self._now()))
        return found
