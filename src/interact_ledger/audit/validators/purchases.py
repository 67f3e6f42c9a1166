"""What is bought, given back or adjusted: amounts are the sums of their lines, and covered (invariant I5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from interact_ledger.audit.amounts import decimal, millionths
from interact_ledger.audit.book import Book, Purchase
from interact_ledger.audit.entries import PURCHASES, Entry
from interact_ledger.audit.findings import Finding

__all__ = ["AFTER", "BEFORE", "validate_covered", "validate_lines", "validate_reversal"]


def validate_lines(entry: Entry, book: Book) -> Iterator[Finding]:
    """A purchase costs what its lines cost: quantity * segments * unit price; references are unique in it."""
    lines = entry.event["lines"]
    if entry.amount("amount") != sum(_cost(line, line[2]) for line in lines):
        yield entry.finding("amount_wrong", f"{entry.event['amount']} is not the sum of the lines")
    if any(quantity < 1 or segments < 1 or price.startswith("-") for _, _, quantity, segments, price in lines):
        yield entry.finding("amount_wrong", "a line has nothing in it, or a negative price")
    if len({line[0] for line in lines}) < len(lines):
        yield entry.finding("amount_wrong", "two lines have one reference")


def validate_covered(entry: Entry, book: Book) -> Iterator[Finding]:
    """No command takes more than was available (invariant I5)."""
    if book.available < 0 or book.money.balance < 0:
        yield entry.finding("overdrawn", f"leaves {decimal(book.available)} available")


def validate_adjustment(entry: Entry, book: Book) -> Iterator[Finding]:
    """Taking by hand is covered as any command is; giving helps whatever was there before."""
    return validate_covered(entry, book) if entry.amount("amount") < 0 else iter(())


def validate_reversal(entry: Entry, book: Book) -> Iterator[Finding]:
    """What is given back was bought on this account, and no more of it than was bought."""
    purchase = book.find_purchase(entry.stream_id, entry.event["spend_id"])
    if purchase is None or purchase.version >= entry.version:
        yield entry.finding("reversal_wrong", f"{entry.event['spend_id']} bought nothing on this account before")
        return
    given_back = entry.event["lines"]
    if any(not 0 <= line < len(purchase.lines) for line, _ in given_back):
        yield entry.finding("reversal_wrong", "names a line that the purchase does not have")
        return
    if entry.amount("amount") != sum(_cost(purchase.lines[line], quantity) for line, quantity in given_back):
        yield entry.finding("amount_wrong", f"{entry.event['amount']} is not what the lines cost")
    yield from _exceeding(entry, book, purchase, given_back)


def _exceeding(entry: Entry, book: Book, purchase: Purchase, given_back: Sequence[Sequence[int]]) -> Iterator[Finding]:
    before = book.given_back.get(entry.event["spend_id"], Counter())
    now: Counter[int] = Counter()
    for line, quantity in given_back:
        now[line] += quantity
        if quantity < 1 or before[line] + now[line] > purchase.lines[line][2]:
            yield entry.finding("reversal_exceeds", f"line {line} is given back more often than it was bought")


def _cost(line: Sequence[Any], quantity: Any) -> int:
    segments = line[3]
    if type(quantity) is not int or type(segments) is not int:
        raise TypeError("quantity and segments are whole numbers")
    return quantity * segments * millionths(line[4])


BEFORE = dict.fromkeys(PURCHASES, validate_lines) | {"spend-reversed": validate_reversal}
AFTER = dict.fromkeys(("spent", "number-rental-charged"), validate_covered) | {"balance-adjusted": validate_adjustment}
