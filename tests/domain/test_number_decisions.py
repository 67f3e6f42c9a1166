"""Rented numbers, and the calendar by which they fall due: month ends, leap years, time zones, daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from domain_helpers import NOW, OPENED, account, balance, request
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.domain import events as e
from interact_ledger.domain import numbers
from interact_ledger.domain.calendar import local_date, next_monthly_due
from interact_ledger.errors import AccountClosed, NumberAlreadyRented, NumberNotFound

NUMBER = "+442071234567"
MONTHLY = e.SpendLine("n/month", "number-month/GB/local", 1, 1, Decimal("1.00"))
RENTED = numbers.rent(account(), "txn_1", NUMBER, MONTHLY, NOW)
DUE = RENTED.next_due_at
CLOSED = e.AccountClosed(
    **request(9).fields, reason="w", paid_out=0, payout_reference=None, written_off=0, currency="GBP"
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The calendar -----------------------------------------------------------------------------------------------------


def months(anchor: int, after: str, zone: str = "UTC", count: int = 12) -> list[str]:
    """Return the next due days one after the other, as the local date."""
    moment, days = utc(after), []
    for _ in range(count):
        moment = next_monthly_due(anchor, moment, zone)
        days.append(local_date(moment, zone).isoformat())
    return days


def test_a_month_is_due_on_the_same_day_of_the_next():
    assert months(5, "2026-11-05T17:00", count=3) == ["2026-12-05", "2027-01-05", "2027-02-05"]


def test_a_thirty_first_is_due_on_the_last_day_of_each_month():
    assert months(31, "2026-12-31T08:00") == [
        *("2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30"),
        *("2027-07-31", "2027-08-31", "2027-09-30", "2027-10-31", "2027-11-30", "2027-12-31"),
    ]


@pytest.mark.parametrize(
    ("year", "last"), [(2027, "2027-02-28"), (2028, "2028-02-29"), (2100, "2100-02-28"), (2400, "2400-02-29")]
)
@pytest.mark.parametrize("anchor", [29, 30, 31])
def test_february_ends_as_its_year_has_it(year, last, anchor):
    assert months(anchor, f"{year}-01-{anchor}T00:00", count=2) == [last, f"{year}-03-{anchor}"]


def test_a_day_is_due_at_its_first_moment_where_the_account_is():
    assert next_monthly_due(1, utc("2026-12-01T12:00"), "Europe/London") == utc("2027-01-01T00:00")
    assert next_monthly_due(1, utc("2026-12-01T12:00"), "Asia/Kolkata") == utc("2026-12-31T18:30")
    assert next_monthly_due(1, utc("2027-06-01T12:00"), "Europe/London") == utc("2027-06-30T23:00")


def test_the_day_of_the_purchase_is_the_accounts_own():
    late = utc("2026-12-31T23:30")
    assert numbers.rent(account(), "txn_1", NUMBER, MONTHLY, late).anchor_day == 31
    tokyo = account(opened=OPENED.model_copy(update={"time_zone": "Asia/Tokyo"}))
    rented = numbers.rent(tokyo, "txn_1", NUMBER, MONTHLY, late)
    assert (rented.anchor_day, rented.next_due_at) == (1, utc("2027-01-31T15:00"))


def test_where_daylight_saving_skips_midnight_the_day_starts_when_the_clocks_have_moved():
    # Clocks in Cairo went from 0:00 to 1:00 on Friday 28 April 2023, and in Asunción on Sunday 1 October 2023.
    assert next_monthly_due(28, utc("2023-03-28T12:00"), "Africa/Cairo") == utc("2023-04-27T22:00")
    assert next_monthly_due(1, utc("2023-09-01T12:00"), "America/Asuncion") == utc("2023-10-01T04:00")
    first = next_monthly_due(28, utc("2023-03-28T12:00"), "Africa/Cairo").astimezone(ZoneInfo("Africa/Cairo"))
    assert (first.date(), first.hour) == (date(2023, 4, 28), 1)


def test_where_daylight_saving_repeats_midnight_the_first_one_counts():
    # Clocks in Havana went back from 1:00 to 0:00 on Sunday 5 November 2023.
    assert next_monthly_due(5, utc("2023-10-05T12:00"), "America/Havana") == utc("2023-11-05T04:00")


@given(
    st.integers(1, 31),
    st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)),  # noqa: DTZ001 - hypothesis wants its bounds naive
    st.sampled_from(["UTC", "Europe/London", "America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kolkata"]),
)
def test_every_month_has_one_due_day_and_it_is_the_anchor_or_the_months_last(anchor, start, zone):
    moment = next_monthly_due(anchor, start.replace(day=min(anchor, 28), tzinfo=UTC), zone)
    for _ in range(14):
        following = next_monthly_due(anchor, moment, zone)
        before, after = local_date(moment, zone), local_date(following, zone)
        assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == 1
        assert after.day == anchor or (after.day < anchor and (after + timedelta(days=1)).day == 1)
        moment = following


@given(
    st.integers(1, 31),
    st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - as above
    st.lists(st.sampled_from(["UTC", "Pacific/Kiritimati", "Pacific/Niue", "America/New_York", "Asia/Tokyo"])),
)
def test_moving_between_time_zones_neither_repeats_a_month_nor_skips_one(anchor, start, zones):
    moment = next_monthly_due(anchor, start.replace(day=min(anchor, 28), tzinfo=UTC), "UTC")
    for zone in zones:
        following = next_monthly_due(anchor, moment, zone)
        assert timedelta(days=26) < following - moment < timedelta(days=33)
        moment = following


# Renting ----------------------------------------------------------------------------------------------------------


def charge(*before: e.Event, due_at: datetime = DUE) -> list[e.Event]:
    return numbers.charge_rent(account(*before), request(5), NUMBER, due_at, "v2", due_at)


def test_a_number_is_rented_at_the_price_agreed_and_due_a_month_later():
    assert (RENTED.monthly_price, RENTED.item) == (Decimal("1.00"), "number-month/GB/local")
    assert (RENTED.anchor_day, DUE) == (23, utc("2026-12-23T00:00"))
    (rented,) = account(RENTED).numbers.values()
    assert (rented.next_due_at, rented.unpaid) == (DUE, False)


def test_a_number_is_rented_once_at_a_time():
    with pytest.raises(NumberAlreadyRented):
        numbers.rent(account(RENTED), "txn_2", NUMBER, MONTHLY, NOW)


def test_a_month_is_charged_at_the_agreed_price_and_the_next_falls_due():
    (charged,) = charge(balance("1.00"), RENTED)
    assert (charged.amount, charged.due_at, charged.next_due_at) == (Decimal("1.00"), DUE, utc("2027-01-23T00:00"))
    assert charged.lines == (e.SpendLine(NUMBER, "number-month/GB/local", 1, 1, Decimal("1.00")),)
    assert charged.price_list == "v2"
    state = account(balance("1.00"), RENTED, charged)
    assert (state.balance, state.numbers[NUMBER].next_due_at) == (0, utc("2027-01-23T00:00"))


def test_a_month_that_cannot_be_paid_is_said_once():
    (unpaid,) = charge(balance("0.99"), RENTED)
    assert (unpaid.amount, unpaid.available, unpaid.due_at) == (Decimal("1.00"), Decimal("0.99"), DUE)
    assert charge(balance("0.99"), RENTED, unpaid) == []
    (charged,) = charge(balance("1.00"), RENTED, unpaid)
    assert not account(balance("1.00"), RENTED, unpaid, charged).numbers[NUMBER].unpaid


def test_a_suspended_account_is_not_charged():
    suspended = e.AccountSuspended(reason="why")
    (unpaid,) = charge(balance("9.00"), RENTED, suspended)
    assert isinstance(unpaid, e.NumberRentalUnpaid)
    reinstated = e.AccountReinstated(reason="why")
    (charged,) = charge(balance("9.00"), RENTED, suspended, unpaid, reinstated)
    assert isinstance(charged, e.NumberRentalCharged)


def test_nothing_is_charged_for_another_month_a_number_given_back_or_a_closed_account():
    assert charge(balance("9.00"), RENTED, due_at=DUE + timedelta(days=31)) == []
    assert charge(balance("9.00")) == []
    assert charge(balance("9.00"), RENTED, CLOSED) == []


def test_a_number_is_given_back_once():
    (released,) = numbers.release_number(account(RENTED), NUMBER)
    assert account(RENTED, released).numbers == {}
    with pytest.raises(NumberNotFound):
        numbers.release_number(account(RENTED, released), NUMBER)
    with pytest.raises(AccountClosed):
        numbers.release_number(account(RENTED, CLOSED), NUMBER)
