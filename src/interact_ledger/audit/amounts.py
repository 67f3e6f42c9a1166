"""Amounts and moments as the audit reckons with them: whole millionths, and texts of one form.

Whole numbers add up exactly whatever the host's decimal context is, and share no code with the ledger's own sums.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from interact_ledger.clock import iso

__all__ = ["MILLION", "between", "decimal", "is_canonical", "millionths", "moment", "taxes_of"]

MILLION = 10**6

_AMOUNT = re.compile(r"(-?[0-9]{1,21})(?:\.([0-9]{1,6}))?")
_CANONICAL = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)


@lru_cache(maxsize=4096)
def millionths(text: str) -> int:
    """Return a written amount in millionths of its currency.

    Raises:
        ValueError: if it is no exact amount of at most six decimal places.
        TypeError: if it is no text.
    """
    written = _AMOUNT.fullmatch(text)
    if written is None:
        raise ValueError(f"{text[:40]!r} is no amount")
    whole, part = written.groups("")
    return int(whole + part.ljust(6, "0"))


def decimal(amount: int) -> Decimal:
    """Return millionths as an amount for people, exactly, with two decimal places or more."""
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), MILLION)
    return Decimal(f"{sign}{whole}.{f'{part:06d}'.rstrip('0').ljust(2, '0')}")


def moment(text: str) -> str:
    """Return a moment in the form in which the ledger's tables keep it.

    Raises:
        ValueError: if it is none, or has no time zone.
    """
    return iso(datetime.fromisoformat(text))


def between(start: str, end: str) -> timedelta:
    """Return how long it is from one written moment to another."""
    return datetime.fromisoformat(end) - datetime.fromisoformat(start)


def is_canonical(text: Any) -> bool:
    """Say whether a text is a moment in the tables' own form."""
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None


def taxes_of(event: Mapping[str, Any]) -> int:
    """Return the sum of an event's taxes."""
    return sum(millionths(tax["amount"]) for tax in event["taxes"])
