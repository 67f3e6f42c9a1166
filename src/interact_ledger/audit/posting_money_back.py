"""What each event does to the audit's book of what takes a captured charge back: refunds, disputes, a reversal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from interact_ledger.audit.amounts import moment
from interact_ledger.audit.book import Attempts, Book, Dispute, RefundElsewhere, RefundIntent, Terms
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.posting_attempts import attempted

__all__ = ["MONEY_BACK"]

# By refunds of ours -----------------------------------------------------------------------------------------------


def _refund_requested(book: Book, entry: Entry) -> None:
    book.refunds[entry.event["operation_id"]] = Attempts(None)


def _refund_attempted(book: Book, entry: Entry) -> None:
    event = entry.event
    refund = book.refunds.setdefault(event["operation_id"], Attempts(None))
    attempted(refund, entry)
    refund.credit = entry.amount("credit")
    book.refund_terms[event["attempt_id"]] = Terms.of(event)
    book.open_refunds[event["operation_id"]] = refund
    intent = RefundIntent((event["transaction_id"], event["charge_reference"]), entry.parts)
    book.refund_intents[event["attempt_id"]] = intent
    book.money.held += refund.credit
    _under_way(book, intent, 1)


def _refund_queued(book: Book, entry: Entry) -> None:
    refund = book.open_refunds.get(entry.event["operation_id"])
    if refund is not None:
        refund.queued_until = moment(entry.event["next_try_at"])


def _refund_failed(book: Book, entry: Entry) -> None:
    _end_refund(book, entry, surely_not=entry.event["outcome"] == "not_attempted")
    _refund_over(book, book.refund_intents.get(entry.event["attempt_id"]))


def _refunded(book: Book, entry: Entry) -> None:
    credit = entry.amount("credit")
    book.money.refunded += credit
    book.money.balance -= credit
    intent = book.refund_intents.get(entry.event["attempt_id"])
    if not entry.event["late"]:
        _refund_over(book, intent)
    if intent is not None:
        intent.took = intent.parts if entry.event.get("taxes") is None else entry.parts
        _take(book, intent.charge, intent.took, 1)
    refund = book.refunds.get(entry.event["operation_id"])
    if refund is not None:
        refund.captured.add(entry.event["reference"])
        if entry.event["attempt_id"] == refund.latest:
            _end_refund(book, entry, surely_not=False)


def _refund_returned(book: Book, entry: Entry) -> None:
    credit = entry.amount("credit")
    book.money.refunded -= credit
    book.money.balance += credit
    intent = book.refund_intents.get(entry.event["attempt_id"])
    if intent is not None:
        _take(book, intent.charge, intent.took, -1)


def _end_refund(book: Book, entry: Entry, *, surely_not: bool) -> None:
    refund = book.open_refunds.pop(entry.event["operation_id"], None)
    if refund is not None:
        book.money.held -= refund.credit
        refund.undecided, refund.surely_not, refund.queued_until = False, surely_not, None


def _refund_over(book: Book, intent: RefundIntent | None) -> None:
    if intent is not None:
        _under_way(book, intent, -1)


def _under_way(book: Book, intent: RefundIntent, times: int) -> None:
    """Keep a refund's parts for it from what may yet be paid back of its charge, or no longer."""
    _reduce(book.charges, intent.charge, intent.parts, times)
    _reduce(book.under_way, intent.charge, intent.parts, -times)


def _take(book: Book, charge: tuple[str, str], parts: tuple[int, ...], times: int) -> None:
    """Take what a fact took out of a charge, or put it back."""
    for charges in (book.charges, book.kept):
        _reduce(charges, charge, parts, times)


def _reduce(
    charges: dict[tuple[str, str], tuple[int, ...]], charge: tuple[str, str], parts: tuple[int, ...], times: int
) -> None:
    if charge in charges:
        charges[charge] = tuple(a - times * b for a, b in zip(charges[charge], parts, strict=True))


# Without our asking -----------------------------------------------------------------------------------------------


def _dispute_opened(book: Book, entry: Entry) -> None:
    event = entry.event
    charge = (event["transaction_id"], event["charge_reference"])
    dispute = Dispute(charge, entry.amount("claimed"), entry.parts, entry.amount("held"))
    book.disputes[event["operation_id"]] = dispute
    book.money.held += dispute.held
    _reduce(book.charges, charge, dispute.parts, 1)


def _dispute_decided(book: Book, entry: Entry) -> None:
    dispute = book.disputes.get(entry.event["operation_id"])
    times = 1 if entry.topic == "dispute-lost" else -1
    credit, parts = entry.amount("credit"), entry.parts
    book.money.lost += times * credit
    book.money.balance -= times * credit
    if dispute is None:
        return
    if dispute.status == "open":
        book.money.held -= dispute.held
        _reduce(book.charges, dispute.charge, dispute.parts, -1)
        dispute.parts = (0,) * len(dispute.parts)
    _take(book, dispute.charge, parts, times)
    dispute.parts = tuple(a + times * b for a, b in zip(dispute.parts, parts, strict=True))
    dispute.status = entry.topic.removeprefix("dispute-")
    if entry.event.get("claimed") is not None:
        dispute.claimed = entry.amount("claimed")


def _refunded_elsewhere(book: Book, entry: Entry) -> None:
    charge = (entry.event["transaction_id"], entry.event["charge_reference"])
    made = RefundElsewhere(charge, entry.parts)
    book.elsewhere[entry.event["operation_id"]] = made
    _taken_elsewhere(book, entry, made, 1)


def _elsewhere_returned(book: Book, entry: Entry) -> None:
    made = book.elsewhere.get(entry.event["operation_id"])
    if made is not None:
        made.returned = True
        _taken_elsewhere(book, entry, made, -1)


def _taken_elsewhere(book: Book, entry: Entry, made: RefundElsewhere, times: int) -> None:
    credit = entry.amount("credit")
    book.money.refunded_elsewhere += times * credit
    book.money.balance -= times * credit
    _take(book, made.charge, entry.parts, times)


def _payment_reversed(book: Book, entry: Entry) -> None:
    credit, charge = entry.amount("credit"), (entry.event["operation_id"], entry.event["reference"])
    book.money.never_settled += credit
    book.money.balance -= credit
    book.reversed_charges.add(charge)
    _take(book, charge, entry.parts, 1)


MONEY_BACK: Mapping[str, Callable[[Book, Entry], None]] = MappingProxyType(
    {
        "refund-requested": _refund_requested,
        "refund-attempted": _refund_attempted,
        "refund-queued": _refund_queued,
        "refund-failed": _refund_failed,
        "refunded": _refunded,
        "refund-mismatched": _refunded,
        "refund-returned": _refund_returned,
        "payment-reversed": _payment_reversed,
        "dispute-opened": _dispute_opened,
        "dispute-won": _dispute_decided,
        "dispute-lost": _dispute_decided,
        "refund-made-elsewhere": _refunded_elsewhere,
        "refund-elsewhere-returned": _elsewhere_returned,
    }
)
"""By topic."""
