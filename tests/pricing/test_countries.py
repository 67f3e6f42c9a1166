"""Countries are those of ISO 3166-1, regions have the form of ISO 3166-2."""

from __future__ import annotations

import pytest

from interact_ledger.errors import InvalidRequest
from interact_ledger.pricing.countries import check_region, known_country


@pytest.mark.parametrize("code", ["GB", "FR", "DE", "US", "CA", "JP", "KW", "AX", "SS"])
def test_an_assigned_code_is_taken(code):
    assert known_country(code, "country") == code


@pytest.mark.parametrize("code", ["UK", "EU", "XX", "gb", "GBR", "", None, 44, "#c", "GB "])
def test_anything_else_is_refused(code):
    with pytest.raises(InvalidRequest, match="country: is not an ISO 3166-1"):
        known_country(code, "country")


@pytest.mark.parametrize("code", ["CA", "QC", "ENG", "13"])
def test_a_region_is_the_second_part_of_a_subdivision_code(code):
    assert check_region(code, "region") == code


@pytest.mark.parametrize("code", ["US-CA", "ca", "", "ABCD", None, 13, "Q\u0421"])
def test_a_region_in_another_form_is_refused(code):
    with pytest.raises(InvalidRequest, match="region: is not the second part"):
        check_region(code, "region")
