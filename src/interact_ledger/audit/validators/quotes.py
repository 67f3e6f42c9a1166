"""What the customer was shown: credit, taxes, recharge and total belong together, and are charged once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interact_ledger.audit.amounts import MILLION, millionths, taxes_of
from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding

__all__ = ["BEFORE", "validate_breakdown", "validate_quote", "validate_request"]


def validate_breakdown(entry: Entry, book: Book) -> Iterator[Finding]:
    """The total is the credit and all taxes; nothing of it is negative."""
    credit, total = entry.amount("credit"), entry.amount("total")
    if credit + taxes_of(entry.event) != total or credit < 0:
        yield entry.finding("breakdown_wrong", f"credit and taxes do not come to {entry.event['total']}")


def validate_quote(entry: Entry, book: Book) -> Iterator[Finding]:
    """The recharge is the credit and those taxes that it includes; each tax is its rate of the credit."""
    yield from validate_breakdown(entry, book)
    taxes = entry.event["taxes"]
    reachable = {entry.amount("credit")}
    for tax in taxes:
        reachable |= {amount + millionths(tax["amount"]) for amount in reachable}
    if entry.amount("recharge") not in reachable:
        yield entry.finding("breakdown_wrong", f"the recharge {entry.event['recharge']} is not what becomes of it")
    for tax in taxes:
        if not _is_its_rate(tax, entry.amount("credit"), len(taxes)):
            yield entry.finding("tax_wrong", f"{tax['name']} of {tax['amount']} is not {tax['rate']} per cent")


def validate_request(entry: Entry, book: Book) -> Iterator[Finding]:
    """Exactly what a quote showed is asked for, and no quote is used twice."""
    quote = book.quotes.get(entry.event["quote_id"])
    if quote is None:
        yield entry.finding("quote_differs", f"there is no quote {entry.event['quote_id']} before")
        return
    if (entry.event["total"], entry.event["currency"]) != (quote.terms.total, quote.terms.currency):
        yield entry.finding("quote_differs", "asks for another total than its quote showed")
    if quote.used:
        yield entry.finding("quote_reused", f"{entry.event['quote_id']} was charged before")


def _is_its_rate(tax: Mapping[str, Any], credit: int, count: int) -> bool:
    """Allow for each tax's own rounding: of an included tax, the credit is what all of them leave."""
    amount = millionths(tax["amount"])
    if tax["reverse_charge"]:
        return amount == 0
    places = len(tax["amount"].partition(".")[2])
    exact = credit * millionths(tax["rate"]) // (100 * MILLION)
    return amount >= 0 and abs(amount - exact) <= count * 10 ** (6 - places)


BEFORE = {"checkout-quoted": validate_quote, "top-up-requested": validate_request}
