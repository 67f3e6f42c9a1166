"""Small functions that look at one event, and at its account's book before and after it, and return findings.

A validator changes nothing and raises nothing about money. To add one, write it in the file of its subject and put
it into that file's `BEFORE` or `AFTER`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from interact_ledger.audit.book import Book
from interact_ledger.audit.entries import Entry
from interact_ledger.audit.findings import Finding
from interact_ledger.audit.topics import TOPICS
from interact_ledger.audit.validators import (
    automatic,
    cards,
    credit,
    disputes,
    holds,
    numbers,
    payments,
    purchases,
    quotes,
    refunds,
    standing,
)

__all__ = ["AFTER", "BEFORE", "Validator"]

Validator: TypeAlias = Callable[[Entry, Book], Iterable[Finding]]


def _by_topic(general: Iterable[Validator], *special: Mapping[str, Validator]) -> Mapping[str, tuple[Validator, ...]]:
    found: dict[str, list[Validator]] = defaultdict(list)
    for topic in TOPICS:
        found[topic].extend(general)
    for validators in special:
        for topic, validator in validators.items():
            found[topic].append(validator)
    return MappingProxyType({topic: tuple(validators) for topic, validators in found.items()})


BEFORE = _by_topic(
    (standing.validate_place, standing.validate_standing, standing.validate_currency, automatic.validate_followed),
    quotes.BEFORE,
    payments.BEFORE,
    refunds.BEFORE,
    disputes.BEFORE,
    cards.BEFORE,
    purchases.BEFORE,
    holds.BEFORE,
    credit.BEFORE,
    numbers.BEFORE,
    automatic.BEFORE,
    automatic.PAYMENTS,
)
"""By topic: what looks at the book as it was before the event."""

AFTER = _by_topic((), standing.AFTER, refunds.AFTER, purchases.AFTER, holds.AFTER, credit.AFTER)
"""By topic: what looks at the book with the event in it."""
