"""What free fields refuse and what they let through.

Identifiers are drawn from a seed, 20,000 of each kind. The full promise, "of a million none is refused", runs with
`INTERACT_LEDGER_TEST_IDS=1000000 pytest tests/test_free_text.py -k identifier`.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import time
import unicodedata
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from card_numbers import ALL_TEST_CARD_NUMBERS
from interact_ledger.errors import CardNumberRefused, InvalidText, LedgerError
from interact_ledger.free_text import free_text, free_texts, from_outside, looks_like_card_number, refuse_secrets
from interact_ledger.ids import operation_id

IDENTIFIERS = int(os.environ.get("INTERACT_LEDGER_TEST_IDS", "20000"))
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SEPARATORS = [
    *" -+./_\\,:;|*#()[]'\t\n",
    "\N{NO-BREAK SPACE}",
    "\N{THIN SPACE}",
    "\N{IDEOGRAPHIC SPACE}",
    "\N{NON-BREAKING HYPHEN}",
    "\N{EN DASH}",
    "\N{EM DASH}",
    "\N{MINUS SIGN}",
    "\N{SOFT HYPHEN}",
    "\N{ZERO WIDTH SPACE}",
    "\N{ZERO WIDTH JOINER}",
    "\N{ZERO WIDTH NO-BREAK SPACE}",
    "\N{WORD JOINER}",
    "\N{RIGHT-TO-LEFT MARK}",
    "\N{FULLWIDTH FULL STOP}",
    "\N{MIDDLE DOT}",
    "\N{FULLWIDTH LOW LINE}",
    "\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}",
]
DIGIT_ZEROS = [
    "\N{FULLWIDTH DIGIT ZERO}",
    "\N{ARABIC-INDIC DIGIT ZERO}",
    "\N{EXTENDED ARABIC-INDIC DIGIT ZERO}",
    "\N{DEVANAGARI DIGIT ZERO}",
    "\N{BENGALI DIGIT ZERO}",
    "\N{THAI DIGIT ZERO}",
    "\N{KHMER DIGIT ZERO}",
    "\N{MATHEMATICAL BOLD DIGIT ZERO}",
    "\N{SEGMENTED DIGIT ZERO}",
]

card_numbers = st.sampled_from(ALL_TEST_CARD_NUMBERS)
every_card_number = pytest.mark.parametrize("number", ALL_TEST_CARD_NUMBERS)


def grouped(number: str, separator: str) -> str:
    return separator.join(number[i : i + 4] for i in range(0, len(number), 4))


def in_script(number: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(digit)) for digit in number)


# Plain text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "order 42",
        "Zoë's spring campaign — part ②",
        "キャンペーン",
        "👩\N{ZERO WIDTH JOINER}💻 launch",
        " padded ",
        "x" * 200,
        "0",
    ],
)
def test_ordinary_text_comes_back_unchanged(text: str) -> None:
    assert free_text(text, "reference") == text


@pytest.mark.parametrize("value", [None, 1, 1.5, b"order 42", ["order 42"], object(), True])
def test_what_is_not_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidText, match=f"^reference: is a {type(value).__name__}; pass text$"):
        free_text(value, "reference")


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\N{IDEOGRAPHIC SPACE}\N{NO-BREAK SPACE}"])
def test_nothing_but_white_space_is_refused(text: str) -> None:
    with pytest.raises(InvalidText, match=r"^reason: is empty$"):
        free_text(text, "reason")


def test_length_is_counted_in_characters_and_bounded() -> None:
    assert free_text("é" * 200, "reason") == "é" * 200
    with pytest.raises(InvalidText, match="longer than 200 characters"):
        free_text("é" * 201, "reason")
    assert free_text("abc", "reason", length_max=3) == "abc"
    with pytest.raises(InvalidText, match="longer than 3 characters"):
        free_text("abcd", "reason", length_max=3)


def test_length_is_checked_before_the_text_is_read() -> None:
    with pytest.raises(InvalidText, match="longer than"):
        free_text("4111111111111111" * 100, "reason")


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_characters_that_no_store_can_hold_are_refused(code: int) -> None:
    with pytest.raises(InvalidText, match="control character or half of a surrogate pair"):
        free_text(f"a{chr(code)}b", "reference")


@given(st.text(max_size=250))
def test_accepted_text_survives_utf_8_and_is_what_was_passed(text: str) -> None:
    try:
        accepted = free_text(text, "reference")
    except InvalidText:
        return
    assert accepted == text
    assert accepted.encode("utf-8").decode("utf-8") == text
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in accepted)


# Card numbers -------------------------------------------------------------------------------------------------------


@every_card_number
def test_a_card_number_is_refused_and_never_repeated(number: str) -> None:
    with pytest.raises(CardNumberRefused) as refused:
        free_text(number, "reference")
    assert refused.value.field == "reference"
    assert not any(number[i : i + 4] in f"{refused.value} {refused.value!r}" for i in range(len(number) - 3))
    with pytest.raises(CardNumberRefused):
        refuse_secrets(number, "reference")


@every_card_number
@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_a_card_number_is_seen_through_separators(number: str, separator: str) -> None:
    assert looks_like_card_number(grouped(number, separator))
    assert looks_like_card_number(separator.join(number))


@every_card_number
@pytest.mark.parametrize("zero", DIGIT_ZEROS, ids=unicodedata.name)
def test_a_card_number_is_seen_in_digits_of_every_script(number: str, zero: str) -> None:
    assert looks_like_card_number(in_script(number, zero))
    assert looks_like_card_number(grouped(in_script(number, zero), "\N{EN DASH}"))


def test_a_card_number_is_seen_in_every_decimal_digit_that_unicode_has() -> None:
    zeros = [chr(code) for code in range(128, 0x110000) if unicodedata.decimal(chr(code), None) == 0]
    assert len(zeros) > 50
    missed = [
        unicodedata.name(zero) for zero in zeros if not looks_like_card_number(in_script("4111111111111111", zero))
    ]
    assert missed == []


def test_a_card_number_is_seen_in_circled_and_superscript_digits() -> None:
    assert looks_like_card_number("④①①①①①①①①①①①①①①①")
    assert looks_like_card_number("⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹")
    assert looks_like_card_number("❹➀➀➀➀➀➀➀➀➀➀➀➀➀➀➀")
    assert looks_like_card_number("④⑪⑪⑪⑪⑪⑪⑪①")
    assert looks_like_card_number("⒋⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈⒈")


@every_card_number
@pytest.mark.parametrize(
    "template",
    [
        "card {} please",
        "card{}",
        "{}exp0128",
        "é{}é",
        '{{"pan": "{}", "cvv": "123"}}',
        "%B{}^DOE/JANE^2801",
        ";{}=28011010000012300000?",
        "550e8400-e29b-41d4-a716-446655440000 {}",
        "{}-550e8400-e29b-41d4-a716-446655440000",
        "+447700900123 {}",
        "+{}",
        "£{}",
    ],
)
def test_a_card_number_is_seen_inside_other_text(number: str, template: str) -> None:
    assert looks_like_card_number(template.format(number))


@every_card_number
@pytest.mark.parametrize(("before", "after"), [("0", ""), ("", "0"), ("99", "7"), ("0" * 16, ""), ("", "1" * 16)])
def test_a_card_number_is_seen_inside_a_longer_number(number: str, before: str, after: str) -> None:
    assert looks_like_card_number(before + number + after)
    assert looks_like_card_number(grouped(before + number + after, " "))


@pytest.mark.parametrize(
    ("prefix", "length"),
    [
        *(("4", length) for length in (16, 19)),
        *((prefix, 16) for prefix in ("51", "55", "2221", "223", "23", "26", "270", "271", "2720", "82", "9792")),
        *((prefix, 15) for prefix in ("34", "37", "1800", "2131")),
        *((prefix, length) for prefix in ("300", "305", "3095", "36", "38", "39") for length in (14, 16, 19)),
        *((prefix, length) for prefix in ("6011", "644", "649", "65") for length in range(16, 20)),
        *((prefix, length) for prefix in ("3528", "3589", "62", "81", "2200", "2204") for length in range(16, 20)),
        *((prefix, length) for prefix in ("50", "56", "57", "58", "60", "63", "67") for length in range(16, 20)),
    ],
)
def test_every_prefix_is_known_in_every_length_that_its_issuer_uses(prefix: str, length: int) -> None:
    source = random.Random(length)
    while True:
        payload = prefix + "".join(source.choices("0123456789", k=length - 1 - len(prefix)))
        number = payload + luhn.calc_check_digit(payload)
        if not looks_like_card_number(number[1:]) and not looks_like_card_number(payload):
            break
    assert looks_like_card_number(number), "and no part of it does"


letters = st.text(st.characters(categories=["L"]), max_size=8)
digits = st.text(st.sampled_from("0123456789"), max_size=8)
gaps = st.lists(st.sampled_from(["", "", *SEPARATORS]), min_size=19, max_size=19)


@given(card_numbers, gaps, st.tuples(letters, digits), st.tuples(digits, letters))
def test_no_separators_digits_or_letters_around_it_hide_a_card_number(
    number: str, gaps: list[str], before: tuple[str, str], after: tuple[str, str]
) -> None:
    separated = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False))
    assert looks_like_card_number("".join([*before, separated, *after]))


@given(card_numbers, st.integers(0, 18), st.integers(1, 9))
def test_one_wrong_digit_makes_it_no_card_number(number: str, position: int, shift: int) -> None:
    position %= len(number)
    changed = number[:position] + str((int(number[position]) + shift) % 10) + number[position + 1 :]
    windows = {changed[i:j] for i in range(len(changed)) for j in range(i + 14, len(changed) + 1)} - {changed}
    assert not looks_like_card_number(changed) or any(map(looks_like_card_number, windows))


@pytest.mark.parametrize(
    "number",
    [
        "4222222222222",  # Visa of 13 digits: an epoch in milliseconds has as many
        "630400000006",  # Maestro of 12
        "1111111111111117",  # Luhn, but nobody's prefix
        "3799197010990870",  # American Express's prefix and Luhn, but 16 digits
        "411111111111116",  # Visa's prefix and Luhn, but 15 digits
        "51909970998711187",  # Mastercard's prefix and Luhn, but 17 digits
        "2220877988018090",  # just below Mastercard's second range
        "2721018918701018",  # just above it
        "4111111111111112",  # no Luhn
    ],
)
def test_a_wrong_length_prefix_or_check_digit_is_no_card_number(number: str) -> None:
    assert not looks_like_card_number(number)


@pytest.mark.parametrize(
    "text", ["4111x1111x1111x1111", "41111111 eleven 11111111", "4111 1111 1111 111", "", "no digits"]
)
def test_letters_part_numbers(text: str) -> None:
    assert not looks_like_card_number(text)


# What must never be refused -----------------------------------------------------------------------------------------


def uuid_text(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=source.randint(1, 5)))


def uuid_of_any_bits(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128))).upper()


def uuid_urn(source: random.Random) -> str:
    return uuid.UUID(int=source.getrandbits(128), version=4).urn


def uuid_without_hyphens(source: random.Random) -> str:
    return uuid.UUID(int=source.getrandbits(128), version=4).hex


def ulid(source: random.Random) -> str:
    moment = int(epoch_milliseconds(source))
    return "".join(CROCKFORD[moment >> shift & 31] for shift in range(45, -1, -5)) + "".join(
        source.choices(CROCKFORD, k=16)
    )


def own_id(source: random.Random) -> str:
    return operation_id("acct", str(source.getrandbits(64)))


def attempt_id(source: random.Random) -> str:
    return f"{own_id(source)}.{source.randint(1, 9999)}"


def epoch_milliseconds(source: random.Random) -> str:
    return str(source.randint(946_684_800_000, 4_102_444_800_000))


def phone_number(source: random.Random) -> str:
    country, length = source.choice(
        [("44", 10), ("1", 10), ("49", 11), ("34", 9), ("36", 9), ("39", 10), ("380", 9), ("86", 11)]
    )
    return f"+{country}" + "".join(source.choices("0123456789", k=length))


def sender_and_recipient(source: random.Random) -> str:
    return f"{phone_number(source)} {phone_number(source)}"


def uuid_behind_a_prefix(source: random.Random) -> str:
    return f"campaign 7: {uuid_text(source)}"


def moment(source: random.Random) -> str:
    start = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    return (start + dt.timedelta(seconds=source.randrange(3 * 10**9))).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    "draw",
    [
        uuid_text,
        uuid_of_any_bits,
        uuid_urn,
        uuid_without_hyphens,
        uuid_behind_a_prefix,
        ulid,
        own_id,
        attempt_id,
        epoch_milliseconds,
        phone_number,
        sender_and_recipient,
        moment,
    ],
)
def test_no_identifier_phone_number_or_time_is_refused(draw: Callable[[random.Random], str]) -> None:
    source = random.Random(20261123)
    refused = [text for text in (draw(source) for _ in range(IDENTIFIERS)) if looks_like_card_number(text)]
    assert refused == []


@pytest.mark.parametrize(
    "identifier",
    [
        "41111111-1111-4111-8111-111111111111",
        "{41111111-1111-4111-8111-111111111111}",
        "deadbeef411111111111111100000000",
        "41111111111111118000000000000000",
        "01ARZ34111111111111111FAVX",
        "01arz34111111111111111favx",
        "txn_01234111111111111111000000",
        "txn_01234111111111111111000000.1",
    ],
)
def test_an_identifier_is_exempt_whole(identifier: str) -> None:
    assert not looks_like_card_number(identifier)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111" + "0" * 16,  # 32 digits, but with no version and variant of a UUID
        "5555555555554444" * 2,
        "0" * 10 + "4111111111111111",  # 26 digits, but no letter of a ULID
        "4111-1111-1111-1111-0000-0000-0000-0000",  # a lenient parser takes this for a UUID
        "00000000-0000-0000-4111-1111111111110000",
        "000041111111-1111-1111-0000-000000000000",
        "ref deadbeef411111111111111100000000",  # exempt only whole
        "ref 01ARZ34111111111111111FAVX",
        "4917610000000000003exp0128",  # has the alphabet and length of a ULID, of the year 6744
        "TXN_01234111111111111111000000",
    ],
)
def test_what_only_resembles_an_identifier_is_not_exempt(text: str) -> None:
    assert looks_like_card_number(text)


# Bounded work -------------------------------------------------------------------------------------------------------


def test_text_that_is_too_long_is_refused_before_it_is_read() -> None:
    """The length bounds the work, so that no text keeps the search for card numbers busy."""
    with pytest.raises(InvalidText) as refused:
        free_text("4111 1111 1111 1111 " * 1_000_000, "reason")
    assert type(refused.value) is InvalidText


# Many at once -------------------------------------------------------------------------------------------------------


def one_by_one(values: list[object]) -> list[str]:
    return [free_text(value, f"lines[{i}].reference", length_max=40) for i, value in enumerate(values)]


def at_once(values: list[object]) -> list[str]:
    return free_texts(values, lambda i: f"lines[{i}].reference", length_max=40)


def verdict(check: Callable[[list[object]], list[str]], values: list[object]) -> object:
    try:
        return check(values)
    except LedgerError as error:
        return type(error), error.field, error.message


references = st.one_of(
    st.text(max_size=45),
    st.text(st.characters(max_codepoint=127), max_size=45),
    st.from_regex(r"[a-z]{0,5}[ ./-]?[0-9]{0,20}[x-]?[0-9]{0,8}", fullmatch=True),
    card_numbers,
    st.builds(grouped, card_numbers, st.sampled_from(SEPARATORS)),
    st.builds(str, st.uuids()),
    st.sampled_from([None, 7, b"x", "+447700900123"]),
)


@given(st.lists(references, max_size=6))
def test_many_at_once_get_the_verdict_that_each_gets_alone(values: list[object]) -> None:
    assert verdict(at_once, values) == verdict(one_by_one, values)


@given(card_numbers, st.integers(1, 18))
def test_a_card_number_spread_over_two_references_alarms_in_neither_way(number: str, cut: int) -> None:
    values: list[object] = [number[:cut] or "x", number[cut:] or "x"]
    assert verdict(at_once, values) == verdict(one_by_one, values)


@pytest.mark.parametrize("bad", ["4111 1111 1111 1111", "", " ", "a\nb", "é\ud800", "x" * 41, None, 7])
@pytest.mark.parametrize("later", ["msg-800", "\x00"])
def test_the_first_bad_reference_of_a_campaign_is_named(bad: object, later: str) -> None:
    values: list[object] = [f"msg-{i}" for i in range(1000)]
    values[700] = bad
    values[800] = later
    with pytest.raises(InvalidText) as refused:
        at_once(values)
    assert refused.value.field == "lines[700].reference"


def test_no_references_are_fine() -> None:
    assert free_texts([], str) == []


@pytest.mark.parametrize("form", ["campaign-123456-line-{:05}", "+44770{:07}", "{:07}"])
def test_a_million_short_references_a_second_are_checked(form: str) -> None:
    values = [form.format(i) for i in range(20_000)]

    def seconds() -> float:
        started = time.process_time()
        assert free_texts(values, str) == values
        return time.process_time() - started

    assert min(seconds() for _ in range(5)) < len(values) / 1_000_000


# What gateways say -----------------------------------------------------------------------------------------------


def test_what_a_gateway_says_is_kept_as_far_as_it_may_be() -> None:
    assert from_outside("insufficient_funds") == "insufficient_funds"
    assert from_outside("x" * 1000) == "x" * 200
    assert from_outside("a\x00b") == "a?b"
    assert "4111" not in from_outside("card 4111 1111 1111 1111 declined")
