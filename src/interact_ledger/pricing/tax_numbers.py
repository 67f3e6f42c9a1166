"""The form of tax numbers: what can be told without asking the authority that issues them.

A number in good form may still be made up. The service has it verified (VIES for the European Union, HMRC for Great
Britain) and tells the ledger; only then does a reverse charge apply.
"""

from __future__ import annotations

from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb_vat

from interact_ledger.errors import InvalidRequest, InvalidText

__all__ = ["check_tax_number_form"]

LENGTH_MAX = 32
_PREFIXES = {state.upper(): state.upper() for state in eu_vat.MEMBER_STATES} | {"GR": "EL"}


def check_tax_number_form(country: str, number: object, field: str = "tax_number") -> str:
    """Return a VAT number in its compact form with its prefix, such as 'GB980780684', if its form is right.

    Length, characters and check digits are those of the country (python-stdnum). The prefix may be left out;
    Northern Ireland's, XI, is taken for GB too.

    Args:
        country: the country that issued it, ISO 3166-1 alpha-2: a member state of the European Union, or GB.

    Raises:
        InvalidText: if the form is wrong; the message does not repeat the number.
        InvalidRequest: if we know no form of tax numbers for this country.
    """
    if not isinstance(number, str) or not 0 < len(number) <= LENGTH_MAX or not number.isprintable():
        raise InvalidText(f"is not a text of 1 to {LENGTH_MAX} characters", field=field)
    if country != "GB" and country not in _PREFIXES:
        raise InvalidRequest(f"tax numbers of {country} cannot be checked; EU and GB numbers can", field=field)
    try:
        return _compact(country, number.strip().upper())
    except ValidationError:
        raise InvalidText(f"does not have the form of a VAT number of {country}", field=field) from None


def _compact(country: str, number: str) -> str:
    if country == "GB":
        prefix = "XI" if number.startswith("XI") else "GB"
        return prefix + gb_vat.validate(number)
    prefix = _PREFIXES[country]
    return eu_vat.validate(number if number.startswith(prefix) else prefix + number)
