"""What falls due by the calendar: holds that expire and numbers that are paid by the month."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from interact_ledger import Ledger, Number
from interact_ledger.domain import events as e
from interact_ledger.errors import AccountSuspended, HoldEnded, NumberAlreadyRented, NumberNotFound
from interact_ledger.testing import START, LedgerKit, ledger_kit
from ledger_helpers import NUMBER, ONE_SEGMENT, at_gateway, available, events_of, funded, gbp, opened, stored, topics


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(kit: LedgerKit, moment: datetime | None = None) -> list[tuple[str, datetime, str]]:
    if moment is not None:
        kit.clock.set(moment)
    return [(done.subject, done.due_at, done.outcome) for done in kit.ledger.run_due()]


def renting(kit: LedgerKit, amount: str = "50.00", **account: str) -> str:
    """Open an account with a balance that rents one number: £1 to set up, £1 a month."""
    account_id = funded(kit, amount) if not account else opened(kit, **account).account_id
    if account:
        kit.top_up(account_id, gbp(amount))
    kit.ledger.spend(account_id, NUMBER, idempotency_key="rent")
    return account_id


# Rents ------------------------------------------------------------------------------------------------------------


def test_a_number_is_paid_when_it_is_bought_and_then_by_the_month(kit):
    account_id = renting(kit)
    (rented,) = kit.ledger.numbers(account_id)
    assert (rented.number, rented.item, rented.monthly_price) == (NUMBER.number, "number-month/GB/local", gbp("1.00"))
    assert (rented.next_due_at, rented.unpaid) == (at("2026-12-23"), False)
    assert run(kit, at("2026-12-22T23:59:59")) == []
    assert run(kit, at("2026-12-23")) == [(NUMBER.number, at("2026-12-23"), "charged")]
    assert available(kit, account_id) == gbp("47.00")
    assert kit.ledger.numbers(account_id)[0].next_due_at == at("2027-01-23")


def test_running_again_charges_nothing_more(kit):
    renting(kit)
    run(kit, at("2026-12-23"))
    before = stored(kit), at_gateway(kit)
    for _ in range(3):
        assert run(kit) == []
    assert (stored(kit), at_gateway(kit)) == before


def test_after_an_outage_every_month_that_was_missed_is_charged_once(kit):
    account_id = renting(kit)
    months = ["2026-12-23", "2027-01-23", "2027-02-23", "2027-03-23"]
    assert run(kit, at("2027-04-01")) == [(NUMBER.number, at(month), "charged") for month in months]
    assert available(kit, account_id) == gbp("44.00")
    assert run(kit) == []


def test_a_number_bought_on_the_thirty_first_is_due_on_the_last_day_of_shorter_months():
    with ledger_kit(start=at("2027-10-31T12:00")) as kit:
        renting(kit)
        done = run(kit, at("2028-05-01"))
    months = ["2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    assert [due_at for _, due_at, _ in done] == [at(month) for month in months]


def test_a_month_is_due_at_midnight_where_the_account_is(kit):
    account_id = renting(kit, time_zone="America/New_York")
    assert kit.ledger.numbers(account_id)[0].next_due_at == at("2026-12-23T05:00")
    assert [due_at for _, due_at, _ in run(kit, at("2027-04-01"))] == [
        *(at("2026-12-23T05:00"), at("2027-01-23T05:00"), at("2027-02-23T05:00"), at("2027-03-23T04:00")),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [("Europe/London", "America/New_York"), ("Pacific/Kiritimati", "Pacific/Niue"), ("Pacific/Niue", "Asia/Tokyo")],
)
def test_an_account_that_moves_to_another_time_zone_pays_each_month_once(old, new):
    with ledger_kit(start=at("2026-12-01T12:00")) as kit:
        account_id = renting(kit, time_zone=old)
        kit.ledger.change_details(account_id, country="GB", region=None, tax_status="consumer", time_zone=new)
        run(kit, at("2027-12-20"))
        charged = events_of(kit, account_id, e.NumberRentalCharged)
        assert len(charged) == 12
        assert available(kit, account_id) == gbp("36.00")


def test_a_month_that_the_balance_cannot_pay_is_said_once_and_charged_when_it_can(kit):
    account_id = renting(kit, "10.00")
    kit.ledger.adjust(account_id, gbp("-7.50"), "leave fifty pence", idempotency_key="adjust")
    assert run(kit, at("2026-12-23")) == [(NUMBER.number, at("2026-12-23"), "unpaid")]
    assert kit.ledger.numbers(account_id)[0].unpaid
    (unpaid,) = events_of(kit, account_id, e.NumberRentalUnpaid)
    assert (unpaid.amount, unpaid.available) == (gbp("1.00").amount, gbp("0.50").amount)
    assert run(kit, at("2027-01-24")) == []
    assert available(kit, account_id) == gbp("0.50")
    kit.top_up(account_id, gbp("10.00"))
    assert run(kit) == [
        (NUMBER.number, at("2026-12-23"), "charged"),
        (NUMBER.number, at("2027-01-23"), "charged"),
    ]
    assert not kit.ledger.numbers(account_id)[0].unpaid
    assert available(kit, account_id) == gbp("8.50")


def test_what_is_held_does_not_pay_a_rent(kit):
    account_id = renting(kit, "10.00")
    kit.ledger.hold(account_id, gbp("8.00"), "r", idempotency_key="h", expires_in=timedelta(days=31))
    assert run(kit, at("2026-12-23")) == [(NUMBER.number, at("2026-12-23"), "unpaid")]


def test_a_suspended_account_does_not_pay_until_it_is_reinstated(kit):
    account_id = renting(kit)
    kit.ledger.suspend(account_id, "under review")
    assert run(kit, at("2026-12-23")) == [(NUMBER.number, at("2026-12-23"), "unpaid")]
    kit.ledger.reinstate(account_id, "all is well")
    assert run(kit) == [(NUMBER.number, at("2026-12-23"), "charged")]


def test_a_number_that_was_given_back_is_charged_no_more(kit):
    account_id = renting(kit)
    assert kit.ledger.release_number(account_id, NUMBER.number) == ()
    assert run(kit, at("2027-12-23")) == []
    assert available(kit, account_id) == gbp("48.00")
    with pytest.raises(NumberNotFound):
        kit.ledger.release_number(account_id, NUMBER.number)


def test_a_number_can_be_rented_once_at_a_time_and_again_after_it_was_given_back(kit):
    account_id = renting(kit)
    with pytest.raises(NumberAlreadyRented):
        kit.ledger.spend(account_id, NUMBER, idempotency_key="again")
    kit.ledger.release_number(account_id, NUMBER.number)
    kit.ledger.spend(account_id, NUMBER, idempotency_key="again")
    assert len(kit.ledger.numbers(account_id)) == 1


def test_a_rent_can_be_given_back_like_any_purchase(kit):
    account_id = renting(kit)
    run(kit, at("2026-12-23"))
    (charged,) = events_of(kit, account_id, e.NumberRentalCharged)
    back = kit.ledger.reverse_spend(account_id, charged.operation_id, "it was down", idempotency_key="back")
    assert (back.amount, back.balance) == (gbp("1.00"), gbp("48.00"))


def test_several_numbers_are_bought_with_messages_in_one_purchase(kit):
    account_id = funded(kit)
    other = Number("n-2", "+442071234568", "GB", "mobile")
    bought = kit.ledger.spend_many(account_id, [NUMBER, ONE_SEGMENT, other], idempotency_key="all")
    assert [line.reference for line in bought.lines] == ["n-1", "n-1/month", "m-1", "n-2", "n-2/month"]
    assert bought.amount == gbp("4.5325")
    assert {n.number: n.monthly_price for n in kit.ledger.numbers(account_id)} == {
        NUMBER.number: gbp("1.00"),
        other.number: gbp("1.50"),
    }


# Holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_expires_and_what_is_left_of_it_is_available_again(kit):
    account_id = funded(kit)
    held = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="h", expires_in=timedelta(hours=1))
    kit.ledger.settle(account_id, held.hold_id, [ONE_SEGMENT], idempotency_key="s")
    assert run(kit, held.expires_at - timedelta(seconds=1)) == []
    assert run(kit, held.expires_at) == [(held.hold_id, held.expires_at, "expired")]
    assert run(kit) == []
    balance = kit.ledger.balance(account_id)
    assert (balance.available, balance.held) == (gbp("49.9675"), gbp("0"))
    (expired,) = events_of(kit, account_id, e.HoldExpired)
    assert expired.amount == gbp("4.9675").amount


def test_a_hold_lasts_as_long_as_the_settings_say_if_nobody_says(kit):
    account_id = funded(kit)
    held = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="h")
    assert held.expires_at == START + timedelta(days=7)


def test_a_hold_past_its_expiry_is_not_settled_but_can_be_released(kit):
    account_id = funded(kit)
    held = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="h")
    kit.clock.set(held.expires_at)
    with pytest.raises(HoldEnded):
        kit.ledger.settle(account_id, held.hold_id, [ONE_SEGMENT], idempotency_key="s")
    assert kit.ledger.release(account_id, held.hold_id, idempotency_key="x").balance == gbp("50.00")
    with pytest.raises(HoldEnded):
        kit.ledger.release(account_id, held.hold_id, idempotency_key="y")
    assert run(kit) == []


def test_a_hold_of_a_suspended_account_still_expires(kit):
    account_id = funded(kit)
    held = kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="h")
    kit.ledger.suspend(account_id, "under review")
    with pytest.raises(AccountSuspended):
        kit.ledger.settle(account_id, held.hold_id, [ONE_SEGMENT], idempotency_key="s")
    run(kit, held.expires_at)
    assert available(kit, account_id) == gbp("50.00")


# However often, by however many -----------------------------------------------------------------------------------


def test_only_what_is_due_is_done_and_progress_is_told(kit):
    for number in range(3):
        account_id = funded(kit, "10.00")
        expires_in = timedelta(hours=number + 1)
        kit.ledger.hold(account_id, gbp("5.00"), "r", idempotency_key="h", expires_in=expires_in)
    kit.clock.advance(timedelta(hours=2))
    told = []
    assert len(kit.ledger.run_due(on_progress=lambda done, of: told.append((done, of)))) == 2
    assert told == [(1, 2), (2, 2)]


def test_several_ledgers_run_the_schedule_at_once_and_each_month_is_charged_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with ledger_kit(url) as kit:
        account_ids = [renting(kit) for _ in range(3)]
        kit.clock.set(at("2027-03-01"))
        ledgers = [Ledger.open(url, gateways=[kit.gateway], clock=kit.clock) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            done = [one for future in [threads.submit(ledger.run_due) for ledger in ledgers] for one in future.result()]
        for ledger in ledgers:
            ledger.close()
        assert len(done) == 9
        for account_id in account_ids:
            assert topics(kit, account_id).count("number-rental-charged") == 3
            assert available(kit, account_id) == gbp("45.00")
