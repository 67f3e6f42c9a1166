"""Refunds: of a charge of this account, reserved first, never more than is left, exactly what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from interact_ledger.audit.amounts import between, decimal
from interact_ledger.audit.book import Book, Terms
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.validators.attempts import is_at_its_gateway, validate_place_of_attempt
from interact_ledger.audit.validators.purchases import validate_covered
from interact_ledger.audit.validators.quotes import validate_breakdown

__all__ = [
    "AFTER",
    "BEFORE",
    "validate_attempt",
    "validate_fact",
    "validate_queued",
    "validate_refunded",
    "validate_request",
]

_TRIED_WITHIN = timedelta(days=1)


def validate_request(entry: Entry, book: Book) -> Iterator[Finding]:
    """A refund is of a charge that was captured on this account."""
    if (entry.event["transaction_id"], entry.event["charge_reference"]) not in book.charges:
        yield entry.finding("refund_wrong", f"{entry.event['charge_reference']} was never captured here")


def validate_attempt(entry: Entry, book: Book) -> Iterator[Finding]:
    """An attempt was requested, follows only on one that surely reached nobody, and pays back something."""
    yield from validate_breakdown(entry, book)
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is None:
        yield entry.finding("attempt_differs", "no refund was requested")
    else:
        yield from validate_place_of_attempt(entry, refund)
    if entry.amount("total") <= 0:
        yield entry.finding("refund_wrong", "pays back nothing")


def validate_left(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is reserved for a refund was there, on the balance and of its charge."""
    yield from validate_covered(entry, book)
    left = book.charges.get((entry.event["transaction_id"], entry.event["charge_reference"]), (0,))
    if min(left) < 0:
        yield entry.finding("refund_wrong", f"takes {decimal(-min(left))} more than is left of a part of the charge")


def validate_fact(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about a refund is about its latest attempt."""
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is None or entry.event["attempt_id"] != refund.latest or not is_at_its_gateway(entry, refund):
        yield entry.finding("attempt_unknown", f"{entry.event['attempt_id']} is not the latest attempt of a refund")


def validate_queued(entry: Entry, book: Book) -> Iterator[Finding]:
    """Only a refund that is under way waits, and to be tried again soon."""
    yield from validate_fact(entry, book)
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is not None and not refund.undecided:
        yield entry.finding("refund_wrong", "waits, and was over")
    elif refund is not None and between(refund.send_before, entry.event["next_try_at"]) > _TRIED_WITHIN:
        yield entry.finding("refund_wrong", f"is not tried again before {entry.event['next_try_at']}")


def validate_refunded(entry: Entry, book: Book) -> Iterator[Finding]:
    """What was paid back was attempted, is what was asked for, and is new."""
    event = entry.event
    refund = book.refunds.get(event["operation_id"])
    if refund is None or not is_at_its_gateway(entry, refund):
        yield entry.finding("attempt_unknown", f"{event['attempt_id']} was never attempted at {event['gateway']}")
        return
    if entry.topic == "refund-mismatched":
        yield entry.finding(
            "refund_mismatched",
            f"{event['gateway']} {event['reference']} paid back {event['refunded_amount']}"
            f" {event['refunded_currency']}, not {event['expected_amount']} {event['expected_currency']}",
        )
    elif not _is_as_asked(entry, book):
        yield entry.finding("refund_differs", "is not what the attempt asked for")
    elif event.get("claimed") not in {None, event["total"]}:
        yield entry.finding(
            "refund_exceeds", f"{event['reference']} is of {event['claimed']}, and takes {event['total']}"
        )
    if event["reference"] in refund.captured:
        yield entry.finding("refund_repeated", f"{event['gateway']} {event['reference']} was debited before")
    is_late = not refund.undecided or event["attempt_id"] != refund.latest
    if event["late"] is not is_late:
        yield entry.finding("refund_differs", "is marked late and is not, or the other way round")
    if is_late:
        yield entry.finding("refund_late", f"{event['reference']} came after the attempt was over")


def _is_as_asked(entry: Entry, book: Book) -> bool:
    """Say whether a refund takes what its attempt asked for, or just all that nothing else took of its charge."""
    event = entry.event
    if event.get("claimed") is None:
        return book.refund_terms[event["attempt_id"]] == Terms.of(event)
    intent = book.refund_intents[event["attempt_id"]]
    left = [max(0, part) for part in book.kept.get(intent.charge, ())]
    return (
        any(asked > there for asked, there in zip(intent.parts, left, strict=False))
        and entry.amount("claimed") == sum(intent.parts)
        and entry.amount("total") == sum(entry.parts) == min(sum(intent.parts), sum(left))
        and all(taken <= there for taken, there in zip(entry.parts, left, strict=False))
        and event["currency"] == book.refund_terms[event["attempt_id"]].currency
    )


def validate_returned(entry: Entry, book: Book) -> Iterator[Finding]:
    """Only what was debited comes back, and that is always reported."""
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is None or not is_at_its_gateway(entry, refund):
        yield entry.finding("attempt_unknown", f"{entry.event['attempt_id']} was never attempted")
    elif entry.event["reference"] not in refund.captured:
        yield entry.finding("refund_differs", f"{entry.event['reference']} was never debited")
    yield entry.finding("refund_returned", f"{entry.event['reference']} failed: {entry.event['detail']}")


BEFORE = dict.fromkeys(("refund-retried", "refund-pending", "refund-unknown", "refund-failed"), validate_fact) | {
    "refund-requested": validate_request,
    "refund-attempted": validate_attempt,
    "refund-queued": validate_queued,
    "refunded": validate_refunded,
    "refund-mismatched": validate_refunded,
    "refund-returned": validate_returned,
}
AFTER = {"refund-attempted": validate_left}
