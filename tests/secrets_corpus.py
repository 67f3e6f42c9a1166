"""Card numbers in every writing that we recognise, credentials, and what of both slips through."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from card_numbers import ALL_TEST_CARD_NUMBERS

__all__ = ["CARD_TEXTS", "CREDENTIALS", "EVERY_CARD_TEXT", "SLIPS_THROUGH", "in_ascii_digits"]


def _digits_from(zero: int) -> Callable[[str], str]:
    return lambda number: "".join(chr(zero + int(digit)) for digit in number)


def _parted_by(separator: str, every: int = 4) -> Callable[[str], str]:
    return lambda number: separator.join(number[start : start + every] for start in range(0, len(number), every))


WRITINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "spaces": _parted_by(" "),
    "hyphens": _parted_by("-"),
    "dots": _parted_by("."),
    "slashes and underscores": _parted_by("/_"),
    "no-break spaces": _parted_by("\N{NO-BREAK SPACE}"),
    "zero-width spaces": _parted_by("\N{ZERO WIDTH SPACE}", 1),
    "zero-width joiners": _parted_by("\N{ZERO WIDTH JOINER}", 3),
    "byte-order marks": _parted_by("\N{ZERO WIDTH NO-BREAK SPACE}", 5),
    "soft hyphens": _parted_by("\N{SOFT HYPHEN}", 2),
    "right-to-left marks": _parted_by("\N{RIGHT-TO-LEFT MARK}"),
    "line breaks": _parted_by("\n"),
    "line separators": _parted_by("\N{LINE SEPARATOR}"),
    "tabs": _parted_by("\t"),
    "full-width": _digits_from(0xFF10),
    "Arabic-Indic": _digits_from(0x660),
    "Devanagari": _digits_from(0x966),
    "mathematical": _digits_from(0x1D7CE),
    "superscript": lambda number: number.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "circled": lambda number: number.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")),
    "in a sentence": lambda number: f"call about card {number}, please",
    "in an address": lambda number: f"https://shop.example/pay?card={number}&step=two",
    "in JSON": lambda number: f'{{"pan": "{number}", "cvc": null}}',
    "in a longer number": lambda number: f"99{number}7",
}

EVERY_CARD_TEXT = [write(number) for number in ALL_TEST_CARD_NUMBERS for write in WRITINGS.values()]

CARD_TEXTS = [
    *ALL_TEST_CARD_NUMBERS,
    *(
        write(ALL_TEST_CARD_NUMBERS[(nth * 13 + step * 17) % len(ALL_TEST_CARD_NUMBERS)])
        for nth, write in enumerate(WRITINGS.values())
        for step in range(4)
    ),
]
"""Every number as it is, and each writing with four of them."""

CREDENTIALS = [
    "sk_live_51HxQ2eKZvKYlo2C0mUqWf7n",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_51HxQ2eKZvKYlo2C0mUqWf7n",
    "the key is sk_live_51HxQ2eKZvKYlo2C0mUqWf7n!",
    "whsec_9f86d081884c7d659a2feaa0c55ad015",
    "WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "access_token$production$xz7rq2ntgr4bd9cv$9f86d081884c7d659a2feaa0c55ad015",
    "postgresql://ledger:hunter2@db.example/ledger",
    "postgres://:hunter2@db.example",
    "https://user:hunter2@api.example/v1",
    "-----BEGIN PRIVATE KEY----- MIIEvQ",
    "-----BEGIN RSA PRIVATE KEY----- MIIEpA",
]

_NUMBER = "4242424242424242"
SLIPS_THROUGH = {
    "fewer than 14 digits": "4222222222222",
    "a letter between its digits": "4242x4242x4242x4242",
    "O for zero": "4OOOO566556655560".replace("0", "O"),
    "separators that are percent-encoded": _NUMBER[:8] + "%2D" + _NUMBER[8:],
    "reversed": "4111111111111111"[::-1],
    "base64": base64.b64encode(_NUMBER.encode()).decode(),
    "hexadecimal": _NUMBER.encode().hex().replace("3", "z"),
    "words": "four two four two " * 4,
    "half of it": _NUMBER[:8],
    "no prefix of an issuer": "1354 7100 0000 0004",
    "a key without a mark": "9f86d081884c7d659a2feaa0c55ad015",
    "a bare password": "hunter2",
}
"""What is taken for harmless; `docs/concepts/security.md` says so too."""


def in_ascii_digits(text: str) -> Iterator[str]:
    """Yield the forms in which a text would be seen again: as it is, and its digits alone where they are many."""
    yield text
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    if len(digits) >= 14:
        yield digits
