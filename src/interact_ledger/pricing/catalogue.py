"""What can be bought from a balance: messages and numbers (product rule 1).

Items are checked when they are made, so that pricing need not check them again. A message's text is counted and let
go: no item, event, log or error ever holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from interact_ledger.errors import InvalidRequest, InvalidText
from interact_ledger.pricing.countries import known_country
from interact_ledger.pricing.segments import SEGMENTS_MAX, count_segments

__all__ = ["ITEMS_MAX", "QUANTITY_MAX", "REFERENCE_LENGTH_MAX", "Item", "Message", "Number", "check_kind"]

ITEMS_MAX = 100_000
"""How many messages and numbers one purchase may have: its event is then some megabytes long."""
QUANTITY_MAX = 1_000_000
REFERENCE_LENGTH_MAX = 200

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """A message to be sent, `quantity` times, each of `segments` SMS segments."""

    reference: str
    destination: str
    segments: int
    quantity: int

    def __init__(
        self,
        reference: str,
        destination: str,
        *,
        text: str | None = None,
        segments: int | None = None,
        quantity: int = 1,
    ) -> None:
        """Describe a message by its text or by its number of segments.

        Args:
            reference: the service's own name for it, unique within what is bought together; 1 to 200 characters.
            destination: the country it goes to, ISO 3166-1 alpha-2.
            text: its text, of which only the number of segments is kept.
            segments: how many segments it takes, 1 to 255, if the service has counted them itself.
            quantity: how many times it is sent, 1 to 1,000,000.

        Raises:
            InvalidText: if the text cannot be sent as one message.
            InvalidRequest: naming the field, for anything else; also if both or neither of text and segments are
                given.
        """
        assign = object.__setattr__
        assign(self, "reference", _check_reference(reference))
        assign(self, "destination", known_country(destination, "destination"))
        assign(self, "segments", _segments(text, segments))
        assign(self, "quantity", _check_count(quantity, QUANTITY_MAX, "quantity"))


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number to be rented: a set-up charge, and the first month.

    Attributes:
        reference: the service's own name for it, unique within what is bought together; 1 to 200 characters.
        number: the number itself, in the form of ITU-T E.164: '+', country code, at most 15 digits.
        country: where it is from, ISO 3166-1 alpha-2; the price depends on it.
        kind: such as 'local', 'mobile' or 'toll-free', as the price list calls it.

    Raises:
        InvalidRequest: naming the field, if one of these is not so.
    """

    reference: str
    number: str
    country: str
    kind: str = "local"

    def __post_init__(self) -> None:
        _check_reference(self.reference)
        if not isinstance(self.number, str) or not _E164.fullmatch(self.number):
            raise InvalidRequest("is not a number in E.164 form such as '+442071234567'", field="number")
        known_country(self.country, "country")
        check_kind(self.kind, "kind")


Item: TypeAlias = Message | Number


def check_kind(kind: object, field: str) -> str:
    """Return the kind of number if it is a word in lower case (letters, digits, hyphens, at most 32).

    Raises:
        InvalidRequest: if it is not.
    """
    if isinstance(kind, str) and _KIND.fullmatch(kind):
        return kind
    raise InvalidRequest("is not a word in lower case such as 'local' or 'toll-free'", field=field)


def _check_reference(reference: object) -> str:
    if not isinstance(reference, str):
        raise InvalidRequest(f"is a {type(reference).__name__}; pass text", field="reference")
    if not 0 < len(reference) <= REFERENCE_LENGTH_MAX:
        raise InvalidRequest(f"must have 1 to {REFERENCE_LENGTH_MAX} characters", field="reference")
    return reference


def _segments(text: object, segments: object) -> int:
    if (text is None) == (segments is None):
        raise InvalidRequest("pass either the text or the number of segments", field="text")
    if text is None:
        return _check_count(segments, SEGMENTS_MAX, "segments")
    if not isinstance(text, str):
        raise InvalidText(f"is a {type(text).__name__}; pass text", field="text")
    counted = count_segments(text).segments
    if counted > SEGMENTS_MAX:
        raise InvalidText(f"takes {counted} segments; one message has at most {SEGMENTS_MAX}", field="text")
    return counted


def _check_count(value: object, maximum: int, field: str) -> int:
    if type(value) is not int or not 1 <= value <= maximum:
        raise InvalidRequest(f"must be a whole number from 1 to {maximum:,}", field=field)
    return value
