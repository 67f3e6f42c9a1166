"""What each event does to the attempts that the audit's book has of top-ups, savings of cards and refunds."""

from __future__ import annotations

from interact_ledger.audit.amounts import moment
from interact_ledger.audit.book import Attempts
from interact_ledger.audit.entries import Entry

__all__ = ["attempted", "moved"]

_STILL_UNDECIDED = frozenset(
    {
        "payment-retried",
        "payment-begun",
        "payment-pending",
        "payment-action-required",
        "payment-unknown",
        "payment-cancel-requested",
        "card-saving-retried",
        "card-saving-pending",
        "card-saving-action-required",
        "card-saving-unknown",
        "card-saving-cancel-requested",
    }
)
"""After any other fact about an attempt, the gateway will not act on it any more."""


def attempted(attempts: Attempts, entry: Entry) -> None:
    """Take another attempt."""
    event = entry.event
    attempts.latest = event["attempt_id"]
    attempts.known[event["attempt_id"]] = event["gateway"]
    attempts.undecided = True
    attempts.cancelling = attempts.awaited_until = None
    attempts.surely_not = False
    attempts.send_before = moment(event["send_before"])


def moved(open_ones: dict[str, Attempts], entry: Entry) -> None:
    """Take a fact about an attempt; what is over stays over."""
    attempts = open_ones.get(entry.event["operation_id"])
    if attempts is None:
        return
    event, topic = entry.event, entry.topic
    if topic in {"payment-pending", "payment-unknown", "card-saving-pending", "card-saving-unknown"}:
        attempts.awaited_until = None
    elif topic in {"payment-action-required", "card-saving-action-required"}:
        attempts.awaited_until = moment(event["expires_at"])
    elif topic in {"payment-cancel-requested", "card-saving-cancel-requested"}:
        attempts.cancelling = event["reason"]
    captures_earlier = topic in {"payment-captured", "capture-mismatched"} and event["attempt_id"] != attempts.latest
    if topic not in _STILL_UNDECIDED and not captures_earlier:
        _decide(attempts, entry)
    if not attempts.undecided and attempts.cancelling is None:
        del open_ones[event["operation_id"]]


def _decide(attempts: Attempts, entry: Entry) -> None:
    attempts.undecided = False
    attempts.awaited_until = None
    abandoned = entry.topic == "payment-cancelled" and attempts.cancelling == "abandoned"
    never_sent = entry.topic == "payment-not-attempted" or entry.event.get("outcome") == "not_attempted"
    attempts.surely_not = abandoned or never_sent
    if entry.topic not in {"payment-declined", "payment-not-attempted"}:
        attempts.cancelling = None
