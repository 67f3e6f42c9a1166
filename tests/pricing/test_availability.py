"""Payment methods depend on currency and country, and a gateway is chosen in one place (product rule 8)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from interact_ledger.errors import MethodNotOffered
from interact_ledger.gateways.protocol import Capabilities, CurrencyTerms
from interact_ledger.pricing.availability import Availability, PaymentMethod, choose_gateway, payment_methods

TERMS = CurrencyTerms(step=Decimal("0.01"), minimum=Decimal("0.30"), maximum=Decimal("999999.99"))


def capabilities(currencies, brands, countries=None):
    return Capabilities(
        currencies=dict.fromkeys(currencies, TERMS),
        countries=None if countries is None else frozenset(countries),
        brands=frozenset(brands),
        saves_cards=True,
        saves_without_charging=True,
        refunds=True,
        partial_refunds=True,
        refunds_before_settlement=True,
        tells_after_capture=True,
        sends_every_notice=True,
        replay_window=timedelta(hours=24),
        settles_within=timedelta(minutes=5),
        lookup_lag=timedelta(minutes=1),
    )


GATEWAYS = {
    "north": capabilities(["GBP", "EUR"], ["visa", "mastercard", "maestro"]),
    "south": capabilities(["GBP", "EUR", "KWD"], ["visa", "cartes_bancaires"], ["FR", "GB", "KW"]),
}


def offering(gateways=(), methods=None):
    every = [
        {"code": "visa", "name": "Visa"},
        {"code": "mastercard", "name": "Mastercard", "currencies": ["GBP", "EUR", "KWD"]},
        {"code": "maestro", "name": "Maestro", "countries": ["GB", "FR"]},
        {"code": "cartes_bancaires", "name": "Cartes Bancaires", "currencies": ["EUR"], "countries": ["FR"]},
        {"code": "jcb", "name": "JCB"},
    ]
    return Availability.model_validate({"gateways": gateways, "methods": every if methods is None else methods})


def codes(currency, country):
    return [method.code for method in payment_methods(offering(), GATEWAYS, currency, country)]


def test_two_countries_are_offered_different_methods():
    assert codes("EUR", "FR") == ["visa", "mastercard", "maestro", "cartes_bancaires"]
    assert codes("EUR", "DE") == ["visa", "mastercard"]


def test_two_currencies_are_offered_different_methods():
    assert codes("GBP", "FR") == ["visa", "mastercard", "maestro"]
    assert codes("KWD", "KW") == ["visa"]


def test_a_method_tells_its_name_and_the_gateways_in_order_of_preference():
    (visa, *_) = payment_methods(offering(), GATEWAYS, "GBP", "GB")
    assert visa == PaymentMethod(code="visa", name="Visa", gateways=("north", "south"))
    (visa, *_) = payment_methods(offering(["south"]), GATEWAYS, "GBP", "GB")
    assert visa.gateways == ("south", "north")


def test_a_method_that_no_gateway_takes_is_not_offered():
    assert "jcb" not in codes("GBP", "GB")


def test_a_gateway_that_serves_other_countries_or_currencies_is_left_out():
    assert payment_methods(offering(), GATEWAYS, "GBP", "DE")[0].gateways == ("north",)
    assert payment_methods(offering(), GATEWAYS, "KWD", "KW")[0].gateways == ("south",)


def test_where_nothing_serves_nothing_is_offered():
    assert payment_methods(offering(), GATEWAYS, "JPY", "JP") == ()
    assert payment_methods(offering(), {}, "GBP", "GB") == ()


def test_a_preferred_gateway_that_is_not_configured_is_passed_over():
    assert choose_gateway(offering(["west", "south"]), GATEWAYS, "GBP", "GB", "visa") == "south"


@pytest.mark.parametrize(
    ("preferred", "currency", "country", "method", "chosen"),
    [
        ((), "GBP", "GB", "visa", "north"),
        (("south",), "GBP", "GB", "visa", "south"),
        (("south",), "GBP", "GB", "mastercard", "north"),
        (("south",), "GBP", "DE", "visa", "north"),
        (("north",), "KWD", "KW", "visa", "south"),
        ((), "EUR", "FR", "cartes_bancaires", "south"),
        ((), "GBP", "GB", None, "north"),
        (("south", "north"), "GBP", "GB", None, "south"),
        (("north",), "KWD", "KW", None, "south"),
    ],
)
def test_the_first_gateway_that_serves_currency_country_and_method_is_chosen(
    preferred, currency, country, method, chosen
):
    assert choose_gateway(offering(preferred), GATEWAYS, currency, country, method) == chosen


def test_a_gateway_that_takes_only_what_the_seller_does_not_offer_is_not_chosen():
    only_maestro = offering(["south"], [{"code": "maestro", "name": "Maestro"}])
    assert choose_gateway(only_maestro, GATEWAYS, "GBP", "GB") == "north"


def test_a_method_that_is_not_offered_is_refused_and_the_others_named():
    with pytest.raises(MethodNotOffered) as refused:
        choose_gateway(offering(), GATEWAYS, "KWD", "KW", "mastercard")
    assert str(refused.value) == "method: is not offered for KWD in KW; choose from visa"


@pytest.mark.parametrize("method", [None, "visa", "4242424242424242"])
def test_where_nothing_is_offered_that_is_said(method):
    with pytest.raises(MethodNotOffered) as refused:
        choose_gateway(offering(), GATEWAYS, "JPY", "JP", method)
    assert str(refused.value) == "method: is not offered for JPY in JP; no method is offered there"


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"methods": [{"code": "visa", "name": "Visa"}] * 2}, "methods names visa more than once"),
        ({"methods": [], "gateways": ["a", "b", "a"]}, "gateways names a more than once"),
        ({"methods": [{"code": "Visa", "name": "Visa"}]}, "match pattern"),
        ({"methods": [{"code": "visa", "name": "Visa", "countries": ["UK"]}]}, "ISO 3166-1"),
        ({"methods": [{"code": "visa", "name": "Visa", "currencies": ["XYZ"]}]}, "ISO 4217"),
        ({"methods": [{"code": "visa"}]}, "Field required"),
        ({"gateways": []}, "Field required"),
        ({"methods": [], "gateways": ["not an id"]}, "match pattern"),
    ],
)
def test_an_offer_that_cannot_be_is_refused(settings, rule):
    with pytest.raises(ValidationError, match=rule):
        Availability.model_validate(settings)
