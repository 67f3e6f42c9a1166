"""Gateways that say wrongly what a charge came to, each in one way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kit_runner import Broken, breaks

from interact_ledger.gateways.protocol import (
    ActionRequired,
    Advice,
    Begun,
    CardDetails,
    ChargeRequest,
    ChargeResult,
    Declined,
    DeclineReason,
    Found,
    Indeterminate,
    Initiator,
    NewCard,
    NotFound,
    PaymentSource,
    Pending,
    Succeeded,
)


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
    "a_pending_charge_that_is_said_to_be_cancelled_is_never_captured",
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
    "a_pending_charge_is_pending_until_it_settles",
)
class FindsPendingAsPaid(Broken):
    """The look-up takes what pends for captured."""

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Pending):
            card = CardDetails(brand="visa", last_four="4242", expiry_month=12, expiry_year=2039)
            reference = found.result.reference
            return Found(Succeeded(reference=reference, amount=request.amount, captured_at=self._now(), card=card))
        return found


@breaks(
    "a_charge_that_asks_the_customer_waits_for_the_customer",
)
class FindsAskingAsDeclined(Broken):
    """The look-up gives up on a customer who is still authenticating."""

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, ActionRequired):
            reason, advice = DeclineReason.AUTHENTICATION_REQUIRED, Advice.CUSTOMER_PRESENT
            return Found(Declined(reason=reason, advice=advice, raw_code="asked", reference=found.result.reference))
        return found


@breaks(
    "a_capture_of_another_amount_is_told_as_it_is",
)
class FindsWhatWasAskedFor(Broken):
    """The look-up reports what was asked for, not what was captured."""

    def find_charge(self, request: ChargeRequest) -> Found[ChargeResult | Begun] | NotFound | Indeterminate:
        found = super().find_charge(request)
        if isinstance(found, Found) and isinstance(found.result, Succeeded):
            return Found(replace(found.result, amount=request.amount))
        return found
