"""Whatever happens in whatever order: one automatic payment in flight, no cap passed, nothing above the ceiling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automatic_helpers import AGREED, MONTHLY, charged_as, spend, with_card
from interact_ledger import LedgerError
from interact_ledger.domain import events as e
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import gbp, pay, saved

CAP = 3
PER_DAY = gbp("50.00")
ZONE = "America/New_York"
ENDS = (e.PaymentCaptured, e.PaymentDeclined, e.PaymentNotAttempted, e.PaymentCancelled, e.CaptureMismatched)

TOKENS = (
    *("tok_visa", "tok_visa", "tok_declined_insufficient_funds", "tok_declined_lost_or_stolen", "tok_pending"),
    *("tok_authentication_required", "tok_timeout_after_charging", "tok_timeout_before_charging", "tok_unreachable"),
)


class Customer:
    """One account with both agreements, and everything that may happen to it."""

    def __init__(self, kit: LedgerKit, threshold: int, per_month: int) -> None:
        self.per_month = gbp(f"{per_month}.00")
        self.threshold = gbp(f"{threshold}.00")
        self.kit = kit
        self.charge = kit.gateway.charge
        self.account_id, self.card_id = with_card(kit, balance="60.00", time_zone=ZONE)
        self.number = 0
        self.agree()

    def key(self) -> str:
        self.number += 1
        return f"key-{self.number}"

    def agree(self) -> None:
        caps = {"max_per_month": CAP, "max_value_per_day": PER_DAY, "max_value_per_month": self.per_month}
        agreed = {"card_id": self.card_id, "given_at": START}
        self.kit.ledger.enable_auto_top_up(self.account_id, **AGREED | caps | agreed | {"threshold": self.threshold})
        self.kit.ledger.enable_monthly_recharge(self.account_id, **MONTHLY | agreed)

    def spend(self, pounds: int) -> None:
        spend(self.kit, self.account_id, f"{pounds}.00", self.key(), top_up_at_once=bool(pounds % 2))

    def wait(self, gap: timedelta) -> None:
        self.kit.clock.advance(gap)

    def card_becomes(self, token: str) -> None:
        self.kit.gateway.charge = self.charge
        self.kit.gateway.charge = charged_as(self.kit, token)

    def fault(self, fault: Fault) -> None:
        self.kit.gateway.fail_next("charge", fault)

    def run(self, _: Any = None) -> None:
        self.kit.ledger.run_due()

    def recover(self, _: Any = None) -> None:
        self.kit.ledger.recover()

    def settle(self, succeed: bool) -> None:
        payments = [thing for thing in self.kit.gateway.chargeable() if thing.kind == "payment"]
        for payment in payments[:1]:
            self.kit.gateway.settle(payment.reference, succeed=succeed)
            self.kit.gateway.authenticate(payment.reference, succeed=succeed)

    def resume(self, _: Any = None) -> None:
        self.kit.ledger.resume_auto_top_up(self.account_id)

    def agree_again(self, _: Any = None) -> None:
        self.kit.ledger.disable_auto_top_up(self.account_id)
        self.agree()

    def pay(self, _: Any = None) -> None:
        pay(self.kit, self.account_id, self.key(), "10.00")

    def other_card(self, _: Any = None) -> None:
        self.kit.ledger.remove_card(self.account_id, self.card_id, idempotency_key=self.key())
        self.card_id = saved(self.kit, self.account_id, key=self.key())

    def suspend_for(self, gap: timedelta) -> None:
        self.kit.ledger.suspend(self.account_id, "why")
        self.wait(gap)
        self.run()
        self.kit.ledger.reinstate(self.account_id, "well")

    def move(self, zone: str) -> None:
        details = {"country": "GB", "region": None, "tax_status": "consumer", "time_zone": zone}
        self.kit.ledger.change_details(self.account_id, **details)


NOTHING = st.none()
STEPS: dict[Callable[..., None], st.SearchStrategy[Any]] = {
    Customer.spend: st.integers(1, 25),
    Customer.wait: st.one_of(
        st.timedeltas(timedelta(minutes=1), timedelta(hours=9)), st.timedeltas(timedelta(hours=9), timedelta(days=20))
    ),
    Customer.card_becomes: st.sampled_from(TOKENS),
    Customer.fault: st.sampled_from(Fault),
    Customer.run: NOTHING,
    Customer.recover: NOTHING,
    Customer.settle: st.booleans(),
    Customer.resume: NOTHING,
    Customer.agree_again: NOTHING,
    Customer.pay: NOTHING,
    Customer.other_card: NOTHING,
    Customer.suspend_for: st.timedeltas(timedelta(hours=1), timedelta(days=40)),
    Customer.move: st.sampled_from([ZONE, "Pacific/Kiritimati", "Pacific/Niue"]),
}
ANY_STEP = st.one_of(
    *(values.map(lambda value, act=act: (act, value)) for act, values in STEPS.items()),
    *(st.tuples(st.just(act), STEPS[act]) for act in (Customer.spend, Customer.wait) for _ in range(4)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    threshold=st.sampled_from([40, 400]),
    per_month=st.sampled_from([70, 100]),
    steps=st.lists(ANY_STEP, min_size=10, max_size=60),
)
def test_the_guards_hold_in_every_order_of_events(threshold, per_month, steps):
    with ledger_kit() as kit:
        customer = Customer(kit, threshold, per_month)
        for act, value in steps:
            with suppress(LedgerError):  # refused, as the state is: that is not what is asked here
                act(customer, value)
            customer.run()
        history = [(one.recorded_at, one.event) for one in kit.ledger.history(customer.account_id, limit=1000)]
        one_in_flight(history)
        caps_hold(history, Decimal(per_month))
        findings = kit.ledger.audit().counts.keys()
        assert findings <= {"capture_late", "unsettled"}, findings


def one_in_flight(history: list[tuple[datetime, e.Event]]) -> None:
    in_flight: set[str] = set()
    for _, event in history:
        if isinstance(event, e.PaymentAttempted) and event.initiator != "customer":
            assert not in_flight, f"{in_flight} when {event.operation_id} was attempted"
            in_flight.add(event.operation_id)
        elif isinstance(event, ENDS):
            in_flight.discard(event.operation_id)


def caps_hold(history: list[tuple[datetime, e.Event]], per_month: Decimal) -> None:
    started = {event.operation_id: event for _, event in history if isinstance(event, e.AutoTopUpStarted)}
    taken = [event for _, event in history if isinstance(event, e.PaymentCaptured) and event.operation_id in started]
    count, by_month, by_day = Counter(), Counter(), Counter()
    for event in taken:
        if not event.late:
            start = started[event.operation_id]
            count[start.month] += 1
            by_month[start.month] += event.total
            by_day[start.day] += event.total
    assert max(count.values(), default=0) <= CAP
    assert max(by_month.values(), default=Decimal(0)) <= per_month
    assert max(by_day.values(), default=Decimal(0)) <= PER_DAY.amount
    recharges = Counter(event.month for _, event in history if isinstance(event, e.MonthlyRechargeStarted))
    assert max(recharges.values(), default=0) <= 1
