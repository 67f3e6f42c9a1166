"""Monthly due days, reckoned in the account's own time zone."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

__all__ = ["local_date", "next_monthly_due"]

_MONTHS = 12


def local_date(moment: datetime, time_zone: str) -> date:
    """Return the calendar day that a moment falls on in an IANA zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def next_monthly_due(anchor_day: int, after: datetime, time_zone: str) -> datetime:
    """Return when the month after `after`'s falls due, as UTC.

    Due is the first moment of the anchor day, or of the month's last day where the month is shorter. Each month is
    reckoned from the anchor day itself, so a 31st falls on 28 February and again on 31 March. Where daylight
    saving skips midnight, the day starts when the clocks have moved; where it repeats midnight, the first counts.

    Args:
        anchor_day: 1 to 31.
        after: a moment in the month before the one that is due.
        time_zone: IANA name.
    """
    today = local_date(after, time_zone)
    next_month = date(today.year + today.month // _MONTHS, today.month % _MONTHS + 1, 1)
    day = min(anchor_day, calendar.monthrange(next_month.year, next_month.month)[1])
    return datetime.combine(next_month.replace(day=day), time.min, ZoneInfo(time_zone)).astimezone(UTC)
