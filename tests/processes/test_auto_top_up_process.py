"""Auto top-up: it fires once when the balance is low, and within the caps that were agreed to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from automatic_helpers import (
    AGREED,
    COOL_DOWN,
    MONTHLY,
    at,
    attempts,
    auto,
    due,
    spend,
    with_auto_top_up,
    with_card,
    with_other,
)
from interact_ledger import Ledger
from interact_ledger.domain import events as e
from interact_ledger.errors import (
    GatewayMisconfigured,
    InvalidRequest,
)
from interact_ledger.gateways.sandbox import Fault, SandboxGateway
from interact_ledger.testing import START, ledger_kit
from ledger_helpers import NUMBER, ONE_SEGMENT, at_gateway, available, events_of, gbp, pay, stored, topics

RETRY = timedelta(hours=6)
UNSENT_RETRY = timedelta(minutes=5)
SAFE = timedelta(seconds=60 + 10 + 60)


# When it fires ----------------------------------------------------------------------------------------------------


def test_a_spend_below_the_threshold_makes_it_due_and_the_next_run_charges_the_card(kit):
    account_id, card_id = with_auto_top_up(kit)
    assert due(kit) == []
    spend(kit, account_id, "5.00")
    assert due(kit) == []
    spend(kit, account_id, "0.10", "more")
    assert auto(kit, account_id).is_due
    before = available(kit, account_id)
    assert due(kit) == ["succeeded"]
    assert available(kit, account_id) == before + gbp("20.00")
    (attempt,) = attempts(kit, account_id)
    assert (attempt.initiator, attempt.card_id, attempt.total) == ("unscheduled", card_id, gbp("24.00").amount)
    assert kit.gateway.captured_total("GBP") == gbp("24.00")
    assert kit.ledger.audit().clean


def test_its_start_is_in_one_append_with_quote_and_attempt_and_says_why(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    due(kit)
    begin = topics(kit, account_id).index("auto-top-up-started") - 1
    assert topics(kit, account_id)[begin : begin + 4] == [
        *("checkout-quoted", "auto-top-up-started", "top-up-requested", "payment-attempted"),
    ]
    (started,) = events_of(kit, account_id, e.AutoTopUpStarted)
    assert (started.available, started.threshold, started.total) == tuple(
        gbp(amount).amount for amount in ("14.0200", "15.00", "24.00")
    )
    assert (started.month, started.day) == ("2026-11", "2026-11-23")
    assert kit.ledger.receipt(started.operation_id).total == gbp("24.00")


def test_a_spend_says_nothing_to_the_gateway_unless_it_is_asked_to(kit):
    account_id, _ = with_auto_top_up(kit)
    before = at_gateway(kit)
    spend(kit, account_id, "6.00")
    assert at_gateway(kit) == before


def test_a_spend_that_asks_for_it_is_topped_up_before_it_returns(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00", top_up_at_once=True)
    assert available(kit, account_id) == gbp("34.0200")
    assert due(kit) == []


def test_a_settled_hold_may_ask_for_it_too_and_sees_the_new_balance(kit):
    account_id, _ = with_auto_top_up(kit)
    hold = kit.ledger.hold(account_id, gbp("6.00"), "r", idempotency_key="h")
    settled = kit.ledger.settle(account_id, hold.hold_id, [ONE_SEGMENT], idempotency_key="s", top_up_at_once=True)
    assert settled.balance == gbp("34.00")


@pytest.mark.parametrize("fault", Fault)
def test_what_becomes_of_the_top_up_is_no_error_of_the_spend_that_asked_for_it(kit, fault):
    account_id, _ = with_auto_top_up(kit)
    kit.gateway.fail_next("charge", fault)
    spend(kit, account_id, "6.00", top_up_at_once=True)
    assert available(kit, account_id) == gbp("14.0200")


def test_nor_is_a_gateway_that_refuses_us_or_breaks(kit, monkeypatch):
    for number, error in enumerate((GatewayMisconfigured("bad key"), ZeroDivisionError("oops"))):
        account_id, _ = with_auto_top_up(kit)

        def broken(*_arguments, error=error):
            raise error

        with monkeypatch.context() as broke:
            broke.setattr(kit.gateway, "charge", broken)
            spend(kit, account_id, "6.00", str(number), top_up_at_once=True)
        assert available(kit, account_id) == gbp("14.0200")


def test_a_hold_a_refund_and_an_adjustment_make_it_due_as_a_spend_does(kit):
    account_id, _ = with_auto_top_up(kit)
    hold = kit.ledger.hold(account_id, gbp("6.00"), "r", idempotency_key="h")
    assert auto(kit, account_id).is_due
    kit.ledger.release(account_id, hold.hold_id, idempotency_key="r")
    assert not auto(kit, account_id).is_due
    kit.ledger.adjust(account_id, gbp("-6.00"), "why", idempotency_key="a")
    assert auto(kit, account_id).is_due
    assert due(kit) == ["succeeded"]


def test_enabling_it_on_a_low_balance_makes_it_due_at_once(kit):
    account_id, _ = with_auto_top_up(kit, threshold=gbp("30.00"))
    assert due(kit) == ["succeeded"]
    assert available(kit, account_id) == gbp("40.00")


def test_a_top_up_that_is_under_way_counts_as_if_it_were_there(kit):
    account_id, _ = with_auto_top_up(kit)
    pay(kit, account_id, card_token="tok_pending")
    spend(kit, account_id, "6.00")
    assert due(kit) == []


def test_while_one_is_unknown_no_other_is_started_until_it_is_settled(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    kit.gateway.fail_next("charge", Fault.AFTER)
    assert due(kit) == ["unknown"]
    spend(kit, account_id, "14.00", "all")
    for _ in range(3):
        kit.clock.advance(timedelta(days=1))
        assert due(kit) == []
    kit.ledger.recover()
    assert available(kit, account_id) == gbp("20.0450")
    assert len(attempts(kit, account_id)) == 1
    assert auto(kit, account_id).failures == 0


def test_while_a_monthly_recharge_is_unknown_none_is_started(kit):
    account_id, card_id = with_auto_top_up(kit, threshold=gbp("100.00"))
    kit.ledger.disable_auto_top_up(account_id)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.gateway.fail_next("charge", Fault.AFTER)
    assert due(kit, at("2026-12-01")) == ["unknown"]
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED | {"threshold": gbp("100.00")})
    assert due(kit) == []
    kit.clock.advance(timedelta(hours=1))
    kit.ledger.recover()
    assert due(kit) == ["succeeded"]


def test_between_two_starts_there_is_a_cool_down(kit):
    _ = with_auto_top_up(kit, threshold=gbp("100.00"))
    assert due(kit) == ["succeeded"]
    kit.clock.advance(COOL_DOWN - timedelta(seconds=1))
    assert due(kit) == []
    kit.clock.advance(timedelta(seconds=1))
    assert due(kit) == ["succeeded"]


def test_up_to_a_target_it_charges_what_is_missing_and_never_less_than_the_minimum(kit):
    account_id, _ = with_auto_top_up(kit, amount=None, target=gbp("30.00"))
    spend(kit, account_id, "8.00")
    assert due(kit) == ["succeeded"]
    assert available(kit, account_id) == gbp("30.0050")
    other, _ = with_auto_top_up(kit, amount=None, target=gbp("15.01"))
    spend(kit, other, "5.10")
    assert due(kit) == ["succeeded"]
    assert available(kit, other) == gbp("24.9300")


def test_up_to_a_target_it_charges_in_the_steps_that_its_gateway_takes(kit, monkeypatch):
    able = kit.gateway.capabilities
    pounds = replace(able.currencies["GBP"], step=Decimal("0.25"))
    monkeypatch.setattr(SandboxGateway, "capabilities", replace(able, currencies={**able.currencies, "GBP": pounds}))
    account_id, _ = with_auto_top_up(kit, amount=None, target=gbp("40.00"))
    spend(kit, account_id, "6.00")
    assert due(kit) == ["succeeded"]
    (charged,) = attempts(kit, account_id)
    assert charged.total % pounds.step == 0
    assert gbp("40.00") <= available(kit, account_id) < gbp("41.25")


def test_nothing_happens_when_it_is_run_again(kit):
    account_id, _ = with_auto_top_up(kit)
    spend(kit, account_id, "6.00")
    due(kit)
    before = stored(kit), at_gateway(kit)
    for _ in range(3):
        assert due(kit) == []
    assert (stored(kit), at_gateway(kit)) == before


def test_nobody_is_charged_before_the_time_and_what_fell_due_later_waits(kit):
    account_id, _ = with_auto_top_up(kit)
    with pytest.raises(InvalidRequest) as refused:
        kit.ledger.run_due(START + timedelta(seconds=1))
    assert refused.value.field == "now"
    kit.clock.advance(timedelta(hours=1))
    spend(kit, account_id, "6.00")
    assert kit.ledger.run_due(START) == []
    assert [done.outcome for done in kit.ledger.run_due(START + timedelta(hours=1))] == ["succeeded"]


def test_money_comes_in_before_a_rent_is_charged_and_again_after_it(kit):
    account_id, _ = with_auto_top_up(kit)
    kit.ledger.spend(account_id, NUMBER, idempotency_key="n")
    spend(kit, account_id, "17.50")
    assert due(kit, at("2027-01-24")) == ["succeeded", "charged", "charged"]
    assert events_of(kit, account_id, e.NumberRentalUnpaid) == []
    other, _ = with_auto_top_up(kit, threshold=gbp("17.50"))
    kit.ledger.spend(other, NUMBER, idempotency_key="n")
    assert due(kit, at("2027-02-25")) == ["charged", "charged", "succeeded"]


def test_credit_that_expires_makes_it_due_in_the_same_run(kit):
    account_id, card_id = with_card(kit, balance="14.00")
    over_at = START + timedelta(days=1)
    kit.ledger.grant_credit(account_id, gbp("2.00"), "welcome", idempotency_key="g", expires_at=over_at)
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    assert due(kit) == []
    assert due(kit, over_at) == ["expired", "succeeded"]


def test_credit_that_a_hold_kept_past_its_expiry_makes_it_due_in_the_run_that_ends_the_hold(kit):
    account_id, card_id = with_card(kit, balance="2.50")
    kit.ledger.spend(account_id, NUMBER, idempotency_key="n")
    over_at = START + timedelta(days=1)
    kit.ledger.grant_credit(account_id, gbp("20.00"), "welcome", idempotency_key="g", expires_at=over_at)
    kit.ledger.hold(account_id, gbp("20.00"), "campaign", idempotency_key="h", expires_in=timedelta(days=2))
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    kit.ledger.suspend(account_id, "under review")
    kit.clock.set(at("2026-12-24"))
    kit.ledger.reinstate(account_id, "reviewed")
    assert due(kit) == ["expired", "expired", "succeeded", "charged"]
    assert events_of(kit, account_id, e.NumberRentalUnpaid) == []


# Caps -------------------------------------------------------------------------------------------------------------


def test_the_cap_of_a_month_ends_with_the_month_where_the_account_is(kit):
    account_id, card_id = with_card(kit, time_zone="America/New_York")
    terms = AGREED | {"threshold": gbp("300.00"), "max_per_month": 2}
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **terms)
    assert due(kit) == ["succeeded"]
    kit.clock.advance(COOL_DOWN)
    assert due(kit) == ["succeeded"]
    kit.clock.advance(COOL_DOWN)
    assert due(kit) == ["postponed"]
    (postponed,) = events_of(kit, account_id, e.AutoTopUpPostponed)
    assert (postponed.reason, postponed.next_try_at) == ("max_per_month", at("2026-12-01T05:00"))
    assert due(kit) == []
    assert due(kit, at("2026-12-01T04:59:59")) == []
    assert due(kit, at("2026-12-01T05:00")) == ["succeeded"]
    assert auto(kit, account_id).charges_this_month == 1


@pytest.mark.parametrize(
    ("cap", "reason", "until"),
    [
        ({"max_value_per_day": gbp("50.00")}, "max_value_per_day", "2026-11-24"),
        ({"max_value_per_month": gbp("50.00")}, "max_value_per_month", "2026-12-01"),
    ],
)
def test_a_value_that_is_not_to_be_passed_counts_taxes(kit, cap, reason, until):
    account_id, _ = with_auto_top_up(kit, threshold=gbp("300.00"), **cap)
    for outcome in ("succeeded", "succeeded", "postponed"):
        assert due(kit) == [outcome]
        kit.clock.advance(COOL_DOWN)
    (postponed,) = events_of(kit, account_id, e.AutoTopUpPostponed)
    assert (postponed.reason, postponed.next_try_at) == (reason, at(until))
    assert kit.gateway.captured_total("GBP") == gbp("48.00")


def test_what_was_declined_or_never_sent_takes_no_place_under_the_cap(kit):
    account_id, _ = with_auto_top_up(kit, max_per_month=1)
    spend(kit, account_id, "6.00")
    kit.gateway.fail_next("charge", Fault.REFUSED)
    assert due(kit) == ["not_attempted"]
    kit.clock.advance(UNSENT_RETRY)
    assert due(kit) == ["succeeded"]


def test_what_is_unknown_keeps_its_place_under_the_cap(kit):
    account_id, _ = with_auto_top_up(kit, max_per_month=1)
    spend(kit, account_id, "6.00")
    kit.gateway.fail_next("charge", Fault.AFTER)
    due(kit)
    assert auto(kit, account_id).charges_this_month == 1


def test_another_agreement_does_not_free_a_month_that_is_used_up(kit):
    account_id, card_id = with_auto_top_up(kit, threshold=gbp("300.00"), max_per_month=1)
    due(kit)
    kit.ledger.disable_auto_top_up(account_id)
    kit.ledger.enable_auto_top_up(
        account_id, card_id=card_id, **AGREED | {"threshold": gbp("250.00"), "max_per_month": 1}
    )
    kit.clock.advance(COOL_DOWN)
    assert due(kit) == ["postponed"]
    kit.ledger.enable_auto_top_up(
        account_id, card_id=card_id, **AGREED | {"threshold": gbp("250.00"), "max_per_month": 2}
    )
    assert due(kit) == ["succeeded"]


def test_moving_to_where_it_is_still_yesterday_frees_no_day_and_no_month(kit):
    kit.clock.set(at("2026-11-30T11:00"))
    account_id, card_id = with_card(kit, time_zone="Pacific/Kiritimati")
    terms = AGREED | {"threshold": gbp("300.00"), "max_per_month": 1}
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **terms)
    due(kit)
    (started,) = events_of(kit, account_id, e.AutoTopUpStarted)
    assert started.month == "2026-12"
    kit.ledger.change_details(account_id, country="GB", region=None, tax_status="consumer", time_zone="Pacific/Niue")
    kit.clock.advance(COOL_DOWN)
    assert due(kit) == ["postponed"]
    assert events_of(kit, account_id, e.AutoTopUpPostponed)[0].next_try_at == at("2027-01-01T11:00")


def test_with_taxes_that_rose_above_the_ceiling_it_pauses_and_waits_for_a_new_agreement(kit):
    account_id, card_id = with_auto_top_up(kit, ceiling=gbp("24.00"))
    settings = kit.ledger._context.settings
    dearer = settings.taxes[0].model_copy(update={"rate": settings.taxes[0].rate + 1})
    later = with_other(kit, settings=settings.model_copy(update={"taxes": (dearer, *settings.taxes[1:])}))
    spend(kit, account_id, "6.00")
    assert [done.outcome for done in later.run_due()] == ["paused"]
    assert (auto(kit, account_id).status, auto(kit, account_id).stopped_by) == ("paused", "above_ceiling")
    later.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    assert [done.outcome for done in later.run_due()] == ["succeeded"]


def test_a_cold_ledger_reads_the_same_from_a_snapshot(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_id, _ = with_auto_top_up(kit)
        for number in range(210):
            spend(kit, account_id, "0.04", str(number))
        due(kit)
        before = kit.ledger.automatic_payments(account_id)
        with Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) as cold:
            assert cold.automatic_payments(account_id) == before
