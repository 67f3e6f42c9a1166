"""Everything an operator decides is read from one file, and what cannot be used is named by file and entry."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from interact_ledger.domain.events import TaxStatus
from interact_ledger.errors import ConfigurationError, PriceNotFound
from interact_ledger.pricing.catalogue import Message, Number
from interact_ledger.pricing.taxes import tax_breakdown
from interact_ledger.settings import Settings

SMALL = """
send_within = 45
quote_lifetime = "PT15M"

[seller]
id = "acme"
name = "Acme Ltd"
address = ["1 Road", "London"]
country = "GB"

[top_up.GBP]
minimum = "10.00"
maximum = "100.00"

[availability]
methods = [{ code = "visa", name = "Visa" }]

[price_list]
version = "1"
messages = [{ destination = "GB", currency = "GBP", per_segment = "0.0325" }]

[[taxes]]
name = "VAT"
country = "GB"
rate = "20"
"""
PRICES = 'version = "far"\nmessages = [{ destination = "GB", currency = "GBP", per_segment = "0.01" }]'


def written(tmp_path, content, name="settings.toml"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_settings_are_read_from_toml(tmp_path):
    settings = Settings.load(written(tmp_path, SMALL))
    assert settings.seller.address == ("1 Road", "London")
    assert settings.top_up["GBP"].maximum == 100
    assert settings.send_within == timedelta(seconds=45)
    assert settings.quote_lifetime == timedelta(minutes=15)
    assert settings.price_list.messages[0].per_segment == Decimal("0.0325")
    assert settings.taxes[0].rate == 20


def test_what_is_left_out_has_its_default(tmp_path):
    settings = Settings.load(written(tmp_path, SMALL.replace("send_within = 45", "").replace("quote_lifetime", "#")))
    assert settings.send_within == timedelta(seconds=60)
    assert settings.quote_lifetime == timedelta(minutes=30)
    assert settings.authentication_within == timedelta(hours=1)
    assert settings.command_deadline == timedelta(seconds=10)
    assert settings.hold_lifetime <= settings.hold_lifetime_max
    assert settings.seller.tax_number is None


def test_settings_are_read_from_json_and_written_back(tmp_path):
    settings = Settings.load(written(tmp_path, SMALL))
    path = written(tmp_path, settings.model_dump_json(), "settings.json")
    assert Settings.load(path) == settings


def test_the_price_list_may_be_another_file_beside_the_settings(tmp_path):
    (tmp_path / "lists").mkdir()
    written(tmp_path / "lists", PRICES, "prices.toml")
    inline = SMALL[SMALL.index("[price_list]") : SMALL.index("[[taxes]]")]
    settings = Settings.load(written(tmp_path, 'price_list = "lists/prices.toml"\n' + SMALL.replace(inline, "")))
    assert settings.price_list.version == "far"


def test_a_mistake_in_that_other_file_names_that_file(tmp_path):
    prices = written(tmp_path, PRICES.replace('"0.01"', '"-1"'), "prices.toml")
    inline = SMALL[SMALL.index("[price_list]") : SMALL.index("[[taxes]]")]
    path = written(tmp_path, 'price_list = "prices.toml"\n' + SMALL.replace(inline, ""))
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(path)
    assert refused.value.message.startswith(f"{prices}: messages[0].per_segment: must be from 0")


def test_settings_cannot_be_changed(tmp_path):
    settings = Settings.load(written(tmp_path, SMALL))
    with pytest.raises(ValueError, match="frozen"):
        settings.send_within = timedelta(days=1)


@pytest.mark.parametrize(
    ("old", "new", "entry", "rule"),
    [
        ('id = "acme"', 'id = "Acme Ltd"', "seller.id", "should match pattern"),
        ('id = "acme"', "", "seller.id", "Field required"),
        ('name = "Acme Ltd"', 'name = ""', "seller.name", "at least 1 character"),
        ('["1 Road", "London"]', "[]", "seller.address", "at least 1 item"),
        ('["1 Road", "London"]', '["1 Road", ""]', "seller.address[1]", "at least 1 character"),
        ('country = "GB"', 'country = "UK"', "seller.country", "is not an ISO 3166-1"),
        ("[top_up.GBP]", "[top_up.GBX]", "top_up.GBX.[key]", "is not an ISO 4217"),
        ('minimum = "10.00"', "minimum = 10.5", "top_up.GBP.minimum", "is a float"),
        ('minimum = "10.00"', 'minimum = "100.01"', "top_up", "GBP.minimum is above GBP.maximum"),
        ("send_within = 45", "send_within = 0", "send_within", "greater than 0"),
        ("send_within = 45", "send_within = -1", "send_within", "greater than 0"),
        ("send_within = 45", 'send_within = "soon"', "send_within", "valid timedelta"),
        ("send_within = 45", 'send_within = "P11Y"', "send_within", "less than or equal"),
        ("send_within = 45", "send_witin = 45", "send_witin", "Extra inputs are not permitted"),
        ("send_within = 45", 'hold_lifetime = "P32D"', "", "hold_lifetime is above hold_lifetime_max"),
        ('per_segment = "0.0325"', "per_segment = 0.0325", "price_list.messages[0].per_segment", "is a float"),
        ('rate = "20"', 'rate = "-20"', "taxes[0].rate", "must be from 0 to 100"),
        ('code = "visa"', 'code = "VISA"', "availability.methods[0].code", "should match pattern"),
    ],
)
def test_a_wrong_entry_is_refused_by_file_entry_and_rule(tmp_path, old, new, entry, rule):
    assert old in SMALL
    path = written(tmp_path, SMALL.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(path)
    assert refused.value.field == (entry or None)
    assert refused.value.message.startswith(f"{path}: {entry}")
    assert rule in refused.value.message


@pytest.mark.parametrize("part", ["seller", "top_up.GBP", "availability", "price_list"])
def test_what_has_no_default_must_be_said(tmp_path, part):
    entry = part.partition(".")[0]
    content = tomllib.loads(SMALL)
    del content[entry]
    with pytest.raises(ConfigurationError, match=f"{entry}: Field required"):
        Settings.load(written(tmp_path, json.dumps(content), "settings.json"))


# The example that ships -------------------------------------------------------------------------------------------


def test_the_minimum_top_up_is_ten_pounds_by_default():
    assert Settings.default().top_up["GBP"].minimum == 10


def test_the_example_offers_currencies_without_and_with_three_decimals():
    assert set(Settings.default().top_up) == {"GBP", "EUR", "USD", "JPY", "KWD"}


def test_the_example_says_every_duration_that_there_is_as_its_default():
    content = tomllib.loads((files("interact_ledger") / "defaults.toml").read_text(encoding="utf-8"))
    assert set(content) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, timedelta):
            assert getattr(Settings.default(), name) == field.default


@pytest.mark.parametrize("currency", ["GBP", "EUR", "USD", "JPY", "KWD"])
def test_the_example_prices_every_destination_and_number_in_every_currency(currency):
    prices = Settings.default().price_list
    items = [Message(f"m{to}", to, segments=1) for to in ("GB", "FR", "DE", "US", "CA", "JP", "KW")]
    items += [Number(f"n{of}", "+442071234567", of) for of in ("GB", "FR", "DE", "US", "CA", "JP", "KW")]
    assert len(prices.price(items, currency)) == 21
    with pytest.raises(PriceNotFound):
        prices.price([Message("m", "BR", segments=1)], currency)


def test_the_example_prices_a_british_segment_at_a_fraction_of_a_penny():
    (line,) = Settings.default().price_list.price([Message("m", "GB", text="Hello")], "GBP")
    assert line.amount == Decimal("0.0325")


@pytest.mark.parametrize(
    ("country", "region", "status", "verified", "total"),
    [
        ("GB", None, TaxStatus.CONSUMER, False, "120.00"),
        ("GB", None, TaxStatus.BUSINESS, True, "120.00"),
        ("FR", None, TaxStatus.BUSINESS, False, "120.00"),
        ("FR", None, TaxStatus.BUSINESS, True, "100.00"),
        ("DE", None, TaxStatus.CONSUMER, False, "119.00"),
        ("US", "CA", TaxStatus.CONSUMER, False, "107.25"),
        ("US", "OR", TaxStatus.CONSUMER, False, "100.00"),
        ("CA", "ON", TaxStatus.CONSUMER, False, "113.00"),
        ("CA", "BC", TaxStatus.CONSUMER, False, "112.00"),
        ("CA", "QC", TaxStatus.CONSUMER, False, "114.98"),
        ("KW", None, TaxStatus.CONSUMER, False, "100.00"),
    ],
)
def test_the_example_taxes_a_hundred_as_the_country_does(country, region, status, verified, total):
    settings = Settings.default()
    broken_down = tax_breakdown(
        Decimal(100),
        "USD",
        settings.taxes,
        country=country,
        region=region,
        tax_status=status,
        tax_number_verified=verified,
    )
    assert str(broken_down.total) == total


def test_two_countries_of_the_example_differ_in_what_they_are_offered():
    methods = Settings.default().availability.methods
    in_france = {m.code for m in methods if m.offered_in("EUR", "FR")}
    in_germany = {m.code for m in methods if m.offered_in("EUR", "DE")}
    assert in_france - in_germany == {"cartes_bancaires"}
    assert {m.code for m in methods if m.offered_in("USD", "US")} >= {"discover", "jcb"}
