"""Paying back with Stripe."""

from __future__ import annotations

import pytest
from moneyed import Money
from stripe_helpers import charge, paid, payment, refund_of

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Advice,
    Declined,
    DeclineReason,
    Found,
    NotFound,
    Pending,
    Refunded,
    Unknown,
)
from servers.stripe import Fault, Script

FIVE = Money("5.00", "GBP")


def test_a_refund_names_its_payment_amount_and_attempt(bench):
    captured = paid(bench)
    result = bench.gateway.refund(refund_of(bench, captured, amount=FIVE))
    (exchange,) = bench.server.asked("POST", "/refunds")
    assert exchange.asked.form == {
        "payment_intent": captured.reference,
        "amount": "500",
        "metadata": {
            "interact_ledger_operation": "refund_of_ref_1",
            "interact_ledger_attempt": "ref_1",
            "interact_ledger_account": "acct_1",
        },
    }
    assert exchange.asked.key == "ref_1:refund"
    assert isinstance(result, Refunded)
    assert (result.reference[:3], result.amount, result.refunded_at) == ("re_", FIVE, bench.clock.now())


def test_a_refund_may_be_smaller_than_the_least_charge(bench):
    result = bench.gateway.refund(refund_of(bench, paid(bench), amount=Money("0.01", "GBP")))
    assert isinstance(result, Refunded)


def test_more_than_was_captured_is_declined(bench):
    captured = paid(bench)
    assert isinstance(bench.gateway.refund(refund_of(bench, captured, amount=FIVE)), Refunded)
    too_much = bench.gateway.refund(refund_of(bench, captured, "ref_2"))
    assert too_much == Declined(
        reason=DeclineReason.OTHER, advice=Advice.NEVER, raw_code="invalid_request_error", reference=None
    )


def test_a_refund_that_stripe_refuses_says_why(bench):
    captured = paid(bench)
    bench.gateway.refund(refund_of(bench, captured))
    again = bench.gateway.refund(refund_of(bench, captured, "ref_2"))
    assert isinstance(again, Declined)
    assert again.raw_code == "charge_already_refunded"


def test_what_was_not_captured_is_not_paid_back(bench):
    charge(bench, "att_1", "pm_card_chargeDeclined")
    found = bench.gateway.find_charge(payment(bench))
    assert isinstance(found, Found)
    request = refund_of(bench, paid(bench, "att_2"), charge_reference=found.result.reference)
    assert isinstance(bench.gateway.refund(request), Declined)


@pytest.mark.parametrize("succeed", [True, False])
def test_a_pending_refund_arrives_or_does_not(bench, succeed):
    request = refund_of(bench, paid(bench, source="pm_card_pendingRefund"))
    pending = bench.gateway.refund(request)
    assert pending == Pending(reference=pending.reference)
    bench.settle(pending.reference, succeed=succeed)
    found = bench.gateway.find_refund(request)
    assert isinstance(found, Found)
    assert bench.gateway.refund(request) == found.result
    assert isinstance(found.result, Refunded if succeed else Declined)


def test_a_refund_that_the_bank_sends_back_is_declined_with_its_reason(bench):
    request = refund_of(bench, paid(bench))
    bench.return_refund(bench.gateway.refund(request).reference)
    result = bench.gateway.refund(request)
    assert isinstance(result, Declined)
    assert (result.reason, result.raw_code) == (DeclineReason.METHOD_UNUSABLE, "expired_or_canceled_card")


def test_a_replayed_refund_whose_present_state_cannot_be_told_is_unknown(bench):
    request = refund_of(bench, paid(bench))
    first = bench.gateway.refund(request)
    bench.lookups_available = False
    result = bench.gateway.refund(request)
    assert isinstance(result, Unknown)
    assert result.reference == first.reference


def test_each_refund_is_found_as_its_own(bench):
    captured = paid(bench)
    first, second = (refund_of(bench, captured, f"ref_{number}", amount=FIVE) for number in (1, 2))
    results = [bench.gateway.refund(request) for request in (first, second)]
    assert [bench.gateway.find_refund(request) for request in (first, second)] == [Found(result) for result in results]
    assert bench.gateway.find_refund(refund_of(bench, captured, "ref_3")) == NotFound()


@pytest.mark.parametrize("charge_reference", ["pi_unknown", ""])
def test_a_payment_that_never_was_is_an_invalid_request(bench, charge_reference):
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.refund(refund_of(bench, paid(bench), charge_reference=charge_reference))


def test_a_changed_repeat_is_an_invalid_request(bench):
    captured = paid(bench)
    bench.gateway.refund(refund_of(bench, captured, amount=FIVE))
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.refund(refund_of(bench, captured))


def test_a_refund_whose_answers_are_lost_is_unknown_and_then_found(bench):
    captured = paid(bench)
    bench.server.faults.add("POST", "/v1/refunds", Fault.ERROR_AFTER)
    request = refund_of(bench, captured)
    assert isinstance(bench.gateway.refund(request), Unknown)
    found = bench.gateway.find_refund(request)
    assert isinstance(found, Found)
    assert isinstance(found.result, Refunded)


@pytest.mark.parametrize("status", ["requires_action", "something_new"])
def test_a_status_of_a_refund_that_is_no_end_is_none(bench, status):
    request = refund_of(bench, paid(bench, source=bench.server.card(Script())))
    refund = bench.gateway.refund(request)
    bench.server.state.refunds[refund.reference]["status"] = status
    result = bench.gateway.refund(request)
    assert isinstance(result, Pending if status == "requires_action" else Unknown)
