"""Every code that we map comes out as the vocabulary says, over HTTP."""

from __future__ import annotations

import pytest
from braintree_helpers import charged, payment
from moneyed import Money

from braintree_bench import BraintreeBench
from interact_ledger.errors import GatewayCustomerGone, GatewayInvalidRequest, GatewayMisconfigured
from interact_ledger.gateways.braintree import declines
from interact_ledger.gateways.braintree.results import refused_request
from interact_ledger.gateways.protocol import Advice, Declined, DeclineReason, Found
from servers.braintree import Plan

R, A = DeclineReason, Advice

BY_RESPONSE = {
    "2000": (R.DO_NOT_HONOUR, A.LATER),
    "2001": (R.INSUFFICIENT_FUNDS, A.LATER),
    "2002": (R.LIMIT_EXCEEDED, A.LATER),
    "2003": (R.LIMIT_EXCEEDED, A.LATER),
    "2004": (R.EXPIRED_CARD, A.NEVER),
    "2005": (R.INCORRECT_DETAILS, A.NEVER),
    "2006": (R.INCORRECT_DETAILS, A.NEW_METHOD),
    "2007": (R.INCORRECT_DETAILS, A.NEVER),
    "2010": (R.INCORRECT_DETAILS, A.NEW_METHOD),
    "2012": (R.LOST_OR_STOLEN, A.NEVER),
    "2013": (R.LOST_OR_STOLEN, A.NEVER),
    "2014": (R.FRAUD, A.NEVER),
    "2015": (R.METHOD_UNUSABLE, A.NEVER),
    "2018": (R.METHOD_UNUSABLE, A.NEVER),
    "2043": (R.DO_NOT_HONOUR, A.NEVER),
    "2046": (R.DO_NOT_HONOUR, A.LATER),
    "2047": (R.LOST_OR_STOLEN, A.NEVER),
    "2053": (R.LOST_OR_STOLEN, A.NEVER),
    "2057": (R.DO_NOT_HONOUR, A.LATER),
    "2099": (R.AUTHENTICATION_REQUIRED, A.CUSTOMER_PRESENT),
    "2108": (R.METHOD_UNUSABLE, A.NEVER),
    "3000": (R.OTHER, A.LATER),
    "2077": (R.OTHER, A.NEVER),  # not in our table, and hard
}
BY_REJECTION = {
    "three_d_secure": (R.AUTHENTICATION_REQUIRED, A.CUSTOMER_PRESENT),
    "avs": (R.INCORRECT_DETAILS, A.NEW_METHOD),
    "cvv": (R.INCORRECT_DETAILS, A.NEW_METHOD),
    "avs_and_cvv": (R.INCORRECT_DETAILS, A.NEW_METHOD),
    "fraud": (R.FRAUD, A.NEVER),
    "risk_threshold": (R.FRAUD, A.NEVER),
    "excessive_retry": (R.FRAUD, A.NEVER),
    "token_issuance": (R.OTHER, A.NEW_METHOD),
}
BY_ERROR = {
    "81571": (R.AUTHENTICATION_REQUIRED, A.CUSTOMER_PRESENT),
    "91516": (R.METHOD_UNUSABLE, A.NEW_METHOD),
    "91518": (R.METHOD_UNUSABLE, A.NEW_METHOD),
    "91567": (R.METHOD_UNUSABLE, A.NEW_METHOD),
    "91512": (R.OTHER, A.NEVER),
    "91521": (R.OTHER, A.NEVER),
    "915200": (R.METHOD_UNUSABLE, A.NEVER),
    "915201": (R.OTHER, A.LATER),
}


def told(bench: BraintreeBench, plan: Plan) -> tuple[str, DeclineReason, Advice]:
    """Charge such a card; what is said at once and what a look-up says must agree."""
    result = charged(bench, plan)
    assert isinstance(result, Declined)
    assert result.still_payable is False
    assert bench.gateway.find_charge(payment(bench)) == Found(result)
    return result.raw_code, result.reason, result.advice


@pytest.mark.parametrize(("code", "meaning"), BY_RESPONSE.items())
def test_a_processors_code(bench, code, meaning):
    assert told(bench, Plan(code=code)) == (code, *meaning)


@pytest.mark.parametrize(("amount", "code"), [("2000.00", "2000"), ("2015.00", "2015"), ("3000.00", "3000")])
def test_the_amounts_that_the_vendors_sandbox_declines(bench, amount, code):
    bench.books.amounts_decide = True
    result = charged(bench, amount=Money(amount, "GBP"))
    assert isinstance(result, Declined)
    assert (result.raw_code, result.reason, result.advice) == (code, *BY_RESPONSE[code])


@pytest.mark.parametrize(("reason", "meaning"), BY_REJECTION.items())
def test_a_rejection_by_the_gateway(bench, reason, meaning):
    assert told(bench, Plan(rejection=reason)) == (reason, *meaning)


@pytest.mark.parametrize(("code", "meaning"), BY_ERROR.items())
def test_a_validation_error_that_is_about_the_card(code, meaning):
    result = refused_request(["99999", code])
    assert (result.raw_code, result.reason, result.advice) == (code, *meaning)


@pytest.mark.parametrize("code", ["91513", "91514", "91577", "915231"])
def test_a_validation_error_that_is_about_the_merchant(code):
    with pytest.raises(GatewayMisconfigured, match=code):
        refused_request([code])


@pytest.mark.parametrize("code", ["91510", "91705", "93105"])
def test_a_validation_error_that_is_about_a_customer_who_is_gone(code):
    with pytest.raises(GatewayCustomerGone):
        refused_request([code])


@pytest.mark.parametrize("codes", [["91565"], ["81503", "91565"], []])
def test_any_other_validation_error_is_an_invalid_request(codes):
    with pytest.raises(GatewayInvalidRequest):
        refused_request(codes)


@pytest.mark.parametrize("code", ["2024", "2026", "2064"])
def test_a_processors_code_that_is_about_the_merchant(bench, code):
    with pytest.raises(GatewayMisconfigured, match=code):
        charged(bench, Plan(code=code))
    assert bench.captured() == []


def test_no_code_has_two_meanings():
    codes = [code for _, group in declines._GROUPS for code in group]
    assert len(codes) == len(set(codes))


def test_a_code_that_is_not_known_goes_by_its_kind():
    assert declines.declined_by_processor("2500", "soft_declined") == (R.OTHER, A.LATER)
    assert declines.declined_by_processor("2500", "hard_declined") == (R.OTHER, A.NEVER)
    assert declines.declined_by_processor("2500", None) == (R.OTHER, A.LATER)
