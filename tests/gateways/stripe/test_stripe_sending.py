"""What is said when requests and answers are lost, refused, late or senseless: never a no that may be a yes."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from stripe_helpers import charge, paid, payment, refund_of, save, saving

from interact_ledger.clock import MovableClock
from interact_ledger.errors import GatewayError, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.protocol import (
    Begun,
    Cancelled,
    CardSaved,
    Declined,
    Forgotten,
    Found,
    Indeterminate,
    NewCard,
    NotAttempted,
    SavedCard,
    Succeeded,
    Unknown,
)
from interact_ledger.gateways.stripe import StripeGateway
from servers.stripe import API_KEY, Fault, Script
from stripe_bench import NOON, StripeBench, adapter

CONFIRM = ".*/confirm"
CREATE = "/v1/payment_intents"
EVERY_LOSS = [fault for fault in Fault if fault is not Fault.TOO_MANY]
SAID_BY_STRIPE = [Fault.ERROR, Fault.ERROR_AFTER, Fault.UNAVAILABLE]
SENSELESS = [Fault.GARBAGE_AFTER, Fault.NONSENSE_AFTER, Fault.LIST_AFTER]


def confirmations(bench: StripeBench) -> int:
    return len(bench.server.asked("POST", "/confirm"))


def test_without_a_connection_nothing_was_attempted(unused_tcp_port):
    """A port that nobody listens on, for real."""
    clock = MovableClock(NOON)
    gateway = StripeGateway(API_KEY, clock=clock, api_base=f"http://127.0.0.1:{unused_tcp_port}", pauses=())
    request = replace(_unlinked(clock), reference="pi_1")
    assert gateway.begin(request) == NotAttempted(why="the connection failed")
    assert gateway.charge(request, NewCard("pm_card_visa")) == NotAttempted(why="the connection failed")
    assert gateway.cancel(request) == NotAttempted(why="the connection failed")
    assert isinstance(gateway.find_charge(request), Indeterminate)
    assert isinstance(gateway.forget(SavedCard("pm_1"), "cus_1"), NotAttempted)
    with pytest.raises(GatewayError):
        gateway.link_customer("acct_1")


def test_a_name_that_no_server_has_is_no_connection_either():
    gateway = StripeGateway(API_KEY, clock=MovableClock(NOON), api_base="http://stripe.invalid", pauses=())
    assert gateway.begin(_unlinked(MovableClock(NOON))) == NotAttempted(why="the connection failed")


@pytest.mark.parametrize("fault", EVERY_LOSS)
def test_a_charge_that_is_lost_each_time_is_unknown(bench, fault):
    gateway = adapter(bench.server, bench.clock, timeouts=(0.3, 0.3))
    ready = replace(payment(bench), reference=_reference(gateway.begin(payment(bench))))
    bench.server.faults.add("POST", CONFIRM, fault, times=None)
    result = gateway.charge(ready, NewCard("pm_card_visa"))
    assert isinstance(result, Unknown)
    assert result.reference == ready.reference
    assert "pm_card" not in result.why


@pytest.mark.parametrize("fault", EVERY_LOSS)
def test_beginning_that_is_lost_each_time_is_unknown(bench, fault):
    gateway = adapter(bench.server, bench.clock, timeouts=(0.3, 0.3))
    request = payment(bench)
    bench.server.faults.add("POST", CREATE, fault, times=None)
    assert isinstance(gateway.begin(request), Unknown)


@pytest.mark.parametrize("first", [Fault.DROP_AFTER, Fault.DROP_BEFORE])
def test_one_try_that_may_have_arrived_is_not_masked_by_a_refusal(bench, first):
    ready = replace(payment(bench), reference=_reference(bench.gateway.begin(payment(bench))))
    bench.server.faults.add("POST", CONFIRM, first)
    bench.server.faults.add("POST", CONFIRM, Fault.TOO_MANY, times=2)
    assert isinstance(bench.gateway.charge(ready, NewCard("pm_card_visa")), Unknown)
    assert confirmations(bench) == 3


def test_one_try_that_may_have_arrived_is_not_masked_by_a_key_that_is_revoked_meanwhile(bench):
    ready = replace(payment(bench), reference=_reference(bench.gateway.begin(payment(bench))))

    def revoke_after_the_first() -> None:
        while not confirmations(bench):
            pass
        bench.server.api.forbidden = True

    bench.server.faults.add("POST", CONFIRM, Fault.DROP_AFTER)
    gateway = adapter(bench.server, bench.clock, pauses=(timedelta(seconds=0.3),))
    revoking = threading.Thread(target=revoke_after_the_first)
    revoking.start()
    result = gateway.charge(ready, NewCard("pm_card_visa"))
    revoking.join()
    assert isinstance(result, Unknown)
    assert len(bench.captured()) == 1


def test_only_when_every_try_was_turned_away_nothing_was_attempted(bench):
    bench.server.faults.add("POST", CONFIRM, Fault.TOO_MANY, times=3)
    assert isinstance(charge(bench), NotAttempted)
    assert confirmations(bench) == 3
    assert bench.captured() == []


def test_a_try_that_is_turned_away_is_made_again(bench):
    bench.server.faults.add("POST", CONFIRM, Fault.TOO_MANY, times=2)
    assert isinstance(charge(bench), Succeeded)


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_AFTER])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(bench, fault):
    bench.server.faults.add("POST", CONFIRM, fault)
    assert isinstance(charge(bench), Succeeded)
    assert len({exchange.asked.key for exchange in bench.server.asked("POST", "/confirm")}) == 1
    assert len(bench.captured()) == 1


@pytest.mark.parametrize("fault", [*SAID_BY_STRIPE, *SENSELESS])
def test_what_stripe_said_itself_is_not_asked_again(bench, fault):
    """A 500 is stored under the key: a loop would only replay it."""
    bench.server.faults.add("POST", CONFIRM, fault)
    assert isinstance(charge(bench), Unknown)
    assert confirmations(bench) == 1


def test_a_replayed_500_is_unknown_however_often_it_is_repeated(bench):
    bench.server.faults.add("POST", CONFIRM, Fault.ERROR_AFTER)
    results = [charge(bench) for _ in range(4)]
    assert {type(result) for result in results} == {Unknown}
    assert confirmations(bench) == 4
    found = bench.gateway.find_charge(payment(bench))
    assert isinstance(found, Found)
    assert isinstance(found.result, Succeeded)
    assert len(bench.captured()) == 1


def test_a_key_that_is_in_use_may_have_charged(bench):
    """Another process is sending the same attempt: 409."""
    ready = replace(payment(bench), reference=_reference(bench.gateway.begin(payment(bench))))
    begun, go = threading.Event(), threading.Event()
    known = bench.server.api._confirm_payment

    def slowly(form, name):
        begun.set()
        assert go.wait(5)
        return known(form, name)

    bench.server.api._confirm_payment = slowly
    bench.server.state.lock = _Unlocked()  # so that the second request is answered while the first is under way
    first = []
    sending = threading.Thread(target=lambda: first.append(bench.gateway.charge(ready, NewCard("pm_card_visa"))))
    sending.start()
    assert begun.wait(5)
    second = bench.gateway.charge(ready, NewCard("pm_card_visa"))
    go.set()
    sending.join()
    assert isinstance(second, Unknown)
    assert "409" in second.why
    assert isinstance(first[0], Succeeded)
    assert isinstance(charge(bench), Succeeded)
    assert len(bench.captured()) == 1


def test_a_server_that_hangs_is_left_after_the_time_out(bench):
    gateway = adapter(bench.server, bench.clock, timeouts=(0.2, 0.2), pauses=())
    bench.server.faults.add("POST", CREATE, Fault.HANG_BEFORE)
    assert isinstance(gateway.begin(payment(bench)), Unknown)


def test_no_try_is_made_once_send_before_has_passed(bench):
    """The clock moves while the adapter is between two tries."""
    request = payment(bench)
    ready = replace(request, reference=_reference(bench.gateway.begin(request)))
    ticking = _Ticking(bench.clock, timedelta(minutes=3))
    gateway = adapter(bench.server, ticking)
    bench.server.faults.add("POST", CONFIRM, Fault.TOO_MANY, times=None)
    assert isinstance(gateway.charge(ready, NewCard("pm_card_visa")), NotAttempted)
    assert confirmations(bench) == 2


def test_a_repeat_that_comes_too_late_tells_what_the_attempt_came_to(bench):
    request = payment(bench)
    first = charge(bench)
    bench.clock.set(request.send_before)
    late = replace(request, reference=first.reference)
    assert bench.gateway.charge(late, NewCard("pm_card_visa")) == first
    assert confirmations(bench) == 1
    bench.lookups_available = False
    assert isinstance(bench.gateway.charge(late, NewCard("pm_card_visa")), NotAttempted)


def test_a_saving_that_comes_too_late_is_not_sent(bench):
    request = saving(bench)
    bench.clock.set(request.send_before)
    assert isinstance(bench.gateway.save(request, NewCard("pm_card_visa")), NotAttempted)
    assert bench.server.asked("POST", "/setup_intents") == []


def test_a_refund_that_comes_too_late_tells_what_the_attempt_came_to(bench):
    captured = paid(bench)
    request = refund_of(bench, captured)
    bench.clock.set(request.send_before)
    assert isinstance(bench.gateway.refund(request), NotAttempted)
    bench.clock.set(NOON)
    refunded = bench.gateway.refund(request)
    bench.clock.set(request.send_before)
    assert bench.gateway.refund(request) == refunded


def test_an_attempt_that_may_be_sent_for_a_month_is_refused(bench):
    request = payment(bench, send_before=NOON + timedelta(days=31))
    with pytest.raises(GatewayInvalidRequest):
        bench.gateway.begin(request)


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE_AFTER, Fault.NONSENSE_AFTER, Fault.LIST_AFTER])
def test_look_ups_that_make_no_sense_are_indeterminate(bench, fault):
    captured, charging, keeping = paid(bench), payment(bench), saving(bench)
    bench.server.faults.add("GET", ".*", fault, times=None)
    for reference in (None, captured.reference):
        assert isinstance(bench.gateway.find_charge(replace(charging, reference=reference)), Indeterminate)
        assert isinstance(bench.gateway.find_card(replace(keeping, reference=reference)), Indeterminate)
    assert isinstance(bench.gateway.find_refund(refund_of(bench, captured)), Indeterminate)


def test_a_page_that_is_missing_makes_a_look_up_indeterminate(bench):
    for number in range(101):
        bench.gateway.begin(payment(bench, f"att_{number}"))
    bench.server.faults.add("GET", CREATE, Fault.DROP_BEFORE, times=None)
    assert isinstance(bench.gateway.find_charge(payment(bench, "att_0")), Indeterminate)
    bench.server.faults.clear()
    found = bench.gateway.find_charge(payment(bench, "att_0"))
    assert isinstance(found, Found)
    assert isinstance(found.result, Begun)
    assert len(bench.server.asked("GET", CREATE)) == 3 + 2


def test_cancelling_and_forgetting_are_repeated_until_they_are_answered(bench):
    ready = replace(payment(bench), reference=_reference(bench.gateway.begin(payment(bench))))
    for path in (".*/cancel", ".*/detach"):
        bench.server.faults.add("POST", path, Fault.DROP_AFTER)
        bench.server.faults.add("POST", path, Fault.TOO_MANY)
    assert bench.gateway.cancel(ready) == Cancelled(reference=ready.reference)
    kept = save(bench)
    assert isinstance(kept, CardSaved)
    assert bench.gateway.forget(SavedCard(kept.token), ready.customer_id) == Forgotten()


def test_an_unanswered_key_is_not_taken_for_a_key_that_was_refused(bench):
    """401 before anything may have arrived is a matter for an operator."""
    gateway = StripeGateway("sk_test_another", clock=bench.clock, api_base=bench.server.address, pauses=())
    for call in (
        lambda: gateway.begin(payment(bench)),
        lambda: gateway.find_charge(payment(bench)),
        lambda: gateway.link_customer("acct_1"),
        lambda: gateway.forget(SavedCard("pm_1"), "cus_1"),
    ):
        with pytest.raises(GatewayMisconfigured):
            call()


def test_a_restricted_key_without_the_right_is_a_matter_for_an_operator(bench):
    request = payment(bench)
    bench.server.api.forbidden = True
    with pytest.raises(GatewayMisconfigured):
        bench.gateway.begin(request)


def test_a_customer_of_another_account_is_a_matter_for_an_operator(bench):
    """Not found would be believed, and the attempt sent once more."""
    with pytest.raises(GatewayMisconfigured):
        bench.gateway.find_charge(payment(bench, customer_id="cus_elsewhere", reference="pi_elsewhere"))
    with pytest.raises(GatewayMisconfigured):
        bench.gateway.find_refund(refund_of(bench, paid(bench), charge_reference="pi_elsewhere"))


def test_a_decline_that_is_replayed_is_the_same_decline(bench):
    bench.server.faults.add("POST", CONFIRM, Fault.DROP_AFTER)
    first = charge(bench, source="pm_card_chargeDeclined")
    assert isinstance(first, Declined)
    assert charge(bench, source="pm_card_chargeDeclined") == first


def test_a_replayed_decline_is_not_taken_for_the_present(bench):
    declined = charge(bench, source="pm_card_chargeDeclined")
    bench.pay_in_browser(declined.reference, bench.server.card(Script()))
    assert isinstance(charge(bench, source="pm_card_chargeDeclined"), Succeeded)


def test_a_replayed_answer_is_not_taken_for_the_present(bench):
    asked = charge(bench, source="pm_card_authenticationRequired")
    bench.authenticate(asked.reference)
    assert isinstance(charge(bench, source="pm_card_authenticationRequired"), Succeeded)
    request = payment(bench)
    bench.lookups_available = False
    assert isinstance(bench.gateway.charge(request, NewCard("pm_card_authenticationRequired")), Unknown)


def _reference(begun: object) -> str:
    assert isinstance(begun, Begun)
    return begun.reference


def _unlinked(clock: MovableClock):
    class Linked:
        def link_customer(self, _account_id: str) -> str:
            return "cus_1"

    class Bench:
        gateway = Linked()

    Bench.clock = clock
    return payment(Bench())


class _Ticking:
    """A clock that moves each time it is read."""

    def __init__(self, clock: MovableClock, step: timedelta) -> None:
        self._now = clock.now() - step
        self._step = step

    def now(self):
        self._now += self._step
        return self._now


class _Unlocked:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None
