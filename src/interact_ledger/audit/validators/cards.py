"""Cards: kept by an attempt that was opened, and used only while they are kept."""

from __future__ import annotations

from collections.abc import Iterator

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.validators.attempts import validate_place_of_attempt

__all__ = [
    "BEFORE",
    "validate_detached",
    "validate_kept",
    "validate_removed",
    "validate_saved",
    "validate_saving",
    "validate_saving_fact",
]


def validate_saving(entry: Entry, book: Book) -> Iterator[Finding]:
    """An attempt to save a card was requested, and follows only on one that surely reached nobody."""
    saving = book.savings.get(entry.event["operation_id"])
    if saving is None:
        yield entry.finding("attempt_differs", "no saving was requested")
        return
    yield from validate_place_of_attempt(entry, saving)


def validate_saving_fact(entry: Entry, book: Book) -> Iterator[Finding]:
    """A fact about the saving of a card is about its latest attempt."""
    saving = book.savings.get(entry.event["operation_id"])
    if saving is None or entry.event["attempt_id"] != saving.latest:
        yield entry.finding("attempt_unknown", f"{entry.event['attempt_id']} is not the latest attempt of a saving")


def validate_saved(entry: Entry, book: Book) -> Iterator[Finding]:
    """A card is saved by a saving, or with a top-up, once by each; a gateway may keep it under the token it had."""
    operation_id = entry.event["operation_id"]
    if operation_id not in book.savings and operation_id not in book.top_ups:
        yield entry.finding("attempt_unknown", f"{operation_id} saves no card")
    if (operation_id, entry.event["reference"]) in book.saved:
        yield entry.finding("card_unknown", "the card is kept already")


def validate_kept(entry: Entry, book: Book) -> Iterator[Finding]:
    """A card that is removed or chosen is kept, and not being removed."""
    card_id = entry.event["card_id"]
    if card_id not in book.cards or book.cards[card_id] is not None:
        yield entry.finding("card_unknown", f"{card_id} is not kept, or being removed")


def validate_removed(entry: Entry, book: Book) -> Iterator[Finding]:
    """A card is gone only after its removal was asked for."""
    if book.cards.get(entry.event["card_id"]) is None:
        yield entry.finding("card_unknown", f"the removal of {entry.event['card_id']} was not asked for")


def validate_detached(entry: Entry, book: Book) -> Iterator[Finding]:
    """A card that the gateway renews or keeps no more is kept here; one that is being removed ends as removed."""
    card_id = entry.event["card_id"]
    if card_id not in book.cards or (entry.topic == "card-detached" and book.cards[card_id] is not None):
        yield entry.finding("card_unknown", f"{card_id} is not kept, or being removed")


BEFORE = dict.fromkeys(
    (
        "card-saving-retried",
        "card-saving-pending",
        "card-saving-action-required",
        "card-saving-unknown",
        "card-saving-cancel-requested",
        "card-saving-failed",
    ),
    validate_saving_fact,
) | {
    "card-saving-attempted": validate_saving,
    "card-saved": validate_saved,
    "card-removal-requested": validate_kept,
    "default-card-chosen": validate_kept,
    "card-removed": validate_removed,
    "card-detached": validate_detached,
    "card-updated": validate_detached,
}
