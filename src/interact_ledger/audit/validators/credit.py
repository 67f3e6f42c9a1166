"""Granted credit: every debit took it in the order in which it must, and nothing of it is paid back to a card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from interact_ledger.audit.amounts import decimal, millionths, moment
from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding

__all__ = ["AFTER", "BEFORE"]

PURCHASED = 50
"""The priority of purchased credit."""


class _Source(NamedTuple):
    """What can pay, in the order of its fields."""

    priority: int
    is_purchased: bool
    expires_at: str
    lot_id: str
    amount: int


def validate_grant(entry: Entry, book: Book) -> Iterator[Finding]:
    """A grant is of something, and over in the future."""
    over_at = entry.event["expires_at"]
    if entry.amount("amount") <= 0 or not 0 <= entry.event["priority"] <= 100:  # noqa: PLR2004 - its greatest
        yield entry.finding("credit_wrong", "grants nothing, or with a priority that there is not")
    if over_at is not None and moment(over_at) <= book.opened_at:
        yield entry.finding("credit_wrong", "was over before the account was opened")


def validate_expiry(entry: Entry, book: Book) -> Iterator[Finding]:
    """A lot expires by what is left of it and not held, when its time is over, or the account is closed."""
    lot = book.lots.get(entry.event["lot_id"])
    if lot is None or entry.amount("amount") != lot.remaining - lot.held or entry.amount("amount") <= 0:
        yield entry.finding("credit_wrong", f"{entry.event['lot_id']} has another amount left")
    elif not entry.event["at_closing"] and (lot.expires_at is None or lot.expires_at > entry.recorded_at):
        yield entry.finding("credit_wrong", f"{entry.event['lot_id']} is not over yet")


def validate_split(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is bought, held or taken comes from the live lots and purchased credit in their order."""
    purchased = book.available - sum(lot.remaining - lot.held for lot in book.lots.values())
    amount = entry.amount("amount") if entry.topic != "balance-adjusted" else -entry.amount("amount")
    expected = [_split(_in_order(book, _live(book, moment), purchased), amount) for moment in _decided_at(entry, book)]
    yield from _held_against(entry, *expected)


def validate_settlement(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is bought out of a hold comes from what it reserves, in the same order."""
    hold = book.holds.get(entry.event["hold_id"])
    if hold is not None:
        purchased = hold.remaining - sum(hold.lots.values())
        yield from _held_against(entry, _split(_in_order(book, hold.lots, purchased), entry.amount("amount")))


def validate_return(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is given back goes where it came from, what was taken last first."""
    purchase = book.find_purchase(entry.stream_id, entry.event["spend_id"])
    if purchase is None:
        return
    taken = {lot_id: millionths(amount) for lot_id, amount in purchase.lots}
    back = book.lots_given_back.get(entry.event["spend_id"], Counter())
    left = {lot_id: amount - back[lot_id] for lot_id, amount in taken.items()}
    bought = purchase.amount - sum(taken.values()) - back[""]
    yield from _held_against(entry, _split(_in_order(book, left, bought)[::-1], entry.amount("amount")))
    for lot_id, _, priority, expires_at in entry.event.get("lots", ()):
        if book.lot_terms.get(lot_id) != (priority, expires_at and moment(expires_at)):
            yield entry.finding("credit_wrong", f"{lot_id} was granted on other terms")


def validate_refund(entry: Entry, book: Book) -> Iterator[Finding]:
    """Only purchased credit is paid back."""
    purchased = book.available - sum(lot.remaining - lot.held for lot in book.lots.values())
    if purchased < 0:
        yield entry.finding("credit_wrong", f"{decimal(-purchased)} of granted credit is to be paid back")


def _in_order(book: Book, lots: Mapping[str, int], purchased: int) -> Sequence[_Source]:
    granted = [
        _Source(book.lot_terms[lot_id][0], False, book.lot_terms[lot_id][1] or "~", lot_id, amount)  # noqa: FBT003 - named by its class
        for lot_id, amount in lots.items()
    ]
    return sorted([*granted, _Source(PURCHASED, True, "", "", max(purchased, 0))])  # noqa: FBT003 - named by its class


def _decided_at(entry: Entry, book: Book) -> Iterator[str]:
    """Yield moments, one for each set of live lots, at which the event may have been decided.

    That was not before its predecessor was recorded, and not after it was recorded itself.
    """
    yield from (book.recorded_at, entry.recorded_at)
    for lot in book.lots.values():
        if lot.expires_at is not None and book.recorded_at < lot.expires_at < entry.recorded_at:
            yield lot.expires_at


def _live(book: Book, moment: str) -> dict[str, int]:
    return {
        lot_id: lot.remaining - lot.held
        for lot_id, lot in book.lots.items()
        if lot.expires_at is None or lot.expires_at > moment
    }


def _split(sources: Iterable[_Source], amount: int) -> dict[str, int]:
    parts: dict[str, int] = {}
    for source in sources:
        part = min(max(amount, 0), source.amount)
        amount -= part
        if part and not source.is_purchased:
            parts[source.lot_id] = part
    return parts


def _held_against(entry: Entry, *expected: dict[str, int]) -> Iterator[Finding]:
    written = _written(entry.event)
    if written not in expected or len(written) != len(entry.event.get("lots", ())):
        yield entry.finding("credit_wrong", "granted credit is not used in its order, or not by what it has")


def _written(event: Mapping[str, Any]) -> dict[str, int]:
    return {part[0]: millionths(part[1]) for part in event.get("lots", ())}


BEFORE = dict.fromkeys(("spent", "number-rental-charged", "funds-held", "balance-adjusted"), validate_split) | {
    "hold-settled": validate_settlement,
    "spend-reversed": validate_return,
    "credit-granted": validate_grant,
    "credit-expired": validate_expiry,
}
AFTER = {"refund-attempted": validate_refund}
