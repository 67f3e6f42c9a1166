"""Monthly recharge: once for each month on the chosen day, and ended by a card that cannot pay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from automatic_helpers import (
    AGREED,
    MONTHLY,
    at,
    attempts,
    charged_as,
    due,
    monthly,
    spend,
    with_auto_top_up,
    with_card,
    with_monthly_recharge,
    with_other,
)
from interact_ledger import Ledger
from interact_ledger.clock import MovableClock
from interact_ledger.domain import events as e
from interact_ledger.errors import BelowMinimum, CardNotFound, InvalidAmount, InvalidRequest
from interact_ledger.gateways.protocol import CardDetails, CardFunding
from interact_ledger.gateways.sandbox import Fault
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import at_gateway, available, events_of, gbp, pay, saved, stored, topics


def months(kit: LedgerKit, account_id: str) -> list[str]:
    return [started.month for started in events_of(kit, account_id, e.MonthlyRechargeStarted)]


class MovedOnce:
    """A clock that comes to a moment when it has told the time so often."""

    def __init__(self, clock: MovableClock, told: int, moment: datetime) -> None:
        self._clock, self._left, self._moment = clock, told, moment

    def now(self) -> datetime:
        if self._left == 0:
            self._clock.set(self._moment)
        self._left -= 1
        return self._clock.now()


# When it is due ---------------------------------------------------------------------------------------------------


def test_it_is_charged_on_the_day_of_each_month_and_once(kit):
    account_id = with_monthly_recharge(kit)
    assert monthly(kit, account_id).next_due_at == at("2026-12-01")
    assert due(kit, at("2026-11-30T23:59:59")) == []
    assert due(kit, at("2026-12-01")) == ["succeeded"]
    before = stored(kit), at_gateway(kit)
    for _ in range(3):
        assert due(kit) == []
    assert (stored(kit), at_gateway(kit)) == before
    assert due(kit, at("2027-01-01")) == ["succeeded"]
    assert available(kit, account_id) == gbp("60.00")
    assert [attempt.initiator for attempt in attempts(kit, account_id)] == ["recurring"] * 2
    assert kit.ledger.audit().clean


@pytest.mark.parametrize("told", range(10))
def test_a_month_that_falls_due_while_one_before_it_is_charged_changes_nothing_of_that(kit, told):
    account_id = with_monthly_recharge(kit)
    kit.clock.set(at("2027-01-01") - timedelta(microseconds=1))
    with_other(kit, clock=MovedOnce(kit.clock, told, at("2027-01-01"))).run_due()
    (started,) = events_of(kit, account_id, e.MonthlyRechargeStarted)
    assert [attempt.operation_id for attempt in attempts(kit, account_id)] == [started.operation_id]
    assert kit.ledger.audit().clean


def test_its_start_is_in_one_append_with_quote_and_attempt_and_says_of_which_month(kit):
    account_id = with_monthly_recharge(kit)
    due(kit, at("2026-12-01"))
    begin = topics(kit, account_id).index("monthly-recharge-started") - 1
    assert topics(kit, account_id)[begin : begin + 4] == [
        *("checkout-quoted", "monthly-recharge-started", "top-up-requested", "payment-attempted"),
    ]
    (started,) = events_of(kit, account_id, e.MonthlyRechargeStarted)
    assert (started.month, started.due_at, started.next_month) == ("2026-12", at("2026-12-01"), "2027-01")
    assert kit.ledger.receipt(started.operation_id).total == gbp("24.00")


def test_the_day_is_kept_through_shorter_months():
    with ledger_kit(start=at("2027-10-31T12:00")) as kit:
        account_id = with_monthly_recharge(kit, day=31)
        for month in range(8):
            for day in range(4):
                due(kit, at("2027-11-28") + timedelta(days=30 * month + day))
        assert [started.due_at for started in events_of(kit, account_id, e.MonthlyRechargeStarted)] == [
            *map(at, ("2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"))
        ]


def test_it_is_due_at_midnight_where_the_account_is(kit):
    account_id = with_monthly_recharge(kit, zone="America/New_York")
    assert monthly(kit, account_id).next_due_at == at("2026-12-01T05:00")


@pytest.mark.parametrize(
    ("zone", "day", "start", "due_at"),
    [
        ("America/Sao_Paulo", 4, "2018-10-20", "2018-11-04T03:00"),  # midnight was skipped that day
        ("America/Havana", 1, "2026-10-20", "2026-11-01T04:00"),  # midnight came twice
        ("Pacific/Apia", 30, "2011-12-10", "2011-12-30T10:00"),  # there was no such day
    ],
)
def test_a_midnight_that_is_skipped_or_comes_twice_is_one_moment(zone, day, start, due_at):
    with ledger_kit(start=at(start)) as kit:
        consent = {"given_at": at(start)}
        account_id = with_monthly_recharge(kit, zone=zone, day=day, **consent)
        assert monthly(kit, account_id).next_due_at == at(due_at)
        assert due(kit, at(due_at) - timedelta(seconds=1)) == []
        assert due(kit, at(due_at)) == ["succeeded"]
        for hours in range(48):
            assert due(kit, at(due_at) + timedelta(hours=hours)) == []


def test_after_an_outage_the_latest_month_that_was_missed_runs_once(kit):
    account_id = with_monthly_recharge(kit)
    assert due(kit, at("2027-03-10")) == ["succeeded"]
    assert due(kit) == []
    (started,) = events_of(kit, account_id, e.MonthlyRechargeStarted)
    assert (started.month, started.passed_over) == ("2027-03", ("2026-12", "2027-01", "2027-02"))
    assert monthly(kit, account_id).next_due_at == at("2027-04-01")
    assert kit.ledger.audit().clean


def test_who_asks_for_what_was_due_earlier_gets_the_latest_month_too(kit):
    account_id = with_monthly_recharge(kit)
    kit.clock.set(at("2027-03-10"))
    kit.ledger.run_due(at("2026-12-02"))
    kit.ledger.run_due()
    assert months(kit, account_id) == ["2027-03"]


def test_it_waits_for_another_automatic_payment_and_is_not_skipped(kit):
    account_id, card_id = with_auto_top_up(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    spend(kit, account_id, "6.00")
    kit.clock.set(at("2026-11-30T23:59:30"))
    kit.gateway.fail_next("charge", Fault.AFTER)
    assert due(kit) == ["unknown"]
    assert due(kit, at("2026-12-01")) == []
    kit.clock.advance(timedelta(days=1))
    assert due(kit) == []
    kit.ledger.recover()
    assert due(kit) == ["succeeded"]
    assert months(kit, account_id) == ["2026-12"]
    assert len(attempts(kit, account_id)) == 2


def test_both_can_be_on_and_the_low_balance_counts_what_the_month_brings(kit):
    account_id, card_id = with_auto_top_up(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.clock.set(at("2026-12-01"))
    spend(kit, account_id, "6.00")
    assert due(kit) == ["succeeded"]
    assert due(kit) == []
    assert months(kit, account_id) == ["2026-12"]


def test_several_ledgers_run_the_schedule_at_once_and_a_month_is_charged_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        accounts = [with_monthly_recharge(kit) for _ in range(3)]
        kit.clock.set(at("2026-12-01"))
        ledgers = [Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            done = [one for future in [threads.submit(ledger.run_due) for ledger in ledgers] for one in future.result()]
        for ledger in ledgers:
            ledger.close()
        assert [one.outcome for one in done] == ["succeeded"] * 3
        assert [months(kit, account_id) for account_id in accounts] == [["2026-12"]] * 3
        assert len(kit.gateway.captured()) == 3


# Another day, another zone ----------------------------------------------------------------------------------------


def test_a_day_that_is_changed_after_its_month_was_charged_begins_with_the_next(kit):
    account_id, card_id = with_card(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 25})
    due(kit, at("2026-11-25"))
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 28})
    assert monthly(kit, account_id).next_due_at == at("2026-12-28")
    assert due(kit, at("2026-11-28")) == []


def test_a_day_that_is_changed_before_its_month_was_charged_is_the_next_such_day(kit):
    account_id, card_id = with_card(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 25})
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 28})
    assert due(kit, at("2026-11-25")) == []
    assert due(kit, at("2026-11-28")) == ["succeeded"]


def test_stopping_and_agreeing_anew_charges_no_month_twice(kit):
    account_id, card_id = with_card(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 25})
    due(kit, at("2026-11-25"))
    assert kit.ledger.disable_monthly_recharge(account_id).monthly_recharge.stopped_by == "requested"
    assert due(kit, at("2026-11-26")) == []
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY | {"day": 27})
    assert due(kit, at("2026-11-27")) == []
    assert due(kit, at("2026-12-27")) == ["succeeded"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("Europe/London", "America/New_York"), ("Pacific/Kiritimati", "Pacific/Niue"), ("Pacific/Niue", "Asia/Tokyo")],
)
def test_an_account_that_moves_to_another_zone_is_charged_once_for_each_month(old, new):
    with ledger_kit(start=at("2026-11-20T12:00")) as kit:
        account_id = with_monthly_recharge(kit, zone=old, given_at=at("2026-11-20"))
        kit.ledger.change_details(account_id, country="GB", region=None, tax_status="consumer", time_zone=new)
        for day in range(365):
            due(kit, at("2026-11-20T12:00") + timedelta(days=day))
        assert months(kit, account_id) == [f"2026-{m:02}" for m in (12,)] + [f"2027-{m:02}" for m in range(1, 12)]
        assert kit.ledger.audit().clean


# Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("tok_later_insufficient_funds", "card_refused"),
        ("tok_later_declined_off_session", "card_refused"),
        ("tok_later_authentication_required", "authentication"),
    ],
)
def test_a_card_that_cannot_pay_ends_it_in_the_same_append(kit, token, reason):
    account_id = with_monthly_recharge(kit, token)
    assert due(kit, at("2026-12-01")) == ["declined"]
    assert (monthly(kit, account_id).status, monthly(kit, account_id).stopped_by) == ("disabled", reason)
    declined = topics(kit, account_id).index("payment-declined")
    assert topics(kit, account_id)[declined + 1] == "monthly-recharge-disabled"
    assert due(kit, at("2027-12-01")) == []
    assert kit.ledger.audit().clean


def test_a_payment_that_its_owner_completes_keeps_it_going(kit):
    account_id = with_monthly_recharge(kit, "tok_later_action_required")
    assert due(kit, at("2026-12-01")) == ["action_required"]
    under_way = kit.ledger.automatic_payments(account_id).under_way
    kit.gateway.authenticate(kit.ledger.complete(account_id, under_way).gateway_reference)
    assert kit.ledger.complete(account_id, under_way).status == "succeeded"
    assert monthly(kit, account_id).status == "enabled"


def test_a_payment_that_nobody_completes_ends_it(kit):
    account_id = with_monthly_recharge(kit, "tok_later_action_required")
    due(kit, at("2026-12-01"))
    kit.clock.advance(timedelta(hours=2))
    kit.ledger.recover()
    assert (monthly(kit, account_id).status, monthly(kit, account_id).stopped_by) == ("disabled", "authentication")


def test_a_month_that_its_owner_calls_off_is_over_and_the_next_one_is_charged(kit, monkeypatch):
    account_id = with_monthly_recharge(kit, "tok_later_action_required")
    due(kit, at("2026-12-01"))
    kit.ledger.cancel(account_id, kit.ledger.automatic_payments(account_id).under_way)
    assert due(kit, at("2026-12-30")) == []
    monkeypatch.setattr(kit.gateway, "charge", charged_as(kit, "tok_visa"))
    assert due(kit, at("2027-01-01")) == ["succeeded"]


def test_a_gateway_that_is_not_reached_is_asked_again_for_the_same_month_by_the_same_payment(kit):
    account_id = with_monthly_recharge(kit)
    kit.gateway.fail_next("charge", Fault.REFUSED, times=2)
    assert due(kit, at("2026-12-01")) == ["not_attempted"]
    kit.ledger.recover()
    assert due(kit) == []
    kit.clock.advance(timedelta(minutes=5))
    assert due(kit) == ["not_attempted"]
    kit.ledger.recover()
    kit.clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
    assert due(kit) == []
    kit.clock.advance(timedelta(seconds=1))
    assert due(kit) == ["succeeded"]
    assert months(kit, account_id) == ["2026-12"]
    assert len({attempt.operation_id for attempt in attempts(kit, account_id)}) == 1
    assert available(kit, account_id) == gbp("40.00")
    assert kit.ledger.audit().clean


def test_a_month_that_waits_to_be_attempted_again_can_be_called_off(kit):
    account_id = with_monthly_recharge(kit)
    kit.gateway.fail_next("charge", Fault.REFUSED)
    assert due(kit, at("2026-12-01")) == ["not_attempted"]
    (attempt,) = attempts(kit, account_id)
    for _ in range(2):
        assert kit.ledger.cancel(account_id, attempt.operation_id).status == "not_attempted"
    assert kit.ledger.automatic_payments(account_id).monthly_recharge.retry_at is None
    assert due(kit, at("2026-12-20")) == []
    assert due(kit, at("2027-01-01")) == ["succeeded"]
    assert len(attempts(kit, account_id)) == 2
    assert kit.ledger.audit().findings == ()


def test_a_month_that_never_reached_the_gateway_gives_way_to_the_next(kit):
    account_id = with_monthly_recharge(kit)
    kit.gateway.fail_next("charge", Fault.REFUSED)
    due(kit, at("2026-12-01"))
    kit.ledger.recover()
    assert due(kit, at("2027-01-01")) == ["succeeded"]
    assert due(kit) == []
    assert months(kit, account_id) == ["2026-12", "2027-01"]
    assert kit.ledger.audit().clean


def test_what_is_unknown_is_settled_and_not_charged_again(kit):
    account_id = with_monthly_recharge(kit)
    kit.gateway.fail_next("charge", Fault.BEFORE)
    assert due(kit, at("2026-12-01")) == ["unknown"]
    kit.clock.advance(timedelta(hours=1))
    assert due(kit) == []
    kit.ledger.recover()
    assert due(kit) == []
    kit.clock.advance(timedelta(minutes=5))
    assert due(kit) == ["succeeded"]
    assert available(kit, account_id) == gbp("40.00")


def test_with_taxes_that_rose_above_the_ceiling_it_ends(kit):
    account_id = with_monthly_recharge(kit, ceiling=gbp("24.00"))
    settings = kit.ledger._context.settings
    dearer = settings.taxes[0].model_copy(update={"rate": settings.taxes[0].rate + 1})
    kit.clock.set(at("2026-12-01"))
    later = with_other(kit, settings=settings.model_copy(update={"taxes": (dearer, *settings.taxes[1:])}))
    assert [done.outcome for done in later.run_due()] == ["disabled"]
    assert monthly(kit, account_id).stopped_by == "above_ceiling"


def test_a_dispute_ends_it_in_the_same_append(kit):
    account_id, card_id = with_card(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.gateway.open_dispute(pay(kit, account_id).gateway_reference)
    for delivery in kit.gateway.notices_due():
        kit.ledger.receive("sandbox", delivery.body, delivery.headers)
    told = topics(kit, account_id)
    assert told[told.index("dispute-opened") + 1] == "monthly-recharge-disabled"
    assert monthly(kit, account_id).stopped_by == "disputed"
    assert due(kit, at("2027-01-01")) == []


def test_removing_the_card_ends_it_in_the_same_append(kit):
    account_id, card_id = with_card(kit)
    saved(kit, account_id, "tok_mastercard", "other")
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.ledger.remove_card(account_id, card_id, idempotency_key="x")
    at_removal = topics(kit, account_id).index("card-removal-requested")
    assert topics(kit, account_id)[at_removal + 1] == "monthly-recharge-disabled"
    assert monthly(kit, account_id).stopped_by == "card_removed"
    assert due(kit, at("2027-01-01")) == []


def test_a_suspended_account_is_charged_for_the_latest_month_when_it_is_reinstated(kit):
    account_id = with_monthly_recharge(kit)
    kit.ledger.suspend(account_id, "why")
    assert due(kit, at("2027-02-15")) == []
    kit.ledger.reinstate(account_id, "well")
    assert due(kit) == ["succeeded"]
    assert months(kit, account_id) == ["2027-02"]


# A card that expires ----------------------------------------------------------------------------------------------


def expiring(kit: LedgerKit, monkeypatch: pytest.MonkeyPatch, year: int, month: int) -> str:
    """Open an account that is recharged each month from a card that is good until the end of a month."""
    real = kit.gateway.save

    def save(request, card):
        details = CardDetails(
            brand="visa", last_four="4242", expiry_month=month, expiry_year=year, funding=CardFunding.CREDIT
        )
        result = real(request, card)
        return type(result)(reference=result.reference, token=result.token, details=details)

    with monkeypatch.context() as saving:
        saving.setattr(kit.gateway, "save", save)
        return with_monthly_recharge(kit)


def test_a_card_that_will_have_expired_is_announced_before_the_due_date_once(kit, monkeypatch):
    account_id = expiring(kit, monkeypatch, 2026, 11)
    assert due(kit) == ["announced"]
    (announced,) = events_of(kit, account_id, e.CardExpiryAnnounced)
    assert (announced.due_at, announced.expiry_year, announced.expiry_month) == (at("2026-12-01"), 2026, 11)
    assert due(kit, START + timedelta(days=1)) == []
    assert due(kit, at("2026-12-01")) == ["succeeded"]  # its network took a new card's number over
    assert due(kit, at("2026-12-31")) == []
    assert kit.ledger.audit().clean


def test_it_is_announced_two_weeks_before_and_not_for_a_card_that_is_good_on_the_day(kit, monkeypatch):
    account_id = expiring(kit, monkeypatch, 2026, 12)
    assert due(kit, at("2026-12-01")) == ["succeeded"]
    assert due(kit, at("2026-12-17T23:59:59")) == []
    assert due(kit, at("2026-12-18")) == ["announced"]
    assert len(events_of(kit, account_id, e.CardExpiryAnnounced)) == 1


def test_of_a_card_that_its_network_renewed_counts_what_it_is_good_for_now(kit):
    account_id = with_monthly_recharge(kit)
    card = kit.ledger._account(account_id).cards[monthly(kit, account_id).card_id]
    for year, outcomes in ((2026, ["announced"]), (2041, []), (2025, ["announced"])):
        kit.gateway.update_card(card.token, expiry_month=11, expiry_year=year)
        for told in kit.gateway.notices_due():
            kit.ledger.receive(kit.gateway.gateway_id, told.body, told.headers)
        assert kit.ledger.audit().findings == ()
        assert due(kit) == outcomes
    assert kit.ledger.audit().findings == ()


# Agreeing ---------------------------------------------------------------------------------------------------------


def test_the_agreement_is_recorded_and_the_same_again_changes_nothing(kit):
    account_id, card_id = with_card(kit)
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    version = kit.ledger.account(account_id).version
    kit.clock.advance(timedelta(days=10))
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    assert kit.ledger.account(account_id).version == version
    (agreed,) = events_of(kit, account_id, e.MonthlyRechargeEnabled)
    assert (agreed.consent_text, agreed.given_by, agreed.given_at) == ("You may charge my card.", "customer-1", START)


@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"day": 0}, InvalidRequest, "day"),
        ({"day": 32}, InvalidRequest, "day"),
        ({"amount": gbp("9.99")}, BelowMinimum, "amount"),
        ({"ceiling": gbp("23.99")}, InvalidAmount, "ceiling"),
        ({"card_id": "card_none"}, CardNotFound, "card_id"),
        ({"given_at": datetime(2100, 1, 1, tzinfo=UTC)}, InvalidRequest, "given_at"),
    ],
)
def test_an_agreement_that_could_not_be_carried_out_is_refused_and_nothing_is_stored(kit, wrong, error, field):
    account_id, card_id = with_card(kit)
    before = stored(kit)
    with pytest.raises(error) as refused:
        kit.ledger.enable_monthly_recharge(account_id, **{"card_id": card_id, **MONTHLY, **wrong})
    assert refused.value.field == field
    assert stored(kit) == before


def test_a_decline_of_a_card_that_was_replaced_meanwhile_ends_nothing(kit):
    account_id, card_id = with_card(kit, "tok_later_action_required")
    kit.ledger.enable_monthly_recharge(account_id, card_id=card_id, **MONTHLY)
    kit.ledger.enable_auto_top_up(account_id, card_id=card_id, **AGREED)
    due(kit, at("2026-12-01"))
    under_way = kit.ledger.automatic_payments(account_id).under_way
    good = saved(kit, account_id, "tok_mastercard", "good")
    kit.ledger.enable_monthly_recharge(account_id, card_id=good, **MONTHLY)
    result = kit.ledger.complete(account_id, under_way)
    kit.gateway.authenticate(result.gateway_reference, succeed=False)
    assert kit.ledger.complete(account_id, under_way).status == "declined"
    assert monthly(kit, account_id).status == "enabled"
    assert due(kit, at("2027-01-01")) == ["succeeded"]
