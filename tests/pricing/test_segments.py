"""Segments are counted as 3GPP TS 23.038 and 23.040 have it, and as independent libraries count them."""

from __future__ import annotations

import gsm0338
import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from interact_ledger.errors import InvalidText
from interact_ledger.pricing.segments import Segmentation, count_segments

GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ azAZ09'?¡ÄÖÑÜ§¿äöñüà"
EXTENSION = "\f^{}\\[~]|€"
ESCAPE = "\x1b"

gsm_texts = st.text(alphabet=GSM + EXTENSION, max_size=700)
mixed_texts = st.text(alphabet=GSM + EXTENSION + "ç`“🎉👍漢", max_size=350)
any_texts = st.text(max_size=350)


def by_smsutil(text: str) -> Segmentation:
    split = smsutil.split(text)
    if split.encoding == "gsm0338":
        return Segmentation("GSM-7", split.total_bytes, len(split.parts))
    return Segmentation("UCS-2", split.total_bytes // 2, len(split.parts))


def gsm_septets(text: str) -> int | None:
    """Return how many septets gsm0338 encodes the text in, None if it cannot."""
    try:
        return len(gsm0338.Codec().encode(text)[0])
    except UnicodeEncodeError:
        return None


# The limits of the standard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 80 + "a", "GSM-7", 161, 2),
        ("漢" * 70, "UCS-2", 70, 1),
        ("漢" * 71, "UCS-2", 71, 2),
        ("漢" * 134, "UCS-2", 134, 2),
        ("漢" * 135, "UCS-2", 135, 3),
        ("👍" * 35, "UCS-2", 70, 1),
        ("👍" * 35 + "漢", "UCS-2", 71, 2),
    ],
)
def test_a_text_at_a_limit_takes_what_the_standard_says(text, encoding, units, segments):
    assert count_segments(text) == (encoding, units, segments)


def test_an_extension_character_is_not_split_between_two_segments():
    assert count_segments("a" * 152 + "€" + "a" * 152) == ("GSM-7", 306, 3)
    assert count_segments("a" * 151 + "€" + "a" * 153) == ("GSM-7", 306, 2)


def test_a_surrogate_pair_is_not_split_between_two_segments():
    assert count_segments("漢" * 66 + "👍" + "漢" * 66) == ("UCS-2", 134, 3)
    assert count_segments("漢" * 65 + "👍" + "漢" * 67) == ("UCS-2", 134, 2)


def test_a_segment_that_ends_with_a_whole_pair_at_the_end_of_the_text_is_the_last():
    assert count_segments("a" * 153 + "a" * 151 + "€") == ("GSM-7", 306, 2)
    assert count_segments("漢" * 67 + "漢" * 65 + "👍") == ("UCS-2", 134, 2)


def test_one_character_outside_the_alphabet_puts_the_whole_text_into_ucs2():
    assert count_segments("a" * 100).segments == 1
    assert count_segments("a" * 99 + "“") == ("UCS-2", 100, 2)


def test_an_empty_text_is_one_segment():
    assert count_segments("") == ("GSM-7", 0, 1)


def test_the_escape_is_no_character_of_the_alphabet():
    assert count_segments(ESCAPE).encoding == "UCS-2"


@pytest.mark.parametrize("text", [chr(0xD83D), chr(0xDE00), f"a{chr(0xDFFF)}b", chr(0xD83D) + chr(0xDE00)])
def test_half_a_surrogate_pair_is_refused(text):
    with pytest.raises(InvalidText, match="surrogate") as refused:
        count_segments(text)
    assert refused.value.field == "text"


# Against independent libraries ------------------------------------------------------------------------------------


@given(mixed_texts)
def test_mixed_texts_are_split_as_smsutil_splits_them(text):
    if text:
        assert count_segments(text) == by_smsutil(text)


@given(gsm_texts)
def test_gsm_texts_are_split_as_smsutil_splits_them(text):
    if text:
        assert count_segments(text) == by_smsutil(text)


@given(any_texts)
def test_any_text_is_split_as_smsutil_splits_it(text):
    if text and ESCAPE not in text:
        assert count_segments(text) == by_smsutil(text)


@given(any_texts | mixed_texts)
def test_septets_are_those_of_the_gsm0338_codec(text):
    if ESCAPE not in text:
        counted = count_segments(text)
        assert gsm_septets(text) == (counted.units if counted.encoding == "GSM-7" else None)


def test_every_character_is_in_the_alphabet_if_and_only_if_gsm0338_has_it():
    for code in (*range(0xD800), *range(0xE000, 0x11000)):
        character = chr(code)
        if character != ESCAPE:
            assert (count_segments(character).encoding == "GSM-7") == (gsm_septets(character) is not None), hex(code)


def test_real_messages_are_split_as_smsutil_splits_them(real_messages):
    lines = real_messages.read_text(encoding="utf-8").split("\n")
    texts = [line.partition("\t")[2] for line in lines if line]
    assert len(texts) == 5574
    assert [count_segments(text) for text in texts] == [by_smsutil(text) for text in texts]


def test_references_that_differ_take_the_bare_escape_for_a_character():
    """TS 23.038 has 0x1B as the escape to the extension table; a handset shows it as a blank."""
    assert by_smsutil(ESCAPE) == ("GSM-7", 1, 1)
    assert gsm_septets(ESCAPE) == 1
    assert count_segments(ESCAPE) == ("UCS-2", 1, 1)


def test_smsutil_differs_in_calling_an_empty_text_ucs2():
    assert by_smsutil("") == ("UCS-2", 0, 1)


# Properties -------------------------------------------------------------------------------------------------------


@given(mixed_texts, mixed_texts)
def test_a_longer_text_never_takes_fewer_segments(start, more):
    assert count_segments(start + more).segments >= count_segments(start).segments


@given(mixed_texts)
def test_there_is_room_for_every_unit_and_at_most_one_unit_lost_per_segment(text):
    encoding, units, segments = count_segments(text)
    single, part = (160, 153) if encoding == "GSM-7" else (70, 67)
    if units <= single:
        assert segments == 1
    else:
        assert -(-units // part) <= segments <= -(-units // (part - 1))
