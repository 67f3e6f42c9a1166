"""What takes a charge back without our asking: of a charge of this account, at most what is left of it, each once."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.validators.quotes import validate_breakdown

__all__ = [
    "BEFORE",
    "validate_elsewhere",
    "validate_evidence",
    "validate_lost",
    "validate_opened",
    "validate_returned",
    "validate_reversed",
    "validate_won",
]


def validate_opened(entry: Entry, book: Book) -> Iterator[Finding]:
    """A dispute is of a charge of this account, of no more than is left of it, and holds that or nothing."""
    yield from _of_a_charge(entry, book, "dispute_wrong")
    yield from _within_claim(entry, entry.amount("claimed"), "dispute_wrong")
    if _exceeds(entry, book.charges.get(_charge(entry), ())):
        yield entry.finding("dispute_wrong", "disputes more than is left of the charge")
    if entry.amount("held") not in {0, entry.amount("credit")}:
        yield entry.finding("dispute_wrong", f"holds {entry.event['held']}")


def validate_evidence(entry: Entry, book: Book) -> Iterator[Finding]:
    """Evidence is due for an open dispute."""
    dispute = book.disputes.get(entry.event["operation_id"])
    if dispute is None or dispute.status != "open":
        yield entry.finding("dispute_wrong", f"{entry.event['reference']} is no open dispute")


def validate_won(entry: Entry, book: Book) -> Iterator[Finding]:
    """A dispute that is won gives back exactly what it took before."""
    yield from validate_breakdown(entry, book)
    dispute = book.disputes.get(entry.event["operation_id"])
    if dispute is None or dispute.status == "won" or dispute.charge != _charge(entry):
        yield entry.finding("dispute_wrong", f"{entry.event['reference']} was not to be won")
        return
    if entry.parts != (dispute.parts if dispute.status == "lost" else tuple(0 for _ in dispute.parts)):
        yield entry.finding("dispute_wrong", "gives back another amount than it took")


def validate_lost(entry: Entry, book: Book) -> Iterator[Finding]:
    """A dispute that is lost takes at most its claim, and what nothing took of its charge or is about to."""
    yield from validate_breakdown(entry, book)
    dispute = book.disputes.get(entry.event["operation_id"])
    if dispute is None or dispute.charge != _charge(entry):
        yield entry.finding("dispute_wrong", f"{entry.event['reference']} was never opened")
        return
    before = sum(dispute.parts) if dispute.status == "lost" else 0
    if dispute.status == "lost" and entry.amount("total") <= 0:
        yield entry.finding("dispute_wrong", "is lost a second time, of nothing")
    claimed = dispute.claimed if entry.event.get("claimed") is None else entry.amount("claimed")
    yield from _within_claim(entry, claimed - before, "dispute_wrong")
    if _exceeds(entry, _claimable(book, dispute.charge)):
        yield entry.finding("dispute_wrong", "takes more than is left of the charge")


def validate_elsewhere(entry: Entry, book: Book) -> Iterator[Finding]:
    """A refund made at the gateway is of a charge of this account, and takes at most what nothing took before."""
    yield from _of_a_charge(entry, book, "refund_elsewhere_wrong")
    yield from _within_claim(entry, entry.amount("claimed"), "refund_elsewhere_wrong")
    if _exceeds(entry, book.kept.get(_charge(entry), ())):
        yield entry.finding("refund_elsewhere_wrong", "takes more than is left of the charge")


def validate_returned(entry: Entry, book: Book) -> Iterator[Finding]:
    """What comes back was made elsewhere, in exactly this amount, and did not come back before."""
    made = book.elsewhere.get(entry.event["operation_id"])
    if made is None or made.returned or made.charge != _charge(entry) or made.parts != entry.parts:
        yield entry.finding("refund_elsewhere_wrong", f"{entry.event['reference']} was not to come back so")


def validate_reversed(entry: Entry, book: Book) -> Iterator[Finding]:
    """A settlement that failed takes exactly what nothing took or is about to, and again only what came back."""
    yield from validate_breakdown(entry, book)
    charge = (entry.event["operation_id"], entry.event["reference"])
    if charge not in book.charges or (charge in book.reversed_charges and entry.amount("total") <= 0):
        yield entry.finding("settlement_wrong", f"{charge[1]} was not captured here, or is reversed again of nothing")
    elif entry.parts != tuple(max(0, part) for part in _claimable(book, charge)):
        yield entry.finding("settlement_wrong", "takes another amount than is left of the charge")


def _of_a_charge(entry: Entry, book: Book, code: str) -> Iterator[Finding]:
    yield from validate_breakdown(entry, book)
    gateway = book.references.get((entry.event["gateway"], entry.event["charge_reference"]))
    if _charge(entry) not in book.charges or gateway != entry.event["transaction_id"]:
        yield entry.finding(code, f"{entry.event['charge_reference']} was never captured here")


def _claimable(book: Book, charge: tuple[str, str]) -> tuple[int, ...]:
    """Return what no fact took of a charge, and no refund of ours is about to."""
    kept = book.kept.get(charge, ())
    return tuple(a - b for a, b in zip(kept, book.under_way.get(charge, ()), strict=False))


def _within_claim(entry: Entry, claimed: int, code: str) -> Iterator[Finding]:
    if entry.amount("total") > claimed:
        yield entry.finding(code, "takes more than the gateway said")


def _exceeds(entry: Entry, left: tuple[int, ...]) -> bool:
    return any(taken > max(0, there) for taken, there in zip(entry.parts, left, strict=False))


def _charge(entry: Entry) -> tuple[str, str]:
    return entry.event["transaction_id"], entry.event["charge_reference"]


BEFORE = {
    "dispute-opened": validate_opened,
    "dispute-evidence-due": validate_evidence,
    "dispute-won": validate_won,
    "dispute-lost": validate_lost,
    "refund-made-elsewhere": validate_elsewhere,
    "refund-elsewhere-returned": validate_returned,
    "payment-reversed": validate_reversed,
}
