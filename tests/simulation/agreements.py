"""What one account's owner agreed to have charged automatically, as a second accountant keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulation.violation import Violation

if TYPE_CHECKING:
    from simulation.witness import Operation

__all__ = ["STARTS", "TOPICS", "Agreements"]

STARTS = {"auto-top-up-started", "monthly-recharge-started"}
TOPICS = {*STARTS, "auto-top-up-enabled", "auto-top-up-resumed", "payment-declined"}
WAIT = timedelta(hours=5)
"""For so long a declined card is left alone: it is six hours as the settings have it, and clocks may differ."""


@dataclass(slots=True)
class Agreements:
    """An automatic payment is started within its cap, once for a month, and not soon after the card was declined."""

    max_per_month: int = 0
    card_id: str = ""
    top_ups: list[tuple[str, str]] = field(default_factory=list)
    """Month and operation of each automatic top-up."""
    months: set[str] = field(default_factory=set)
    """Those that were recharged."""
    declined: tuple[str, datetime] | None = None
    """What the card's last decline advised, and when, unless somebody acted since."""

    def take(self, topic: str, event: Mapping[str, Any], moment: datetime, operations: Mapping[str, Operation]) -> None:
        """Follow an event."""
        match topic:
            case "auto-top-up-enabled":
                self.max_per_month, self.card_id, self.declined = event["max_per_month"], event["card_id"], None
            case "auto-top-up-resumed":
                self.declined = None
            case "auto-top-up-started":
                self._top_up(event, moment, operations)
            case "monthly-recharge-started":
                self._recharge(event["month"])
            case "payment-declined":
                latest = self.top_ups[-1][1] if self.top_ups else None
                if event["operation_id"] == latest and operations[latest].card_id == self.card_id:
                    self.declined = event["advice"], moment

    def _top_up(self, event: Mapping[str, Any], moment: datetime, operations: Mapping[str, Operation]) -> None:
        taken = [operations[one] for month, one in self.top_ups if month == event["month"]]
        if sum(bool(one.captured) or one.is_open for one in taken) >= self.max_per_month:
            raise Violation("automatic", f"{event['operation_id']} is more than was agreed to")
        if self.declined is not None:
            advice, declined_at = self.declined
            if advice != "later" or moment < declined_at + WAIT:
                raise Violation("automatic", f"charged at {moment} after a decline, {advice}, at {declined_at}")
        self.top_ups.append((event["month"], event["operation_id"]))
        self.declined = None

    def _recharge(self, month: str) -> None:
        if month in self.months:
            raise Violation("automatic", f"{month} was recharged twice")
        self.months.add(month)
