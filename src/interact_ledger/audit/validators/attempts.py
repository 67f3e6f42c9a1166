"""What holds of every attempt, be it of a top-up, of a refund or of the saving of a card."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Attempts
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding

__all__ = ["is_at_its_gateway", "validate_place_of_attempt"]


def validate_place_of_attempt(entry: Entry, attempts: Attempts) -> Iterator[Finding]:
    """Attempts are numbered, and a later one follows only on one that surely reached nobody."""
    number = entry.event["number"]
    is_open = attempts.undecided or attempts.cancelling is not None
    if number != len(attempts.known) + 1 or (attempts.known and (is_open or not attempts.surely_not)):
        yield entry.finding("attempt_misplaced", f"attempt {number} follows on one that may have reached somebody")


def is_at_its_gateway(entry: Entry, attempts: Attempts) -> bool:
    """Say whether an event names one of the attempts, and the gateway where that was made."""
    return (entry.event["attempt_id"], entry.event["gateway"]) in attempts.known.items()
