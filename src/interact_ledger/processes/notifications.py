"""Handing notifications to whoever subscribes: at least once, in the order of the log, from where it was left off.

A subscriber's position is the one thing here that does not follow from the log, so no rebuilding moves it. It is
written after the subscriber took a notification: what is handed over just before a crash comes once more, under the
same id. Where several processes deliver to one subscriber, each may do so.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from interact_ledger.errors import ConfigurationError
from interact_ledger.projections.notifications import Notification, notifications_of
from interact_ledger.storage.log import Log

if TYPE_CHECKING:
    from cloudevents.core.v1.event import CloudEvent

__all__ = ["as_cloud_event", "deliver"]

SOURCE = "/interact_ledger"
TYPE_PREFIX = "interact_ledger."
EVENTS_PER_STEP = 500


def deliver(
    log: Log, subscriber: str, handle: Callable[[CloudEvent], object], on_progress: Callable[[int, int], None]
) -> int:
    """Hand each notification that a subscriber has not taken yet to its handler; return how many there were.

    Args:
        log: what to read.
        subscriber: whose position is kept.
        handle: takes one; if it raises, its position stays before that one.
        on_progress: called with how many events were looked at, of how many.
    """
    start, stop = log.position_of(subscriber), log.position()
    handed = 0
    events = log.all_events(after=start)
    while page := list(islice(events, EVENTS_PER_STEP)):
        positions = {(logged.recorded.stream_id, logged.recorded.version): logged.position for logged in page}
        for told in notifications_of(log.query, list(positions)):
            log.move_to(subscriber, positions[told.account_id, told.version] - 1)
            handle(as_cloud_event(told))
            handed += 1
        log.move_to(subscriber, page[-1].position)
        on_progress(min(page[-1].position, stop) - start, stop - start)
    return handed


def as_cloud_event(told: Notification) -> CloudEvent:
    """Return a notification in the form of CloudEvents 1.0.

    Raises:
        ConfigurationError: if the extra that brings the library is not installed.
    """
    try:
        from cloudevents.core.v1.event import CloudEvent
    except ImportError:
        raise ConfigurationError("needs the extra `notifications`", field="notifications") from None
    return CloudEvent(
        {
            "id": told.notification_id,
            "source": SOURCE,
            "type": TYPE_PREFIX + told.kind,
            "subject": told.account_id,
            "time": told.recorded_at,
            "datacontenttype": "application/json",
        },
        {"account_id": told.account_id, "version": told.version, **told.data},
    )
