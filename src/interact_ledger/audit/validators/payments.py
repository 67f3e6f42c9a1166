"""Attempts and captures: no credit without a capture (I4), no charge twice (I2), exactly what was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Attempts, Book, Terms
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.validators.attempts import is_at_its_gateway, validate_place_of_attempt
from interact_ledger.audit.validators.quotes import validate_breakdown

__all__ = ["BEFORE", "validate_attempt", "validate_capture", "validate_mismatch", "validate_payment"]


def validate_attempt(entry: Entry, book: Book) -> Iterator[Finding]:
    """An attempt charges what was requested; the next one opens only after a definite no."""
    top_up = book.top_ups.get(entry.event["operation_id"])
    if top_up is None:
        yield entry.finding("attempt_differs", "no top-up was requested")
        return
    if top_up.terms is not None and top_up.terms != Terms.of(entry.event):
        yield entry.finding("attempt_differs", "is not what the quote showed")
    yield from validate_place_of_attempt(entry, top_up)


def validate_payment(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about a payment is about the latest attempt of a top-up."""
    top_up = book.top_ups.get(entry.event["operation_id"])
    if top_up is None or entry.event["attempt_id"] != top_up.latest or not is_at_its_gateway(entry, top_up):
        yield entry.finding("attempt_unknown", f"{entry.event['attempt_id']} is not the latest attempt of a top-up")


def validate_capture(entry: Entry, book: Book) -> Iterator[Finding]:
    """A capture belongs to an attempt (I4), is what was asked for, and is new (I2)."""
    event = entry.event
    yield from validate_breakdown(entry, book)
    top_up = book.top_ups.get(event["operation_id"])
    if top_up is None or not is_at_its_gateway(entry, top_up):
        yield entry.finding(
            "capture_without_attempt", f"{event['attempt_id']} was never attempted at {event['gateway']}"
        )
        return
    if top_up.terms is not None and top_up.terms != Terms.of(event):
        yield entry.finding("capture_differs", "is not what the attempt asked for")
    if event["reference"] in top_up.captured:
        yield entry.finding("capture_repeated", f"{event['gateway']} {event['reference']} was credited before")
    yield from _lateness(entry, top_up)


def _lateness(entry: Entry, top_up: Attempts) -> Iterator[Finding]:
    is_open = top_up.undecided or top_up.cancelling is not None
    is_late = not is_open or entry.event["attempt_id"] != top_up.latest
    if entry.event["late"] is not is_late:
        yield entry.finding("capture_differs", "is marked late and is not, or the other way round")
    if is_late:
        again = "; the same top-up was captured before" if top_up.captured else ""
        yield entry.finding("capture_late", f"{entry.event['reference']} came after the attempt was over{again}")


def validate_mismatch(entry: Entry, book: Book) -> Iterator[Finding]:
    """A capture of another amount than was asked for is always reported."""
    event = entry.event
    yield entry.finding(
        "capture_mismatched",
        f"{event['gateway']} {event['reference']} captured {event['captured_amount']} {event['captured_currency']},"
        f" not {event['expected_amount']} {event['expected_currency']}; nothing was credited",
    )
    top_up = book.top_ups.get(event["operation_id"])
    if top_up is None or not is_at_its_gateway(entry, top_up):
        yield entry.finding("attempt_unknown", f"{event['attempt_id']} was never attempted")


BEFORE = dict.fromkeys(
    (
        "payment-retried",
        "payment-begun",
        "payment-pending",
        "payment-action-required",
        "payment-declined",
        "payment-not-attempted",
        "payment-unknown",
        "payment-cancel-requested",
        "payment-cancelled",
    ),
    validate_payment,
) | {
    "payment-attempted": validate_attempt,
    "payment-captured": validate_capture,
    "capture-mismatched": validate_mismatch,
}
