"""How many SMS segments a text takes, which is what a message is priced by.

Counted here because no library is fit for it: smsutil (unmaintained since 2020, needs `future`) takes a bare escape
for a character; gsm0338 and pygsm7 encode but do not split. The tests hold this module against the first two.

Rules: 3GPP TS 23.038, sections 6.1.2 (7-bit alphabet, 160 in one message; UCS-2, 70) and 6.2.1 (the alphabet and
its extension table); 3GPP TS 23.040, section 9.2.3.24.1 (concatenation with an 8-bit reference: a six-octet header
leaves 153 septets or 67 UCS-2 units, and its one-octet counter allows 255 segments). National shift tables, which
few networks and handsets take, are not used.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from interact_ledger.errors import InvalidText

__all__ = ["SEGMENTS_MAX", "Encoding", "Segmentation", "count_segments"]

Encoding = Literal["GSM-7", "UCS-2"]

SEGMENTS_MAX = 255
"""A longer text cannot be sent as one message."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_ESCAPE = "\x1b"

_basic_text = re.compile(f"[{re.escape(_BASIC)}]*").fullmatch
_gsm_text = re.compile(f"[{re.escape(_BASIC + _EXTENSION)}]*").fullmatch
_surrogate = re.compile("[\ud800-\udfff]").search
_beyond_16_bits = re.compile("[\U00010000-\U0010ffff]")
_PAIR = "\ud800\udc00"  # any pair does: only where it may be split is asked
_ESCAPED = str.maketrans({character: _ESCAPE + character for character in _EXTENSION})


class _Room(NamedTuple):
    """How many units fit."""

    single: int
    """Into a message sent alone."""
    part: int
    """Into each part of a longer one, beside the header that joins the parts."""


_SEPTETS = _Room(single=160, part=153)
_UTF16_UNITS = _Room(single=70, part=67)


class Segmentation(NamedTuple):
    """How a text is sent."""

    encoding: Encoding
    units: int
    """Septets in GSM-7, where an extension character takes two; UTF-16 code units in UCS-2."""
    segments: int
    """Messages on air, from 1; not bounded by SEGMENTS_MAX."""


def count_segments(text: str) -> Segmentation:
    """Count the segments that `text` is sent in, exactly as written: nothing is replaced or trimmed.

    One character outside the GSM alphabet puts the whole text into UCS-2. A character of two units is never split
    between two segments, so a long text can take one segment more than its units suggest. An empty text takes one
    segment: a message without user data is sent, and billed, like any other.

    Raises:
        InvalidText: if the text holds a lone surrogate, which no encoding can send.
    """
    if _basic_text(text):
        units = len(text)
        return Segmentation("GSM-7", units, 1 if units <= _SEPTETS.single else -(-units // _SEPTETS.part))
    if _gsm_text(text):
        septets = text.translate(_ESCAPED)
        return Segmentation("GSM-7", len(septets), _split(septets, _SEPTETS, lead=_ESCAPE))
    if _surrogate(text):
        raise InvalidText("holds half a surrogate pair, which cannot be sent", field="text")
    utf16 = _beyond_16_bits.sub(_PAIR, text)
    return Segmentation("UCS-2", len(utf16), _split(utf16, _UTF16_UNITS, lead=_PAIR[0]))


def _split(units: str, room: _Room, *, lead: str) -> int:
    """Count the parts of `units`, none of which may end with the first half of a character."""
    if len(units) <= room.single:
        return 1
    segments = end = 0
    while end < len(units):
        segments += 1
        end += room.part
        if end < len(units) and units[end - 1] == lead:
            end -= 1
    return segments
