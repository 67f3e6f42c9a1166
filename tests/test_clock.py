"""Time is aware, UTC and replaceable, and its text sorts as it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.clock import Clock, MovableClock, SystemClock, iso

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
INDIA = timezone(timedelta(hours=5, minutes=30))

moments = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=st.timezones())  # noqa: DTZ001 (zoned by strategy)


def test_the_system_clock_tells_the_present_in_utc() -> None:
    before = datetime.now(UTC)
    told = SystemClock().now()
    assert before <= told <= datetime.now(UTC)
    assert told.tzinfo is UTC


def test_a_movable_clock_stands_still_until_it_is_moved() -> None:
    clock: Clock = MovableClock(NOON)
    assert clock.now() == clock.now() == NOON


def test_a_movable_clock_moves_forward_and_back() -> None:
    clock = MovableClock(NOON)
    assert clock.advance(timedelta(hours=1)) == clock.now() == datetime(2026, 11, 23, 13, tzinfo=UTC)
    assert clock.advance(timedelta(hours=-2)) == clock.now() == datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert clock.set(NOON) == clock.now() == NOON


def test_a_movable_clock_tells_utc_wherever_it_was_set() -> None:
    clock = MovableClock(datetime(2026, 11, 23, 17, 30, tzinfo=INDIA))
    assert clock.now() == NOON
    assert clock.now().tzinfo is UTC
    assert clock.set(datetime(2026, 1, 1, tzinfo=INDIA)).tzinfo is UTC
    assert clock.now().tzinfo is UTC


def test_a_time_without_a_zone_is_refused_everywhere() -> None:
    naive = NOON.replace(tzinfo=None)
    clock = MovableClock(NOON)
    for take in (MovableClock, clock.set, iso):
        with pytest.raises(ValueError, match="without a time zone"):
            take(naive)
    assert clock.now() == NOON


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-11-23T12:00:00.000000Z"),
        (NOON.replace(microsecond=7), "2026-11-23T12:00:00.000007Z"),
        (datetime(2026, 7, 1, 0, 30, tzinfo=ZoneInfo("Europe/London")), "2026-06-30T23:30:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_microseconds(moment: datetime, text: str) -> None:
    assert iso(moment) == text


@given(moments, moments)
def test_texts_have_one_length_and_sort_as_times_do(one: datetime, other: datetime) -> None:
    assert len(iso(one)) == 27
    assert (iso(one) < iso(other)) == (one.astimezone(UTC) < other.astimezone(UTC))
    assert datetime.fromisoformat(iso(one)) == one.astimezone(UTC)
