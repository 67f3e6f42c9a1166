"""What every free field must pass: text that can be stored and read again, with no card number and no credential.

References, reasons, names and keys come from people and from other programs, and sooner or later somebody puts a
card number into one (product rule 5: it is refused wherever it turns up). Text *looks like* a card number if,
with digits of every script read as ASCII and everything but letters and digits left out, some 14 to 19
neighbouring digits begin with an issuer's prefix, have a length which that issuer uses and satisfy the Luhn check
(ISO/IEC 7812-1, annex B). The window may lie anywhere: inside a longer number, or across a space. Luhn alone would
refuse one number in ten for each window; with the prefix, one random number of 16 digits in twenty is refused, and
one of 14 in three hundred.

Never refused: a text that is, whole, a UUID, a ULID or an identifier of ours, and a UUID in its hyphenated form
wherever it stands. A plus sign that begins a number separates it from what comes before, so that phone numbers
in a row are not read as one.

What still slips through: numbers of fewer than 14 digits (the oldest Visa and some Maestro cards); issuers without
a distinctive prefix (UATP, house cards) or without a Luhn digit; a number with a letter between its digits
("4111x1111…", "O" for zero, and percent- or HTML-encoded separators, which leave digits of their own); digits
spelled as words or Chinese numerals; a number spread over two fields, reversed, encoded, or built to pass as a
UUID, a ULID or an identifier of ours. What is refused wrongly: some references in which numbers stand side by side
(a phone number and a counter: one in ten; a date and eight digits: one in a hundred), long decimal counters
(18 digits: one in seven) and hexadecimal digests or UUIDs without hyphens behind a prefix (one in a thousand).
A letter between the numbers ("447700900123x0001") avoids the first.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeGuard

from stdnum import luhn

from interact_ledger.credentials import looks_like_credential
from interact_ledger.errors import CardNumberRefused, CredentialRefused, InvalidText
from interact_ledger.ids import is_own_id

__all__ = ["free_text", "free_texts", "from_outside", "looks_like_card_number", "refuse_secrets", "storable"]

LENGTH_MAX = 200

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates: PostgreSQL's text cannot hold NUL, nor UTF-8 a surrogate."""

_ISSUERS = {
    "visa": ("4", (16, 19)),
    "mastercard": ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
    "american_express": ("3[47]", (15,)),
    "diners_club": ("30[0-5]|3095|3[689]", (14, 16, 19)),
    "discover": ("6011|64[4-9]|65", (16, 17, 18, 19)),
    "jcb": ("352[89]|35[3-8]", (16, 17, 18, 19)),
    "jcb_early": ("1800|2131", (15,)),
    "unionpay": ("62|81", (16, 17, 18, 19)),
    "mir": ("220[0-4]", (16, 17, 18, 19)),
    "maestro_and_domestic": ("50|5[678]|60|63|67", (16, 17, 18, 19)),
    "rupay": ("82", (16,)),
    "troy": ("9792", (16,)),
}
"""Prefix and lengths by issuer; the first that fits a digit decides. Domestic schemes (Elo, Hipercard, Dankort,
Verve, Bankcard, Switch and others) live inside the ranges of Visa, Discover and Maestro."""

_ISSUER = re.compile("(?=" + "|".join(f"(?P<{name}>{prefix})" for name, (prefix, _) in _ISSUERS.items()) + ")")
_DIGIT_RUN = re.compile("[0-9]{14,}")
_ENOUGH_DIGITS = b"0" * 14
_SHAPE = bytes.maketrans((string.digits + string.ascii_letters).encode(), b"0" * 10 + b"x" * 52)
_SEPARATORS = bytes(code for code in range(128) if not chr(code).isalnum())

_IDENTIFIER = re.compile(
    r"(?:[a-z]{1,8}[_:-]?)?(?=[0-9]*[a-f])[0-9a-f]{32}"  # a UUID without hyphens, maybe behind a prefix: with a
    # letter in it, or else
    r"|[0-9]{12}[1-8][0-9]{3}[89][0-9]{15}"  # with a version and variant of RFC 9562
    r"|(?=[0-9]*[a-z])0[0-9a-hjkmnp-tv-z]{25}",  # a ULID: until the year 3084 it begins with 0, as no card does
    re.IGNORECASE | re.ASCII,
)
_UNRELATED = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"  # a UUID
    r"|(?<![0-9])\+(?=[0-9])"  # the plus sign with which a phone number begins
)
_BARRIER = "x"
"""Stands for what parts two numbers that have nothing to do with each other."""


def free_text(value: object, field: str, *, length_max: int = LENGTH_MAX) -> str:
    """Return `value` unchanged if it may be stored as free text.

    Args:
        value: what the caller passed.
        field: the name of the argument, for the error; the errors never repeat the value.
        length_max: how many characters (code points) it may have.

    Raises:
        InvalidText: if it is not text, is empty or only white space, is too long, or holds a control character or
            a lone surrogate, which a database or JSON cannot hold.
        CardNumberRefused: if it holds what looks like a card number (product rule 5).
        CredentialRefused: if it holds what looks like a key, a secret or a password.
    """
    if not isinstance(value, str):
        raise InvalidText(f"is a {type(value).__name__}; pass text", field=field)
    if len(value) > length_max:
        raise InvalidText(f"is longer than {length_max} characters", field=field)
    if not value.strip():
        raise InvalidText("is empty", field=field)
    if _UNSTORABLE.search(value):
        raise InvalidText("holds a control character or half of a surrogate pair", field=field)
    refuse_secrets(value, field)
    return value


def free_texts(values: Sequence[object], field_of: Callable[[int], str], *, length_max: int = LENGTH_MAX) -> list[str]:
    """Return what `free_text` returns for each value, faster where all of them are short and plain.

    Args:
        values: what the caller passed, such as the references of a campaign.
        field_of: the name of the field at a position, for the error about the first value that fails.
        length_max: how many characters (code points) each may have.

    Raises:
        InvalidText, CardNumberRefused, CredentialRefused: as `free_text` does.
    """
    if _all_plainly_fine(values, length_max):
        return list(values)
    return [free_text(value, field_of(i), length_max=length_max) for i, value in enumerate(values)]


def from_outside(text: object, *, length_max: int = LENGTH_MAX) -> str:
    """Return what a gateway, a file or an operator said if it may be stored and shown, else what can be kept of it.

    A fact about money is never dropped for the words that it came in.
    """
    kept = storable(text, length_max)
    if looks_like_card_number(kept):
        return "(withheld: looks like a card number)"
    return "(withheld: looks like a credential)" if looks_like_credential(kept) else kept


def storable(text: object, length_max: int) -> str:
    """Return what of a text every database can hold, and JSON too."""
    return _UNSTORABLE.sub("?", str(text)[:length_max])


def refuse_secrets(text: str, field: str) -> None:
    """Refuse, without repeating it, a text that looks like a card number (product rule 5) or like a credential.

    Raises:
        CardNumberRefused, CredentialRefused
    """
    if looks_like_card_number(text):
        raise CardNumberRefused(
            "looks like a card number, which is never stored; if it is none, put a letter between its numbers",
            field=field,
        )
    if looks_like_credential(text):
        raise CredentialRefused(
            "looks like a key, a secret or an address with a password, which is never stored", field=field
        )


def looks_like_card_number(text: str) -> bool:
    """Say whether the text holds what looks like a card number, by the rule at the top of this module.

    The work is proportional to the length of the text, whatever it holds.
    """
    if not _has_enough_digits(text) or is_own_id(text) or _IDENTIFIER.fullmatch(text):
        return False
    runs = _DIGIT_RUN.findall(_digits_and_barriers(_UNRELATED.sub(_BARRIER, text)))
    return any(map(_holds_card_number, runs))


def _all_plainly_fine(values: Sequence[object], length_max: int) -> TypeGuard[Sequence[str]]:
    """Say whether all are printable text of a fit length without 14 digits in a row; False decides nothing."""
    if not _are_texts(values) or max(map(len, values), default=0) > length_max or not all(map(str.strip, values)):
        return False
    joined = _BARRIER.join(values)
    return joined.isprintable() and not _has_enough_digits(joined) and not looks_like_credential(joined)


def _are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    return set(map(type, values)) <= {str}


def _has_enough_digits(text: str) -> bool:
    """Say whether 14 digits follow each other once separators are left out; for ASCII at two nanoseconds a byte."""
    if text.isascii():
        return _ENOUGH_DIGITS in text.encode().translate(_SHAPE, _SEPARATORS)
    return _DIGIT_RUN.search(_digits_and_barriers(text)) is not None


def _digits_and_barriers(text: str) -> str:
    return "".join(map(_fold, text))


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """Turn digits of any script into ASCII, letters into the barrier, and drop everything else.

    One character at a time, because normalising a whole text takes quadratic time on piled-up accents.
    """
    return "".join(map(_fold_normal, unicodedata.normalize("NFKC", character)))


def _fold_normal(character: str) -> str:
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return _BARRIER if character.isalpha() else ""


def _holds_card_number(digits: str) -> bool:
    return any(
        luhn.checksum(digits[start : start + length]) == 0
        for start, lengths in _issuers_in(digits)
        for length in lengths
        if start + length <= len(digits)
    )


def _issuers_in(digits: str) -> list[tuple[int, tuple[int, ...]]]:
    """Where a card number may begin, and the lengths that it may have there."""
    return [(found.start(), _ISSUERS[found.lastgroup or ""][1]) for found in _ISSUER.finditer(digits)]
