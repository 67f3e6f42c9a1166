"""Braintree's codes in the vocabulary of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from interact_ledger.gateways.protocol import Advice, DeclineReason

__all__ = [
    "ALREADY_REFUNDED",
    "CUSTOMER_EXISTS",
    "CUSTOMER_GONE",
    "DUPLICATE",
    "LOOK_IT_UP",
    "MISCONFIGURED_ERRORS",
    "MISCONFIGURED_RESPONSES",
    "NOT_SETTLED",
    "REQUEST_KEYS_OFF",
    "TOKEN_IN_USE",
    "Decline",
    "declined_by_error",
    "declined_by_gateway",
    "declined_by_processor",
]

Decline: TypeAlias = tuple[DeclineReason, Advice]

# Codes of validation errors: the request did nothing.
CUSTOMER_EXISTS = "91609"
CUSTOMER_GONE = frozenset({"91510", "91705", "93105"})
TOKEN_IN_USE = "91719"  # noqa: S105 - the code of an error, and no password
NOT_SETTLED = frozenset({"91504", "91506", "91574"})
"""Too late to void and too early to refund."""
ALREADY_REFUNDED = frozenset({"91512", "91521"})
REQUEST_KEYS_OFF = "915231"
MISCONFIGURED_ERRORS = frozenset({"91513", "91514", "91577", REQUEST_KEYS_OFF})
LOOK_IT_UP = frozenset({"91564", "91566", "93107", "915232", "915233", "915234", "915235"})
"""The nonce was used or the request's key is known: an earlier request of ours may be why."""

# Codes and words of transactions that came to nothing.
MISCONFIGURED_RESPONSES = frozenset({"2024", "2026", "2064"})
DUPLICATE = "duplicate"

_R, _A = DeclineReason, Advice

_GROUPS: tuple[tuple[Decline, tuple[str, ...]], ...] = (
    ((_R.DO_NOT_HONOUR, _A.LATER), ("2000", "2038", "2041", "2044", "2046", "2057", "2104", "2106")),
    ((_R.DO_NOT_HONOUR, _A.NEVER), ("2043",)),
    ((_R.INSUFFICIENT_FUNDS, _A.LATER), ("2001",)),
    ((_R.LIMIT_EXCEEDED, _A.LATER), ("2002", "2003", "2103")),
    ((_R.LIMIT_EXCEEDED, _A.NEW_METHOD), ("2048", "2056")),
    ((_R.EXPIRED_CARD, _A.NEVER), ("2004", "2022")),
    ((_R.INCORRECT_DETAILS, _A.NEVER), ("2005", "2007", "2008", "2009")),
    ((_R.INCORRECT_DETAILS, _A.NEW_METHOD), ("2006", "2010", "2051", "2059", "2060", "2102", "2105")),
    ((_R.LOST_OR_STOLEN, _A.NEVER), ("2012", "2013", "2047", "2053")),
    ((_R.FRAUD, _A.NEVER), ("2014", "2020", "2021")),
    ((_R.METHOD_UNUSABLE, _A.NEVER), ("2015", "2017", "2018", "2108")),
    ((_R.METHOD_UNUSABLE, _A.NEW_METHOD), ("2019", "2023", "2024", "2029", "2031", "2061", "2107")),
    ((_R.AUTHENTICATION_REQUIRED, _A.CUSTOMER_PRESENT), ("2058", "2099", "2101")),
    ((_R.OTHER, _A.LATER), ("2016", "2033", "2034", "3000")),
)
_BY_RESPONSE: Mapping[str, Decline] = MappingProxyType({code: no for no, codes in _GROUPS for code in codes})

_BY_REJECTION: Mapping[str, Decline] = MappingProxyType(
    {
        "three_d_secure": (_R.AUTHENTICATION_REQUIRED, _A.CUSTOMER_PRESENT),
        **dict.fromkeys(("avs", "cvv", "avs_and_cvv"), (_R.INCORRECT_DETAILS, _A.NEW_METHOD)),
        **dict.fromkeys(("fraud", "risk_threshold", "excessive_retry"), (_R.FRAUD, _A.NEVER)),
    }
)

_BY_ERROR: Mapping[str, Decline] = MappingProxyType(
    {
        "81571": (_R.AUTHENTICATION_REQUIRED, _A.CUSTOMER_PRESENT),
        **dict.fromkeys(("91517", "91567", "915101"), (_R.METHOD_UNUSABLE, _A.NEW_METHOD)),
        **dict.fromkeys(("91511", "91516", "91518"), (_R.METHOD_UNUSABLE, _A.NEW_METHOD)),
        "915200": (_R.METHOD_UNUSABLE, _A.NEVER),
        "915201": (_R.OTHER, _A.LATER),
        **dict.fromkeys(ALREADY_REFUNDED, (_R.OTHER, _A.NEVER)),
    }
)


def declined_by_processor(code: str, kind: str | None) -> Decline:
    """Say why a processor's code declines; one that is not known goes by whether the decline is soft or hard."""
    known = _BY_RESPONSE.get(code)
    if known is not None:
        return known
    return (_R.OTHER, _A.NEVER if kind == "hard_declined" else _A.LATER)


def declined_by_gateway(reason: str) -> Decline:
    """Say why the gateway itself rejected."""
    return _BY_REJECTION.get(reason, (_R.OTHER, _A.NEW_METHOD))


def declined_by_error(codes: Iterable[str]) -> tuple[str, Decline] | None:
    """Return the first of the validation errors that is about the card or the refund and not about the request."""
    return next(((code, _BY_ERROR[code]) for code in codes if code in _BY_ERROR), None)
