"""Which countries and regions there are, as far as prices, taxes and payment methods need to know."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from interact_ledger.errors import InvalidRequest

__all__ = ["check_region", "known_country"]

_REGION = re.compile(r"[A-Z0-9]{1,3}")


@cache
def _countries() -> frozenset[str]:
    # The time-zone database, which we need anyway, lists the assigned ISO 3166-1 codes.
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line[:2] for line in table.splitlines() if line and not line.startswith("#"))


def known_country(code: object, field: str) -> str:
    """Return the code if it is an assigned ISO 3166-1 alpha-2 code in capitals, such as 'GB'.

    Raises:
        InvalidRequest: if it is not.
    """
    if isinstance(code, str) and code in _countries():
        return code
    raise InvalidRequest("is not an ISO 3166-1 country code such as 'GB'", field=field)


def check_region(code: object, field: str) -> str:
    """Return the code if it has the form of an ISO 3166-2 subdivision without its country, such as 'CA' or 'QC'.

    Raises:
        InvalidRequest: if it has not.
    """
    if isinstance(code, str) and _REGION.fullmatch(code):
        return code
    raise InvalidRequest("is not the second part of an ISO 3166-2 code, such as 'CA' or 'QC'", field=field)
