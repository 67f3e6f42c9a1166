"""The form of tax numbers is checked, and only the form."""

from __future__ import annotations

import pytest

from interact_ledger.errors import InvalidRequest, InvalidText
from interact_ledger.pricing.tax_numbers import check_tax_number_form


@pytest.mark.parametrize(
    ("country", "number", "compact"),
    [
        ("GB", "GB980780684", "GB980780684"),
        ("GB", "980 7806 84", "GB980780684"),
        ("GB", "gb 980-7806-84", "GB980780684"),
        ("GB", "XI 980 7806 84", "XI980780684"),
        ("XI", "980780684", "XI980780684"),
        ("DE", "DE136695976", "DE136695976"),
        ("DE", " 136695976 ", "DE136695976"),
        ("FR", "FR 61 954 506 077", "FR61954506077"),
        ("GR", "EL 094259216", "EL094259216"),
        ("GR", "094259216", "EL094259216"),
        ("NL", "NL4495445B01", "NL004495445B01"),
    ],
)
def test_a_number_in_good_form_comes_back_compact_with_its_prefix(country, number, compact):
    assert check_tax_number_form(country, number) == compact


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("GB", "GB980780685"),
        ("GB", "DE136695976"),
        ("DE", "GB980780684"),
        ("DE", "DE136695977"),
        ("DE", "FR61954506077"),
        ("FR", "EU372022452"),
        ("GR", "GR094259217"),
        ("GB", ""),
        ("GB", " "),
        ("GB", "9" * 33),
        ("GB", "980780684\n"),
        ("GB", 980780684),
        ("GB", None),
    ],
)
def test_a_number_in_another_form_is_refused_and_not_repeated(country, number):
    with pytest.raises(InvalidText) as refused:
        check_tax_number_form(country, number)
    assert refused.value.field == "tax_number"
    assert "80684" not in str(refused.value)
    assert "13669" not in str(refused.value)


@pytest.mark.parametrize("country", ["US", "JP", "EL", "EU", "gb", ""])
def test_a_country_whose_numbers_we_know_nothing_of_is_refused(country):
    with pytest.raises(InvalidRequest, match="tax_number: tax numbers of"):
        check_tax_number_form(country, "980780684")
