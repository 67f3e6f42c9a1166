"""Refunds at the sandbox."""

from __future__ import annotations

import pytest
from moneyed import Money
from sandbox_helpers import NOON, TWELVE, charge, paid, refund_of, save

from interact_ledger.errors import GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    CardSaved,
    Declined,
    DeclineReason,
    Found,
    NotFound,
    Pending,
    Refunded,
    Unknown,
)
from interact_ledger.gateways.sandbox import Fault, SandboxGateway


def test_a_payment_is_refunded_once_per_attempt(gateway: SandboxGateway) -> None:
    charged = paid(gateway)
    request = refund_of(charged.reference)
    result = gateway.refund(request)
    assert isinstance(result, Refunded)
    assert (result.amount, result.refunded_at) == (TWELVE, NOON)
    assert gateway.refund(request) == result
    assert gateway.find_refund(request) == Found(result)
    assert gateway.refunded_total("GBP") == TWELVE == gateway.captured_total("GBP")
    assert charge(gateway) == charged


def test_several_partial_refunds_never_exceed_the_capture(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    parts = [Money("5.00", "GBP"), Money("6.00", "GBP"), Money("1.01", "GBP"), Money("1.00", "GBP")]
    results = [gateway.refund(refund_of(reference, f"ref_{i}", amount=part)) for i, part in enumerate(parts)]
    assert [type(result) for result in results] == [Refunded, Refunded, Declined, Refunded]
    refused = results[2]
    assert isinstance(refused, Declined)
    assert (refused.reason, refused.raw_code) == (DeclineReason.OTHER, "refund_exceeds_capture")
    assert not refused.still_payable
    assert gateway.captured()[0].refunded == TWELVE


def test_what_was_not_captured_is_not_refunded(gateway: SandboxGateway) -> None:
    pending = charge(gateway, "tok_pending")
    assert isinstance(pending, Pending)
    refused = gateway.refund(refund_of(pending.reference))
    assert isinstance(refused, Declined)
    assert refused.raw_code == "charge_not_captured"


def test_a_refund_request_that_makes_no_sense_is_refused(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    gateway.refund(refund_of(reference, "ref_0", amount=Money("1", "GBP")))
    kept = save(gateway)
    assert isinstance(kept, CardSaved)
    for request in (
        refund_of("pay_nothing"),
        refund_of(kept.reference),
        refund_of(reference, amount=Money("1", "EUR")),
        refund_of(reference, amount=Money("0.001", "GBP")),
        refund_of(reference, amount=Money("-1", "GBP")),
        refund_of(reference, "ref_0", amount=Money("2", "GBP")),
    ):
        with pytest.raises(GatewayInvalidRequest):
            gateway.refund(request)
    assert gateway.refunded_total("GBP") == Money("1", "GBP")


def test_a_lost_refund_is_found(gateway: SandboxGateway) -> None:
    request = refund_of(paid(gateway).reference)
    assert gateway.find_refund(request) == NotFound()
    gateway.fail_next("refund", Fault.AFTER)
    assert isinstance(gateway.refund(request), Unknown)
    found = gateway.find_refund(request)
    assert isinstance(found, Found)
    assert isinstance(found.result, Refunded)


def test_a_pending_refund_is_nothing_that_can_be_charged_and_counts_as_given(gateway: SandboxGateway) -> None:
    charged = paid(gateway, source="tok_refund_pending")
    pending = gateway.refund(refund_of(charged.reference))
    assert isinstance(pending, Pending)
    assert gateway.chargeable() == []
    assert isinstance(gateway.refund(refund_of(charged.reference, "ref_2")), Declined)
    assert isinstance(gateway.settle(pending.reference, succeed=False), Declined)
    assert isinstance(gateway.refund(refund_of(charged.reference, "ref_3")), Pending)


def test_a_bank_may_send_a_refund_back(gateway: SandboxGateway) -> None:
    charged = paid(gateway)
    refunded = gateway.refund(refund_of(charged.reference))
    assert isinstance(gateway.return_refund(refunded.reference), Declined)
    assert gateway.refunded_total("GBP") == Money("0", "GBP")
    with pytest.raises(GatewayInvalidRequest):
        gateway.return_refund(charged.reference)
