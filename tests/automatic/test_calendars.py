"""Generated calendars: zones, days, outages, changed days. Each month that fell due is charged once.

The test's own reckoning walks up to each day by quarters of an hour, and shares nothing with the ledger's.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from automatic_helpers import MONTHLY, due, with_card
from interact_ledger.domain import events as e
from interact_ledger.testing import ledger_kit
from ledger_helpers import events_of

ZONES = (
    *("UTC", "Europe/London", "America/New_York", "America/Havana", "America/Sao_Paulo", "Africa/Cairo"),
    *("Asia/Kolkata", "Asia/Tehran", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Niue", "Pacific/Apia"),
    *("Africa/Casablanca", "Antarctica/Troll", "America/Asuncion", "Asia/Beirut"),
)
QUARTER = timedelta(minutes=15)

GAPS = st.one_of(
    st.timedeltas(timedelta(minutes=1), timedelta(hours=30)), st.timedeltas(timedelta(days=1), timedelta(days=75))
)
DAYS = st.one_of(st.sampled_from([1, 28, 29, 30, 31]), st.integers(1, 31))
STEPS = st.lists(st.tuples(GAPS, st.one_of(st.none(), DAYS)), min_size=1, max_size=14)
"""After how long something is done: what is due is run, or the customer chooses another day."""


def begins(year: int, month: int, day: int, zone: str) -> datetime:
    """Return the first moment that is not before the day, found by walking there a quarter of an hour at a time."""
    wanted = date(year, month, min(day, calendar.monthrange(year, month)[1]))
    moment = datetime(wanted.year, wanted.month, wanted.day, tzinfo=UTC) - timedelta(hours=27)
    while moment.astimezone(ZoneInfo(zone)).date() < wanted:
        moment += QUARTER
    return moment


class Reckoning:
    """Which months must be charged, and when, by the words of the promise."""

    def __init__(self, zone: str, day: int, now: datetime) -> None:
        self.zone = zone
        self.charged: list[tuple[datetime, tuple[int, int]]] = []
        self.choose(day, now)

    def choose(self, day: int, now: datetime) -> None:
        self.day, self.since = day, now

    def run(self, now: datetime) -> None:
        """Charge the latest month that fell due since the day was chosen, unless it or a later one was charged."""
        latest = self.charged[-1][1] if self.charged else (0, 0)
        fallen_due = [
            month
            for month in self._months(now)
            if month > latest and self.since < begins(*month, self.day, self.zone) <= now
        ]
        if fallen_due:
            self.charged.append((now, fallen_due[-1]))

    def _months(self, now: datetime) -> list[tuple[int, int]]:
        first = self.since.year * 12 + self.since.month - 2
        return [(n // 12, n % 12 + 1) for n in range(first, now.year * 12 + now.month + 1)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone beside it
    day=DAYS,
    steps=STEPS,
)
def test_every_month_that_fell_due_is_charged_once_whatever_the_calendar(zone, start, day, steps):
    with ledger_kit(start=start) as kit:
        account_id, card_id = with_card(kit, time_zone=zone)
        agreed = MONTHLY | {"card_id": card_id, "given_at": start}
        kit.ledger.enable_monthly_recharge(account_id, **agreed | {"day": day})
        expected = Reckoning(zone, day, start)
        for gap, chosen in steps:
            now = kit.clock.advance(gap)
            if chosen is None:
                assert set(due(kit)) <= {"succeeded"}
                assert due(kit) == []
                expected.run(now)
            elif chosen != expected.day:
                kit.ledger.enable_monthly_recharge(account_id, **agreed | {"day": chosen})
                expected.choose(chosen, now)
        started = [
            (recorded.recorded_at, tuple(map(int, recorded.event.month.split("-"))))
            for recorded in kit.ledger.history(account_id, limit=1000)
            if isinstance(recorded.event, e.MonthlyRechargeStarted)
        ]
        assert started == expected.charged
        assert len(events_of(kit, account_id, e.PaymentCaptured)) == len(started)
        assert kit.ledger.audit().clean


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone beside it
    day=DAYS,
    outages=st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=27)), min_size=10, max_size=40),
)
def test_no_month_is_missed_through_outages_of_less_than_a_month(zone, start, day, outages):
    with ledger_kit(start=start) as kit:
        account_id, card_id = with_card(kit, time_zone=zone)
        kit.ledger.enable_monthly_recharge(account_id, **MONTHLY | {"card_id": card_id, "given_at": start, "day": day})
        first = kit.ledger.automatic_payments(account_id).monthly_recharge.next_month
        for outage in outages:
            kit.clock.advance(outage)
            due(kit)
        started = events_of(kit, account_id, e.MonthlyRechargeStarted)
        assume(started)
        assert all(one.passed_over == () for one in started)
        numbers = [int(one.month[:4]) * 12 + int(one.month[5:]) for one in started]
        assert started[0].month == first
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
