"""A checkout's breakdown: recharge, credit, each tax, total (product rule 11)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from interact_ledger.domain.events import TaxStatus
from interact_ledger.errors import InvalidRequest
from interact_ledger.money import decimal_places
from interact_ledger.pricing.taxes import (
    TaxPayer,
    TaxRule,
    TaxRules,
    recharge_for_credit,
    require_region,
    tax_breakdown,
)

CONSUMER, BUSINESS = TaxStatus.CONSUMER, TaxStatus.BUSINESS


def rule(name="VAT", rate="20", country="GB", **more):
    return TaxRule.model_validate({"name": name, "rate": rate, "country": country} | more)


def breakdown(recharge, rules, currency="GBP", country="GB", region=None, *, status=CONSUMER, verified=False):
    return tax_breakdown(
        Decimal(recharge),
        currency,
        rules,
        country=country,
        region=region,
        tax_status=status,
        tax_number_verified=verified,
    )


def shown(broken_down):
    """Return what a checkout shows, as text."""
    return (
        str(broken_down.credit),
        [(tax.name, str(tax.amount)) for tax in broken_down.taxes],
        str(broken_down.total),
    )


# Taxes on top and taxes included ----------------------------------------------------------------------------------


def test_without_rules_the_recharge_is_the_credit_and_the_total():
    assert shown(breakdown("10", [])) == ("10.00", [], "10.00")


def test_a_tax_on_top_raises_the_total_and_leaves_the_credit():
    assert shown(breakdown("10.00", [rule()])) == ("10.00", [("VAT", "2.00")], "12.00")


def test_a_tax_included_lowers_the_credit_and_leaves_the_total():
    assert shown(breakdown("12.00", [rule(inclusive=True)])) == ("10.00", [("VAT", "2.00")], "12.00")


def test_a_tax_on_top_is_computed_on_what_is_left_without_the_taxes_included():
    rules = [rule("Duty", "5"), rule(inclusive=True)]
    assert shown(breakdown("12.00", rules)) == ("10.00", [("Duty", "0.50"), ("VAT", "2.00")], "12.50")


def test_several_taxes_included_share_one_net_amount():
    rules = [rule("A", "10", inclusive=True), rule("B", "15", inclusive=True)]
    assert shown(breakdown("12.50", rules)) == ("10.00", [("A", "1.00"), ("B", "1.50")], "12.50")


def test_a_line_carries_the_rule_s_name_and_rate():
    (tax,) = breakdown("10", [rule(rate="19.5")]).taxes
    assert (tax.name, tax.rate, tax.reverse_charge) == ("VAT", Decimal("19.5"), False)


def test_a_rate_of_zero_is_listed():
    assert shown(breakdown("10", [rule(rate="0")])) == ("10.00", [("VAT", "0.00")], "10.00")


# Rounding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recharge", "currency", "rate", "tax"),
    [
        ("10.10", "GBP", "2.5", "0.25"),
        ("10.20", "GBP", "2.5", "0.26"),  # 0.255 goes up
        ("10.60", "GBP", "2.5", "0.27"),  # 0.265 goes up, not to even
        ("1005", "JPY", "10", "101"),  # 100.5 goes up
        ("1004", "JPY", "10", "100"),
        ("10.005", "KWD", "10", "1.001"),  # 1.0005 goes up
    ],
)
def test_a_tax_rounds_half_up_in_the_currency_s_minor_unit(recharge, currency, rate, tax):
    assert shown(breakdown(recharge, [rule(rate=rate)], currency))[1] == [("VAT", tax)]


def test_each_tax_rounds_alone_and_the_total_is_their_sum():
    rules = [rule("GST", "5"), rule("QST", "9.975")]
    assert shown(breakdown("10.10", rules)) == ("10.10", [("GST", "0.51"), ("QST", "1.01")], "11.62")
    assert round(Decimal("10.10") * Decimal("1.14975"), 2) == Decimal("11.61"), "rounding the sum would say less"


def test_a_tax_included_that_falls_on_half_a_penny_goes_up():
    """Of £0.03 with 20 % included, exactly half a penny is tax."""
    assert shown(breakdown("0.03", [rule(inclusive=True)])) == ("0.02", [("VAT", "0.01")], "0.03")


def test_half_a_penny_is_exact_also_where_the_net_amount_is_no_finite_decimal():
    """Of £1.20 with 7 % and 5 % included, 7/112 is exactly 7.5 pence, though 1/112 has no end."""
    rules = [rule("A", "7", inclusive=True), rule("B", "5", inclusive=True)]
    assert shown(breakdown("1.20", rules)) == ("1.07", [("A", "0.08"), ("B", "0.05")], "1.20")


# To whom rules apply ----------------------------------------------------------------------------------------------


def test_only_the_rules_of_the_customer_s_country_apply():
    rules = [rule(), rule("TVA", country="FR")]
    assert [tax.name for tax in breakdown("10", rules, country="FR").taxes] == ["TVA"]
    assert breakdown("10", rules, country="DE").taxes == ()


CANADA = [
    rule("GST", "5", "CA", regions=["QC", "BC"]),
    rule("HST", "13", "CA", regions=["ON"]),
    rule("PST", "7", "CA", regions=["BC"]),
    rule("QST", "9.975", "CA", regions=["QC"]),
]


@pytest.mark.parametrize(
    ("region", "taxes", "total"),
    [
        ("BC", [("GST", "5.00"), ("PST", "7.00")], "112.00"),
        ("QC", [("GST", "5.00"), ("QST", "9.98")], "114.98"),
        ("ON", [("HST", "13.00")], "113.00"),
        ("NU", [], "100.00"),
        (None, [], "100.00"),
    ],
)
def test_a_rule_for_regions_applies_there_and_taxes_do_not_compound(region, taxes, total):
    assert shown(breakdown("100", CANADA, "CAD", "CA", region)) == ("100.00", taxes, total)


def test_a_region_s_rules_add_to_the_country_s():
    rules = [rule("Federal", "3", "US"), rule("State", "4", "US", regions=["NY"])]
    assert [tax.name for tax in breakdown("10", rules, "USD", "US", "NY").taxes] == ["Federal", "State"]
    assert [tax.name for tax in breakdown("10", rules, "USD", "US", "CA").taxes] == ["Federal"]


def test_a_region_of_the_same_name_in_another_country_is_another_region():
    assert breakdown("10", [rule("State", "4", "US", regions=["CA"])], country="CA", region="CA").taxes == ()


@pytest.mark.parametrize(
    ("payer", "status", "charged"),
    [
        ("consumer", CONSUMER, True),
        ("consumer", BUSINESS, False),
        ("business", CONSUMER, False),
        ("business", BUSINESS, True),
        ("both", CONSUMER, True),
        ("both", BUSINESS, True),
    ],
)
def test_a_rule_is_for_consumers_or_businesses_or_both(payer, status, charged):
    assert bool(breakdown("10", [rule(applies_to=payer)], status=status).taxes) is charged


def test_a_region_must_be_told_where_taxes_depend_on_it():
    with pytest.raises(InvalidRequest, match="region: is needed, because taxes in CA depend on it"):
        require_region(CANADA, "CA", None)
    require_region(CANADA, "CA", "ON")
    require_region(CANADA, "GB", None)
    require_region([rule()], "GB", None)


# Reverse charge ---------------------------------------------------------------------------------------------------


def test_a_business_with_a_verified_number_accounts_for_the_tax_itself():
    broken_down = breakdown("10", [rule(reverse_charge=True)], status=BUSINESS, verified=True)
    assert shown(broken_down) == ("10.00", [("VAT", "0.00")], "10.00")
    assert broken_down.taxes[0].reverse_charge
    assert broken_down.taxes[0].rate == 20


@pytest.mark.parametrize(("status", "verified"), [(BUSINESS, False), (CONSUMER, True), (CONSUMER, False)])
def test_anybody_else_is_charged_the_tax(status, verified):
    broken_down = breakdown("10", [rule(reverse_charge=True)], status=status, verified=verified)
    assert shown(broken_down) == ("10.00", [("VAT", "2.00")], "12.00")
    assert not broken_down.taxes[0].reverse_charge


def test_a_tax_without_reverse_charge_is_charged_to_every_business():
    assert breakdown("10", [rule()], status=BUSINESS, verified=True).total == 12


def test_under_reverse_charge_all_of_an_amount_with_tax_included_is_credit():
    rules = [rule(inclusive=True, reverse_charge=True)]
    assert shown(breakdown("12", rules, status=BUSINESS, verified=True)) == ("12.00", [("VAT", "0.00")], "12.00")


def test_a_tax_under_reverse_charge_has_no_part_in_what_other_taxes_take():
    rules = [rule(inclusive=True, reverse_charge=True), rule("Levy", "25", inclusive=True), rule("Duty", "10")]
    broken_down = breakdown("12.50", rules, status=BUSINESS, verified=True)
    assert shown(broken_down) == ("10.00", [("VAT", "0.00"), ("Levy", "2.50"), ("Duty", "1.00")], "13.50")


# Properties -------------------------------------------------------------------------------------------------------

currencies = st.sampled_from(["GBP", "JPY", "KWD"])
rates = st.decimals(min_value=0, max_value=100, places=4)
rule_lists = st.lists(
    st.builds(
        lambda rate, inclusive, reverse, number: rule(f"T{number}", rate, inclusive=inclusive, reverse_charge=reverse),
        rates,
        st.booleans(),
        st.booleans(),
        st.integers(0, 10**9),
    ),
    max_size=5,
)
units = st.integers(1, 10**12)
statuses = st.tuples(st.sampled_from(TaxStatus), st.booleans())


@given(units, currencies, rule_lists, statuses)
def test_the_parts_add_up_and_are_whole_minor_units(amount, currency, rules, customer):
    status, verified = customer
    recharge = Decimal(amount).scaleb(-decimal_places(currency))
    broken_down = breakdown(recharge, rules, currency, status=status, verified=verified)
    included = sum(t.amount for t, r in zip(broken_down.taxes, rules, strict=True) if r.inclusive)
    assert broken_down.recharge == recharge == broken_down.credit + included
    assert broken_down.total == broken_down.credit + sum(tax.amount for tax in broken_down.taxes)
    for part in (broken_down.recharge, broken_down.credit, broken_down.total, *(t.amount for t in broken_down.taxes)):
        assert part.as_tuple().exponent == -decimal_places(currency)
        assert part >= 0 or broken_down.credit == part


@given(units, currencies, rule_lists)
def test_each_tax_is_within_half_a_minor_unit_of_its_exact_amount(amount, currency, rules):
    recharge = Decimal(amount).scaleb(-decimal_places(currency))
    broken_down = breakdown(recharge, rules, currency)
    gross = 100 + sum(r.rate for r in rules if r.inclusive)
    half = Decimal("0.5").scaleb(-decimal_places(currency))
    for tax, r in zip(broken_down.taxes, rules, strict=True):
        exact = recharge * r.rate / gross if r.inclusive else broken_down.credit * r.rate / 100
        assert abs(tax.amount - exact) <= half + Decimal("1e-12")


@given(units, currencies, rule_lists, statuses)
def test_the_recharge_for_a_credit_is_the_least_that_brings_it(amount, currency, rules, customer):
    status, verified = customer
    credit = Decimal(amount).scaleb(-decimal_places(currency))
    facts = {"country": "GB", "region": None, "tax_status": status, "tax_number_verified": verified}
    recharge = recharge_for_credit(credit, currency, rules, **facts)
    unit = Decimal(1).scaleb(-decimal_places(currency))
    assert tax_breakdown(recharge, currency, rules, **facts).credit >= credit
    for less in range(1, 12):
        if recharge - less * unit > 0:
            assert tax_breakdown(recharge - less * unit, currency, rules, **facts).credit < credit


def test_without_taxes_included_the_recharge_for_a_credit_is_the_credit():
    facts = {"country": "GB", "region": None, "tax_status": CONSUMER, "tax_number_verified": False}
    assert recharge_for_credit(Decimal("7.53"), "GBP", [rule()], **facts) == Decimal("7.53")
    assert recharge_for_credit(Decimal("10.00"), "GBP", [rule(inclusive=True)], **facts) == Decimal("12.00")


# Rules that cannot be used ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"rate": "-1"},
        {"rate": "100.01"},
        {"rate": "9.97501"},
        {"rate": 9.975},
        {"country": "UK"},
        {"regions": ["gb"]},
        {"regions": "CA"},
        {"name": ""},
        {"applies_to": "nobody"},
        {"compound": True},
    ],
)
def test_a_rule_that_cannot_be_is_refused(change):
    with pytest.raises(ValidationError):
        rule(**change)


def all_together(*rules):
    return TypeAdapter(TaxRules).validate_python(rules)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rule(), rule(rate="5")),
        (rule(), rule(applies_to="business")),
        (rule(regions=["A", "B"]), rule(regions=["B", "C"])),
        (rule(), rule(regions=["B"])),
        (rule(applies_to="consumer"), rule(applies_to="consumer")),
    ],
)
def test_nobody_may_bear_a_tax_of_one_name_twice(one, other):
    with pytest.raises(ValidationError, match=r"\[2\] charges VAT in GB once more; \[0\] does already"):
        all_together(one, rule("Other"), other)


def test_a_tax_may_differ_by_country_region_or_customer():
    rules = (
        rule(applies_to="consumer"),
        rule(applies_to="business"),
        rule(country="FR"),
        rule("HST", "13", "CA", regions=["ON"]),
        rule("HST", "14", "CA", regions=["NS"]),
    )
    assert all_together(*rules) == rules
    assert rules[0].applies_to is TaxPayer.CONSUMER
