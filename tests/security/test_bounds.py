"""Nothing that comes from outside keeps a reader busy: files of up to ten megabytes are read or refused in no time."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from interact_ledger import LedgerError, Message, Settings, read_campaign
from interact_ledger.cli.arguments import duration, moment, money
from interact_ledger.errors import ConfigurationError, InvalidAmount, InvalidRequest
from interact_ledger.money import parse_decimal
from interact_ledger.pricing.catalogue import ITEMS_MAX
from interact_ledger.pricing.configuration import FILE_SIZE_MAX
from interact_ledger.pricing.price_list import load_price_list
from interact_ledger.pricing.tax_numbers import check_tax_number_form
from interact_ledger.testing import LedgerKit
from ledger_helpers import funded

CPU_SECONDS = 2.0
"""On any machine; what is measured is under one on ours."""
MEGABYTES = 300

SIZE = FILE_SIZE_MAX - 100
TEN = 10_000_000


def many(count: int, text: str, between: str = "") -> str:
    return between.join(text.replace("#", str(number)) for number in range(count))


TOML: dict[str, Callable[[], str]] = {
    "dots": lambda: "a" + ".a" * (SIZE // 2) + "=1",
    "dots on each line": lambda: many(SIZE // 110, "x#" + ".a" * 50 + "=1\n"),
    "tables in tables": lambda: many(SIZE // 110, "[x#" + ".a" * 48 + "]\n"),
    "arrays": lambda: "a=" + "[" * SIZE,
    "arrays on lines": lambda: "a=" + "[\n" * (SIZE // 2),
    "inline tables": lambda: "a=" + "{a=" * (SIZE // 3),
    "tables": lambda: "[[a]]\n" * (SIZE // 6),
    "names": lambda: many(SIZE // 10, "k#=1\n"),
    "a long number": lambda: "a=" + "9" * SIZE,
    "a long number in hexadecimal": lambda: "a=0x" + "f" * 990,
    "comments": lambda: "#\n" * (SIZE // 2),
    "ten megabytes": lambda: "#" * TEN,
}

JSON: dict[str, Callable[[], str]] = {
    "arrays": lambda: "[" * SIZE,
    "tables": lambda: '{"a":' * (SIZE // 5),
    "a long number": lambda: '{"a":' + "9" * SIZE + "}",
    "a long fraction": lambda: '{"a":0.' + "9" * SIZE + "}",
    "an exponent": lambda: '{"quote_lifetime":1E999999999}',
    "names": lambda: "{" + many(SIZE // 14, '"k#":1', ",") + "}",
    "a name twice": lambda: "{" + many(SIZE // 14, '"k#":1', ",") + ',"k0":1}',
    "methods": lambda: '{"availability":{"methods":[' + many(SIZE // 26, '{"code":"a","name":"x"}', ",") + "]}}",
    "taxes": lambda: '{"taxes":[' + many(SIZE // 42, '{"name":"x","country":"GB","rate":"1"}', ",") + "]}",
    "currencies": lambda: '{"top_up":{' + many(SIZE // 14, '"k#":1', ",") + "}}",
    "a duration": lambda: '{"quote_lifetime":"P' + "9" * SIZE + 'D"}',
    "digits": lambda: '{"seller":{"name":"' + "4" * SIZE + '"}}',
    "accents": lambda: '{"seller":{"name":"4' + "\N{COMBINING ACUTE ACCENT}" * (SIZE // 2) + '"}}',
    "lines of an address": lambda: '{"seller":{"address":[' + many(SIZE // 23, '"4444444444444444444"', ",") + "]}}",
    "ten megabytes": lambda: '"' + "x" * TEN + '"',
}

CAMPAIGNS: dict[str, Callable[[], str]] = {
    "short messages": lambda: "x\n" * (TEN // 2),
    "empty lines": lambda: "\n" * TEN,
    "labels": lambda: "x\t\n" * (TEN // 3),
    "one line": lambda: "x" * TEN,
    "one line of Chinese": lambda: "中" * (TEN // 3),
    "NUL": lambda: "\0" * TEN,
    "long messages": lambda: ("x" * 39_000 + "\n") * (TEN // 39_001),
    "emoji": lambda: ("😀" * 100 + "\n") * (TEN // 401),
    "characters of two septets": lambda: ("€" * 19_000 + "\n") * (TEN // 57_001),
}


def is_quick(read: Callable[[], object], error: type[LedgerError] | None) -> None:
    """Read, which must be refused with this error if one is named, within the bounds of time and memory."""
    tracemalloc.start()
    try:
        started = time.process_time()
        if error is None:
            read()
        else:
            with pytest.raises(error):
                read()
        assert time.process_time() - started < CPU_SECONDS * 4  # being watched, Python is slower
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES * 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("what", TOML)
def test_a_crafted_toml_file_is_refused_at_once(tmp_path: Path, what: str):
    file = tmp_path / "settings.toml"
    file.write_text(TOML[what](), encoding="utf-8")
    is_quick(lambda: Settings.load(file), ConfigurationError)


@pytest.mark.parametrize("what", JSON)
def test_a_crafted_json_file_is_refused_at_once(tmp_path: Path, what: str):
    file = tmp_path / "settings.json"
    file.write_text(JSON[what](), encoding="utf-8")
    is_quick(lambda: Settings.load(file), ConfigurationError)


def test_a_price_list_as_long_as_may_be_is_read_at_once(tmp_path: Path):
    file = tmp_path / "prices.json"
    price = '{"country":"GB","kind":"k#","currency":"GBP","set_up":"1","monthly":"1"}'
    file.write_text('{"version":"1","numbers":[' + many(SIZE // 80, price, ",") + "]}", encoding="utf-8")
    is_quick(lambda: load_price_list(file), None)


@pytest.mark.parametrize("what", CAMPAIGNS)
def test_a_campaign_of_ten_megabytes_is_read_or_refused_at_once(tmp_path: Path, what: str):
    file = tmp_path / "campaign.txt"
    file.write_text(CAMPAIGNS[what](), encoding="utf-8")
    fits = what in {"long messages", "emoji", "characters of two septets"}
    is_quick(lambda: read_campaign(file, "GB"), None if fits else InvalidRequest)


@pytest.mark.parametrize("text", ["x", "中", "€", "😀", "a\ud800"])
def test_a_message_of_ten_megabytes_is_refused_at_once(text: str):
    long = text * (TEN // len(text.encode("utf-8", "surrogatepass")))
    is_quick(lambda: Message("r", "GB", text=long), InvalidRequest)


@pytest.mark.parametrize(
    "text", ["9" * TEN, "x" * TEN, " " * TEN, "P" + "9" * TEN + "D", "1E+1000000", "0x" + "f" * TEN]
)
def test_what_is_typed_is_refused_at_once(text: str):
    for read in (
        lambda: money(text, "GBP", "amount"),
        lambda: moment(text, "at"),
        lambda: duration(text, "expires_in"),
        lambda: check_tax_number_form("GB", text),
    ):
        is_quick(read, InvalidRequest)


@pytest.mark.parametrize("text", ["0." + "1" * TEN, "1." + "0" * TEN, "9" * TEN, "1E+1000000", "1E-1000000"])
def test_a_decimal_of_any_length_is_refused_without_being_spelt_out(text: str):
    value = Decimal(text)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidAmount):
            parse_decimal(value, "amount")
        assert tracemalloc.get_traced_memory()[1] < TEN
    finally:
        tracemalloc.stop()


def test_a_purchase_as_long_as_may_be_is_made_and_one_more_is_refused(kit: LedgerKit):
    account_id = funded(kit, "5000.00")
    items = [Message(f"m-{number}", "GB", segments=1) for number in range(ITEMS_MAX + 1)]
    is_quick(lambda: kit.ledger.spend_many(account_id, items[1:], idempotency_key="k"), None)
    is_quick(lambda: kit.ledger.spend_many(account_id, items, idempotency_key="l"), InvalidRequest)
    lines = [(item.reference, 1) for item in items]
    is_quick(lambda: kit.ledger.reverse_spend(account_id, "t", "why", idempotency_key="m", lines=lines), InvalidRequest)
