"""Monthly due days, reckoned in the account's own time zone."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["due_in_month", "local_date", "month_after", "month_of", "next_monthly_due", "start_of_day"]

_MONTHS = 12
_HALF_A_MONTH = timedelta(days=14)


def local_date(moment: datetime, time_zone: str) -> date:
    """Return the calendar day that a moment falls on in an IANA zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def next_monthly_due(anchor_day: int, after: datetime, time_zone: str) -> datetime:
    """Return when the month after the one that was paid at `after` falls due, as UTC.

    Each month is reckoned from the anchor day itself, so a 31st falls on 28 February and again on 31 March.

    Args:
        anchor_day: 1 to 31.
        after: when the month before was due or bought. If the account has since moved to another zone, that moment
            may lie on the day before or after the anchor day, even in another month; so what is due less than half
            a month later is that very month once more, and passed over.
        time_zone: IANA name.
    """
    month = month_of(after, time_zone)
    while (due := due_in_month(month, anchor_day, time_zone)) - after < _HALF_A_MONTH:
        month = month_after(month)
    return due


def month_of(moment: datetime, time_zone: str) -> str:
    """Return the calendar month that a moment falls in, where the account is, as 2026-11: these sort as months do."""
    return f"{local_date(moment, time_zone):%Y-%m}"


def month_after(month: str) -> str:
    """Return the next calendar month."""
    first = _first_of(month)
    return f"{date(first.year + first.month // _MONTHS, first.month % _MONTHS + 1, 1):%Y-%m}"


def due_in_month(month: str, day: int, time_zone: str) -> datetime:
    """Return the first moment of a day of a month, or of its last day if it is shorter, as UTC.

    Where daylight saving skips midnight, the day starts when the clocks have moved; where it repeats midnight, the
    first counts.
    """
    first = _first_of(month)
    last_day = calendar.monthrange(first.year, first.month)[1]
    return start_of_day(first.replace(day=min(day, last_day)), time_zone)


def start_of_day(day: date, time_zone: str) -> datetime:
    """Return the first moment of a day, as UTC."""
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)


def _first_of(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
