"""Notices."""

from __future__ import annotations

from interact_ledger.domain.events.event import Event, OperationEvent
from interact_ledger.domain.events.fields import UtcTime
from interact_ledger.gateways.protocol import NoticeSubject

__all__ = ["NoticeReceived", "NoticeUnexplained"]


class NoticeReceived(OperationEvent):
    """A gateway's notice (webhook) was acted on: what it told of was looked up, and stands right before this event.

    The first event of an operation of its own, so that the same notice is never acted on twice.
    """

    TOPIC = "notice-received"
    OPERATIONS = ("mark", "operation_id")
    STARTS = True

    mark: str
    """Derived from the gateway and the notice's id."""
    gateway: str
    notice_id: str
    subject: NoticeSubject
    about: str
    """The gateway's id of what it is about."""
    occurred_at: UtcTime
    """The gateway's own time."""


class NoticeUnexplained(Event):
    """A gateway's notice about something of ours could not be explained: a person must look at the gateway.

    It stands in the account's stream, or in the gateway's own book if no account is known. Recorded once.
    """

    TOPIC = "notice-unexplained"
    OPERATIONS = ("mark",)
    STARTS = True

    mark: str
    """Derived from the gateway and the notice's id."""
    gateway: str
    notice_id: str
    subject: NoticeSubject
    about: str
    """The gateway's id of what it is about."""
    occurred_at: UtcTime
    """The gateway's own time."""
