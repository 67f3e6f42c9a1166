"""The network between us and the sandbox: time-outs, refusals, look-ups that fail, and the deadline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sandbox_helpers import TWELVE, changing_calls, charge, paid, payment, picture, refund_of, save, saving

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest
from interact_ledger.gateways.protocol import (
    Cancelled,
    Found,
    Indeterminate,
    NotAttempted,
    NotFound,
    Succeeded,
    Unknown,
)
from interact_ledger.gateways.sandbox import Fault, SandboxGateway

# Time-outs and refusals -----------------------------------------------------------------------------------------------


def test_a_time_out_before_charging_leaves_nothing(gateway: SandboxGateway) -> None:
    for _ in range(2):
        assert isinstance(charge(gateway, "tok_timeout_before_charging"), Unknown)
    assert gateway.find_charge(payment()) == NotFound()
    assert gateway.captured() == []


def test_a_time_out_after_charging_has_captured(gateway: SandboxGateway) -> None:
    assert isinstance(charge(gateway, "tok_timeout_after_charging"), Unknown)
    assert gateway.captured_total("GBP") == TWELVE
    repeat = charge(gateway, "tok_timeout_after_charging")
    assert isinstance(repeat, Succeeded)
    assert gateway.find_charge(payment()) == Found(repeat)
    assert gateway.captured_total("GBP") == TWELVE


def test_an_unreachable_gateway_is_not_attempted(gateway: SandboxGateway) -> None:
    assert isinstance(charge(gateway, "tok_unreachable"), NotAttempted)
    assert isinstance(save(gateway, "tok_unreachable"), NotAttempted)
    assert gateway.chargeable() == []


def test_having_begun_does_not_make_a_refused_charge_unknown(gateway: SandboxGateway) -> None:
    gateway.begin(payment())
    gateway.fail_next("charge", Fault.REFUSED)
    assert isinstance(charge(gateway), NotAttempted)


@pytest.mark.parametrize("first", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("verb", ["charge", "cancel"])
def test_one_try_that_may_have_arrived_makes_a_refused_one_unknown(
    gateway: SandboxGateway, first: Fault, verb: str
) -> None:
    gateway.fail_next("charge", first)
    gateway.fail_next(verb, Fault.REFUSED)
    charge(gateway)
    assert isinstance(charge(gateway) if verb == "charge" else gateway.cancel(payment()), Unknown)


def test_the_memory_of_a_try_outlives_the_process(tmp_path: Path, clock: MovableClock) -> None:
    with SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway:
        charge(gateway, "tok_timeout_before_charging")
    with SandboxGateway(tmp_path / "sandbox.db", clock=clock) as gateway:
        clock.advance(timedelta(hours=1))
        assert isinstance(charge(gateway, "tok_timeout_before_charging"), Unknown)


@pytest.mark.parametrize("verb", ["begin", "charge", "cancel", "save", "cancel_save", "forget", "refund"])
@pytest.mark.parametrize("fault", Fault)
def test_every_changing_method_can_be_made_to_fail(gateway: SandboxGateway, verb: str, fault: Fault) -> None:
    call = changing_calls(gateway)[verb]
    before = picture(gateway)
    gateway.fail_next(verb, fault)
    answer = call()
    # What is to be cancelled was sent before, so a refused cancellation leaves it unknown.
    refused = NotAttempted if fault is Fault.REFUSED and not verb.startswith("cancel") else Unknown
    assert isinstance(answer, refused)
    assert (picture(gateway) != before) == (fault is Fault.AFTER)
    assert not isinstance(call(), NotAttempted | Unknown)
    after = picture(gateway)
    assert after != before
    call()
    assert picture(gateway) == after


def test_faults_queue_up_and_then_end(gateway: SandboxGateway) -> None:
    gateway.fail_next("charge", Fault.REFUSED, times=2)
    gateway.fail_next("charge", Fault.BEFORE)
    answers = [type(charge(gateway)) for _ in range(4)]
    assert answers == [NotAttempted, NotAttempted, Unknown, Succeeded]


def test_a_fault_for_an_unknown_method_is_refused(gateway: SandboxGateway) -> None:
    with pytest.raises(GatewayInvalidRequest, match="verb"):
        gateway.fail_next("chagre", Fault.BEFORE)


def test_linking_a_customer_is_idempotent_and_can_fail(gateway: SandboxGateway) -> None:
    gateway.fail_next("link_customer", Fault.BEFORE)
    with pytest.raises(GatewayError):
        gateway.link_customer("acct_1")
    assert gateway.link_customer("acct_1") == gateway.link_customer("acct_1") != gateway.link_customer("acct_2")


# Look-ups -------------------------------------------------------------------------------------------------------------


def test_a_charge_is_found_by_its_attempt_or_its_reference(gateway: SandboxGateway) -> None:
    charged = paid(gateway)
    assert gateway.find_charge(payment()) == Found(charged)
    assert gateway.find_charge(payment("att_other", reference=charged.reference)) == Found(charged)
    assert gateway.find_charge(payment("att_other")) == NotFound()


def test_an_outage_makes_every_look_up_indeterminate(gateway: SandboxGateway) -> None:
    reference = paid(gateway).reference
    gateway.lookups_available = False
    for answer in (
        gateway.find_charge(payment()),
        gateway.find_card(saving()),
        gateway.find_refund(refund_of(reference)),
    ):
        assert isinstance(answer, Indeterminate)
    gateway.lookups_available = True
    gateway.fail_next("find_charge", Fault.BEFORE)
    assert isinstance(gateway.find_charge(payment()), Indeterminate)
    assert isinstance(gateway.find_charge(payment()), Found)


# The deadline ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_nothing_is_sent_from_send_before_on(gateway: SandboxGateway, clock: MovableClock, late: timedelta) -> None:
    charged = paid(gateway, attempt="att_0")
    gateway.begin(payment(attempt="att_2"))
    before = picture(gateway)
    clock.advance(timedelta(minutes=5) + late)
    answers = [
        gateway.begin(payment()),
        charge(gateway),
        charge(gateway, attempt="att_2"),
        save(gateway),
        gateway.refund(refund_of(charged.reference)),
    ]
    assert {type(answer) for answer in answers} == {NotAttempted}
    assert picture(gateway) == before


def test_one_moment_earlier_is_in_time(gateway: SandboxGateway, clock: MovableClock) -> None:
    clock.advance(timedelta(minutes=5) - timedelta(microseconds=1))
    paid(gateway)


def test_past_the_deadline_a_confirmed_attempt_tells_its_present_state(
    gateway: SandboxGateway, clock: MovableClock
) -> None:
    charged = paid(gateway)
    clock.advance(timedelta(hours=1))
    assert charge(gateway) == charged
    assert gateway.cancel(payment()) == charged


def test_past_the_deadline_a_lost_try_stays_unknown(gateway: SandboxGateway, clock: MovableClock) -> None:
    gateway.fail_next("charge", Fault.BEFORE)
    charge(gateway)
    clock.advance(timedelta(hours=1))
    assert isinstance(charge(gateway), Unknown)
    assert gateway.captured() == []


def test_cancelling_has_no_deadline_and_fetching_the_client_secret_neither(
    gateway: SandboxGateway, clock: MovableClock
) -> None:
    begun = gateway.begin(payment())
    clock.advance(timedelta(hours=1))
    assert gateway.begin(payment()) == begun
    assert isinstance(gateway.cancel(payment()), Cancelled)
